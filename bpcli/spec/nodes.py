"""The config as a tree whose every value knows where it was written."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from typing import Any

from bpcli.errors import ConfigError, Problem, dotted
from bpcli.spec.scalars import Scalar

Path = tuple[str | int, ...]

#: Levels of lists and mappings; beyond it, what is read is an attack or an accident.
MAX_DEPTH = 64
#: Values that a config may hold, all lists and mappings counted in.
MAX_VALUES = 20_000
#: Problems of one file that are reported; a file with more is not a config.
MAX_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value comes from: a position in a file (from 1), or a note such as 'from vars.width'."""

    file: str | None = None
    line: int | None = None
    column: int | None = None
    note: str = ""


@dataclass(slots=True)
class Node:
    """A value, where it begins, and where its key is written if it has one.

    `broken` marks a value that was refused already, so that no second complaint about it follows;
    `partial` a mapping of which some keys were, so that nothing is said to be missing from it.
    """

    value: dict[str, Node] | list[Node] | Scalar
    place: Place
    key: Place | None = None
    quoted: bool = False
    broken: bool = False
    partial: bool = False

    def plain(self) -> Any:
        """The tree without places."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def child(self, part: str | int) -> Node | None:
        if isinstance(self.value, dict):
            return self.value.get(part) if isinstance(part, str) else None
        if isinstance(self.value, list) and isinstance(part, int) and 0 <= part < len(self.value):
            return self.value[part]
        return None

    def children(self) -> Iterator[Node]:
        if isinstance(self.value, dict):
            yield from self.value.values()
        elif isinstance(self.value, list):
            yield from self.value

    def copy(self) -> Node:
        """A copy that shares no list or mapping with this one."""
        twin = copy(self)
        if isinstance(self.value, dict):
            twin.value = {key: child.copy() for key, child in self.value.items()}
        elif isinstance(self.value, list):
            twin.value = [child.copy() for child in self.value]
        return twin


class Problems:
    """Collects what is wrong, and raises it together."""

    def __init__(self, file: str | None = None) -> None:
        self.found: list[Problem] = []
        self.files: list[str] = [] if file is None else [file]

    def add(
        self, message: str, place: Place, path: Path = (), *, hint: str | None = None, code: str = "BP210"
    ) -> None:
        self.put(problem_at(message, place, path, hint, code))

    def put(self, problem: Problem) -> None:
        if problem.file is not None and problem.file not in self.files:
            self.files.append(problem.file)
        if problem not in self.found:
            self.found.append(problem)
        if len(self.found) >= MAX_PROBLEMS:
            self.found.append(
                Problem(f"there are more; only the first {MAX_PROBLEMS} are shown", code="BP210")
            )
            self.raise_all()

    def raise_all(self) -> None:
        """Raises ConfigError with every problem, in the order of the files; does nothing without any."""
        if not self.found:
            return

        def order(problem: Problem) -> tuple[int, int, int]:
            if problem.file is None:
                return len(self.files), 0, 0
            return self.files.index(problem.file), problem.line or 0, problem.column or 0

        raise ConfigError(sorted(self.found, key=order))


def problem_at(message: str, place: Place, path: Path, hint: str | None, code: str) -> Problem:
    if place.note:
        message = f"{message} ({place.note})"
    return Problem(message, place.file, place.line, place.column, dotted(path) or None, hint, code)


@dataclass(frozen=True, slots=True)
class Places:
    """Key path -> place, for messages about a config that has been read."""

    root: Node

    def node(self, path: Path) -> tuple[Node, bool]:
        """The node at this path, or its nearest ancestor; and whether it is the node itself."""
        node = self.root
        for part in path:
            child = node.child(part)
            if child is None:
                return node, False
            node = child
        return node, True

    def is_broken(self, path: Path) -> bool:
        """Whether the value at this path, or one around it, was refused already."""
        node = self.root
        for part in path:
            if node.broken:
                return True
            child = node.child(part)
            if child is None:
                return False
            node = child
        return node.broken

    def place(self, path: Path, on_key: bool = False) -> Place:
        """Where the value at this path begins (its key, with on_key), or its nearest ancestor."""
        node, _ = self.node(path)
        key = node.key
        if key is not None and (on_key or key.line != node.place.line or key.file != node.place.file):
            return key  # a block under its key: the key is where one looks
        return node.place

    def problem(
        self, path: Path, message: str, hint: str | None = None, code: str = "BP210", on_key: bool = False
    ) -> Problem:
        """A problem with the value at this path, for a ConfigError."""
        return problem_at(message, self.place(path, on_key), path, hint, code)

    def place_error(self, error: ConfigError) -> ConfigError:
        """The same error with file, line and column, for one that knows its key path (`BuildError.where`)."""
        where: Path = getattr(error, "where", ())
        problems = [
            self.problem(where, problem.message, problem.hint, problem.code) for problem in error.problems
        ]
        return ConfigError(problems)
