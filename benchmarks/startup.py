"""`bpcli --help` against the `--help` of the smallest possible Typer program."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from paired import compare, warn_if_busy

SMALLEST = """
import typer
app = typer.Typer()
@app.command()
def hello():
    pass
app()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=21)
    repeats = parser.parse_args().repeats
    warn_if_busy()
    with tempfile.TemporaryDirectory() as folder:
        peer = Path(folder) / "smallest.py"
        peer.write_text(SMALLEST)
        ours = [str(Path(sys.executable).parent / "bpcli"), "--help"]
        found = compare(ours, [sys.executable, str(peer), "--help"], folder, repeats)
    print(f"bpcli --help             {found['a_seconds'] * 1000:.0f} ms   {found['a_mib']:.0f} MiB")
    print(f"smallest Typer program   {found['b_seconds'] * 1000:.0f} ms   {found['b_mib']:.0f} MiB")
    print(f"ratio                    {found['time_ratio']:.2f}")


if __name__ == "__main__":
    main()
