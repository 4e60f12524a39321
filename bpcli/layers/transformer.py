from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from bpcli.activations.base import Activation
from bpcli.layers._preset import Preset
from bpcli.layers.base import Layer
from bpcli.spec.base import Example
from bpcli.spec.registry import Named


class Transformer(Preset):
    """A transformer: vectors for symbols, their positions, blocks of attention, and a norm at the end.

    With `symbols` whole numbers (n, t) come in, and an embedding makes vectors of `units` features; without,
    vectors (n, t, c), and a dense layer does. Then positions are added, and `blocks` transformer_blocks
    follow. The mean over the steps, or their maximum, is what the head gets; `return_sequences` gives each
    step instead. To predict the next step of a sequence, say `causal` and `return_sequences`. Stands for
    those layers and shows them (`bpcli summary`); with `head: auto`, the default, the output layer comes
    last.
    Source: Vaswani et al., 2017.
    """

    type: Literal["transformer"] = "transformer"
    symbols: PositiveInt | Literal["auto"] | None = Field(
        default=None,
        description="how many symbols there are; auto: as many as the data's vocabulary; left out where "
        "vectors come in",
    )
    mask_zero: bool | None = Field(default=None, description="whether symbol 0 is padding")
    units: PositiveInt = Field(default=64, description="the width of all blocks")
    heads: PositiveInt = 4
    blocks: PositiveInt = 2
    feed_forward: PositiveInt | None = Field(
        default=None, description="the width inside the feed-forward parts; by default four times the units"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="in the blocks, and once after the positions"
    )
    causal: bool = Field(default=False, description="whether step t sees the steps up to t alone")
    positions: Literal["sinusoidal", "learnt"] = "sinusoidal"
    steps: PositiveInt | None = Field(
        default=None, description="the longest sequence, for learnt positions; sinusoidal ones have no bound"
    )
    norm: Literal["before", "after"] = Field(
        default="before", description="as on transformer_block; before: one more comes after the blocks"
    )
    activation: Annotated[Activation, Named("activations")] = Field(default="gelu", validate_default=True)  # pyright: ignore[reportAssignmentType]
    reduce: Literal["global_avg", "global_max"] | None = Field(
        default=None, description="how the steps become one vector, by default global_avg"
    )
    return_sequences: bool = Field(default=False, description="whether each step gives a vector of its own")

    examples: ClassVar = (
        Example({"units": 4, "heads": 2, "blocks": 1, "feed_forward": 3}, (3, 2)),
        Example(
            {
                "units": 2,
                "heads": 1,
                "causal": True,
                "norm": "after",
                "positions": "learnt",
                "steps": 3,
                "dropout": 0.2,
                "return_sequences": True,
            },
            (3, 2),
        ),
    )

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if (self.positions == "learnt") != (self.steps is not None):
            told = "need to know" if self.steps is None else "that are sinusoidal do not need to know"
            raise PydanticCustomError(
                "steps",
                "positions {told} how long a sequence may be",
                {"told": told, "hint": "set steps: 256" if self.steps is None else "leave out steps"},
            )
        if self.mask_zero and self.symbols is None:
            raise PydanticCustomError(
                "mask_zero", "mask_zero is about symbols, and there are none", {"hint": "set symbols"}
            )
        if self.return_sequences and self.reduce is not None:
            raise PydanticCustomError(
                "reduce", "with return_sequences the steps stay apart", {"hint": "leave out one of the two"}
            )
        if self.units % self.heads:
            raise PydanticCustomError(
                "heads",
                "{units} units cannot be shared out evenly to {heads} heads",
                {"units": self.units, "heads": self.heads, "hint": f"such as units: {self.heads * 16}"},
            )
        return self

    def layers_of(self) -> list[dict[str, Any] | Layer | str]:
        layers: list[dict[str, Any] | Layer | str] = [self._vectors(), self._positions()]
        if self.dropout:
            layers.append({"type": "dropout", "rate": self.dropout})
        block = {
            "type": "transformer_block",
            "heads": self.heads,
            "units": self.feed_forward,
            "dropout": self.dropout,
            "causal": self.causal,
            "norm": self.norm,
            "activation": self.activation,
        }
        layers += [block | {"name": f"block{number}"} for number in range(1, self.blocks + 1)]
        if self.norm == "before":
            layers.append("layer_norm")
        return layers if self.return_sequences else [*layers, f"{self.reduce or 'global_avg'}_pool"]

    def _vectors(self) -> dict[str, Any]:
        if self.symbols is None:
            return {"type": "dense", "units": self.units}
        return {
            "type": "embedding",
            "symbols": self.symbols,
            "units": self.units,
            "mask_zero": self.mask_zero,
        }

    def _positions(self) -> dict[str, Any]:
        if self.positions == "learnt":
            return {"type": "positional_embedding", "steps": self.steps}
        return {"type": "positional_encoding", "scale": self.symbols is not None}
