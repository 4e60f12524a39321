"""What can go wrong, and the exit code that each kind of failure has.

    BpcliError            1   a bug in bpcli itself
    ├── UserError         2   something that is read is wrong
    │   ├── UsageError        the command line
    │   ├── ConfigError       the YAML file, or an override
    │   │   └── BuildError    a net that does not fit together (shapes, head, loss)
    │   ├── DataError         the data files
    │   └── CheckpointError   a run folder or a checkpoint
    ├── Diverged          3   a number stopped being finite
    ├── WriteError        4   a file or folder cannot be written
    ├── LockedError       5   another process is writing this run
    ├── CheckFailed       6   gradcheck, --fail-under
    └── Stopped    129, 130, 143   SIGHUP, SIGINT, SIGTERM, after a resumable checkpoint

Each carries one or more `Problem`s: a sentence with its place and its remedy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: what, where, and what to do about it.

    `path` is the key's path as the user would write it (`model.layers[2].units`); `code` is stable and
    meant for machines.
    """

    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    path: str | None = None
    hint: str | None = None
    code: str = "BP000"

    def __str__(self) -> str:
        place = self.file or ""
        if self.line is not None:
            place += f":{self.line}" if self.column is None else f":{self.line}:{self.column}"
        text = ": ".join(part for part in (place, self.path, self.message) if part)
        return f"{text}; {self.hint}" if self.hint else text

    def as_json(self) -> dict[str, str | int | None]:
        return {
            "file": self.file, "line": self.line, "column": self.column, "path": self.path,
            "message": self.message, "hint": self.hint,
        }  # fmt: skip


class BpcliError(Exception):
    """The root of all errors that bpcli raises on purpose."""

    exit_code = 1
    code = "BP100"
    #: Whether a listener has already been told.
    reported = False

    def __init__(
        self,
        problem: str | Problem | Iterable[Problem],
        *,
        hint: str | None = None,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        path: str | None = None,
        code: str | None = None,
    ) -> None:
        if isinstance(problem, str):
            problem = Problem(problem, file, line, column, path, hint, code or type(self).code)
        self.problems: tuple[Problem, ...] = (problem,) if isinstance(problem, Problem) else tuple(problem)
        super().__init__("\n".join(map(str, self.problems)))

    def as_event(self) -> dict[str, object]:
        """The error as a line of `--json`."""
        return {
            "event": "error",
            "code": self.problems[0].code if self.problems else self.code,
            "exit": self.exit_code,
            "errors": [problem.as_json() for problem in self.problems],
        }

    def __reduce__(self) -> tuple[type[BpcliError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class UserError(BpcliError):
    exit_code = 2


class UsageError(UserError):
    code = "BP200"


class ConfigError(UserError):
    code = "BP210"


class BuildError(ConfigError):
    """A net that cannot be built. `where` is the YAML path of the node, for the loader to place it."""

    code = "BP220"

    def __init__(self, message: str, where: tuple[str | int, ...] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint, path=dotted(where) or None)
        self.where = where
        self.message = message
        self.hint = hint

    def __reduce__(self):  # pyright: ignore[reportIncompatibleMethodOverride]
        return type(self), (self.message, self.where, self.hint)


class DataError(UserError):
    code = "BP230"


class CheckpointError(UserError):
    code = "BP240"


class Diverged(BpcliError):
    exit_code = 3
    code = "BP300"


class WriteError(BpcliError):
    exit_code = 4
    code = "BP400"


class LockedError(BpcliError):
    exit_code = 5
    code = "BP500"


class CheckFailed(BpcliError):
    exit_code = 6
    code = "BP600"


class Stopped(BpcliError):
    """A signal ended the run after its checkpoint was written; the exit code is 128 + the signal."""

    code = "BP700"

    def __init__(self, problem: str, signal_number: int) -> None:
        super().__init__(problem)
        self.exit_code = 128 + signal_number
        self.signal_number = signal_number

    def __reduce__(self):  # pyright: ignore[reportIncompatibleMethodOverride]
        return type(self), (str(self), self.signal_number)


def dotted(where: Iterable[str | int]) -> str:
    """The path of a key as a user reads it: ("model", "layers", 2, "units") -> model.layers[2].units."""
    text = ""
    for key in where:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to a misspelt one, or None where nothing is near."""
    from difflib import get_close_matches

    known = list(known)
    folded = {name.lower().replace("-", "_"): name for name in known}
    found = get_close_matches(word.lower().replace("-", "_"), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None
