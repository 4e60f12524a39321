"""metrics.jsonl: the numbers of a run, a line at a time, never rewritten; metrics.csv is made from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from bpcli.errors import CheckpointError
from bpcli.runs import durable
from bpcli.runs.canonical import encode, from_json, plain, to_json

SCHEMA = 1
_FIRST = ("epoch", "step")


class MetricsLog:
    """Writes for the owner of a run (the file is opened at the first write), and reads for everyone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: durable.Appender | None = None

    def open(self) -> durable.Appender:
        """The open file, its torn last line cut off. WriteError."""
        if self._file is None:
            self._file = durable.append(self.path)
        return self._file

    def add(self, line: dict[str, Any]) -> None:
        """One line of canonical JSON, "v" first, NaN and infinities as null. WriteError."""
        body = to_json({key: value for key, value in line.items() if key != "v"})
        self.open().line(f'{{"v":{SCHEMA}' + ("," if body != "{}" else "") + body[1:])

    def truncate(self, length: int) -> str | None:
        """Cuts back to what a checkpoint relied on; a sentence where the file no longer holds that much."""
        file = self.open()
        before = file.length
        file.truncate(length)
        if file.length == length:
            return None
        return f"{self.path.name} has lost lines that the checkpoint knew ({before} bytes, {length} expected)"

    def sync(self) -> None:
        if self._file is not None:
            self._file.sync()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def read(self) -> list[dict[str, Any]]:
        """All whole lines; a last line without its end is left out. CheckpointError for any other damage."""
        return list(_lines(self.path))

    def csv(self) -> bytes:
        """One row a line: epoch, step, then every number under its dotted name; empty where there is none."""
        import csv
        import io

        rows = [dict(_flat(line)) for line in self.read()]
        names = {name for row in rows for name in row}
        columns = [*_FIRST, *sorted(names.difference(_FIRST))]
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return encode(text.getvalue())


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise CheckpointError(f"it cannot be read: {error.strerror}", file=str(path)) from None
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        try:
            value = from_json(line)
            version = value["v"]
        except (ValueError, TypeError, KeyError):
            raise CheckpointError(
                "this line is not a line of metrics", file=str(path), line=number, hint="remove it"
            ) from None
        if version != SCHEMA:
            raise CheckpointError(
                f"this line is of version {version}, and this bpcli knows version {SCHEMA}",
                file=str(path),
                line=number,
                hint="use the bpcli that wrote it, or a newer one",
            )
        yield value


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """("train.loss", 0.1) for every leaf but the version; the items of a list by their index."""
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
    elif isinstance(value, list):
        pairs = ((str(index), item) for index, item in enumerate(cast("list[Any]", value)))
    else:
        yield name, plain(value)
        return
    for key, item in pairs:
        if name or key != "v":
            yield from _flat(item, f"{name}.{key}" if name else key)
