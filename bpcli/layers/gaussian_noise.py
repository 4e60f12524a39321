from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeFloat

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers.base import Layer, Shape
from bpcli.spec.base import Example


class GaussianNoise(Layer):
    """y = x + std·ε while training, y = x otherwise; each ε is drawn from the standard normal distribution.

    Backward: dx = dy.
    Shapes: any, unchanged. The noise depends on seed, step and place in the net alone, not on precision
    or device.
    Source: Bishop, 1995 (training with noise is Tikhonov regularisation).
    """

    type: Literal["gaussian_noise"] = "gaussian_noise"
    std: NonNegativeFloat = Field(description="the noise's standard deviation")

    passes_on: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    by_pieces: ClassVar[bool] = True
    examples: ClassVar = (Example({"std": 0.5}, (3,)), Example({"std": 0.1}, (2, 3)))

    def build(self, shape: Shape, decl: Decl) -> Shape:
        return shape

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        if not ctx.training or self.std == 0:
            return x
        drawn = ctx.rng("noise").standard_normal(x.shape, np.float32)
        y = ctx.buf("y", x.shape, x.dtype)
        ctx.xp.multiply(ctx.shared.backend.asarray(drawn), self.std, out=y)
        y += x
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        return dy if ctx.need_dx else None
