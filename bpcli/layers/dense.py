from __future__ import annotations

from math import prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from bpcli.activations.base import LARGE, Activation, activate, activate_backward
from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.initializers.base import Initializer
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example
from bpcli.spec.registry import Named


def as_rows(a: Any) -> Any:
    """a (n, ..., k) as a matrix (n..., k), a view."""
    return a if a.ndim == 2 else a.reshape(-1, a.shape[-1])


class Dense(Layer):
    """y = f(x W + b), the fully connected layer, with an activation f if one is named.

    Backward: dz = dy f'(z), dW = xᵀ dz, db = Σ dz, dx = dz Wᵀ.
    Shapes: x (n, ..., in) -> y (n, ..., units); W (in, units), b (units,).
    Source: Rumelhart, Hinton and Williams, 1986.
    """

    type: Literal["dense"] = "dense"
    units: PositiveInt
    activation: Annotated[Activation, Named("activations")] | None = None
    bias: bool = True
    init: Annotated[Initializer, Named("initializers")] = Field(
        default="glorot_uniform", validate_default=True
    )  # pyright: ignore[reportAssignmentType]
    bias_init: Annotated[Initializer, Named("initializers")] = Field(default="zeros", validate_default=True)  # pyright: ignore[reportAssignmentType]
    l1: NonNegativeFloat = Field(default=0.0, description="adds l1·Σ|W| to the training loss")
    l2: NonNegativeFloat = Field(default=0.0, description="adds ½·l2·ΣW² to the training loss")

    linear_in: ClassVar[str | None] = "W"
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    by_pieces: ClassVar[bool] = True
    examples: ClassVar = (
        Example({"units": 4}, (3,)),
        Example({"units": 2, "activation": "tanh", "bias": False}, (3,)),
        Example({"units": 3, "activation": "tanh", "l2": 0.01}, (4, 5)),
    )

    @property
    def smooth(self) -> bool:
        return self.activation is None or self.activation.smooth

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if not shape:
            raise decl.error("dense needs at least one feature")
        if decl.plan.masked and len(shape) == 1:
            raise decl.error(
                f"dense would mix the {shape[0]} steps of a masked sequence",
                "put a layer that reads it before",
            )
        n_in = shape[-1]
        fans = {"fan_in": n_in, "fan_out": self.units}
        decl.param("W", (n_in, self.units), self.init, **fans, l1=self.l1, l2=self.l2)
        if self.bias:
            decl.param("b", (self.units,), self.bias_init, **fans, decay=False)
        return (*shape[:-1], self.units)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        z = ctx.buf("z", (*x.shape[:-1], self.units), x.dtype)
        flat, flat_z = as_rows(x), as_rows(z)  # (n..., in): one matmul for all leading axes
        ctx.matmul(flat, p.W, flat_z)
        fused, fused_back = self._fused(z, ctx)
        ctx.saved = flat, flat_z, fused_back
        if fused is not None:
            fused(flat_z, p.b)
            return z
        if self.bias:
            flat_z += p.b
        return z if self.activation is None else activate(self.activation, z, ctx, own=True)

    def _fused(self, z: Any, ctx: Ctx) -> tuple[Any, Any]:
        """Compiled passes of bias and activation together, forward and backward, or (None, None).

        Where z is large the threads share it instead.
        """
        kernels = ctx.compiled("dense", z.dtype) if self.bias and self.activation and z.size < LARGE else None
        if kernels is None or self.activation is None:
            return None, None
        name = self.activation.type
        return getattr(kernels, name, None), getattr(kernels, f"{name}_back", None)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        x, y, fused_back = ctx.saved
        if fused_back is not None:
            flat_dz = ctx.buf("dz", y.shape, y.dtype)
            fused_back(as_rows(dy), y, flat_dz, g.b)
        else:
            dz = dy if self.activation is None else activate_backward(self.activation, dy, ctx)
            flat_dz = as_rows(dz)
            if self.bias:
                ctx.ones(len(flat_dz), dz.dtype).dot(flat_dz, g.b)  # a sum along columns is slower
        ctx.matmul(x.T, flat_dz, g.W)
        if not ctx.need_dx:
            return None
        dx = ctx.buf("dx", (*dy.shape[:-1], x.shape[-1]), dy.dtype)
        ctx.matmul(flat_dz, p.W.T, as_rows(dx))
        return dx

    def final_activation(self) -> Activation | None:
        return self.activation

    def flops(self, shape: Shape, output: Shape) -> int:
        return 2 * shape[-1] * prod(output)
