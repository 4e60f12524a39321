from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from bpcli.activations.base import Activation, activate, activate_backward
from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example
from bpcli.spec.registry import Named


class ActivationLayer(Layer):
    """y = f(x), an activation as a layer of its own.

    Backward: dx = dy f'(x).
    Shapes: any, unchanged.
    """

    type: Literal["activation"] = "activation"
    function: Annotated[Activation, Named("activations")]

    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    by_pieces: ClassVar[bool] = True
    examples: ClassVar = (Example({"function": "tanh"}, (3,)), Example({"function": "relu"}, (2, 3)))

    @property
    def smooth(self) -> bool:
        return self.function.smooth

    def build(self, shape: Shape, decl: Decl) -> Shape:
        return shape

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        return activate(self.function, x, ctx)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        return activate_backward(self.function, dy, ctx) if ctx.need_dx else None

    def final_activation(self) -> Activation | None:
        return self.function
