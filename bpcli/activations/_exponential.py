"""The exponential rectifier, shared by elu and selu: s·x above zero, s·α(eˣ - 1) below."""

from __future__ import annotations

from typing import Any

from bpcli.core.ctx import Ctx


def forward(x: Any, out: Any, ctx: Ctx, scale: float, alpha: float) -> Any:
    """y = s (max(x, 0) + α expm1(min(x, 0))), written into out (which may be x): no branch can overflow."""
    xp = ctx.xp
    low = xp.minimum(x, 0, out=ctx.buf("low", x.shape, x.dtype))
    xp.expm1(low, out=low)
    low *= scale * alpha
    xp.maximum(x, 0, out=out)
    if scale != 1.0:
        out *= scale
    out += low
    return out


def backward(dy: Any, y: Any, out: Any, ctx: Ctx, scale: float, alpha: float) -> Any:
    """dx = dy s where y > 0, else dy (y + s α): the slope of s α eˣ is read off y itself."""
    xp = ctx.xp
    xp.add(y, scale * alpha, out=out)
    xp.copyto(out, scale, where=y.real > 0)
    return xp.multiply(dy, out, out=out)
