from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from bpcli.layers._images import ImagePreset, Written
from bpcli.layers.base import Layer
from bpcli.spec.base import Example, Many, Strict

Rate = Annotated[float, Field(ge=0, lt=1)]
Pool = Literal["max", "average", "none"]


class Block(Strict):
    """Convolutions, then a pool and dropout. What is left out is the whole net's."""

    filters: PositiveInt | Annotated[Many[PositiveInt], Field(min_length=1)] = Field(
        description="of the convolution; a list for several, one after the other"
    )
    convs: PositiveInt = Field(default=1, description="how many convolutions of each width")
    kernel: PositiveInt | None = None
    pool: Pool | None = None
    dropout: Rate | None = None


class Cnn(ImagePreset):
    """A convolutional network: blocks of conv2d, norm, activation, pool and dropout, then dense layers.

    `filters: [32, 64]` is short for `blocks: [{filters: 32}, {filters: 64}]`: a convolution and a 2×2 pool
    each. Stands for those layers and shows them (`bpcli summary`); with `head: auto`, the default, an output
    layer of the width that target and loss ask for comes last. Images are (h, w, c); `image: [8, 8, 1]` makes
    them of flat rows.
    Source: LeCun, Bottou, Bengio and Haffner, 1998; blocks of small kernels: Simonyan and Zisserman, 2015.
    """

    type: Literal["cnn"] = "cnn"
    filters: Many[PositiveInt] | None = Field(default=None, description="of each block, in the short form")
    blocks: Many[Block] | None = Field(
        default=None, description="the blocks in full: filters, convs, kernel, pool and dropout of each"
    )
    kernel: PositiveInt = Field(default=3, description="height and width of the kernels")
    padding: Literal["same", "valid"] = "same"
    pool: Pool = Field(default="max", description="over 2×2 pixels, at the end of each block")
    dropout: Rate = Field(default=0.0, description="share of values left out at the end of each block")
    reduce: Literal["flatten", "global_avg", "global_max"] = Field(
        default="flatten", description="how images become rows for the dense layers"
    )
    dense: Many[PositiveInt] = Field(default=(), description="units of each hidden layer after the blocks")
    dense_dropout: Rate = Field(default=0.0, description="share of units left out after each hidden layer")

    examples: ClassVar = (
        Example({"filters": [2], "activation": "tanh", "pool": "average", "dense": [3]}, (4, 4, 2)),
        Example(
            {
                "blocks": [{"filters": [2, 3], "kernel": 2, "pool": "none"}],
                "norm": "batch_norm",
                "activation": "tanh",
                "padding": "valid",
                "reduce": "global_avg",
                "image": [3, 3, 2],
            },
            (18,),
        ),
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.filters is None) == (self.blocks is None):
            given = "neither" if self.filters is None else "both"
            raise PydanticCustomError(
                "blocks",
                "a cnn has either filters or blocks, and {given} is given",
                {"given": given, "hint": "for example filters: [32, 64]"},
            )
        return self

    def layers_of(self) -> list[dict[str, Any] | Layer | str]:
        layers = self.images()
        for block in self.blocks or [Block(filters=filters) for filters in self.filters or ()]:
            layers += self._block(block)
        layers.append({"flatten": "flatten"}.get(self.reduce, f"{self.reduce}_pool"))
        return layers + self.dense_layers(self.dense, self.dense_dropout)

    def _block(self, block: Block) -> Written:
        layers: Written = []
        widths = block.filters if isinstance(block.filters, tuple) else (block.filters,)
        for filters in (width for width in widths for _ in range(block.convs)):
            layers += self.conv(filters, block.kernel or self.kernel, padding=self.padding)
        pool, dropout = block.pool or self.pool, self.dropout if block.dropout is None else block.dropout
        if pool != "none":
            layers.append({"max": "max_pool2d", "average": "avg_pool2d"}[pool])
        if dropout:
            layers.append({"type": "dropout", "rate": dropout})
        return layers
