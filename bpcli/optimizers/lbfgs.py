from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from bpcli.optimizers.base import Optimizer
from bpcli.spec.base import Example

_CURVED = 1e-10  # a pair with less of y·s says nothing about curvature
_HALVINGS, _ENOUGH = 20, 1e-4


class Lbfgs(Optimizer):
    """w <- w - rate H g, where H approximates the inverse Hessian by the last pairs y = Δg, s = Δw.

    H g takes two loops over `history` pairs, starting from H = s·y / y·y of the newest. Each step must see
    all training rows: set data.batch_size to them, or train.accumulate. With `line_search` a step is halved
    until the loss falls by 1e-4 of what its slope promises (Armijo, 1966), at most 20 times. Without, it is
    PyTorch's LBFGS with max_iter=1: the very first step is shortened to length 1 (by absolute values), the
    others are taken as they come.
    Source: Nocedal, 1980; Liu and Nocedal, 1989.
    """

    type: Literal["lbfgs"] = "lbfgs"
    lr: PositiveFloat = 1.0
    history: PositiveInt = Field(default=10, description="pairs that are kept, each as long as the weights")
    line_search: bool = True

    scope: ClassVar[Literal["weight", "array", "net"]] = "net"
    examples: ClassVar = (Example({}), Example({"history": 3, "line_search": False}))

    @model_validator(mode="after")
    def _no_decay(self) -> Self:
        if self.weight_decay:
            raise PydanticCustomError(
                "decay",
                "lbfgs follows one function, of which decoupled decay is no part",
                {"hint": "use regularize: [{type: l2, rate: ...}]"},
            )
        return self

    @property
    def searches(self) -> bool:
        return self.line_search

    def slot_names(self) -> tuple[str, ...]:
        pairs = [f"{kind}{i}" for i in range(self.history) for kind in "sy"]
        return ("w", "g", *pairs)

    def step(self, w: Any, g: Any, s: dict[str, Any], rate: float, t: int, ctx: Any) -> None:
        xp = ctx.xp
        if t == 1:
            size = float(xp.abs(g).sum())
            rate *= min(1.0, 1.0 / size) if size else 1.0
        else:
            i = (t - 2) % self.history
            xp.subtract(w, s["w"], out=s[f"s{i}"])
            xp.subtract(g, s["g"], out=s[f"y{i}"])
        s["w"][...] = w
        s["g"][...] = g
        self._times_h(g, s, t, ctx)
        g *= rate
        w -= g

    def _times_h(self, d: Any, s: dict[str, Any], t: int, ctx: Any) -> None:
        """d <- H d, newest pair first on the way in, oldest first on the way out."""
        part = ctx.buf("part", d.shape, d.dtype)
        newest = [(t - 2 - k) % self.history for k in range(min(t - 1, self.history))]
        pairs = [(s[f"s{i}"], s[f"y{i}"]) for i in newest]
        products = [float(y @ x) for x, y in pairs]
        used = [(x, y, ys) for (x, y), ys in zip(pairs, products, strict=True) if ys > _CURVED]
        shares: list[float] = []
        for x, y, ys in used:
            shares.append(float(x @ d) / ys)
            d -= ctx.xp.multiply(y, shares[-1], out=part)
        if used:
            _, y, ys = used[0]
            d *= ys / float(y @ y)
        for (x, y, ys), share in zip(reversed(used), reversed(shares), strict=True):
            d += ctx.xp.multiply(x, share - float(y @ d) / ys, out=part)

    def search(self, w: Any, s: dict[str, Any], before: float, loss: Callable[[], float], ctx: Any) -> None:
        xp = ctx.xp
        start = s["w"]
        d = xp.subtract(w, start, out=ctx.buf("d", w.shape, w.dtype))
        slope = float(s["g"] @ d)
        for _ in range(_HALVINGS):
            if loss() <= before + _ENOUGH * slope:  # false for NaN too
                return
            d *= 0.5
            slope *= 0.5
            xp.add(start, d, out=w)
        w[...] = start
