"""An initializer: the first values of a parameter, as a function of a random stream, and perhaps of data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from bpcli.spec.base import Component

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Initializer(Component):
    """Draws float64 values of a shape; fan_in and fan_out are the sums' lengths forward and backward."""

    #: Whether `settle` is to be called, once, before training.
    data_driven: ClassVar[bool] = False

    @abstractmethod
    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int
    ) -> NDArray[Any]:
        """The values (shape,), float64; they are cast to the net's precision afterwards."""

    def settle(self, W: Any, output: Callable[[], Any]) -> str | None:
        """Changes the drawn W in place by what its layer gives for the first batch of training.

        `output()` is that, before the activation, with W as it then is: a multiple of W plus a bias. Returns
        in words what did not work, or None.
        """
        return None
