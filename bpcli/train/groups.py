"""Which parameters belong to which of the optimizer's groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bpcli.errors import BuildError, closest

if TYPE_CHECKING:
    from bpcli.core.store import Param
    from bpcli.optimizers.base import Group


def grouped(params: Sequence[Param], groups: Sequence[Group]) -> list[Param]:
    """The parameters, each with the number of the first group that matches it.

    BuildError for a pattern without a parameter of its own, and where nothing is left to train.
    """
    names = [".".join((*param.path, param.name)) for param in params]
    found = [_first(name, groups) for name in names]
    for number, group in enumerate(groups):
        if number in found:
            continue
        where = ("optimizer", "groups", number, "match")
        if any(matches(name, group.match) for name in names):
            raise BuildError(f"all that '{group.match}' matches belongs to groups before it", where)
        near = closest(group.match, [*names, *(".".join(param.path) for param in params)])
        listed = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
        hint = f"did you mean '{near}'?" if near else f"there are {listed}"
        raise BuildError(f"no parameter is named like '{group.match}'", where, hint)
    placed = [
        replace(param, group=number, frozen=number >= 0 and groups[number].frozen)
        for param, number in zip(params, found, strict=True)
    ]
    if groups and all(param.frozen for param in placed):
        raise BuildError("every parameter is frozen, so there is nothing to train", ("optimizer", "groups"))
    return placed


def matches(name: str, pattern: str) -> bool:
    """Whether the pattern stands for a parameter's full name, or for a layer that it lies in or below."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, pattern + ".*")


def _first(name: str, groups: Sequence[Group]) -> int:
    return next((number for number, group in enumerate(groups) if matches(name, group.match)), -1)
