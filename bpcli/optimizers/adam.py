from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat

from bpcli.core.rows import PASS, grid
from bpcli.optimizers.base import Optimizer
from bpcli.spec.base import Example

#: Of a weight in the kernel: four vectors are read and three written.
_COST = 4 * PASS

Beta = Annotated[float, Field(ge=0, lt=1)]


class Adam(Optimizer):
    """m <- β₁ m + (1 - β₁) g,  v <- β₂ v + (1 - β₂) g²,  w <- w - rate m̂ / (√v̂ + ε).

    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) undo the start at zero. With `amsgrad` the largest v so far
    takes the place of v (Reddi, Kale and Kumar, 2018).
    The slots hold m / (1 - β₁) and v / (1 - β₂), which spares a pass over the vectors each.
    ε is added to √v̂, as in the paper and in PyTorch. Keras adds it to √v before the correction, and its
    default is 1e-7.
    Source: Kingma and Ba, 2015.
    """

    type: Literal["adam"] = "adam"
    beta1: Beta = 0.9
    beta2: Beta = 0.999
    eps: PositiveFloat = 1e-8
    amsgrad: bool = False

    examples: ClassVar = (Example({}), Example({"amsgrad": True}))

    def slot_names(self) -> tuple[str, ...]:
        return ("m", "v", "v_max") if self.amsgrad else ("m", "v")

    def by_kernel(self, backend: Any, dtype: Any) -> bool:
        return not self.amsgrad and backend.compiled("adam", dtype) is not None

    def step(self, w: Any, g: Any, s: dict[str, Any], rate: float, t: int, ctx: Any) -> None:
        xp, m, v = ctx.xp, s["m"], s["v"]
        # √v̂ + ε = (√slot + ε / root) root, and the two factors go into the rate: two passes less.
        root = ((1 - self.beta2) / (1 - self.beta2**t)) ** 0.5
        eps, rate = self.eps / root, rate * (1 - self.beta1) / (1 - self.beta1**t) / root
        if not self.amsgrad and (kernels := ctx.compiled("adam", w.dtype)) is not None:
            given = w, g, m, v, self.beta1, self.beta2, eps, rate
            blocks = grid(len(w), _COST * len(w))
            if len(blocks) == 1:
                kernels.step(*given)
            else:
                kernels.steps(ctx.shared.pool, blocks, *given)
            return
        d = ctx.buf("d", w.shape, w.dtype)
        m *= self.beta1
        m += g
        v *= self.beta2
        g *= g
        v += g
        if self.amsgrad:
            v = xp.maximum(s["v_max"], v, out=s["v_max"])
        xp.sqrt(v, out=d)
        d += eps
        xp.divide(m, d, out=d)
        d *= rate
        w -= d
