from __future__ import annotations

from math import prod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bpcli.activations.base import Activation, activate, activate_backward
from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Param, Tree
from bpcli.errors import closest
from bpcli.initializers.base import Initializer
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example
from bpcli.spec.registry import Named


class TiedDense(Layer):
    """y = f(x Wᵀ + b), W the weights of an earlier layer, used a second time.

    Backward: dz = dy f'(z), db = Σ dz, dx = dz W, and dzᵀ x is added to that layer's dW.
    Shapes: x (n, ..., columns of W) -> y (n, ..., rows of W); b (rows,). With an embedding's W it gives a
    number for each symbol, and a language model has one table for what it reads and what it writes; with that
    of a dense layer it is the decoder of a tied autoencoder. W is initialized, decayed and frozen with its
    own layer.
    Source: Press and Wolf, 2017; Inan, Khosravi and Socher, 2017.
    """

    type: Literal["tied_dense"] = "tied_dense"
    to: str = Field(description="the name of the earlier layer, an embedding or a dense layer")
    activation: Annotated[Activation, Named("activations")] | None = None
    bias: bool = True
    bias_init: Annotated[Initializer, Named("initializers")] = Field(default="zeros", validate_default=True)  # pyright: ignore[reportAssignmentType]

    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    by_pieces: ClassVar[bool] = True
    examples: ClassVar = (
        Example({"to": "code"}, (3,), {"type": "dense", "units": 2, "activation": "tanh", "name": "code"}),
        Example(
            {"to": "code", "activation": "tanh", "bias": False},
            (2, 3),
            {"type": "dense", "units": 4, "name": "code"},
        ),
    )

    @property
    def smooth(self) -> bool:
        return self.activation is None or self.activation.smooth

    def build(self, shape: Shape, decl: Decl) -> Shape:
        W = self._weights(decl)
        rows, columns = W.shape
        if not shape or shape[-1] != columns:
            raise decl.error(
                f"the weights of '{self.to}' are {rows} × {columns}, so {columns} features have to come in, "
                f"and {shape} comes",
                f"put {{type: dense, units: {columns}}} before it",
                "to",
            )
        if decl.plan.masked and len(shape) == 1:
            raise decl.error("tied_dense would mix the steps of a masked sequence")
        decl.share("W", W)
        if self.bias:
            decl.param("b", (rows,), self.bias_init, fan_in=columns, fan_out=rows, decay=False)
        return (*shape[:-1], rows)

    def _weights(self, decl: Decl) -> Param:
        """The W of the earlier layer of that name: one of the same list, or the only one of that name."""
        matrices = [param for param in decl.plan.params if param.name == "W" and len(param.shape) == 2]
        named = [param for param in matrices if param.path[-1:] == (self.to,)]
        here = [param for param in named if param.path[:-1] == decl.path[:-1]] or named
        if len(here) == 1:
            return here[0]
        names = list(dict.fromkeys(param.path[-1] for param in matrices if param.path))
        near = closest(self.to, names)
        if named:
            message, hint = f"{len(named)} earlier layers are named '{self.to}'", "give it a name of its own"
        else:
            message = f"no earlier layer with weights for features is named '{self.to}'"
            hint = f"did you mean '{near}'?" if near else f"there is {', '.join(names) or 'none'}"
        raise decl.error(message, hint, "to")

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        flat = ctx.saved = x.reshape(-1, x.shape[-1])
        z = ctx.buf("z", (*x.shape[:-1], len(p.W)), x.dtype)
        flat_z = z.reshape(-1, len(p.W))
        ctx.matmul(flat, p.W.T, flat_z)
        if self.bias:
            flat_z += p.b
        return z if self.activation is None else activate(self.activation, z, ctx, own=True)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        x = ctx.saved
        dz = dy if self.activation is None else activate_backward(self.activation, dy, ctx)
        flat_dz = dz.reshape(-1, len(p.W))
        ctx.matmul(flat_dz.T, x, g.W)
        if self.bias:
            flat_dz.sum(axis=0, out=g.b)
        if not ctx.need_dx:
            return None
        dx = ctx.buf("dx", (*dy.shape[:-1], x.shape[-1]), dy.dtype)
        ctx.matmul(flat_dz, p.W, dx.reshape(-1, x.shape[-1]))
        return dx

    def final_activation(self) -> Activation | None:
        return self.activation

    def flops(self, shape: Shape, output: Shape) -> int:
        return 2 * shape[-1] * prod(output)
