"""The exponential rectifier, shared by elu and selu: s·x above zero, s·α(eˣ - 1) below."""

from __future__ import annotations

from typing import Any

from bpcli.core.ctx import Ctx


def forward(x: Any, out: Any, ctx: Ctx, scale: float, alpha: float) -> Any:
    """y = s max(x, 0) + s α (exp(min(x, 0)) - 1), written into out (which may be x); nothing can overflow.

    exp and not expm1: it is several times as fast, and differs by less than one rounding of 1.
    """
    xp = ctx.xp
    low = xp.minimum(x, 0, out=ctx.buf("low", x.shape, x.dtype))
    xp.exp(low, out=low)
    low -= 1.0
    low *= scale * alpha
    xp.maximum(x, 0, out=out)
    if scale != 1.0:
        out *= scale
    out += low
    return out


def backward(dy: Any, y: Any, out: Any, ctx: Ctx, scale: float, alpha: float) -> Any:
    """dx = dy s where y > 0, else dy (y + s α): the slope of s α eˣ is read off y itself."""
    xp = ctx.xp
    xp.minimum(y, 0, out=out)
    out += scale * alpha
    if alpha != 1.0:  # with α = 1 the slope above zero is already right
        positive = xp.greater(y.real, 0, out=ctx.buf("positive", y.shape, y.dtype))
        positive *= scale - scale * alpha
        out += positive
    return xp.multiply(dy, out, out=out)
