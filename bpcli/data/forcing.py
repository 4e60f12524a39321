"""Teacher forcing: a target that the net is to write symbol by symbol, and gets as an input as it learns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpcli.data.columns import as_text, placed
from bpcli.data.inputs import arrays
from bpcli.data.vocabulary import SPECIAL
from bpcli.errors import DataError

if TYPE_CHECKING:
    from bpcli.data.records import Records, Target
    from bpcli.data.transforms.base import Transform
    from bpcli.layers.base import Shape

#: What every sequence that is written ends with, and what is before its first symbol; and its number.
END, ENDS = "<end>", len(SPECIAL)


def ended(y: NDArray[np.int64]) -> NDArray[np.int64]:
    """y (n, t), -1 behind the end of a row, with one symbol more in each row: its end."""
    rows = np.arange(len(y))
    made = np.full((len(y), y.shape[1] + 1), -1, dtype=y.dtype)
    made[:, :-1] = y
    made[rows, (y >= 0).sum(axis=1)] = ENDS
    return made


def previous(y: NDArray[np.int64]) -> NDArray[np.int32]:
    """What is before each symbol of y (n, t): at first the end, as if of a sequence before it; 0 after it."""
    made = np.zeros(y.shape, dtype=np.int32)
    made[:, 0] = ENDS
    made[:, 1:] = np.where(y[:, 1:] >= 0, y[:, :-1], 0)
    return made


def forced(x: Any, y: NDArray[np.int64]) -> tuple[Any, ...]:
    """The net's inputs as it learns: what is given, and the target, a step behind."""
    return (*arrays(x), previous(y))


def given(x: tuple[Any, ...]) -> Any:
    """The inputs without the last one, as the pipeline makes them: an array, or a tuple of several."""
    return x[0] if len(x) == 2 else x[:-1]


def with_previous(shape: Shape, target: Target) -> Shape:
    """The shapes of the net's inputs: those of what is given, and of the target."""
    shapes = shape if shape and isinstance(shape[0], tuple) else (shape,)
    return (*shapes, target.positions)


def tokenized(records: Records, transform: Transform | None) -> Records:
    """With `target_transform: tokens`, the target's text as a sequence of symbols."""
    if transform is None or transform.type != "tokens" or not records.targets:
        return records
    if getattr(transform, "level", None) == "bpe":
        raise DataError(
            "a target is cut into characters or words: byte pairs would be learnt on all parts",
            path="data.target_transform.level",
            hint="set level: char or word",
        )
    with placed(records, 0, "data.target_transform"):
        columns = [as_text(column) for column in records.targets]
        return replace(records, targets=transform.apply(columns, transform.fit(columns)))


def joint(transform: Transform | None) -> str:
    """What stands between two symbols of the text that they make: words have lost the space between them."""
    return " " if getattr(transform, "level", "char") == "word" else ""


def text_of(symbols: list[int], target: Target) -> str:
    """The text of a row's labels up to its end."""
    if ENDS in symbols:
        symbols = symbols[: symbols.index(ENDS)]
    return target.joint.join(target.labels[k] for k in symbols if k >= 0)
