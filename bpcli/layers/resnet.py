from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from bpcli.layers._images import ImagePreset, Written
from bpcli.layers.base import Layer
from bpcli.spec.base import Example, Many
from bpcli.spec.registry import Named


class Resnet(ImagePreset):
    """The residual network for small images: a convolution, stages of basic blocks, a global average.

    A block is x + f(x) and an activation, f two 3×3 convolutions, each with a norm. Each stage after the
    first begins with stride 2 and another width, and there x passes through a 1×1 convolution of stride 2
    (the projection shortcut, without a norm of its own; the paper's nets for small images pad with zeros).
    Padding is symmetrical, so that both paths read the same pixels. `depth` counts the layers with weights on
    the main path: 2 + 2·blocks·stages, with three widths 6n + 2 (20, 32, 44, 56, 110). `skip: false` is the
    plain net of the same layers, to compare with. With `drop`, block k of K is left out at rate k/K · drop
    in training (stochastic depth, Huang et al., 2016: see residual). Shows its layers in `bpcli summary`;
    with `head: auto`, the default, the output layer comes last.
    Source: He, Zhang, Ren and Sun, 2016.
    """

    type: Literal["resnet"] = "resnet"
    depth: PositiveInt = Field(default=20, description="layers with weights: 2 + 2·blocks·stages")
    widths: Annotated[Many[PositiveInt], Field(min_length=1)] = Field(
        default=(16, 32, 64), description="filters of each stage"
    )
    norm: Annotated[Layer, Named("layers")] | None = Field(
        default="batch_norm", validate_default=True, description="a layer after each convolution"
    )  # pyright: ignore[reportAssignmentType]
    skip: bool = Field(default=True, description="whether x goes past each block")
    drop: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="the rate at which the last block is left out in training; .5 in the paper"
    )

    examples: ClassVar = (
        Example({"depth": 4, "widths": [2], "activation": "tanh"}, (3, 3, 2)),
        Example({"depth": 4, "widths": [2], "norm": None, "skip": False, "activation": "tanh"}, (3, 3, 2)),
        Example({"depth": 6, "widths": [2], "activation": "tanh", "drop": 0.5}, (3, 3, 2)),
    )

    @model_validator(mode="after")
    def _whole_blocks(self) -> Self:
        stages = 2 * len(self.widths)
        blocks = (self.depth - 2) // stages
        if blocks < 1 or self.depth != 2 + stages * blocks:
            near = max(1, blocks)
            raise PydanticCustomError(
                "depth",
                "a depth of {depth} makes no whole number of blocks in {stages} stages",
                {
                    "depth": self.depth,
                    "stages": len(self.widths),
                    "hint": f"such as {2 + stages * near} or {2 + stages * (near + 1)}",
                },
            )
        if self.drop and not self.skip:
            raise PydanticCustomError(
                "drop",
                "a block can be dropped only where x goes past it",
                {"hint": "remove skip: false, or drop"},
            )
        return self

    def layers_of(self) -> list[dict[str, Any] | Layer | str]:
        layers = self.images() + self.conv(self.widths[0], 3, padding=1)
        blocks = (self.depth - 2) // (2 * len(self.widths))
        for stage, filters in enumerate(self.widths):
            for block in range(blocks):
                done = (stage * blocks + block + 1) / (len(self.widths) * blocks)
                layers += self._block(filters, 2 if stage and not block else 1, done * self.drop)
        return [*layers, "global_avg_pool"]

    def _block(self, filters: int, stride: int, drop: float) -> Written:
        first = self.conv(filters, 3, stride=stride, padding=1)
        second = self.conv(filters, 3, activated=False, padding=1)
        if not self.skip:
            return [*first, *second, *self.activated()]
        block = {"type": "residual", "layers": [*first, *second], "projection": stride > 1, "drop": drop}
        return [block, *self.activated()]
