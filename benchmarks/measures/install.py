"""What a package takes on the disk, with all that it needs, as it is installed here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from benchmarks.measures._finding import Finding, program

PACKAGES = {"torch": ("torch",), "jax": ("jax",), "keras": ("keras", "jax"), "sklearn": ("scikit-learn",)}


def find(options: Any) -> Iterable[Finding]:
    ours = _closure("bpcli")
    for peer in (peer for peer in options.peers if peer in PACKAGES):
        try:
            theirs = {key: one for name in PACKAGES[peer] for key, one in _closure(name).items()}
        except PackageNotFoundError:
            continue
        note = f"{len(ours)} packages, and {len(theirs)}"
        named = " on ".join(PACKAGES[peer])
        yield Finding(
            "install", "installed, with what it needs", "MiB", _mib(ours), named, _mib(theirs), note
        )


def _closure(name: str) -> dict[str, Distribution]:
    """The package and what it requires, and what that requires; extras left out."""
    found: dict[str, Distribution] = {}
    todo = [name]
    while todo:
        key = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if key in found:
            continue
        try:
            found[key] = distribution(key)
        except PackageNotFoundError:
            if key == name:
                raise
            continue  # for another system or Python
        for line in found[key].requires or ():
            if "extra ==" not in line:
                todo.append(re.split(r"[\s<>=!~;\[(]", line, maxsplit=1)[0])
    return found


def _mib(packages: dict[str, Distribution]) -> float:
    return sum(map(_size, packages.values())) / 2**20


def _size(package: Distribution) -> int:
    """Bytes of its files without the .pyc; of a clone that is installed in place, of its source."""
    files = [Path(str(package.locate_file(file))) for file in package.files or ()]
    if package.metadata["Name"] == "bpcli":
        import bpcli

        root = Path(bpcli.__file__).parent
        files += [
            *root.rglob("*"),
            *(root.parent / "configs").glob("*"),
            *(root.parent / "datasets").rglob("*"),
        ]
    real = {file.resolve() for file in files if file.suffix != ".pyc"}
    return sum(file.stat().st_size for file in real if file.is_file())


if __name__ == "__main__":
    program(find)
