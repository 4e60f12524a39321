"""lsuv: weights that are scaled by what their layers give for the first batch, in nets of any shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import ConfigError
from bpcli.initializers.orthogonal import Orthogonal
from bpcli.layers.base import Layer
from bpcli.layers.sequential import Sequential
from bpcli.runs.folder import RunFolder
from bpcli.train import session
from bpcli.train.settle import Settling
from tests.generic.rigs import rig
from tests.train import helpers as h

SOME = {"type": "uniform", "low": -0.5, "high": 0.8}


def dense(units: int, **fields: Any) -> h.Tree:
    return {"type": "dense", "units": units, "init": "lsuv", "activation": "relu", **fields}


#: Every way of nesting; each dense layer is to be settled.
NESTED: h.Tree = {
    "type": "sequential",
    "layers": [
        dense(12),
        {"type": "dropout", "rate": 0.5},
        {"type": "residual", "layers": [dense(12), dense(12, activation="tanh")], "drop": 0.5},
        {"type": "parallel", "layers": [dense(4), {"type": "sequential", "layers": [dense(3), dense(2)]}]},
        "batch_norm",
        {"type": "residual", "layers": [{"type": "residual", "layers": [dense(6, bias_init=SOME)]}]},
        {"type": "dense", "units": 3, "init": "lsuv"},
    ],
}
IMAGES: h.Tree = {
    "type": "cnn",
    "image": [4, 4, 2],
    "blocks": [{"filters": [4, 6], "pool": "max"}],
    "norm": "batch_norm",
    "dense": [8],
    "init": "lsuv",
    "head": "auto",
}


def variances(trainer: Any) -> dict[str, float]:
    """The variance of what each layer with a W gives for the run's first batch, before its activation."""
    found: dict[str, float] = {}

    def watch(layer: Layer, p: Any, x: Any, ctx: Any) -> Any:
        if layer.linear_in is not None:
            z = layer.replace(activation=None).forward(p, x, trainer.model.workspace())
            found[".".join(ctx.path[1:])] = float(z.var(dtype="f8"))
        return layer.forward(p, x, ctx)

    ctx = trainer.model.workspace()
    ctx.shared.watch = watch
    batch = next(trainer.feed.batches(0, 0))
    trainer.model.outputs(batch.x, ctx)
    return found


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_every_layer_of_a_nested_net_gives_variance_one(tmp_path: Path, precision: str) -> None:
    trainer = h.trainer(tmp_path, h.config(model=NESTED, train__precision=precision, data__batch_size=32))
    found = variances(trainer)
    assert len(found) == 8
    assert list(found.values()) == pytest.approx([1.0] * 8, abs=0.01)
    plain = {**NESTED, "layers": [dense(12, init="orthogonal"), *NESTED["layers"][1:]]}
    other = variances(h.trainer(tmp_path, h.config(model=plain, data__batch_size=32)))
    assert abs(other.pop("dense1") - 1) > 0.1, "the first variance is 1 for a reason"
    assert list(other.values()) == pytest.approx([1.0] * 7, abs=0.01)


def image_rows(folder: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 32)).astype("f4")
    np.savez(folder / "rows.npz", x=x, y=rng.integers(0, 3, 60))


@pytest.mark.parametrize(
    "layer",
    [
        {"type": "conv2d", "filters": 4, "kernel": 3, "groups": 2, "bias_init": SOME},
        {"type": "depthwise_conv2d", "kernel": 2, "multiplier": 2},
        {"type": "separable_conv2d", "filters": 5, "kernel": 3},
        {"type": "conv2d_transpose", "filters": 3, "kernel": 3, "stride": 2, "padding": "same"},
    ],
    ids=lambda layer: layer["type"],
)
def test_convolutions(tmp_path: Path, layer: h.Tree) -> None:
    image_rows(tmp_path)
    layers = [{"type": "reshape", "shape": [4, 4, 2]}, layer | {"init": "lsuv"}, "flatten"]
    model = {"type": "sequential", "head": "auto", "layers": layers}
    source = {"type": "npz", "path": "rows.npz"}
    trainer = h.trainer(tmp_path, h.config(model=model, data__source=source))
    assert variances(trainer)[f"{layer['type']}1"] == pytest.approx(1, abs=0.01)
    if layer["type"] == "separable_conv2d":
        kernel = trainer.model.p["separable_conv2d1"].D.reshape(-1, 2)
        assert kernel.T @ kernel == pytest.approx(np.eye(2), abs=1e-6)


def test_a_preset_with_its_head(tmp_path: Path) -> None:
    image_rows(tmp_path)
    source = {"type": "npz", "path": "rows.npz"}
    tree = h.config(model=IMAGES, data__source=source, data__batch_size=16)
    found = variances(h.trainer(tmp_path, tree))
    assert found.pop("head") != pytest.approx(1, abs=0.01), "the head of a cnn has the usual weights"
    tree["model"] = {"type": "mlp", "hidden": [7], "init": "lsuv"}
    found |= {f"mlp.{name}": value for name, value in variances(h.trainer(tmp_path, tree)).items()}
    assert list(found) == ["conv2d1", "conv2d2", "dense1", "mlp.dense1", "mlp.head"]
    assert list(found.values()) == pytest.approx([1.0] * 5, abs=0.01)


def test_weights_are_a_multiple_of_what_was_drawn(tmp_path: Path) -> None:
    settled = h.trainer(tmp_path, h.config(model=NESTED)).model
    drawn = h.trainer(tmp_path, h.config(model=orthogonal(NESTED))).model
    assert len(settled.store.params) == len(drawn.store.params)
    for mine, other in zip(settled.store.params, drawn.store.params, strict=True):
        a, b = settled.store.w[mine.slice], drawn.store.w[other.slice]
        factor = (a @ b) / (b @ b) if mine.name == "W" else 1.0
        assert np.allclose(a, factor * b, rtol=1e-5, atol=0)
    assert isinstance(drawn.store.params[0].init, Orthogonal)


def orthogonal(tree: Any) -> Any:
    """The same net, drawn and not settled."""
    if isinstance(tree, dict):
        return {key: "orthogonal" if key == "init" else orthogonal(value) for key, value in tree.items()}
    return [orthogonal(one) for one in tree] if isinstance(tree, list) else tree


@pytest.mark.parametrize("threads", [1, 2])
def test_it_is_the_same_every_time_and_goes_through_a_resume(tmp_path: Path, threads: int) -> None:
    tree = h.config(model=NESTED, train__threads=threads, train__average={"kind": "ema"})
    whole = h.train(tmp_path, tree)
    run = h.stopped_at(10, lambda listener: h.train(tmp_path, tree, listener=listener))
    outcome = h.resume(run)
    assert outcome.metrics == whole.metrics
    assert h.traces(run) == h.traces(whole.run)
    one, two = (h.trainer(tmp_path, tree).model.store.w for _ in range(2))
    assert np.array_equal(one, two)
    other = h.trainer(tmp_path, tree | {"seed": 4}).model.store.w
    assert not np.array_equal(one, other)


def test_the_average_of_the_weights_begins_with_the_settled_ones(tmp_path: Path) -> None:
    trainer = h.trainer(tmp_path, h.config(model=NESTED, train__average={"kind": "ema"}))
    assert np.array_equal(trainer.average.arrays["average.w"], trainer.model.store.w)


def test_it_leaves_no_trace_but_the_weights(tmp_path: Path) -> None:
    """Evaluation mode: running statistics stay as they begin, and nothing is dropped."""
    trainer = h.trainer(tmp_path, h.config(model=NESTED))
    statistics = trainer.model.p.batch_norm1
    assert not statistics.running_mean.any()
    assert (statistics.running_var == 1).all()
    assert trainer.step == 0


def test_frozen_weights_are_settled_as_well(tmp_path: Path) -> None:
    """What is frozen keeps its first values, and these are they."""
    groups = [{"match": "dense1", "frozen": True}]
    trainer = h.trainer(
        tmp_path, h.config(model=NESTED, optimizer={"type": "sgd", "lr": 0.1, "groups": groups})
    )
    assert variances(trainer)["dense1"] == pytest.approx(1, abs=0.01)


def test_weights_of_another_run_stay_as_they_came(tmp_path: Path) -> None:
    model = {"type": "mlp", "hidden": [7, 5], "init": "lsuv", "activation": "tanh"}
    first = h.train(tmp_path, h.config(model=model, train__epochs=8))
    kept, _ = RunFolder.open(str(first.run), first.run.parent, lock=False).load("last")
    tree = h.config(
        model=model, seed=9, transfer={"from": str(first.run), "checkpoint": "last", "match": ["dense1"]}
    )
    loaded = h.loaded(tmp_path, tree)
    trainer = session.prepared_trainer(loaded, session.open_source(loaded, first.run.parent))
    where = next(param.slice for param in trainer.model.store.params if param.path == ("dense1",))
    assert np.array_equal(trainer.model.store.w[where], kept["w"][where])
    found = variances(trainer)
    assert abs(found.pop("dense1") - 1) > 0.02
    assert list(found.values()) == pytest.approx([1.0] * 2, abs=0.01)


def constant(folder: Path) -> None:
    """Rows that are all the same, so that with one unit nothing varies."""
    lines = ["a,b,y", *("1.5,-2.0," + "uv"[k % 2] for k in range(60))]
    (folder / "data.csv").write_text("\n".join(lines) + "\n")


def test_outputs_that_do_not_vary_leave_the_weights_alone_with_a_note(tmp_path: Path) -> None:
    constant(tmp_path)
    model = {"type": "sequential", "head": "auto", "layers": [dense(1, activation="tanh"), dense(4)]}
    trainer = h.trainer(tmp_path, h.config(model=model, data__preprocess=[]))
    said = [note for note in trainer.data.notes if "lsuv" in note]
    assert said == [
        "Initializer lsuv at 'dense1': the outputs for the first batch are all the same, "
        "so the weights stay as they were drawn."
    ]
    assert np.isfinite(trainer.model.store.w).all()
    assert np.linalg.norm(trainer.model.p.dense1.W) == pytest.approx(1)


def test_dead_inputs(tmp_path: Path) -> None:
    """Of a dead relu only zeros come, for several units: nothing to scale by, and no NaN."""
    dead = dense(4, bias_init={"type": "constant", "value": -1000.0})
    model = {"type": "sequential", "head": "auto", "layers": [dead, dense(4)]}
    trainer = h.trainer(tmp_path, h.config(model=model))
    assert ["dense2" in note for note in trainer.data.notes if "lsuv" in note] == [True]
    assert np.isfinite(trainer.model.store.w).all()


def test_what_cannot_be_reached_is_told(tmp_path: Path) -> None:
    """A bias that varies more than the tolerance allows: no W helps."""
    bias = {"type": "uniform", "low": -20.0, "high": 20.0}
    init = {"type": "lsuv", "trials": 3}
    model = {"type": "sequential", "head": "auto", "layers": [dense(8, bias_init=bias, init=init)]}
    notes = [note for note in h.trainer(tmp_path, h.config(model=model)).data.notes if "lsuv" in note]
    assert len(notes) == 1
    assert "after 3 steps the outputs have variance" in notes[0]


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ({"type": "prelu", "init": "lsuv"}, "'a' of prelu"),
        ({"type": "dense", "units": 4, "bias_init": "lsuv"}, "'b' of dense"),
        ({"type": "dense", "units": 4, "init": "lsuv", "bias_init": "lsuv"}, "'b' of dense"),
    ],
)
def test_what_is_no_weight_of_a_linear_layer_is_refused(tmp_path: Path, layer: h.Tree, said: str) -> None:
    model = {"type": "sequential", "head": "auto", "layers": [dense(4), layer]}
    with pytest.raises(ConfigError, match=said) as caught:
        h.trainer(tmp_path, h.config(model=model))
    assert caught.value.problems[0].path == "model.layers[1]"
    assert "use orthogonal" in (caught.value.problems[0].hint or "")


def test_steps_that_a_mask_hides_do_not_count() -> None:
    net = Sequential.model_validate({"layers": [dense(6), dense(5)]})
    r = rig(net, (4, 3))
    rng = np.random.default_rng(0)
    mask = rng.random((20, 4)) < 0.5
    x = np.where(mask[..., None], rng.normal(size=(20, 4, 3)), 1e6)
    net_ctx = r.ctx.child("net")
    net_ctx.mask = mask
    r.ctx.shared.watch = Settling({param.path: param.init for param in r.store.params if param.name == "W"})
    net.forward(r.p, x, net_ctx)
    z = x[mask] @ r.p.dense1.W + r.p.dense1.b
    assert z.var() == pytest.approx(1, abs=0.01)
    assert (np.maximum(z, 0) @ r.p.dense2.W + r.p.dense2.b).var() == pytest.approx(1, abs=0.01)


def test_without_it_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bpcli.train.model import Model

    monkeypatch.setattr(Model, "outputs", None)
    h.trainer(tmp_path, h.config())


def test_it_lets_a_deep_plain_net_learn(tmp_path: Path) -> None:
    """Twenty layers of tanh: signals of size 1 from end to end, where small weights would lose them."""
    model = {"type": "mlp", "hidden": [16] * 20, "activation": "tanh", "init": "lsuv"}
    trainer = h.trainer(tmp_path, h.config(model=model))
    found = variances(trainer)
    assert len(found) == 21
    assert min(found.values()) > 0.99
