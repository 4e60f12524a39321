"""`gradcheck` catches every formula that is broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.activations.tanh import Tanh
from bpcli.layers.batch_norm import BatchNorm
from bpcli.layers.dense import Dense
from bpcli.layers.dropout import Dropout
from bpcli.layers.residual import Residual
from bpcli.losses.base import Loss
from bpcli.regularizers.l2 import L2
from bpcli.train import gradients
from tests.train import helpers as h
from tests.train.test_gradients import SMOOTH, report

Breaker = Callable[[pytest.MonkeyPatch], None]
BROKEN: dict[str, Breaker] = {}


def broken(breaker: Breaker) -> Breaker:
    BROKEN[breaker.__name__] = breaker
    return breaker


def after_backward(patch: pytest.MonkeyPatch, cls: Any, change: Callable[..., Any]) -> None:
    """Replaces cls.backward by itself and then `change(layer, p, g, dy, ctx, dx)`, which returns dx."""
    right = cls.backward

    def wrong(self: Any, p: Any, g: Any, dy: Any, ctx: Any) -> Any:
        dy = dy.copy()
        return change(self, p, g, dy, ctx, right(self, p, g, dy, ctx))

    patch.setattr(cls, "backward", wrong)


def scaled(name: str, factor: float) -> Callable[..., Any]:
    def change(layer: Any, p: Any, g: Any, dy: Any, ctx: Any, dx: Any) -> Any:
        if name == "dx":
            return None if dx is None else dx * factor
        if name in g:
            g[name][...] *= factor
        return dx

    return change


for cls, names in (
    (Dense, ("W", "b", "dx")),
    (BatchNorm, ("gamma", "beta", "dx")),
    (Dropout, ("dx",)),
    (Residual, ("dx",)),
):
    for name in names:
        for word, factor in (("off by 0.1 %", 1.001), ("of the wrong sign", -1.0), ("missing", 0.0)):
            BROKEN[f"{cls.__name__}: {name} {word}"] = lambda patch, c=cls, n=name, f=factor: after_backward(
                patch, c, scaled(n, f)
            )


@broken
def dense_without_the_transpose(patch: pytest.MonkeyPatch) -> None:
    def change(layer: Any, p: Any, g: Any, dy: Any, ctx: Any, dx: Any) -> Any:
        m, n = p.W.shape
        if dx is None or m != n:
            return dx
        own = dy if layer.activation is None else ctx.child("activation").buf("dx", dy.shape, dy.dtype)
        return own @ p.W

    after_backward(patch, Dense, change)


@broken
def dense_with_dw_transposed(patch: pytest.MonkeyPatch) -> None:
    def change(layer: Any, p: Any, g: Any, dy: Any, ctx: Any, dx: Any) -> Any:
        if g.W.shape[0] == g.W.shape[1]:
            g.W[...] = g.W.T.copy()
        return dx

    after_backward(patch, Dense, change)


@broken
def dense_with_one_row_of_the_bias_sum(patch: pytest.MonkeyPatch) -> None:
    def change(layer: Any, p: Any, g: Any, dy: Any, ctx: Any, dx: Any) -> Any:
        if layer.activation is None:
            g.b[...] = dy[0]
        return dx

    after_backward(patch, Dense, change)


@broken
def dense_that_leaves_its_bias_out(patch: pytest.MonkeyPatch) -> None:
    after_backward(patch, Dense, scaled("b", np.nan))


@broken
def batch_norm_without_its_mean_term(patch: pytest.MonkeyPatch) -> None:
    def change(layer: Any, p: Any, g: Any, dy: Any, ctx: Any, dx: Any) -> Any:
        _, inverse, *_ = ctx.saved
        return dx + inverse * p.gamma * dy.mean(axis=0)

    after_backward(patch, BatchNorm, change)


@broken
def batch_norm_without_its_variance_term(patch: pytest.MonkeyPatch) -> None:
    def change(layer: Any, p: Any, g: Any, dy: Any, ctx: Any, dx: Any) -> Any:
        centred, inverse, *_ = ctx.saved
        return dx + inverse * p.gamma * centred * inverse**2 * (dy * centred).mean(axis=0)

    after_backward(patch, BatchNorm, change)


@broken
def dropout_that_forgets_its_mask(patch: pytest.MonkeyPatch) -> None:
    after_backward(patch, Dropout, lambda layer, p, g, dy, ctx, dx: dy)


@broken
def dropout_with_the_mask_of_another_step(patch: pytest.MonkeyPatch) -> None:
    after_backward(patch, Dropout, lambda layer, p, g, dy, ctx, dx: dy * ctx.saved[::-1])


@broken
def residual_that_forgets_the_skip(patch: pytest.MonkeyPatch) -> None:
    after_backward(patch, Residual, lambda layer, p, g, dy, ctx, dx: dx - dy)


@broken
def tanh_off_by_a_thousandth(patch: pytest.MonkeyPatch) -> None:
    right = Tanh.backward
    patch.setattr(Tanh, "backward", lambda self, dy, x, y, out, ctx: right(self, dy * 1.001, x, y, out, ctx))


def loss_gradient(patch: pytest.MonkeyPatch, change: Callable[[Any], Any]) -> None:
    right = Loss.__call__

    def wrong(self: Any, y: Any, batch: Any, norm: float, ctx: Any) -> Any:
        value, dy = right(self, y, batch, norm, ctx)
        return value, change(dy)

    patch.setattr(Loss, "__call__", wrong)


@broken
def loss_gradient_off_by_a_thousandth(patch: pytest.MonkeyPatch) -> None:
    loss_gradient(patch, lambda dy: dy * 1.001)


@broken
def loss_gradient_of_the_wrong_sign(patch: pytest.MonkeyPatch) -> None:
    loss_gradient(patch, lambda dy: -dy)


@broken
def loss_gradient_not_divided_by_the_rows(patch: pytest.MonkeyPatch) -> None:
    loss_gradient(patch, lambda dy: dy * len(dy))


def penalty_gradient(patch: pytest.MonkeyPatch, factor: float) -> None:
    right = L2.penalty

    def wrong(self: Any, w: Any, ctx: Any) -> Any:
        value, g = right(self, w, ctx)
        return value, g * factor

    patch.setattr(L2, "penalty", wrong)


@broken
def penalty_without_a_gradient(patch: pytest.MonkeyPatch) -> None:
    penalty_gradient(patch, 0.0)


@broken
def penalty_gradient_without_its_half(patch: pytest.MonkeyPatch) -> None:
    penalty_gradient(patch, 2.0)


SMALL = ("off by", "thousandth", "mean_term", "transpose", "forgets_its_mask", "penalty")
CASES = [(name, "smooth") for name in sorted(BROKEN)] + [
    (name, "with kinks") for name in sorted(BROKEN) if any(word in name for word in SMALL)
]


def tree_of(kind: str) -> h.Tree:
    """One tiny l1 penalty makes the whole net one with kinks, to be checked by differences."""
    kinks = [{"type": "l1", "rate": 1e-4}] if kind == "with kinks" else []
    return h.config(model=SMOOTH, regularize=[{"type": "l2", "rate": 0.02}, *kinks])


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer coordinates than the command draws: what is found by these is found by more."""
    monkeypatch.setattr(gradients, "DRAWN", 8)
    monkeypatch.setattr(gradients, "_cost", lambda *_: {})


@pytest.mark.parametrize("kind", ["smooth", "with kinks"])
def test_before_it_is_broken_all_is_well(tmp_path: Path, few: None, kind: str) -> None:
    found = report(tmp_path, tree_of(kind))
    assert found["passed"] is True
    assert found["smooth"] is (kind == "smooth")


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_formula_broken_on_purpose_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: None, name: str, kind: str
) -> None:
    BROKEN[name](monkeypatch)
    found = report(tmp_path, tree_of(kind))
    assert found["passed"] is False
    limit = 1e-10 if kind == "smooth" else 1e-6
    assert not found["max_relative_error"] < 100 * limit  # NaN or far too large: never a near miss


def test_the_report_names_the_layer_that_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(layer: Any, p: Any, g: Any, dy: Any, ctx: Any, dx: Any) -> Any:
        if ctx.path[-1] == "square":
            g.W[...] *= 1.001
        return dx

    after_backward(monkeypatch, Dense, change)
    wrong = [(row["layer"], row["name"]) for row in report(tmp_path)["parameters"] if not row["passed"]]
    assert wrong == [("square", "W")]
