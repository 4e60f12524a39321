from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveFloat

from bpcli.data.augment.base import Around, Array, Augment
from bpcli.data.records import Batch
from bpcli.errors import ConfigError
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.core.rng import Draws
    from bpcli.data.records import Target
    from bpcli.losses.base import Loss


class Mixup(Augment):
    """x' = λ xᵢ + (1 - λ) xⱼ and q' = λ qᵢ + (1 - λ) qⱼ, j any training row, λ ~ Beta(α, α) for each sample.

    Inputs of any shape. Classes become probabilities (n, k), for which the loss must have room; metrics of
    the training part then count against the class with the larger share. Row j comes as the augmentations
    before mixup leave it. With weights w the shares are λ wᵢ and (1 - λ) wⱼ, which is the mean of both rows'
    losses; for values, where only the weight can be shared out, w' = λ wᵢ + (1 - λ) wⱼ.
    Source: Zhang, Cissé, Dauphin and Lopez-Paz, 2018, who mix within a batch.
    """

    type: Literal["mixup"] = "mixup"
    alpha: PositiveFloat = Field(
        default=0.2, description="α: towards 0 hardly any mixing, 1 all shares alike"
    )

    examples: ClassVar = (Example({}, (4, 5, 3)), Example({"alpha": 1.5, "p": 0.5}, (6,)))

    def check(self, shape: tuple[int, ...], target: Target, loss: Loss) -> None:
        if not loss.takes_mixed(target):
            raise ConfigError(
                f"mixup needs a loss that takes shares of {target.kind.replace('_', ' ')}, "
                f"and {loss.short()} does not",
                hint="use cross_entropy" if target.kind == "classes" else "leave mixup out",
            )

    def batch(self, batch: Batch, draws: Draws, around: Around) -> Batch:
        chosen = draws.uniform() < self.p
        own = np.where(chosen, draws.beta(self.alpha, self.alpha), 1.0)  # λ (n,)
        other = around.others(draws.integers(0, around.count))
        x, dtype = batch.x, batch.x.dtype
        y, t = (_numbers(one.y, around.classes, dtype) for one in (batch, other))
        a, b, weight = own, 1 - own, None
        if batch.weight is not None and other.weight is not None:
            weight = a * batch.weight + b * other.weight
            if around.classes:
                some = weight > 0
                a = np.where(some, a * batch.weight / np.where(some, weight, 1), a)
                b = 1 - a
            weight = weight.astype(dtype)
        return replace(batch, x=_mean(x, other.x, own, 1 - own), y=_mean(y, t, a, b), weight=weight)


def _numbers(y: Array, classes: int, dtype: np.dtype) -> Array:
    """Class indices (n,) as rows of probabilities (n, k); what are numbers already as they are."""
    if not classes or y.ndim == 2:
        return y
    return np.eye(classes, dtype=dtype)[y]


def _mean(x: Array, y: Array, a: Array, b: Array) -> Array:
    """a x + b y, with numbers (n,) for the rows."""
    a, b = (part.astype(x.dtype).reshape(-1, *(1,) * (x.ndim - 1)) for part in (a, b))
    return a * x + b * y
