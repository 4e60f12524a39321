"""What a source read, and what the net is fed: named columns in, arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bpcli.data.running import Uncut
    from bpcli.data.series import Series, Windows

#: Which rows: their numbers, or a run of them.
Rows = NDArray[np.int64] | slice


@dataclass(frozen=True, slots=True)
class Column:
    """One named column of n rows.

    kind "number": float64 (n,), NaN where missing · "text": object array of str (n,), None where missing ·
    "array": any numeric dtype (n, ...), such as images (n, h, w, c) · "sequence": int32 (n, t), of each step
    the place of its symbol in `symbols`, and -1 behind the end of a shorter row · "symbols": the same by the
    numbers of the vocabulary `symbols`, and 0 behind the end.
    `written`: the cells of a number column as text (n,), where that says more than the numbers do: 01, 1.0.
    """

    name: str
    kind: Literal["number", "text", "array", "sequence", "symbols"]
    values: NDArray[Any]
    written: NDArray[Any] | None = None
    symbols: tuple[str, ...] = ()

    def take(self, rows: Rows) -> Column:
        written = None if self.written is None else self.written[rows]
        return replace(self, values=_taken(self.values, rows), written=written)


@dataclass(frozen=True, slots=True)
class Records:
    """All rows of a source: features, targets and (optionally) a sample weight, each row with its place.

    `rows[i]` is the number by which an error names row i to the user: a line of a CSV, an index of an array.
    `digest` is the SHA-256 of the file as it lies on disk; `width` the number of columns of a file whose
    columns have no names of their own, and 0 where they have. `named`: the columns' names stand in the file,
    so that a column of the same name in another file is the same thing; `weight_name` is one of them.
    `spans` (n, 2): of rows that are windows over a series, the first and the last step that each predicts.
    `ordered`: the order of the rows means something, so that a split by default keeps it. `series`: of rows
    that are windows over a series, that series. `uncut`: of rows that are characters until the symbols of the
    text are learnt, the text.
    """

    features: Sequence[Column]
    targets: Sequence[Column]
    weight: NDArray[np.float64] | None
    rows: NDArray[np.int64]
    file: str
    row_word: str = "line"
    digest: str = ""
    width: int = 0
    named: bool = False
    weight_name: str = ""
    spans: NDArray[np.int64] | None = None
    ordered: bool = False
    series: Series | None = None
    uncut: Uncut | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: NDArray[np.int64]) -> Records:
        run = _run(rows)
        return replace(
            self,
            features=[column.take(run) for column in self.features],
            targets=[column.take(run) for column in self.targets],
            weight=None if self.weight is None else self.weight[rows],
            rows=self.rows[rows],
            spans=None if self.spans is None else self.spans[rows],
        )


def _run(rows: NDArray[np.int64]) -> Rows:
    """The same rows as a slice where each follows the one before."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def _taken(values: NDArray[Any], rows: Rows) -> NDArray[Any]:
    """A slice is a view, to be read only: all rows of a large file are not copied once more."""
    taken = values[rows]
    if isinstance(rows, slice):
        taken.flags.writeable = False
    return taken


@dataclass(frozen=True, slots=True)
class Target:
    """What is predicted, as the training part shows it; saved with the model.

    kind "classes": `labels` in order, y is int64 (n,) · "binary_columns": several 0/1 columns, y is float
    (n, d) · "values": y is float (n, d). `counts` are the training rows of each class (for binary columns:
    of ones in each), `mean` the training mean of each column: the baseline's whole knowledge.
    `positions`: the shape of a target with a class for each place of a row, such as (t,) for each step of a
    sequence; y is then int64 (n, *positions), and -1 where there is nothing to predict.
    "several": `parts` with `names`, each one of the above, for a loss each; y is float (n, all columns).
    `scale`: of a series, what mase divides the error of each column by.
    `ends`: the sequence has an end, label `END`, and the net gets it, a step behind, as its last input;
    `joint` is what stands between its symbols in the text that they make.
    """

    kind: Literal["classes", "binary_columns", "values", "several"]
    columns: tuple[str, ...]
    labels: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    rows: int = 0
    mean: tuple[float, ...] = ()
    parts: tuple[Target, ...] = ()
    names: tuple[str, ...] = ()
    positions: tuple[int, ...] = ()
    scale: tuple[float, ...] = ()
    ends: bool = False
    joint: str = ""

    @property
    def width(self) -> int:
        """Number of classes, or of target columns."""
        return len(self.labels) if self.kind == "classes" else len(self.columns)


@dataclass(frozen=True, slots=True)
class Part:
    """Prepared rows: x (n, ...) in the net's precision, y as `Target` says, weight (n,) or None.

    Several inputs are a tuple of arrays. Of windows over a series, `windows` is where they stand in it, and
    `naive` (n, d) the seasonal naive forecast, like y as the net would say it.
    """

    x: Any
    y: NDArray[Any] | None
    weight: NDArray[Any] | None
    rows: NDArray[np.int64]
    windows: Windows | None = None
    naive: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step sees. x (n, ...) or a tuple of several, y (n, ...), weight (n,), mask (n, t); or None."""

    x: Any
    y: Any
    weight: Any = None
    mask: Any = None

    def __len__(self) -> int:
        return len(self.x[0] if isinstance(self.x, tuple) else self.x)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that training needs of the data: the parts, what is predicted, and the fitted pipeline."""

    train: Part
    val: Part | None
    test: Part | None
    target: Target
    pipeline: Any
    digest: str = ""
    notes: Sequence[str] = field(default_factory=tuple)
