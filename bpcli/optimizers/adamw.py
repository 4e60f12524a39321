from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import NonNegativeFloat

from bpcli.optimizers.adam import Adam
from bpcli.spec.base import Example


class AdamW(Adam):
    """Adam with decoupled weight decay: w <- w (1 - rate λ) on weights, before each step of `adam`.

    λ is `weight_decay`. Every optimizer here decays its weights in this way; this one does so by default.
    Biases and norms do not decay (in PyTorch they do, unless they are put in a group of their own).
    Source: Loshchilov and Hutter, 2019.
    """

    type: Literal["adamw"] = "adamw"  # pyright: ignore[reportIncompatibleVariableOverride]
    weight_decay: NonNegativeFloat = 0.01

    examples: ClassVar = (Example({}), Example({"weight_decay": 0.1, "amsgrad": True}))
