"""A target that is a sequence of symbols: a class for each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bpcli.data.cells import counted
from bpcli.data.forcing import END, ended, joint
from bpcli.data.records import Records, Target
from bpcli.data.transforms.vocabulary import Vocabulary
from bpcli.data.vocabulary import SPECIAL, learnt, numbered
from bpcli.errors import DataError

if TYPE_CHECKING:
    from bpcli.spec.experiment import DataSection


def is_sequence(records: Records) -> bool:
    return len(records.targets) == 1 and records.targets[0].kind == "sequence"


def check_options(records: Records, section: DataSection) -> None:
    """DataError for what is asked of a target and means nothing for symbols."""
    name = records.targets[0].name
    if section.task == "regression":
        raise DataError(
            f"target '{name}' is a sequence of symbols, a class for each step",
            file=records.file,
            path="data.task",
            hint="leave task out",
        )
    transform = section.target_transform
    if transform is not None and transform.type != "tokens":
        raise DataError(
            f"{transform.type} is for values, and target '{name}' is a sequence of symbols",
            file=records.file,
            path="data.target_transform",
            hint="leave it out",
        )


def fit_sequence(train: Records, section: DataSection) -> Target:
    """The labels are the vocabulary: that of the input where it is of the same symbols, as in a text.

    With teacher forcing they are the target's own, and have its end.
    """
    column, ends = train.targets[0], section.teacher_forcing
    limits = _limits(section)
    alike = next((one for one in train.features if one.symbols == column.symbols), column)
    labels = learnt((column if ends else alike).values, column.symbols, limits.size, limits.min_count)
    if len(labels) < len(SPECIAL) + (1 if ends else 2):
        raise DataError(
            f"the training part has only {counted(len(labels) - 2, 'different symbol')} of '{column.name}'",
            file=train.file,
            hint="there is nothing to tell apart",
        )
    if ends:
        labels.insert(len(SPECIAL), END)
    y = _numbers(train, labels, ends=ends)
    counts = np.bincount(y[y >= 0].ravel(), minlength=len(labels))
    return Target(
        "classes",
        (column.name,),
        tuple(labels),
        tuple(counts.tolist()),
        len(train),
        positions=y.shape[1:],
        ends=ends,
        joint=joint(section.target_transform),
    )


def encode_sequence(target: Target, records: Records) -> NDArray[np.int64]:
    """y (n, t): of each step its symbol's number in the labels; -1 behind the end of a shorter row."""
    return _numbers(records, target.labels, ends=target.ends)


def _numbers(records: Records, labels: Sequence[str], *, ends: bool) -> NDArray[np.int64]:
    column = records.targets[0]
    y = numbered(column.values, column.symbols, labels).astype(np.int64)
    y[column.values < 0] = -1
    return ended(y) if ends else y


def _limits(section: DataSection) -> Vocabulary:
    found = (one for one in section.preprocess if isinstance(one, Vocabulary))
    return next(found, Vocabulary.model_validate({}))
