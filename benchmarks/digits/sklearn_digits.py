"""Digits with scikit-learn's MLPClassifier: FILE ROWS."""

import sys

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

table = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1)
x, y = table[:, :-1].astype(np.float32), table[:, -1].astype(int)
x, test_x, y, test_y = train_test_split(x, y, train_size=int(sys.argv[2]), stratify=y, random_state=1)
scaler = StandardScaler().fit(x)
net = MLPClassifier(
    (128, 64), batch_size=32,  # pyright: ignore[reportArgumentType]
    max_iter=50, tol=0.0, n_iter_no_change=1000, learning_rate_init=0.001,
    random_state=1,
)  # fmt: skip
net.fit(scaler.transform(x), y)
print(net.score(scaler.transform(test_x), test_y))
