"""What the presets for images have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, NonNegativeFloat, PositiveInt

from bpcli.activations.base import Activation
from bpcli.initializers.base import Initializer
from bpcli.layers._preset import Preset
from bpcli.layers.base import Layer
from bpcli.spec.base import Many
from bpcli.spec.registry import Named

#: Layers as a config would write them.
Written = list[dict[str, Any] | Layer | str]


class ImagePreset(Preset):
    """Convolutions with the same norm, activation and initializer, and flat rows made into images."""

    image: Annotated[Many[PositiveInt], Field(min_length=3, max_length=3)] | None = Field(
        default=None, description="[height, width, channels] to make of rows that come in another shape"
    )
    activation: Annotated[Activation, Named("activations")] = Field(default="relu", validate_default=True)  # pyright: ignore[reportAssignmentType]
    norm: Annotated[Layer, Named("layers")] | None = Field(
        default=None, description="a layer after each convolution, such as batch_norm"
    )
    init: Annotated[Initializer, Named("initializers")] = Field(default="he_normal", validate_default=True)  # pyright: ignore[reportAssignmentType]
    l2: NonNegativeFloat = Field(
        default=0.0, description="adds ½·l2·ΣW² to the training loss, for each kernel"
    )

    def images(self) -> Written:
        """The reshape that comes first, where `image` asks for one."""
        return [] if self.image is None else [{"type": "reshape", "shape": list(self.image)}]

    def conv(self, filters: int, kernel: int, *, activated: bool = True, **fields: Any) -> Written:
        """A convolution and its norm, with the activation after them or without."""
        conv: dict[str, Any] = {"type": "conv2d", "filters": filters, "kernel": kernel, "init": self.init}
        conv |= {"l2": self.l2} | fields
        if self.norm is None:
            return [conv | ({"activation": self.activation} if activated else {})]
        return [conv | {"bias": False}, self.norm, *(self.activated() if activated else [])]

    def activated(self) -> Written:
        return [{"type": "activation", "function": self.activation}]

    def dense_layers(self, units: Many[PositiveInt], dropout: float) -> Written:
        """Hidden layers of these sizes, with dropout after each."""
        layers: Written = []
        for size in units:
            fields = {"activation": self.activation, "init": self.init, "l2": self.l2}
            layers.append({"type": "dense", "units": size, **fields})
            if dropout:
                layers.append({"type": "dropout", "rate": dropout})
        return layers
