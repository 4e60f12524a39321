"""A series in a text file, cut into windows whose next values are to be predicted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from bpcli.data.cells import listed, rows_named
from bpcli.data.columns import Feature, match
from bpcli.data.gaps import Policy, grid
from bpcli.data.records import Column, Records
from bpcli.data.series import Curve, Relative, Series, Windows
from bpcli.data.sources._file import read_whole
from bpcli.data.sources._windows import Cutter
from bpcli.data.sources.base import Source
from bpcli.data.sources.csv import Delimiter
from bpcli.data.timeline import timeline
from bpcli.errors import DataError, closest
from bpcli.spec.base import Example, Many, OneOrMany

if TYPE_CHECKING:
    from bpcli.data.table import Table
    from bpcli.files import Files

_Share = Annotated[float, Field(gt=0, lt=1)]


class SeriesSource(Source):
    """Windows over a series: x the last `inputs` steps of some columns, y the next `horizon` of the target.

    x is one array `window` (n, inputs, c): the target columns, then `columns`, then the `known` ones twice,
    as of each step and as of `horizon` steps later, so that the window's last steps show what is known of the
    steps predicted. y are number columns `sales+1`, `sales+2`, … By default the split is chronological: no
    window is in a part that predicts a step of another. Metrics `mase` and `smape`, and the seasonal naive
    forecast (the value one `season` before) as the baseline, are made for it. `bpcli predict` continues the
    series; its interval holds the share `interval` of the validation part's errors, step by step.

    `transform` and `relative` are for series that grow: the net then works on the logarithm (or root) of the
    target, less its last value (`last`) or the value one season before (`season`: seasonal differences). Both
    look at no more than the window's own past, and both are undone in every output and metric. Scales are
    learnt, on the training part, by data.preprocess and data.target_transform.

    Rows must be in the order of time. With a column `time` of numbers or ISO dates they are checked for it, a
    step is the commonest distance between two of them, and predictions say their time. A missing cell or step
    is refused; with `gaps: interpolate` it is filled in by a line between its neighbours, with `hold` by the
    last value, and with `split` no window reaches over it. What was filled in is seen, but never predicted,
    and no window ends where the line would tell it what comes next. Rows at the end in which only the
    `known` columns are there are the future.

    Errors: DataError with the file, the line and the column's name.
    """

    type: Literal["series"] = "series"
    path: str = Field(description="the file, delimited text with a header, relative to the config")
    target: Annotated[OneOrMany[str], Field(min_length=1)] = Field(
        description="the column that is predicted, or several"
    )
    inputs: PositiveInt = Field(description="steps that the net sees")
    horizon: PositiveInt = Field(1, description="steps that it predicts")
    stride: PositiveInt = Field(1, description="steps between two windows, the origins of the forecasts")
    season: PositiveInt = Field(1, description="steps of one cycle, for the baseline and mase; 1: none")
    time: str | None = Field(None, description="a column of numbers or ISO dates, ascending")
    columns: OneOrMany[str] = Field((), description="further columns, known of the past only")
    known: OneOrMany[str] = Field(
        (), description="further columns that are known ahead: a calendar, prices, plans"
    )
    gaps: Policy = Field("refuse", description="missing cells and missing steps")
    transform: Curve = Field("none", description="of the target: log, log1p or sqrt; undone in every output")
    relative: Relative = Field("none", description="the target is predicted as a difference to these values")
    interval: _Share | None = Field(0.9, description="the share that prediction intervals hold, or null")
    delimiter: Delimiter = ","
    missing: Many[str] = Field(("", "?"), description="cells that stand for a missing value")
    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = "utf-8"

    examples: ClassVar = (
        Example({"path": "datasets/airline.csv", "target": ["passengers"], "inputs": 12, "time": "month"}),
        Example(
            {
                "path": "shop.csv", "target": ["sales", "returns"], "inputs": 28, "horizon": 7, "season": 7,
                "columns": ["visitors"], "known": ["price"], "transform": "log1p", "relative": "season",
                "gaps": "split",
            }
        ),
    )  # fmt: skip

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = [*self.target, *self.columns, *self.known, *([self.time] if self.time else [])]
        twice = [name for place, name in enumerate(names) if name in names[:place]]
        if twice:
            raise PydanticCustomError(
                "columns",
                "column '{name}' is named twice",
                {"name": twice[0], "hint": "a column is target, columns, known or time"},
            )
        if self.known and self.inputs < self.horizon:
            raise PydanticCustomError(
                "known",
                "with known columns the window must be at least as long as the horizon",
                {"hint": f"raise inputs from {self.inputs} to {self.horizon}, or lower horizon"},
            )
        return self

    def at(self, path: str) -> SeriesSource:
        return self.replace(path=path)

    def read(self, files: Files, *, target: bool = True) -> Records:
        """Windows by `stride`; without a target to compare with, up to the one that ends with the series."""
        from bpcli.data.table import Table

        data, file, digest = read_whole(files, self.path)
        table = Table(
            data, file=file, delimiter=self.delimiter, header=True, missing=self.missing,
            encoding=self.encoding,
        )  # fmt: skip
        columns, lines = self._columns(table)
        time, places = None, np.arange(len(lines))
        if self.time is not None:
            time, places = timeline(columns.pop().values.tolist(), lines, self.time, file)
        past = [column.values for column in columns[: len(self.target) + len(self.columns)]]
        seen = self._end(past, lines, file)
        names = [*self.target, *self.columns, *self.known]
        own = grid(
            np.column_stack(past)[:seen], names[: len(past)], places[:seen], lines[:seen], self.gaps, file
        )
        known = None
        if self.known:
            ahead = np.column_stack([column.values for column in columns[len(past) :]])
            known = grid(ahead, names[len(past) :], places, lines, self.gaps, file).values
        width = len(self.target)
        self._check_range(own.values[:, :width], own.lines, file)
        series = Series(
            self.target, own.values[:, :width], own.real[:, :width], self.season, self.horizon,
            self.transform, self.relative, self.interval, time,
        )  # fmt: skip
        cutter = Cutter(self, own, known, file)
        origins = cutter.origins(target)
        made = Records(
            features=[Column("window", "array", cutter.cut(origins))],
            targets=[],
            weight=None,
            rows=own.lines[origins],
            file=file,
            row_word="window ending in line",
            digest=digest,
            spans=np.column_stack([origins + 1, origins + self.horizon]),
            ordered=True,
            series=series,
        )
        return replace(made, targets=self._targets(made)) if target else made

    def _targets(self, records: Records) -> list[Column]:
        """The values of the steps predicted, as the net is to predict them."""
        assert records.series is not None and records.spans is not None
        steps = records.spans[:, :1] + np.arange(self.horizon)
        values = records.series.values[steps].reshape(len(steps), -1)
        windows = Windows.of(records, records.series.columns)
        assert windows is not None
        values = windows.to_net(values)
        return [Column(name, "number", values[:, place]) for place, name in enumerate(records.series.columns)]

    def _columns(self, table: Table) -> tuple[list[Column], NDArray[np.int64]]:
        """(targets, past columns, known columns as numbers and the time as text, the line of each row)."""
        roles = [("target", self.target), ("columns", self.columns), ("known", self.known)]
        wanted = [self._find(table, name, role) for role, names in roles for name in names]
        texts = [self._find(table, self.time, "time")] if self.time is not None else []
        found, lines = table.read([*wanted, *texts], [self.time] if self.time is not None else [])
        records = Records(found[: len(wanted)], [], None, lines, table.file)
        numbers = match([Feature(column.name, "number") for column in records.features], records)
        return [*numbers, *found[len(wanted) :]], lines

    def _find(self, table: Table, name: str, role: str) -> int:
        if name in table.names:
            return table.names.index(name)
        near = closest(name, table.names)
        raise DataError(
            f"there is no column '{name}' ({role})",
            file=table.file,
            hint=f"did you mean '{near}'?" if near else f"its columns are {listed(table.names, 12)}",
        )

    def _end(self, past: list[NDArray[np.float64]], lines: NDArray[np.int64], file: str) -> int:
        """How many rows are not the future: where there are known columns, up to the last target."""
        there = ~np.isnan(np.column_stack(past[: len(self.target)])).all(axis=1)
        if not there.any():
            raise DataError(f"the target {listed(self.target)} is missing in every row", file=file)
        return int(np.flatnonzero(there)[-1]) + 1 if self.known else len(lines)

    def _check_range(self, values: NDArray[np.float64], lines: NDArray[np.int64], file: str) -> None:
        """DataError for values that have no logarithm, or no root."""
        if self.transform == "none":
            return
        low, what = {"log": (0.0, "above 0"), "log1p": (-1.0, "above -1"), "sqrt": (0.0, "at least 0")}[
            self.transform
        ]
        wrong = (values < low) if self.transform == "sqrt" else (values <= low)
        if not wrong.any():
            return
        step, column = np.argwhere(wrong)[0].tolist()
        rows = lines[np.flatnonzero(wrong[:, column])]
        raise DataError(
            f"transform: {self.transform} needs values {what}, and '{self.target[column]}' is "
            f"{values[step, column]:g} in {rows_named(rows)}",
            file=file,
            line=int(rows[0]),
            hint="choose log1p or sqrt, or none" if self.transform == "log" else "choose none",
        )
