"""What metrics look at: the net's outputs for some rows, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpcli.losses.base import has_places

if TYPE_CHECKING:
    from bpcli.data.records import Target
    from bpcli.data.series import Windows
    from bpcli.losses.base import Loss

Array = NDArray[Any]


class Prediction:
    """Outputs and targets of some rows, on the host; derived forms are worked out once, when asked for.

    outputs (n, units) · y: class indices (n,), or (n, d) · loss_sum and norm: the loss of these rows is
    their quotient. `invert` takes values, and those of one of several targets with that target, back to the
    original units, and `windows` from there to those of their series. With a class for each place of a row,
    the places are the rows here, but for those with nothing to predict; `owner` (n,) is then the row that
    each belongs to.
    """

    def __init__(
        self,
        outputs: Array,
        y: Array,
        loss: Loss,
        loss_sum: float = 0.0,
        norm: float = 0.0,
        invert: Callable[..., Array] | None = None,
        windows: Windows | None = None,
    ) -> None:
        self.outputs, self.y, self.loss = outputs, y, loss
        self.loss_sum, self.norm = loss_sum, norm
        self._invert, self._windows = invert, windows
        self._labels: Array | None = None
        self.owner: Array | None = None
        if has_places(y):
            known = y.ravel() >= 0
            self.owner = np.repeat(np.arange(len(y)), y[0].size)[known]
            self.outputs, self.y = outputs.reshape(-1, outputs.shape[-1])[known], y.ravel()[known]

    def __len__(self) -> int:
        return len(self.outputs)

    @cached_property
    def probabilities(self) -> Array:
        """(n, k) for classes, (n, d) for binary columns; scores where the loss gives no probabilities."""
        return self.loss.predict(self.outputs, np)

    @property
    def labels(self) -> Array:
        """The class (n,) of each row: that of the largest output, which one output's sign decides."""
        found = self._labels  # asked for at every step: functools' own way takes a lock each time
        if found is None:
            if self.outputs.shape[1] == 1:
                found = (self.probabilities[:, 1] > self.probabilities[:, 0]).astype(np.int64)
            else:
                found = self.outputs.argmax(axis=1)
            self._labels = found
        return found

    @cached_property
    def exact_probabilities(self) -> Array:
        """The probabilities worked out in float64, where fewer of them round to 0, to 1, or to each other."""
        return self.loss.predict(self.outputs.astype(np.float64), np)

    @cached_property
    def values(self) -> Array:
        """(n, d) predicted values in the target's original units, float64."""
        return self._units(self.loss.predict(self.outputs, np))

    @cached_property
    def actual(self) -> Array:
        """(n, d) the target in its original units, float64."""
        return self._units(self.y)

    def center(self, target: Target) -> Array:
        """(d,) about where the target lies, in its original units: the same for every batch of a run."""
        if self._windows is not None:
            return self._windows.center()
        return self._units(np.atleast_2d(target.mean or np.zeros(target.width)))[0]

    def part(self, number: int, target: Target) -> Prediction:
        """That of one of several targets: its columns, its loss."""
        cut, loss = self.loss.cut(number), self.loss.several()[number].loss
        own = target.parts[number]
        invert = None if self._invert is None else partial(self._invert, part=own)
        windows = None if self._windows is None else self._windows.only(own.columns)
        return Prediction(cut.outputs(self.outputs), cut.target(self.y), loss, invert=invert, windows=windows)

    def _units(self, values: Array) -> Array:
        values = np.asarray(values, dtype=np.float64)
        values = values if self._invert is None else self._invert(values)
        return values if self._windows is None else self._windows.to_units(values)
