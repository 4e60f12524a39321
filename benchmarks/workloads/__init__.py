"""The workloads: every file of this folder has some in its `WORKLOADS`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules

from benchmarks.workload import Workload

#: In the order of the table; what is not here comes after them by name.
_ORDER = ("mlp", "conv", "recurrent", "transformer")


def known() -> dict[str, Workload]:
    """Every workload by its name."""
    files = sorted(info.name for info in iter_modules(__path__))
    files.sort(key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
    found = [one for name in files for one in import_module(f"{__name__}.{name}").WORKLOADS]
    return {one.name: one for one in found}


def chosen(names: Sequence[str]) -> list[Workload]:
    """Those of these names or families; without a name all that belong to no family. SystemExit."""
    every = known()
    if not names:
        return [one for one in every.values() if not one.family]
    picked: list[Workload] = []
    for name in names:
        found = [one for one in every.values() if name in (one.name, one.family)]
        if not found:
            families = sorted({one.family for one in every.values() if one.family})
            plain = [one.name for one in every.values() if not one.family]
            raise SystemExit(f"there is no workload '{name}'; there are {', '.join([*plain, *families])}")
        picked += [one for one in found if one not in picked]
    return picked
