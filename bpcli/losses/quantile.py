from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from bpcli.core.cplx import real
from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.losses._columns import row_mean
from bpcli.losses.base import Loss, column_means
from bpcli.spec.base import Example, Many

Share = Annotated[float, Field(gt=0, lt=1)]


class Quantile(Loss):
    """l = mean of max(q (t - y), (q - 1) (t - y)) over columns and quantiles q: the pinball loss.

    Backward: dl/dy = -q where y < t, 1 - q where y > t, over their number; 0 at the kink y = t.
    Shapes: target values (n, d); y (n, d k) for k quantiles, those of the first column first. The best
    constant for q is the q-quantile; .5 is half of `mae`. With several, `q: [0.1, 0.5, 0.9]`, the prediction
    that metrics see is the one nearest to .5, and `bpcli predict` gives all of them.
    Source: Koenker and Bassett, 1978.
    """

    type: Literal["quantile"] = "quantile"
    q: Share | Many[Share] = Field(default=0.5, description="one quantile, or an ascending list of them")

    smooth: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("values",)
    gives_probabilities: ClassVar[bool] = False
    aliases: ClassVar = ("pinball",)
    examples: ClassVar = (Example({"q": 0.8}, (3,)), Example({"q": [0.1, 0.5, 0.9]}, (3,)))

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not self.levels or list(self.levels) != sorted(set(self.levels)):
            raise PydanticCustomError(
                "quantiles", "expected ascending quantiles", {"hint": "for example [0.1, 0.5, 0.9]"}
            )
        return self

    @property
    def levels(self) -> tuple[float, ...]:
        return self.q if isinstance(self.q, tuple) else (self.q,)

    def units(self, target: Target) -> int:
        return target.width * len(self.levels)

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        xp = ctx.xp
        n, k = len(y), len(self.levels)
        q = xp.asarray(self.levels, dtype=real(y).dtype)
        e = ctx.buf("e", y.shape, y.dtype).reshape(n, -1, k)
        xp.subtract(y.reshape(n, -1, k), t.reshape(n, -1, 1), out=e)
        dy = ctx.buf("dy", y.shape, y.dtype)
        sides = dy.reshape(n, -1, k)
        sides[...] = (real(e) > 0) - q * (real(e) != 0)  # 1 - q above, -q below
        e *= sides
        losses = row_mean(e)
        dy *= len(dy) / dy.size
        return losses, dy

    def predict(self, y: Any, xp: Any) -> Any:
        levels = self.levels
        return y[:, min(range(len(levels)), key=lambda i: abs(levels[i] - 0.5)) :: len(levels)]

    def details(self, y: Any, xp: Any) -> dict[str, Any]:
        levels = self.levels
        return {f"q{q:g}": y[:, i :: len(levels)] for i, q in enumerate(levels)} if len(levels) > 1 else {}

    def baseline(self, target: Target) -> list[float]:
        return [mean for mean in column_means(target) for _ in self.levels]
