"""A transform prepares columns: fitted on the training part only, stored with the model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from bpcli.spec.base import Component

if TYPE_CHECKING:
    from bpcli.data.records import Column

#: What a fit learnt: plain JSON (numbers, text, lists, mappings), so that it is stored exactly and readably.
Fitted = dict[str, Any]


class Transform(Component):
    """`fit` sees the training part; `apply` is the same pure function for every part and for new rows.

    `apply` treats each row on its own, so the pipeline may hand it the rows in portions. Cells that it
    cannot take are a `CellError`, text where it needs numbers a `TextError` (bpcli.data.cells); the
    pipeline adds the file and the rows.
    """

    #: Whether what is learnt of each column is the vocabulary that its symbols are numbered by.
    numbers_symbols: ClassVar[bool] = False
    #: Whether it makes sequences of different lengths, the shorter ones filled up behind their end.
    pads: ClassVar[bool] = False

    @abstractmethod
    def fit(self, columns: Sequence[Column]) -> Fitted:
        """What is learnt from the training part."""

    @abstractmethod
    def apply(self, columns: Sequence[Column], fitted: Fitted) -> list[Column]:
        """The transformed columns, in order."""

    def invert(self, columns: Sequence[Column], fitted: Fitted) -> list[Column]:
        """Undoes `apply`, for predictions of a transformed target; refused where it cannot be undone."""
        from bpcli.errors import ConfigError

        raise ConfigError(
            f"{self.type} cannot be undone, so it cannot be a target_transform",
            hint="use standardize or min_max",
        )
