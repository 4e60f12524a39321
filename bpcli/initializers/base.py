"""An initializer: the first values of a parameter, as a pure function of a random stream."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from bpcli.spec.base import Component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Initializer(Component):
    """Draws float64 values of a shape; fan_in and fan_out are the sums' lengths forward and backward."""

    @abstractmethod
    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        """The values (shape,), float64; they are cast to the net's precision afterwards."""
