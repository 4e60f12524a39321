"""Predictions into a file: whole and under its name at the end, or not at all."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from bpcli.cli.output import as_json
from bpcli.errors import UsageError, WriteError
from bpcli.runs.reasons import write_error

_KINDS = (".csv", ".jsonl")


def check_name(name: str) -> None:
    """Refuses, before anything is computed, a file of a kind that cannot be written."""
    path = Path(name)
    if path.suffix.lower() not in _KINDS and not _is_device(path):
        raise UsageError(
            f"-o {name}: the name must end in .csv or .jsonl", hint="or write -o - for JSON lines on stdout"
        )
    if path.is_dir():
        raise UsageError(f"-o {name} is a folder", hint="name a file in it")


def same_file(one: Path, other: Path) -> bool:
    """Whether both names lead to one file, be it by a link."""
    try:
        return one.expanduser().samefile(other)
    except OSError:
        return False  # at least one is not there


def write(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Writes the rows, by the name's ending as CSV or as JSON lines, and returns how many there were.

    WriteError where the file cannot be written; one that was there before is then still whole.
    """
    rows = iter(rows)
    first = next(rows, None)  # what is wrong with the rows comes out before there is a file
    every = rows if first is None else chain((first,), rows)
    with opened(path) as file:
        return _csv(file, every) if path.suffix.lower() == ".csv" else _json(file, every)


def _json(file: TextIO, rows: Iterable[dict[str, Any]]) -> int:
    count = 0
    for row in rows:
        file.write(as_json(row) + "\n")
        count += 1
    return count


def _csv(file: TextIO, rows: Iterable[dict[str, Any]]) -> int:
    """row (time, of a series), prediction (several: prediction_<column>), p_<label>…; NaN is left empty."""
    out = csv.writer(file, lineterminator="\n")
    count = 0
    for row in rows:
        flat = _flat(row)
        if not count:
            out.writerow(flat)
        out.writerow(flat.values())
        count += 1
    if count == 0:
        out.writerow(["row", "prediction"])
    return count


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    said, chances = row["prediction"], row["probabilities"] or {}
    flat: dict[str, Any] = {name: row[name] for name in ("row", "time") if name in row}
    flat |= (
        {f"prediction_{name}": value for name, value in said.items()}
        if isinstance(said, dict)
        else {"prediction": as_json(said) if isinstance(said, list) else said}
    )
    flat |= {f"prediction_{name}": value for name, value in _level(row.get("details", {}))}
    flat |= {f"p_{label}": value for label, value in _level(chances)}
    return {name: "" if value is None or value != value else value for name, value in flat.items()}


def _level(tree: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """(name, value) of each leaf; below the names of several targets as target_name."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from ((f"{name}_{below}", leaf) for below, leaf in _level(value))
        elif value is not None:
            yield name, value


def _is_device(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def opened(path: Path, *, binary: bool = False) -> Iterator[Any]:
    """A new file beside the target that takes its place at the end; a pipe or device is written directly."""
    direct = _is_device(path)
    target = path.resolve()  # what a link leads to is replaced, not the link
    new = path if direct else target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        text: dict[str, Any] = {"encoding": "utf-8", "newline": "", "errors": "backslashreplace"}
        with open(new, "wb") if binary else open(new, "w", **text) as file:
            yield file
            file.flush()
            if not direct:
                os.fsync(file.fileno())
        if not direct:
            os.replace(new, target)
    except BaseException as error:
        if not direct:
            with suppress(OSError):
                os.unlink(new)
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            problem = write_error(path, error).problems[0]
            raise WriteError(
                problem.message, file=problem.file, hint="choose another place with -o"
            ) from None
        raise
