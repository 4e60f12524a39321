"""The three checkpoints that a run keeps, in an order of steps that never leaves none of them valid.

A new state is written as `best` first (where it is that), then as `last`, whose old file becomes `prev`:

    best    new bytes under another name, fsync, read back, rename, fsync of the folder
    last    new bytes under another name, fsync, read back; last -> prev; new -> last; fsync of the folder

`best` comes first because `last` remembers the best value so far: a `last` that knows of a best which is not
on disk would never write it again. Stopped between the two, `best` is the newest whole state, and a resume
takes it. Stopped between the two renames there is no `last`, and `prev` is the state before.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from bpcli.errors import CheckpointError, WriteError
from bpcli.runs import checkpoint, durable
from bpcli.runs.checkpoint import Arrays, Meta

Which = Literal["last", "prev", "best"]
#: Seconds between the looks of a reader who finds no `last`.
_WAITS = (0.002, 0.01, 0.05, 0.2, 0.0)
_ALL: tuple[Which, ...] = ("last", "prev", "best")


class Kept:
    """last, prev and best of one run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last_valid: bool | None = None  # None: not looked at yet
        self._step: Any = None  # of the newest state known to be on disk

    def path(self, which: Which) -> Path:
        return self._folder / f"{which}.safetensors"

    def save(self, arrays: Arrays, meta: Meta, *, best: bool) -> None:
        """WriteError; what was valid before is valid still."""
        data = checkpoint.encode(arrays, meta)
        if self._last_valid is None:
            self._last_valid = self._is_valid("last")
        if best:
            durable.replace(self.path("best"), data, check=True)
        # A damaged `last` must not push a good `prev` away.
        keep = self.path("prev") if self._last_valid else None
        durable.replace(self.path("last"), data, keep=keep, check=True)
        self._last_valid = True
        self._step = meta.get("step")

    def save_best(self, arrays: Arrays, meta: Meta) -> None:
        """`best` alone, a state that came before the one which is to be `last`. WriteError."""
        durable.replace(self.path("best"), checkpoint.encode(arrays, meta), check=True)

    def load(self, which: Which) -> tuple[Arrays, Meta]:
        """CheckpointError. A reader may come just between the two renames of a writer, so it looks again."""
        for wait in _WAITS:
            try:
                return checkpoint.read(self.path(which))
            except CheckpointError as error:
                if error.problems[0].code != checkpoint.MISSING:
                    raise
            if which != "last" or not self._there("prev"):
                break
            time.sleep(wait)
        others = [other for other in _ALL if self._there(other)]
        hint = f"it has {' and '.join(others)}" if others else "it was stopped before its first save"
        raise CheckpointError(
            f"the run has no checkpoint '{which}'",
            file=str(self.path(which)),
            hint=hint,
            code=checkpoint.MISSING,
        )

    def load_newest(self) -> tuple[Arrays, Meta, Which, list[str]]:
        """The valid one of the highest step, with a sentence for each that should be there and is no good."""
        found: tuple[Arrays, Meta, Which] | None = None
        troubles: list[str] = []
        for which in _ALL:
            try:
                arrays, meta = self.load(which)
            except CheckpointError as error:
                if which == "last" or self._there(which):
                    troubles.append(str(error))
                if which == "last":
                    self._last_valid = False
                continue
            if which == "last":
                self._last_valid = True
            if found is None or _step(meta) > _step(found[1]):
                found = arrays, meta, which
        if found is None and not any(map(self._there, _ALL)):
            raise CheckpointError(
                "the run was stopped before its first checkpoint",
                file=str(self._folder.parent),
                hint="train it anew",
                code=checkpoint.MISSING,
            )
        if found is None:
            raise CheckpointError(
                f"the run has no valid checkpoint: {'; '.join(troubles)}",
                file=str(self._folder),
                code="BP242",
            )
        self._step = found[1].get("step")
        warnings = troubles[:]
        if troubles and found[2] != "last":
            warnings.append(f"going on from '{found[2]}', the state of step {self._step}")
        return *found, warnings

    def reassure(self, error: WriteError) -> WriteError:
        """The same error, with the state that is still safe."""
        if self._step is None:
            return error
        safe = f"the checkpoint of step {self._step} is intact"
        return WriteError(
            replace(problem, hint=f"{problem.hint}; {safe}" if problem.hint else safe)
            for problem in error.problems
        )

    def _there(self, which: Which) -> bool:
        return os.path.lexists(self.path(which))

    def _is_valid(self, which: Which) -> bool:
        try:
            self._step = checkpoint.verify(self.path(which)).get("step")
        except CheckpointError:
            return False
        return True


def _step(meta: Meta) -> int:
    step = meta.get("step")
    return step if type(step) is int else -1
