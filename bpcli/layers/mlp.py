from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from bpcli.activations.base import Activation
from bpcli.initializers.base import Initializer
from bpcli.layers._preset import Preset
from bpcli.layers.base import Layer
from bpcli.spec.base import Example, Many
from bpcli.spec.registry import Named


class Mlp(Preset):
    """The multi-layer perceptron: flatten, then dense, norm, activation and dropout for each hidden size.

    Stands for those layers and shows them (`bpcli summary`); with `head: auto`, the default, an output
    layer of the width that target and loss ask for comes last.
    Source: Rumelhart, Hinton and Williams, 1986.
    """

    type: Literal["mlp"] = "mlp"
    hidden: Many[PositiveInt] = Field(
        default=(), description="units of each hidden layer; none: a linear model"
    )
    activation: Annotated[Activation, Named("activations")] = Field(default="relu", validate_default=True)  # pyright: ignore[reportAssignmentType]
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="share of units left out after each hidden layer"
    )
    norm: Annotated[Layer, Named("layers")] | None = Field(
        default=None, description="a layer between dense and activation, such as batch_norm"
    )
    init: Annotated[Initializer, Named("initializers")] = Field(
        default="glorot_uniform", validate_default=True
    )  # pyright: ignore[reportAssignmentType]
    l1: NonNegativeFloat = Field(default=0.0, description="as on dense, for every layer, the head included")
    l2: NonNegativeFloat = Field(default=0.0, description="as on dense, for every layer, the head included")

    examples: ClassVar = (
        Example({"hidden": [4, 3], "activation": "tanh"}, (5,)),
        Example({"hidden": [4], "norm": "batch_norm", "activation": "sigmoid"}, (2, 3)),
    )

    @model_validator(mode="after")
    def _hidden_options(self) -> Self:
        for name in ("dropout", "norm"):
            if not self.hidden and getattr(self, name):
                raise PydanticCustomError(
                    "hidden",
                    "{name} comes after each hidden layer, and there is none",
                    {"name": name, "hint": "set hidden: [64], for example"},
                )
        return self

    def head_fields(self) -> dict[str, Any]:
        return {"init": self.init, "l1": self.l1, "l2": self.l2}

    def layers_of(self) -> list[dict[str, Any] | Layer | str]:
        layers: list[dict[str, Any] | Layer | str] = ["flatten"]
        for units in self.hidden:
            dense: dict[str, Any] = {
                "type": "dense",
                "units": units,
                "init": self.init,
                "l1": self.l1,
                "l2": self.l2,
            }
            if self.norm is None:
                layers.append(dense | {"activation": self.activation})
            else:  # the norm's own offset stands in for the bias
                layers += [
                    dense | {"bias": False},
                    self.norm,
                    {"type": "activation", "function": self.activation},
                ]
            if self.dropout:
                layers.append({"type": "dropout", "rate": self.dropout})
        return layers
