"""A target that is a sequence of symbols: a class for each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bpcli.data.records import Records, Target
from bpcli.data.transforms.vocabulary import Vocabulary
from bpcli.data.vocabulary import learnt, numbered
from bpcli.errors import DataError

if TYPE_CHECKING:
    from bpcli.data.transforms.base import Transform


def is_sequence(records: Records) -> bool:
    return len(records.targets) == 1 and records.targets[0].kind == "sequence"


def fit_sequence(train: Records, transforms: Sequence[Transform]) -> Target:
    """The labels are the vocabulary: that of the input where it is of the same symbols, as in a text."""
    column = train.targets[0]
    limits = next((one for one in transforms if isinstance(one, Vocabulary)), Vocabulary.model_validate({}))
    alike = next((one for one in train.features if one.symbols == column.symbols), column)
    labels = learnt(alike.values, alike.symbols, limits.size, limits.min_count)
    if len(labels) < 4:
        raise DataError(
            f"the training part has only {len(labels) - 2} different symbols of '{column.name}'",
            file=train.file,
            hint="there is nothing to tell apart",
        )
    y = numbered(column.values, column.symbols, labels)
    counts = np.bincount(y[column.values >= 0].ravel(), minlength=len(labels))
    return Target(
        "classes", (column.name,), tuple(labels), tuple(counts.tolist()), len(train), positions=y.shape[1:]
    )


def encode_sequence(target: Target, records: Records) -> NDArray[np.int64]:
    """y (n, t): of each step its symbol's number in the labels; -1 behind the end of a shorter row."""
    column = records.targets[0]
    y = numbered(column.values, column.symbols, target.labels).astype(np.int64)
    y[column.values < 0] = -1
    return y
