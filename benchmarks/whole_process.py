"""`bpcli train digits-mlp` against the same net in scikit-learn's MLPClassifier, as whole processes.

As many rows in the training part, the same layers, batch size, epochs and optimizer. bpcli also
measures a validation part each epoch, saves checkpoints and writes its logs; scikit-learn only fits.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from paired import compare, warn_if_busy

PEER = """
import sys
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
table = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1)
x, y = table[:, :-1].astype(np.float32), table[:, -1].astype(int)
x, test_x, y, test_y = train_test_split(x, y, train_size={rows}, stratify=y, random_state=1)
scaler = StandardScaler().fit(x)
net = MLPClassifier(
    (128, 64), batch_size=32, max_iter=50, tol=0.0, n_iter_no_change=1000, learning_rate_init=0.001,
    random_state=1,
)
net.fit(scaler.transform(x), y)
print(net.score(scaler.transform(test_x), test_y))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    warn_if_busy()
    digits = Path(__file__).resolve().parent.parent / "datasets" / "digits.csv"
    with tempfile.TemporaryDirectory() as folder:
        # 1,258 of the 1,797 rows are in the shipped config's training part.
        peer = [sys.executable, "-W", "ignore", "-c", PEER.format(rows=1258), str(digits)]
        ours = [str(Path(sys.executable).parent / "bpcli"), "train", "digits-mlp"]
        found = compare(ours, peer, folder, repeats)
    print(f"bpcli train digits-mlp   {found['a_seconds']:.2f} s   {found['a_mib']:.0f} MiB")
    print(f"scikit-learn             {found['b_seconds']:.2f} s   {found['b_mib']:.0f} MiB")
    print(
        f"ratio                    {found['time_ratio']:.2f}     {found['memory_ratio']:.2f}"
        f"     (CPU time {found['cpu_ratio']:.2f})"
    )


if __name__ == "__main__":
    main()
