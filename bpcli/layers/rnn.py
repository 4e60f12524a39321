from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from bpcli.layers._preset import Preset
from bpcli.layers.base import Layer
from bpcli.spec.base import Example, Many, Strict

Rate = Annotated[float, Field(ge=0, lt=1)]


class Symbols(Strict):
    """The embedding in front of the recurrent layers."""

    symbols: PositiveInt | Literal["auto"] = Field(
        default="auto", description="how many there are; auto: those of the data's vocabulary"
    )
    units: PositiveInt = Field(description="the width of each symbol's vector")
    mask_zero: bool | None = Field(default=None, description="whether symbol 0 is padding")


class Rnn(Preset):
    """A recurrent network: an embedding if asked for, then recurrent layers with dropout after each.

    Stands for those layers and shows them (`bpcli summary`); with `head: auto`, the default, an output layer
    of the width that target and loss ask for comes last. All layers but the last give sequences to the next;
    the last gives its output at the last step, or with `return_sequences` at every step.
    Source: stacked: Graves, Mohamed and Hinton, 2013; dropout between layers: Zaremba, Sutskever and Vinyals,
    2014.
    """

    type: Literal["rnn"] = "rnn"
    cell: Literal["lstm", "gru", "simple_rnn"] = "lstm"
    units: PositiveInt | Annotated[Many[PositiveInt], Field(min_length=1)] = Field(
        default=64, description="of every layer; a list for one layer each"
    )
    layers: PositiveInt = Field(default=1, description="how many, where units is one number")
    bidirectional: bool = Field(default=False, description="whether each layer reads both ways")
    embedding: Symbols | None = Field(
        default=None, description="for sequences of symbols: {symbols, units, mask_zero}"
    )
    dropout: Rate = Field(default=0.0, description="share of values left out after each recurrent layer")
    recurrent_dropout: Rate = Field(default=0.0, description="as on the layers themselves")
    return_sequences: bool = Field(
        default=False, description="whether the last layer gives its output at every step"
    )
    stateful: PositiveInt | None = Field(default=None, description="as on the layers themselves")
    l2: NonNegativeFloat = Field(default=0.0, description="as on the layers themselves, for each of them")

    examples: ClassVar = (
        Example({"units": 3}, (4, 2)),
        Example({"cell": "gru", "units": [3, 2], "bidirectional": True, "dropout": 0.2}, (3, 2)),
        Example({"cell": "simple_rnn", "units": 2, "layers": 2, "recurrent_dropout": 0.2}, (3, 2)),
        Example(
            {
                "embedding": {"symbols": 5, "units": 2, "mask_zero": True},
                "units": 2,
                "return_sequences": True,
            },
            (4,),
        ),
    )

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        if isinstance(self.units, tuple) and self.layers > 1:
            raise PydanticCustomError(
                "layers",
                "units is a list of {count} layers already",
                {"count": len(self.units), "hint": "remove layers, or give units one number"},
            )
        if self.bidirectional and self.stateful is not None:
            raise PydanticCustomError(
                "both_ways",
                "a net that reads both ways cannot be stateful: its way back begins in a batch to come",
                {"hint": "remove stateful or bidirectional"},
            )
        return self

    def layers_of(self) -> list[dict[str, Any] | Layer | str]:
        made: list[dict[str, Any] | Layer | str] = []
        if self.embedding is not None:
            made.append({"type": "embedding", **self.embedding.model_dump()})
        widths = self.units if isinstance(self.units, tuple) else (self.units,) * self.layers
        for number, units in enumerate(widths, 1):
            cell = {
                "type": self.cell,
                "units": units,
                "return_sequences": self.return_sequences or number < len(widths),
                "recurrent_dropout": self.recurrent_dropout,
                "stateful": self.stateful,
                "l2": self.l2,
            }
            made.append({"type": "bidirectional", "layer": cell} if self.bidirectional else cell)
            if self.dropout:
                made.append({"type": "dropout", "rate": self.dropout})
        return made
