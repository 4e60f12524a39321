"""The compiled kernels against the NumPy forms that they are the twins of."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import numpy as np
import pytest

from bpcli.activations.base import activate, activate_backward
from bpcli.core.backend import CompiledBackend, backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.core.rows import Pool, cut
from bpcli.data.records import Batch
from bpcli.errors import ConfigError, UsageError
from bpcli.losses.cross_entropy import CrossEntropy
from bpcli.spec.registry import family
from bpcli.train.api import evaluate
from tests.generic import rigs
from tests.generic.compiled import RAN, Spied, both, kernels, spied
from tests.generic.test_optimizers import CASES as OPTIMIZERS
from tests.generic.test_optimizers import descend
from tests.train import helpers as h

pytest.importorskip("numba")

LAYERS = rigs.cases("layers")
ACTIVATIONS = rigs.cases("activations")


@pytest.mark.parametrize(("layer", "shape"), [c[1:] for c in LAYERS], ids=[c[0] for c in LAYERS])
def test_layers(layer: Any, shape: tuple[int, ...]) -> None:
    expected, found = both(layer, shape)
    for a, b in zip(found, expected, strict=True):
        rigs.close(a, b, 3e-6)


DENSE = [
    family("layers")["dense"].model_validate({"units": 5, "activation": f})
    for f in ("relu", "tanh", "sigmoid")
]


@pytest.mark.parametrize("layer", DENSE, ids=lambda layer: layer.activation.type)
@pytest.mark.parametrize("shape", [(3,), (4, 6)])
def test_bias_and_activation_in_one_pass(layer: Any, shape: tuple[int, ...]) -> None:
    expected, found = both(layer, shape)
    for a, b in zip(found, expected, strict=True):
        rigs.close(a, b, 2e-6)


@pytest.mark.parametrize("function", [c[1] for c in ACTIVATIONS], ids=[c[0] for c in ACTIVATIONS])
def test_activations(function: Any) -> None:
    sizes = np.concatenate([np.geomspace(1e-8, 0.1, 8), np.linspace(0.13, 9.5, 40)]).astype("f4")
    x = np.concatenate([sizes, -sizes, [0.0, 40.0, -40.0, 11.0]]).astype("f4").reshape(-1, 4)
    dy = np.random.default_rng(1).normal(size=x.shape).astype("f4")
    found = []
    for there in (backend(), Spied()):
        ctx = Ctx(Pass(there))
        found.append((activate(function, x, ctx), activate_backward(function, dy, ctx)))
    for a, b in zip(*found, strict=True):
        rigs.close(a, b, 1e-6)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers(optimizer: Any) -> None:
    w = np.random.default_rng(0).normal(size=37).astype("f4")
    curvature = np.linspace(0.3, 2.0, 37, dtype="f4")
    expected, found = (
        descend(optimizer, lambda w: curvature * w, w, 0.05, 20, Ctx(Pass(there)))
        for there in (backend(), Spied())
    )
    rigs.close(found, expected, 2e-6)


def test_adam_in_blocks() -> None:
    adam, n = family("optimizers")["adam"].model_validate({}), 300_001
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=n).astype("f4"), rng.normal(size=(3, n)).astype("f4")
    found = []
    for there, threads in ((backend(), 1), *((Spied(), threads) for threads in (1, 2, 3))):
        w, slots = start.copy(), {"m": np.zeros(n, "f4"), "v": np.zeros(n, "f4")}
        ctx = Ctx(Pass(there, pool=Pool(threads)))
        for t, g in enumerate(gradients, 1):
            adam.step(w, g.copy(), slots, 0.01, t, ctx)
        found.append((w, slots["m"], slots["v"]))
    for expected, one, *others in zip(*found, strict=True):
        rigs.close(one, expected, 2e-6)
        assert all(np.array_equal(one, other) for other in others)


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("scale", [1.0, 50.0, 1e4])
def test_cross_entropy(classes: int, scale: float) -> None:
    rng = np.random.default_rng(0)
    y = (scale * rng.normal(size=(33, classes))).astype("f4")
    batch = Batch(None, rng.integers(0, classes, 33))
    (a, da), (b, db) = (
        CrossEntropy()(y, batch, 33.0, Ctx(Pass(there), ("loss",))) for there in (backend(), Spied())
    )
    assert b == pytest.approx(a, rel=1e-6)
    rigs.close(db, da, 1e-6)


@pytest.mark.parametrize("units", [5, 16, 33])
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_sequences_of_one_number(cell: str, units: int) -> None:
    layer = family("layers")[cell].model_validate({"units": units, "return_sequences": True})
    expected, found = both(layer, (6, 1))
    for a, b in zip(found, expected, strict=True):
        rigs.close(a, b, 3e-6)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_the_bits_do_not_depend_on_the_threads(cell: str) -> None:
    layer = family("layers")[cell].model_validate({"units": 64, "return_sequences": True})
    one, two, three = (both(layer, (5, 3), n=256, pool=Pool(threads))[1] for threads in (1, 2, 3))
    for a, b, c in zip(one, two, three, strict=True):
        assert np.array_equal(a, b) and np.array_equal(a, c)


def test_tanh_is_off_by_a_few_units_in_the_last_place() -> None:
    elementwise = import_module("bpcli.core.compiled.elementwise")
    x = np.concatenate([np.geomspace(1e-30, 1, 20_000), np.linspace(0, 12, 200_001)]).astype("f4")
    y = np.empty_like(x)
    elementwise.tanh(Pool(1), cut(len(x), 1), x, y)
    true = np.tanh(x.astype("f8"))
    assert (np.abs(y - true) <= 7 * np.spacing(true.astype("f4"))).all()
    negative = np.empty_like(x)
    elementwise.tanh(Pool(1), cut(len(x), 1), -x, negative)
    assert np.array_equal(negative, -y) and y.max() == 1


def test_what_is_not_a_number_stays_so() -> None:
    """Or a loss that diverges would not be seen."""
    elementwise = import_module("bpcli.core.compiled.elementwise")
    x, y = np.array([np.nan, np.inf, -np.inf, 0.0], "f4"), np.empty(4, "f4")
    elementwise.tanh(Pool(1), cut(4, 1), x, y)
    assert np.array_equal(y, np.array([np.nan, 1, -1, 0], "f4"), equal_nan=True)
    for name in ("gru", "lstm", "dense"):
        fields = {"units": 3, "activation": "relu"} if name == "dense" else {"units": 3}
        r = spied(family("layers")[name].model_validate(fields), (4, 2))
        given, _ = rigs.inputs(r)
        given[2, 1] = np.nan
        assert np.isnan(r.forward(given)).reshape(7, -1).any(axis=1).tolist() == [k == 2 for k in range(7)]
    w = np.ones(3, "f4")
    slots = {"m": np.zeros(3, "f4"), "v": np.zeros(3, "f4")}
    family("optimizers")["adam"].model_validate({}).step(
        w, np.array([1, np.nan, np.inf], "f4"), slots, 0.1, 1, Ctx(Pass(Spied()))
    )
    assert np.isnan(w).tolist() == [False, True, True]


def test_without_a_blas_that_kernels_know_numpy_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bpcli.core.compiled._blas", None)
    monkeypatch.delitem(sys.modules, "bpcli.core.compiled.product", raising=False)
    there = CompiledBackend()
    assert there.compiled("product", np.dtype("f4")) is None
    assert there.compiled("adam", np.dtype("f4")) is not None


def test_a_run_learns_the_same_and_twice_the_same_bits(tmp_path: Path) -> None:
    plain = h.metrics_of(h.train(tmp_path, h.config()).run)
    first, second = (
        h.metrics_of(h.train(tmp_path, h.config(train__compiled=True, train__threads=threads)).run)
        for threads in (1, 2)
    )
    assert first == second
    for a, b in zip(first, plain, strict=True):
        assert a["train"]["loss"] == pytest.approx(b["train"]["loss"], rel=1e-4)


def test_a_saved_run_needs_no_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = h.train(tmp_path, h.config(train__compiled=True)).run
    monkeypatch.setitem(sys.modules, "numba", None)
    assert 0 <= evaluate(run)["metrics"]["accuracy"] <= 1


def test_without_numba_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(UsageError, match=r"train\.compiled needs Numba, which is not installed"):
        h.train(tmp_path, h.config(train__compiled=True))


@pytest.mark.parametrize("change", [{"train__precision": "float64"}, {"train__device": "cuda"}])
def test_what_has_no_kernels_is_refused(change: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="for float32 on the cpu") as caught:
        h.train(tmp_path, h.config(train__compiled=True, **change))
    assert caught.value.problems[0].path == "train.compiled"


def test_every_kernel_has_run() -> None:
    """In this file's tests above, which one process must have run: a kernel that nothing asks for is dead."""
    folder = Path(import_module("bpcli.core.compiled").__file__ or "").parent
    modules = [one.name for one in iter_modules([str(folder)]) if not one.name.startswith("_")]
    for _, layer, shape in LAYERS:
        if type(layer).__name__ in ("Gru", "Lstm", "Conv2d", "MaxPool2d", "Residual"):
            both(layer, shape)
    for layer in DENSE:
        both(layer, (3,))
    test_sequences_of_one_number("gru", 5)
    both(family("layers")["batch_norm"].model_validate({}), (3,))
    for _, function, _ in ACTIVATIONS:
        test_activations(function)
    test_cross_entropy(2, 1.0)
    test_adam_in_blocks()
    test_optimizers(family("optimizers")["adam"].model_validate({}))
    every = {(name, k) for name in modules for k in kernels(import_module(f"bpcli.core.compiled.{name}"))}
    assert every and every <= RAN, sorted(every - RAN)


@pytest.mark.parametrize("far", [0.0, 1e4, -1e4])
def test_batch_statistics_far_from_zero(far: float) -> None:
    """Sums of squares of the numbers themselves would leave nothing of a variance of 1 beside 10⁸."""
    layer = family("layers")["batch_norm"].model_validate({"scale": False, "center": False})
    x = far + np.random.default_rng(0).normal(size=(64, 5, 3, 4)).astype("f4")
    y = spied(layer, (5, 3, 4), training=True).forward(x)
    exact = x.astype("f8")
    mean, var = exact.mean((0, 1, 2)), exact.var((0, 1, 2))
    rigs.close(y, (exact - mean) / np.sqrt(var + 1e-5), 1e-6 + 1e-7 * abs(far))


def test_the_bits_of_batch_norm_do_not_depend_on_the_threads() -> None:
    layer = family("layers")["batch_norm"].model_validate({})
    one, two, three = (both(layer, (40, 40, 8), n=64, pool=Pool(threads))[1] for threads in (1, 2, 3))
    for a, b, c in zip(one, two, three, strict=True):
        assert np.array_equal(a, b) and np.array_equal(a, c)
