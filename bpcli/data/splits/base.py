"""A split divides the rows into training, validation and test parts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from bpcli.spec.base import Component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bpcli.data.records import Records


class Parts(NamedTuple):
    """Row numbers (int64, into the source's rows) of each part; the parts do not overlap."""

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]


class Split(Component):
    """A pure function of the records, the split's fields and the seed."""

    @abstractmethod
    def parts(self, records: Records, seed: int) -> Parts:
        """Which rows go where."""

    def without(self, names: Collection[str]) -> Split:
        """The same split where the parts named ("val", "test") come from sources of their own.

        A split by share hands those shares to training; otherwise rows for such a part are refused later.
        """
        return self

    def consumed(self) -> tuple[str, ...]:
        """Feature columns that only say where a row belongs, and so are no features."""
        return ()
