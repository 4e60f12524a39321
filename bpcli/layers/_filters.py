"""The fields that all convolutions have, and what they do with bias and activation."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, NonNegativeFloat

from bpcli.activations.base import Activation, activate, activate_backward
from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.initializers.base import Initializer
from bpcli.layers.base import Layer
from bpcli.spec.registry import Named


class Filters(Layer):
    """y = f(z + b), z linear in x: a layer with a kernel, a bias and an activation f."""

    activation: Annotated[Activation, Named("activations")] | None = None
    bias: bool = True
    init: Annotated[Initializer, Named("initializers")] = Field(
        default="glorot_uniform", validate_default=True
    )  # pyright: ignore[reportAssignmentType]
    bias_init: Annotated[Initializer, Named("initializers")] = Field(default="zeros", validate_default=True)  # pyright: ignore[reportAssignmentType]
    l1: NonNegativeFloat = Field(default=0.0, description="adds l1·Σ|W| to the training loss")
    l2: NonNegativeFloat = Field(default=0.0, description="adds ½·l2·ΣW² to the training loss")

    linear_in: ClassVar[str | None] = "W"

    @property
    def smooth(self) -> bool:
        return self.activation is None or self.activation.smooth

    def final_activation(self) -> Activation | None:
        return self.activation

    def declare(self, decl: Decl, shape: tuple[int, ...], filters: int, *, fan_in: int, fan_out: int) -> None:
        """Declares the kernel W and the bias b (filters,)."""
        decl.param("W", shape, self.init, fan_in=fan_in, fan_out=fan_out, l1=self.l1, l2=self.l2)
        if self.bias:
            decl.param("b", (filters,), self.bias_init, fan_in=fan_in, fan_out=fan_out, decay=False)

    def activated(self, z: Any, ctx: Ctx) -> Any:
        return z if self.activation is None else activate(self.activation, z, ctx, own=True)

    def before_activation(self, dy: Any, ctx: Ctx) -> Any:
        return dy if self.activation is None else activate_backward(self.activation, dy, ctx)

    def b(self, tree: Tree) -> Any:
        """The bias, or its gradient; None where there is none."""
        return tree.b if self.bias else None


def check_groups(decl: Decl, layer: Layer, channels: int, filters: int, groups: int) -> None:
    """An error unless the groups divide both the channels and the filters."""
    if channels % groups or filters % groups:
        raise decl.error(
            f"{layer.type} cannot cut {channels} channels and {filters} filters into {groups} groups",
            "groups must divide both",
            "groups",
        )
