"""A table in a text file."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from bpcli.data.cells import MAX_AUTO_CLASSES, counted, rows_named
from bpcli.data.distinct import distinct
from bpcli.data.records import Column, Records
from bpcli.data.sources._file import read_whole
from bpcli.data.sources.base import Layout, Source
from bpcli.errors import DataError, closest
from bpcli.spec.base import Example, Many

if TYPE_CHECKING:
    from bpcli.data.table import Table
    from bpcli.files import Files

#: A number that is a code: in a number, the zero in front would say nothing.
_CODE = re.compile(r"[+-]?0[0-9]+")

#: A column by name, or by position: 0 is the first, -1 the last.
Key = str | int


def _one_character(text: str) -> str:
    if len(text) != 1 or text in '"\r\n':
        raise PydanticCustomError(
            "delimiter", "expected one character", {"hint": 'for example ",", ";", "|" or tab'}
        )
    return text


def _tab(text: object) -> object:
    return "\t" if text in ("tab", "\\t") else text


Delimiter = Annotated[str, BeforeValidator(_tab), AfterValidator(_one_character)]


class Csv(Source):
    """Reads rows from delimited text (RFC 4180), not compressed.

    A column all of whose cells are numbers or missing is a number column, any other one is text. A number
    is decimal: `nan`, `inf`, `1_000`, `0x1f` and non-ASCII digits are not, so that nothing is trained on
    by accident. Spaces around a cell do not count; blank lines are skipped; a byte order mark is accepted.
    Without a header the columns are called x0, x1, … by position. Files beside the training file are read by
    its columns' names: positions, `columns` and `drop` say something about the training file alone.

    Classes written as numbers are labels: 3 and 3.0 are both shown as 3. Where a target has leading zeros
    (01), or one number is written in two ways (1 and 1.0), its labels stay text, just as they are written.

    Errors: DataError with the file, the line and the column's name.
    """

    type: Literal["csv"] = "csv"
    path: str = Field(description="the file, relative to the config")
    target: Key | Many[Key] | None = Field(
        None, description="what is predicted: a column's name or position (-1 is the last), or several"
    )
    header: bool = Field(True, description="whether the first line holds the columns' names")
    delimiter: Delimiter = ","
    columns: Many[Key] | None = Field(None, description="the features; default: all columns but the target")
    drop: Many[Key] = Field((), description="columns that are no features")
    weight: Key | None = Field(None, description="a column of sample weights, each 0 or more")
    missing: Many[str] = Field(("", "?"), description="cells that stand for a missing value")
    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = "utf-8"

    examples: ClassVar = (
        Example({"path": "datasets/iris.csv", "target": "species"}),
        Example({"path": "datasets/diabetes.csv", "target": -1, "drop": ["sex"]}),
    )

    def at(self, path: str) -> Csv:
        return self.replace(path=path)

    def read(self, files: Files, *, target: bool = True) -> Records:
        return self._read(files, None, target)

    def read_like(self, files: Files, layout: Layout, *, target: bool = True) -> Records:
        return self._read(files, layout, target)

    def _read(self, files: Files, layout: Layout | None, target: bool) -> Records:
        from bpcli.data.table import Table

        data, file, digest = read_whole(files, self.path)
        table = Table(
            data, file=file, delimiter=self.delimiter, header=self.header, missing=self.missing,
            encoding=self.encoding,
        )  # fmt: skip
        wanted = self._choose(table, layout, target)
        texts = {name for name, kind in layout.kinds.items() if kind == "text"} if layout else ()
        indices = [*wanted.features, *wanted.targets, *([] if wanted.weight is None else [wanted.weight])]
        columns, lines = table.read(indices, texts)
        first, second = len(wanted.features), len(wanted.features) + len(wanted.targets)
        targets = columns[first:second]
        if layout is None and len(targets) == 1:
            targets = [self._as_written(table, wanted.targets[0], targets[0])]
        return Records(
            features=columns[:first],
            targets=targets,
            weight=None if wanted.weight is None else _weights(columns[-1], lines, table.file),
            rows=lines,
            file=table.file,
            digest=digest,
            width=0 if self.header else table.width,
            named=self.header,
            weight_name="" if wanted.weight is None else table.names[wanted.weight],
        )

    def _as_written(self, table: Table, index: int, column: Column) -> Column:
        """A target of few different numbers also as text, if that tells apart what the numbers do not."""
        if column.kind != "number":
            return column
        known = column.values[~np.isnan(column.values)]
        count = len(distinct(known))
        if count > max(MAX_AUTO_CLASSES, len(known) // 2):
            return column  # never classes
        spellings = table.spellings(index)
        if len(spellings) == count and not any(map(_CODE.fullmatch, spellings)):
            return column
        (text,), _ = table.read([index], {column.name})
        return replace(column, written=text.values)

    def _choose(self, table: Table, layout: Layout | None, target: bool) -> _Wanted:
        """The positions of features, targets and weight."""
        keys = (
            () if self.target is None else self.target if isinstance(self.target, tuple) else (self.target,)
        )
        if layout is not None:
            return self._choose_like(table, layout, keys, target)
        targets = self._targets(table, keys, target)
        weight = None if self.weight is None else self._find(table, self.weight, "weight", required=target)
        apart = {self._find(table, key, "target", required=False) for key in keys} | {weight}
        dropped = {self._find(table, key, "drop", required=target) for key in self.drop}
        if self.columns is None:
            features = [index for index in range(table.width) if index not in apart | dropped]
        else:
            found = [self._find(table, key, "columns", required=True) for key in self.columns]
            features = [index for index in found if index is not None]
            self._check_columns(table, features, apart | dropped)
        for index in (*features, *targets):
            if not table.names[index]:
                raise DataError(
                    f"column {index + 1} has no name in the header",
                    file=table.file,
                    line=1,
                    hint=f"name it, or leave it out with drop: [{index}]",
                )
        if not features:
            raise DataError("no column is left as a feature", file=table.file)
        return _Wanted(features, targets, weight)

    def _choose_like(self, table: Table, layout: Layout, keys: Sequence[Key], target: bool) -> _Wanted:
        """The positions in a file beside the training file, by the names that the columns have there."""
        if layout.width:
            self._name_like(table, layout)
        if layout.width or not all(isinstance(key, str) for key in keys):
            keys = layout.targets
        targets = self._targets(table, keys, target)
        key = layout.weight if isinstance(self.weight, int) and layout.weight else self.weight
        weight = None if key is None else self._find(table, key, "weight", required=target)
        if all(name in table.names for name in layout.features):
            return _Wanted([table.names.index(name) for name in layout.features], targets, weight)
        apart = {*targets, weight}  # a column is absent: whoever says so should know what there is instead
        others = [index for index, name in enumerate(table.names) if name and index not in apart]
        return _Wanted(others, targets, weight)

    def _targets(self, table: Table, keys: Sequence[Key], required: bool) -> list[int]:
        found = [self._find(table, key, "target", required=required) for key in keys]
        targets = [index for index in found if index is not None]
        twice = [index for place, index in enumerate(targets) if index in targets[:place]]
        if twice:
            raise DataError(f"column '{table.names[twice[0]]}' is named twice in target", file=table.file)
        return targets if len(targets) == len(keys) else []  # some of several are of no use

    def _name_like(self, table: Table, layout: Layout) -> None:
        """Names the columns of a file without a header as in training, with or without target and weight."""
        names = [f"x{index}" for index in range(layout.width)]
        absent = [name for name in names if name not in layout.targets]
        for known in (names, absent, [name for name in absent if name != layout.weight]):
            if table.width == len(known):
                table.names = known
                return
        raise DataError(
            f"{counted(table.width, 'column')}; the model was trained on {layout.width}, "
            f"{len(absent)} without the target",
            file=table.file,
            line=1,
        )

    def _check_columns(self, table: Table, features: Sequence[int], apart: Collection[int | None]) -> None:
        for position, index in enumerate(features):
            if index in apart:
                raise DataError(
                    f"column '{table.names[index]}' is named in columns, and also as target, weight or drop",
                    file=table.file,
                )
            if index in features[:position]:
                raise DataError(f"column '{table.names[index]}' is named twice in columns", file=table.file)

    def _find(self, table: Table, key: Key, role: str, *, required: bool) -> int | None:
        """The position of a column, or None where it is absent and may be."""
        if isinstance(key, int):
            if -table.width <= key < table.width:
                return key % table.width
        elif key in table.names:
            return table.names.index(key)
        if not required:
            return None
        near = closest(key, table.names) if isinstance(key, str) else None
        known = ", ".join(table.names[:12]) + (", …" if table.width > 12 else "")
        hint = f"did you mean '{near}'?" if near else f"its columns are {known}"
        if not self.header and isinstance(key, str):
            hint += "; without a header they go by position"
        raise DataError(f"there is no column {key!r} ({role})", file=table.file, hint=hint)


class _Wanted:
    """Positions in the file of what is read."""

    __slots__ = ("features", "targets", "weight")

    def __init__(self, features: list[int], targets: list[int], weight: int | None) -> None:
        self.features, self.targets, self.weight = features, targets, weight


def _weights(column: Column, lines: NDArray[np.int64], file: str) -> NDArray[np.float64]:
    """Sample weights: each a number of at least 0, not all of them 0."""
    if column.kind != "number":
        raise DataError(f"the weight column '{column.name}' holds text", file=file)
    bad = np.flatnonzero(~(column.values >= 0))
    if len(bad):
        raise DataError(
            f"the weight column '{column.name}' is missing or negative in {rows_named(lines[bad])}", file=file
        )
    if not column.values.any():
        raise DataError(f"the weight column '{column.name}' is 0 everywhere", file=file)
    return column.values
