"""Which parameters belong to which of the optimizer's groups, and which layers are frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from bpcli.errors import BuildError, closest

if TYPE_CHECKING:
    from bpcli.core.store import Param, Path, State
    from bpcli.optimizers.base import Group


def grouped(
    params: Sequence[Param], states: Sequence[State], groups: Sequence[Group]
) -> tuple[list[Param], list[State]]:
    """The parameters, each with the number of the first group that matches it, and what is frozen with them.

    A state is frozen where a frozen group matches its name first, as the name of its layer does, and where
    its layer has parameters and all of them are frozen.
    BuildError for a pattern without a parameter of its own (or, if frozen, a state), and where nothing is
    left to train.
    """
    names = [".".join((*param.path, param.name)) for param in params]
    found = [_first(name, groups) for name in names]
    of_states = [_first(".".join((*state.path, state.name)), groups) for state in states]
    for number, group in enumerate(groups):
        if number in found or (group.frozen and number in of_states):
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
    still: dict[Path, bool] = {}
    for param in placed:
        still[param.path] = still.get(param.path, True) and param.frozen
    return placed, [
        replace(state, frozen=(number >= 0 and groups[number].frozen) or still.get(state.path, False))
        for state, number in zip(states, of_states, strict=True)
    ]


def matches(name: str, pattern: str) -> bool:
    """Whether the pattern stands for a parameter's full name, or for a layer that it lies in or below."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, pattern + ".*")


def _first(name: str, groups: Sequence[Group]) -> int:
    return next((number for number, group in enumerate(groups) if matches(name, group.match)), -1)
