"""Reads delimited text strictly: every cell becomes a number, text or a gap, or the error says where not."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from bpcli.data.cells import counted, is_number
from bpcli.data.convert import Converter
from bpcli.data.records import Column
from bpcli.errors import DataError

#: Cells are converted in chunks of about this many, so that their text stays in the processor's cache.
_CHUNK_CELLS = 1 << 13
_MAX_COLUMNS = 100_000


class Table:
    """A delimited file in memory: its column names, and on demand its columns.

    Blank lines are skipped. A column all of whose cells are numbers or missing is a number column,
    any other one is text. Spaces around a cell do not count.
    """

    def __init__(
        self, data: bytes, *, file: str, delimiter: str, header: bool, missing: Collection[str], encoding: str
    ) -> None:
        self.data, self.file, self.delimiter, self.encoding = data, file, delimiter, encoding
        self.header = header
        self.missing = frozenset(missing)
        self._check_bytes()
        first = next(self._rows(), None)
        if first is None:
            raise DataError("the file is empty", file=file)
        cells = [cell.strip() for cell in first[1]]
        self.names = cells if header else [f"x{index}" for index in range(len(cells))]
        self._check_first(first[0], cells)

    @property
    def width(self) -> int:
        return len(self.names)

    def read(self, wanted: Sequence[int], as_text: Collection[str]) -> tuple[list[Column], NDArray[np.int64]]:
        """The columns at these positions, in that order, and the line at which each row begins.

        Columns named in `as_text` stay text even where every cell is a number.
        """
        if (
            not any(self.names[index] in as_text for index in wanted)
            and (all_ := self._at_once()) is not None
        ):
            values, starts = all_
            return [Column(self.names[i], "number", values[:, i].copy()) for i in wanted], starts
        cells = Converter(self.missing, plain=self.data.isascii() and b"_" not in self.data)
        numbers: dict[int, list[NDArray[np.float64]]] = {}
        texts: dict[int, list[str | None]] = {}
        late: dict[int, list[str | None]] = {}  # looked like numbers for whole chunks: read once more
        for index in wanted:
            if self.names[index] in as_text:
                texts[index] = []
            else:
                numbers[index] = []
        lines: list[int] = []
        for chunk in self._chunks(lines):
            columns = list(zip(*chunk, strict=True))
            for index, column in texts.items():
                column += cells.texts(columns[index])
            for index, parts in list(numbers.items()):
                values = cells.numbers(columns[index])
                if values is not None:
                    parts.append(values)
                    continue
                del numbers[index]
                if parts:
                    late[index] = []
                else:
                    texts[index] = cells.texts(columns[index])
        if not lines:
            raise DataError("the file has a header but no rows" if self.header else "no rows", file=self.file)
        if late:
            for chunk in self._chunks([]):
                columns = list(zip(*chunk, strict=True))
                for index, column in late.items():
                    column += cells.texts(columns[index])
        texts |= late
        starts = np.array(lines, dtype=np.int64)
        made = {index: self._number(index, parts, starts) for index, parts in numbers.items()}
        made |= {index: self._text(index, column) for index, column in texts.items()}
        return [made[index] for index in wanted], starts

    def spellings(self, index: int) -> set[str]:
        """The different cells of a column as they are written, but for the spaces around and the gaps."""
        if not self.data.isascii() or b'"' in self.data or b"\r" in self.data:
            return {row[index].strip() for chunk in self._chunks([]) for row in chunk} - self.missing
        delimiter, after = self.delimiter.encode("utf-8"), self.width - 1 - index
        lines = [line for line in self.data.split(b"\n") if line.strip()][1 if self.header else 0 :]
        if index <= after:
            cells = {line.split(delimiter, index + 1)[index] for line in lines}
        else:
            cells = {line.rsplit(delimiter, after + 1)[-1 - after] for line in lines}
        return {cell.decode("ascii").strip() for cell in cells} - self.missing

    def _at_once(self) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
        """All cells (rows, columns) by NumPy's parser, and their lines, for a file of nothing but numbers.

        It takes half the time. None for any file that it might read otherwise than the strict way does.
        """
        body = self.data
        if self.header:
            end = body.find(b"\n") + 1
            if b'"' in body[:end] or not body[:end].strip():
                return None
            body = body[end:]
        delimiter = self.delimiter.encode("ascii", "replace")
        if delimiter in b"0123456789+-.eE? " or body.translate(None, b"0123456789+-.eE\r\n" + delimiter):
            return None
        if (
            any(map(is_number, self.missing))
            or not body
            or body.isspace()
            or body.count(b"\r") != body.count(b"\r\n")
        ):
            return None
        lines = body.count(b"\n") + (not body.endswith(b"\n"))
        try:
            stream = io.TextIOWrapper(io.BytesIO(body), encoding="ascii")
            values = np.loadtxt(stream, delimiter=self.delimiter, comments=None, ndmin=2)
        except ValueError:
            return None
        if values.shape != (lines, self.width) or not np.isfinite(values).all():
            return None
        return values, np.arange(lines, dtype=np.int64) + (2 if self.header else 1)

    def _number(self, index: int, parts: list[NDArray[np.float64]], lines: NDArray[np.int64]) -> Column:
        values = np.concatenate(parts)
        beyond = np.flatnonzero(np.isinf(values))
        if len(beyond):
            raise DataError(
                f"column '{self.names[index]}' holds a number too large for a float64",
                file=self.file,
                line=int(lines[beyond[0]]),
            )
        return Column(self.names[index], "number", values)

    def _text(self, index: int, column: list[str | None]) -> Column:
        values = np.empty(len(column), dtype=object)
        values[:] = column
        return Column(self.names[index], "text", values)

    def _chunks(self, lines: list[int]) -> Iterator[list[list[str]]]:
        """Rows in handy portions, each of the header's width; the line of each is added to `lines`."""
        rows = self._rows()
        if self.header:
            next(rows, None)
        width = self.width
        size = max(1, _CHUNK_CELLS // width)
        chunk: list[list[str]] = []
        for line, row in rows:
            if len(row) != width:
                if len(row) == 1 and not row[0].strip():
                    continue
                self._ragged(line, len(row))
            chunk.append(row)
            lines.append(line)
            if len(chunk) == size:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """(line at which it begins, fields) of each row that is not blank."""
        encoding = "utf-8-sig" if self.encoding == "utf-8" else self.encoding
        stream = io.TextIOWrapper(io.BytesIO(self.data), encoding=encoding, newline="")
        reader = csv.reader(
            stream, delimiter=self.delimiter, skipinitialspace=self.delimiter != " ", strict=True
        )
        line = 1
        try:
            for row in reader:
                if row:
                    yield line, row
                line = reader.line_num + 1
        except csv.Error as error:
            self._unreadable(line, reader.line_num, str(error))
        except UnicodeDecodeError:
            self._undecodable()

    def _check_bytes(self) -> None:
        if not self.data.strip():
            raise DataError("the file is empty", file=self.file)
        marked = self.data[:2] in (b"\xff\xfe", b"\xfe\xff")
        if self.encoding == "utf-16":
            if not marked:
                raise DataError(
                    "the file is not utf-16 text, which begins with a byte order mark",
                    file=self.file,
                    hint="leave out encoding",
                )
            return
        if marked:
            raise DataError(
                "the file is UTF-16 text", file=self.file, hint="save it as UTF-8, or set encoding: utf-16"
            )
        if b"\0" in self.data:
            at = self.data.index(b"\0")
            raise DataError(
                f"a NUL byte at offset {at}: this is not plain text",
                file=self.file,
                line=self.data.count(b"\n", 0, at) + 1,
                hint="a spreadsheet or archive must be exported as CSV first",
            )

    def _check_first(self, line: int, cells: list[str]) -> None:
        if len(cells) > _MAX_COLUMNS:
            raise DataError(
                f"{len(cells):,} columns; a CSV may have up to {_MAX_COLUMNS:,}",
                file=self.file,
                line=line,
                hint="so many belong in an array: use an npz file",
            )
        if len(cells) == 1:
            for other in (";", "\t", "|", ","):
                if other != self.delimiter and other in cells[0]:
                    name = "tab" if other == "\t" else other
                    raise DataError(
                        f"the first line has no {self.delimiter!r} but {cells[0].count(other)} of {other!r}",
                        file=self.file,
                        line=line,
                        hint=f'set delimiter: "{name}"',
                    )
        if not self.header:
            return
        for index, name in enumerate(self.names):
            first = self.names.index(name)
            if name and first != index:
                raise DataError(
                    f"columns {first + 1} and {index + 1} are both called '{name}'",
                    file=self.file,
                    line=line,
                    hint=_HEADERLESS if is_number(name) else "give each column a name of its own",
                )
        if all(map(is_number, cells)) and not all(cell.isdigit() for cell in cells):
            raise DataError(
                "the first line holds only numbers, so it is no header",
                file=self.file,
                line=line,
                hint=_HEADERLESS,
            )

    def _ragged(self, line: int, found: int) -> NoReturn:
        more = found > self.width
        raise DataError(
            f"{counted(found, 'field')}, where {'the header' if self.header else 'the first line'} "
            f"has {self.width}",
            file=self.file,
            line=line,
            hint=f'a field that contains {self.delimiter!r} must stand in "quotes"' if more else None,
        )

    def _unreadable(self, line: int, end: int, reason: str) -> NoReturn:
        if "field larger" in reason or "end of data" in reason:
            what = (
                "a quote is opened and not closed" if "end of data" in reason else "a field of over 128 KiB"
            )
            hint = (
                f'look for a stray " between lines {line} and {end}' if end > line else 'look for a stray "'
            )
        elif "expected after" in reason:
            what, hint = (
                f"text follows a closing quote instead of {self.delimiter!r}",
                'write " as "" in quotes',
            )
        else:
            what, hint = f"cannot be read as CSV ({reason})", None
        raise DataError(what, file=self.file, line=line, hint=hint)

    def _undecodable(self) -> NoReturn:
        try:
            self.data.decode(self.encoding)
        except UnicodeDecodeError as error:
            newline = "\n".encode(self.encoding)[-1:] if self.encoding != "utf-16" else b"\n"
            hint = "set encoding: latin-1 or cp1252 if it comes from such a system, or save it as UTF-8"
            raise DataError(
                f"byte 0x{self.data[error.start]:02x} at offset {error.start} is not {self.encoding} text",
                file=self.file,
                line=self.data.count(newline, 0, error.start) + 1,
                hint=hint if self.encoding == "utf-8" else None,
            ) from None
        raise AssertionError("text that failed to decode in pieces decodes as a whole")


_HEADERLESS = "if the file has no header, set header: false"
