from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from bpcli.data.augment.base import Array, ImageAugment, Share
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.core.rng import Draws


class Flip(ImageAugment):
    """yᵢⱼ = xᵢ,w₋₁₋ⱼ for a share p of the images: left and right exchanged (or top and bottom).

    For both, list flip twice: each then decides for itself.
    """

    type: Literal["flip"] = "flip"
    direction: Literal["horizontal", "vertical"] = "horizontal"
    p: Share = Field(default=0.5, description="the share of the samples that are changed")

    examples: ClassVar = (
        Example({}, (4, 5, 3)),
        Example({"direction": "vertical", "p": 0.8}, (4, 5, 1)),
    )

    def images(self, x: Array, draws: Draws) -> Array:
        return (x[:, :, ::-1] if self.direction == "horizontal" else x[:, ::-1]).copy()
