from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from bpcli.layers._images import ImagePreset
from bpcli.layers.base import Layer
from bpcli.spec.base import Example, Many


class Lenet(ImagePreset):
    """LeNet-5 in its usual modern form: two convolutions of 5×5, each with a 2×2 pool, then dense 120 and 84.

    The original of 1998 took 32×32 images and had scaled averages for pools, a tanh, a table of which maps
    are joined, and Gaussian outputs. Today's form has max pools, relu, all maps joined, and logits; the first
    convolution is padded (`same`), so that 28×28 images give the original's maps of 28, 14, 10 and 5 pixels.
    `activation: tanh, pool: average` come nearer to it. Shows its layers in `bpcli summary`; with
    `head: auto`, the default, the output layer comes last.
    Source: LeCun, Bottou, Bengio and Haffner, 1998.
    """

    type: Literal["lenet"] = "lenet"
    filters: Annotated[Many[PositiveInt], Field(min_length=2, max_length=2)] = Field(
        default=(6, 16), description="of the two convolutions"
    )
    kernel: PositiveInt = Field(default=5, description="height and width of the kernels")
    pool: Literal["max", "average"] = "max"
    dense: Many[PositiveInt] = Field(default=(120, 84), description="units of the hidden layers after them")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="share of units left out after each hidden layer"
    )

    examples: ClassVar = (
        Example(
            {"filters": [2, 3], "kernel": 2, "dense": [3, 2], "pool": "average", "activation": "tanh"},
            (6, 6, 2),
        ),
    )

    def layers_of(self) -> list[dict[str, Any] | Layer | str]:
        first, second = self.filters
        pool = {"max": "max_pool2d", "average": "avg_pool2d"}[self.pool]
        return [
            *self.images(),
            *self.conv(first, self.kernel, padding="same"),
            pool,
            *self.conv(second, self.kernel),
            pool,
            "flatten",
            *self.dense_layers(self.dense, self.dropout),
        ]
