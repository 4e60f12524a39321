"""An activation: an elementwise function (softmax: along the last axis) and its derivative."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from bpcli.core.rows import BLOCK_WORK, PASS
from bpcli.spec.base import Component

if TYPE_CHECKING:
    from bpcli.core.ctx import Ctx


#: Numbers from which on one pass over them is worth several threads.
LARGE = 2 * BLOCK_WORK / PASS


class Activation(Component):
    """y = f(x); dx = dy f'(x).

    Both write into `out` and return it. `out` of forward may be x itself where `needs_x` is false, which
    saves a pass over memory; `out` of backward is never dy, x or y.
    """

    smooth: ClassVar[bool] = True
    #: Whether backward reads x; otherwise y alone is enough, and x may be overwritten.
    needs_x: ClassVar[bool] = False
    #: Whether rows can be worked on apart, at one time: it keeps nothing in ctx.
    by_rows: ClassVar[bool] = False
    #: Whether the outputs are probabilities; a loss that takes logits refuses such a layer in front of it.
    gives_probabilities: ClassVar[bool] = False

    @abstractmethod
    def forward(self, x: Any, out: Any, ctx: Ctx) -> Any:
        """f(x), written into out."""

    @abstractmethod
    def backward(self, dy: Any, x: Any, y: Any, out: Any, ctx: Ctx) -> Any:
        """dy f'(x), written into out."""


def activate(function: Activation, x: Any, ctx: Ctx, *, own: bool = False) -> Any:
    """f(x) in a layer's workspace; with `own`, x is the layer's own buffer and may be overwritten."""
    here = ctx.child("activation")
    out = x if own and not function.needs_x else here.buf("y", x.shape, x.dtype)
    if here.by_kernel(function.type, x, out):
        y = out
    elif x.size >= LARGE and function.by_rows:
        here.rows(len(x), PASS * x.size, lambda rows: function.forward(x[rows], out[rows], here))
        y = out
    else:
        y = function.forward(x, out, here)
    here.saved = (x, y)
    return y


def activate_backward(function: Activation, dy: Any, ctx: Ctx) -> Any:
    """dy f'(x), for the pass that `activate` made last in this workspace."""
    here = ctx.child("activation")
    x, y = here.saved
    dx = here.buf("dx", x.shape, x.dtype)
    if here.by_kernel(f"{function.type}_back", dy, y, dx):
        return dx
    if x.size >= LARGE and function.by_rows:
        here.rows(
            len(x), PASS * x.size, lambda rows: function.backward(dy[rows], x[rows], y[rows], dx[rows], here)
        )
        return dx
    return function.backward(dy, x, y, dx, here)
