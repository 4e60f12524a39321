from __future__ import annotations

from typing import Any, ClassVar, Literal

from bpcli.core.ctx import Ctx
from bpcli.data.records import Target
from bpcli.losses._columns import exponential, row_mean
from bpcli.losses.base import Loss, column_means
from bpcli.spec.base import Example


class GaussianNll(Loss):
    """l = ½/d Σⱼ (sⱼ + (tⱼ - mⱼ)² exp(-sⱼ)): a normal likelihood whose variance exp(s) is learnt too.

    Backward: dl/dm = (m - t) exp(-s) / d, dl/ds = ½ (1 - (t - m)² exp(-s)) / d.
    Shapes: target values (n, d); y (n, 2d), the means m first, then the logarithms s of the variances. The
    prediction is the mean; `bpcli predict` gives one standard deviation below and above it too. ½ log 2π
    is left out, as in PyTorch (which takes the variance itself); below s = -50 the exponential goes on along
    its tangent. The baseline predicts the mean with a variance of 1, which fits a target that was
    standardized.
    Source: Nix and Weigend, 1994.
    """

    type: Literal["gaussian_nll"] = "gaussian_nll"

    targets: ClassVar[tuple[str, ...]] = ("values",)
    gives_probabilities: ClassVar[bool] = False
    examples: ClassVar = (Example({}, (6,)), Example({}, (2,)))

    def units(self, target: Target) -> int:
        return 2 * target.width

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        d = y.shape[1] // 2
        m, s = y[:, :d], y[:, d:]
        inverse, slope = exponential(-s, ctx.xp)
        e = m - t
        square = e * e
        losses = 0.5 * row_mean(s + square * inverse)
        dy = ctx.buf("dy", y.shape, y.dtype)
        ctx.xp.multiply(e, inverse, out=dy[:, :d])
        ctx.xp.multiply(square, slope, out=dy[:, d:])
        dy[:, d:] -= 1
        dy[:, d:] *= -0.5
        dy *= 1 / d
        return losses, dy

    def predict(self, y: Any, xp: Any) -> Any:
        return y[:, : y.shape[1] // 2]

    def details(self, y: Any, xp: Any) -> dict[str, Any]:
        m, s = y[:, : y.shape[1] // 2], y[:, y.shape[1] // 2 :]
        spread = exponential(0.5 * s, xp)[0]
        return {"low": m - spread, "high": m + spread}

    def baseline(self, target: Target) -> list[float]:
        return [*column_means(target), *(0.0 for _ in range(target.width))]
