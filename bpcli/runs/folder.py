"""One run on disk: its config, its numbers, its checkpoints. A writer owns it; anybody may read it.

runs/<name>-<YYYYMMDD-HHMMSS>-<id>/
    config.yaml  resolved.yaml  run.json  metrics.jsonl  timing.jsonl  metrics.csv  log.txt
    gradients.jsonl, where a callback asks for it
    checkpoints/last.safetensors  prev.safetensors  best.safetensors
runs/latest -> the newest
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from bpcli.errors import CheckpointError, UsageError, WriteError
from bpcli.runs import durable
from bpcli.runs.canonical import encode, from_json, to_json
from bpcli.runs.checkpoint import Arrays, Meta
from bpcli.runs.find import LATEST, RUN_FILE, find_run, list_runs
from bpcli.runs.info import Info, checked
from bpcli.runs.kept import Kept
from bpcli.runs.lock import RunLock
from bpcli.runs.metrics_log import MetricsLog

Which = Literal["last", "prev", "best"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")

__all__ = ["RunFolder", "Which", "list_runs"]


class RunFolder:
    """A run folder, made by `create` or `open`; `close` it, or use it in a `with`."""

    def __init__(self, path: Path, lock: RunLock | None, info: dict[str, Any]) -> None:
        self.path = path
        self._lock = lock
        self._info = info
        self._metrics = MetricsLog(path / "metrics.jsonl")
        self._logs: dict[str, MetricsLog] = {}
        self._checkpoints = Kept(path / "checkpoints")
        self._others: dict[str, durable.Appender] = {}

    @classmethod
    def create(
        cls, runs_dir: Path, name: str, *, config_text: str, resolved: str, info: dict[str, Any]
    ) -> RunFolder:
        """A new folder, locked until `close`. WriteError; UsageError for a name that is no file name.

        `info` goes to run.json, beside the run's name and the time of its start.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"'{name}' cannot be the name of a run", hint="use letters, digits, dots, dashes, underscores"
            )
        durable.ensure_folder(runs_dir)
        path = _new_folder(runs_dir, name)
        lock = RunLock(path)
        try:
            durable.replace(path / "config.yaml", encode(config_text))
            durable.replace(path / "resolved.yaml", encode(resolved))
            durable.make_folder(path / "checkpoints")
            lock.acquire()
            started = time.strftime("%Y-%m-%dT%H:%M:%S%z")
            run = cls(path, lock, {"format": 1, "run": path.name, "name": name, "started": started})
            durable.point(runs_dir / LATEST, path.name)
            run.update(**info)  # run.json comes last: with it, the folder is a run
        except BaseException:
            lock.release()
            durable.remove_empty(path)
            raise
        return run

    @classmethod
    def open(cls, ref: str, runs_dir: Path, *, lock: bool) -> RunFolder:
        """The run that `ref` names: a path, a name, a unique beginning of one, or `latest`.

        With `lock`, the run may be written, and only here, until `close`. CheckpointError where there is no
        such run; LockedError where another process writes it.
        """
        path = find_run(ref, runs_dir)
        held = RunLock(path) if lock else None
        if held:
            held.acquire()
        try:
            if held:
                durable.sweep(path)
                durable.sweep(path / "checkpoints")
            return cls(path, held, _read_info(path / RUN_FILE))
        except BaseException:
            if held:
                held.release()
            raise

    @property
    def name(self) -> str:
        """The folder's name, by which a user asks for the run."""
        return self.path.resolve().name

    @property
    def info(self) -> Info:
        """What run.json held when it was opened, and what `update` changed since."""
        return Info(self._info, str(self.path / RUN_FILE))

    def update(self, **fields: Any) -> None:
        """Sets fields of run.json. WriteError."""
        self._own()
        info = {**self._info, **fields}
        durable.replace(self.path / RUN_FILE, encode(to_json(info, indent=2) + "\n"))
        self._info = info

    # Checkpoints

    def save(self, arrays: Arrays, meta: Meta, *, best: bool) -> None:
        """Keeps this state as `last`, the one before as `prev`, and where asked also as `best`.

        `meta` holds "step", by which the newest is found. Whatever fails or cuts in, a valid checkpoint
        stays, and WriteError says which. The lines of metrics logged before are on disk before it is.
        """
        self._own()
        try:
            self._sync()
            self._checkpoints.save(arrays, meta, best=best)
        except WriteError as error:
            raise self._checkpoints.reassure(error) from error

    def save_best(self, arrays: Arrays, meta: Meta) -> None:
        """Keeps this state as `best` alone; `save` the one that came after it next. WriteError as there."""
        self._own()
        try:
            self._sync()
            self._checkpoints.save_best(arrays, meta)
        except WriteError as error:
            raise self._checkpoints.reassure(error) from error

    def load(self, which: Which) -> tuple[Arrays, Meta]:
        """One checkpoint, verified. CheckpointError."""
        return self._checkpoints.load(which)

    def load_newest(self) -> tuple[Arrays, Meta, Which, list[str]]:
        """The newest valid checkpoint: arrays, meta, which it is, and a sentence for each that is no good.

        CheckpointError where none is.
        """
        return self._checkpoints.load_newest()

    def has(self, which: Which) -> bool:
        """Whether there is such a checkpoint, valid or not."""
        return os.path.lexists(self._checkpoints.path(which))

    # Numbers and words

    def log_metrics(self, line: dict[str, Any]) -> None:
        """Adds a line to metrics.jsonl, as canonical JSON with "v" first; NaN becomes null. No wall-clock."""
        self._own()
        self._metrics.add(line)

    @property
    def metrics_length(self) -> int:
        """Bytes of metrics.jsonl; a checkpoint's meta remembers it."""
        self._own()
        return self._metrics.open().length

    def truncate_metrics(self, length: int) -> str | None:
        """Drops the lines after a checkpoint; a sentence where some before it are missing."""
        self._own()
        return self._metrics.truncate(length)

    def read_metrics(self) -> list[dict[str, Any]]:
        """All whole lines of metrics.jsonl. CheckpointError for a line that is none."""
        return self._metrics.read()

    def rebuild_csv(self) -> None:
        """Writes metrics.csv anew from metrics.jsonl; its cost grows with the number of lines."""
        self._own()
        durable.replace(self.path / "metrics.csv", self._metrics.csv(), sync=False)

    def log_line(self, name: str, line: dict[str, Any]) -> int:
        """Adds a line to a log beside metrics.jsonl and of the same form; the log's bytes after it.

        Like those of metrics, its lines are on disk before a checkpoint that may rely on them.
        """
        self._own()
        log = self._log(name)
        log.add(line)
        return log.open().length

    def truncate_log(self, name: str, length: int) -> str | None:
        """Drops the lines of such a log after a checkpoint; a sentence where some before it are missing."""
        self._own()
        if not length and not self._inside(name).exists():
            return None
        return self._log(name).truncate(length)

    def log_timing(self, line: dict[str, Any]) -> None:
        """Adds a line to timing.jsonl: all that differs between two equal runs."""
        self._append("timing.jsonl", to_json(line))

    def log_text(self, text: str) -> None:
        """Adds a line (or several) to log.txt."""
        self._append("log.txt", text.removesuffix("\n"))

    def write_text(self, name: str, text: str) -> None:
        """Replaces a file of the folder, such as pipeline.json. WriteError."""
        self._own()
        durable.replace(self._inside(name), encode(text))

    def read_text(self, name: str) -> str:
        """A file of the folder. CheckpointError where it is missing or no UTF-8 text."""
        return _read_text(self._inside(name))

    def close(self) -> None:
        """Frees the run for others; what cannot be closed is a WriteError, after that."""
        lock, self._lock = self._lock, None
        try:
            for file in (self._metrics, *self._logs.values(), *self._others.values()):
                file.close()
        finally:
            if lock:
                lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except WriteError:
            if error is None:  # what went wrong first matters more
                raise

    def _own(self) -> None:
        if self._lock is None:
            raise RuntimeError(f"{self.path} was opened for reading, or is closed")

    def _log(self, name: str) -> MetricsLog:
        if name not in self._logs:
            self._logs[name] = MetricsLog(self._inside(name))
        return self._logs[name]

    def _sync(self) -> None:
        for log in (self._metrics, *self._logs.values()):
            log.sync()

    def _append(self, name: str, text: str) -> None:
        self._own()
        if name not in self._others:
            self._others[name] = durable.append(self.path / name)
        self._others[name].line(text)

    def _inside(self, name: str) -> Path:
        if not name or Path(name).name != name:
            raise ValueError(f"{name!r} is not the name of a file in the run folder")
        return self.path / name


def _new_folder(runs_dir: Path, name: str) -> Path:
    """runs/<name>-<time>-<id>, which nobody else has."""
    while True:
        path = runs_dir / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}"
        try:
            durable.make_folder(path)
        except FileExistsError:
            continue
        return path


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise CheckpointError("the run has no such file", file=str(path), code="BP244") from None
    except ValueError:
        raise CheckpointError(
            "the file is damaged: it is not UTF-8 text", file=str(path), code="BP242"
        ) from None
    except OSError as error:
        raise CheckpointError(f"it cannot be read: {error.strerror}", file=str(path)) from None


def _read_info(path: Path) -> Info:
    try:
        info = from_json(_read_text(path))
    except ValueError as error:
        raise CheckpointError(f"the file is damaged: {error}", file=str(path), code="BP242") from None
    return checked(info, str(path))
