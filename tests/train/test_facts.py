"""What training does with randomness, state, gradients and weights, looked at from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.callbacks.base import Callback
from bpcli.layers.dropout import Dropout
from bpcli.train.clip import clip, norm
from bpcli.train.evaluate import evaluate
from bpcli.train.trainer import Trainer
from tests.train import helpers as h

DROPPED = {"type": "mlp", "hidden": [40], "dropout": 0.5}


def masks(folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> list[Any]:
    """Every dropout mask of a run, as zeros and ones."""
    seen: list[Any] = []
    right = Dropout.forward

    def spy(self: Dropout, p: Any, x: Any, ctx: Any) -> Any:
        y = right(self, p, x, ctx)
        if ctx.training:
            seen.append(ctx.saved > 0)
        return y

    with monkeypatch.context() as patch:
        patch.setattr(Dropout, "forward", spy)
        h.train(folder, h.config(**{"model": DROPPED, "train__epochs": 1} | changes))
    return seen


def test_every_step_and_every_micro_batch_draws_a_mask_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for changes in ({}, {"train__accumulate": 3}):
        seen = masks(tmp_path, monkeypatch, **changes)
        assert len(seen) == 7
        full = seen[:6]
        assert all(mask.shape == (8, 40) for mask in full)
        for i, one in enumerate(full):
            for other in full[:i]:
                assert 0.3 < (one != other).mean() < 0.7


def test_masks_are_the_same_in_a_second_run_and_others_under_another_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = masks(tmp_path, monkeypatch), masks(tmp_path, monkeypatch)
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    third = masks(tmp_path, monkeypatch, seed=4)
    assert not np.array_equal(first[0], third[0])
    precise = masks(tmp_path, monkeypatch, train__precision="float64")
    assert all(np.array_equal(one, other) for one, other in zip(first, precise, strict=True))


def test_two_dropouts_in_one_net_draw_different_masks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [{"type": "dropout", "rate": 0.5}, {"type": "dropout", "rate": 0.5}]
    seen = masks(tmp_path, monkeypatch, model={"type": "sequential", "head": "auto", "layers": layers})
    assert not np.array_equal(seen[0], seen[1])


def test_evaluation_changes_nothing(tmp_path: Path) -> None:
    trainer = h.trainer(tmp_path, h.config(model=DROPPED | {"norm": "batch_norm"}))
    store = trainer.model.store
    before = [vector.copy() for vector in (store.w, store.s, store.g)]
    assert trainer.data.val is not None
    first = evaluate(trainer.model, trainer.data.val, trainer.metrics, trainer.eval_ctx)
    again = evaluate(trainer.model, trainer.data.val, trainer.metrics, trainer.eval_ctx)
    assert first == again
    assert not trainer.eval_ctx.shared.pending
    for vector, kept in zip((store.w, store.s, store.g), before, strict=True):
        assert np.array_equal(vector, kept)


def test_a_rehearsal_changes_no_parameter_and_no_statistics(tmp_path: Path) -> None:
    trainer = h.trainer(tmp_path, h.config(model=DROPPED | {"norm": "batch_norm"}))
    w, s = trainer.model.store.w.copy(), trainer.model.store.s.copy()
    trainer.rehearse()
    assert np.array_equal(trainer.model.store.w, w)
    assert np.array_equal(trainer.model.store.s, s)
    assert not trainer.ctx.shared.pending


def test_the_validation_loss_has_no_penalty_smoothing_or_class_weight(tmp_path: Path) -> None:
    plain = h.metrics_of(h.train(tmp_path, h.config(optimizer={"type": "sgd", "lr": 1e-30})).run)[0]
    loss = {"type": "cross_entropy", "label_smoothing": 0.2, "class_weight": "balanced"}
    steered = h.config(
        optimizer={"type": "sgd", "lr": 1e-30}, loss=loss, regularize=[{"type": "l2", "rate": 1.0}]
    )
    other = h.metrics_of(h.train(tmp_path, steered).run)[0]
    assert other["val"] == plain["val"]
    assert other["train"]["loss"] > plain["train"]["loss"] + 0.1
    assert other["train"]["accuracy"] == plain["train"]["accuracy"]


# --- clipping ------------------------------------------------------------------------------------------


def gradients(folder: Path, **options: float) -> tuple[Trainer, Any, float]:
    """(trainer, gradient before, norm that was told) after a gradient of known size was clipped."""
    trainer = h.trainer(
        folder, h.config(train__precision="float64", **{f"train__{k}": v for k, v in options.items()})
    )
    store = trainer.model.store
    store.g[:] = np.random.default_rng(0).normal(size=store.size)
    before = store.g.copy()
    return trainer, before, clip(store, trainer.experiment.train)


def test_without_options_nothing_is_clipped(tmp_path: Path) -> None:
    trainer, before, told = gradients(tmp_path)
    assert np.array_equal(trainer.model.store.g, before)
    assert told == pytest.approx(float(np.linalg.norm(before)))


def test_clipping_by_value(tmp_path: Path) -> None:
    trainer, before, told = gradients(tmp_path, clip_value=0.5)
    assert np.array_equal(trainer.model.store.g, np.clip(before, -0.5, 0.5))
    assert told == pytest.approx(float(np.linalg.norm(before)))


def test_clipping_by_the_norm_of_each_tensor(tmp_path: Path) -> None:
    trainer, before, _ = gradients(tmp_path, clip_norm=2.0)
    sizes = [norm(before[param.slice]) for param in trainer.model.store.params]
    assert min(sizes) < 2 < max(sizes)
    for param, size in zip(trainer.model.store.params, sizes, strict=True):
        expected = before[param.slice] * min(1, 2 / size)
        assert np.allclose(trainer.model.store.g[param.slice], expected, rtol=1e-14, atol=0)


def test_clipping_by_the_global_norm(tmp_path: Path) -> None:
    trainer, before, told = gradients(tmp_path, clip_global_norm=2.0)
    assert told == pytest.approx(norm(before))
    assert told > 2
    assert np.allclose(trainer.model.store.g, before * (2 / told), rtol=1e-14, atol=0)
    assert norm(trainer.model.store.g) == pytest.approx(2.0)


def test_a_small_gradient_is_left_alone(tmp_path: Path) -> None:
    trainer, before, _ = gradients(tmp_path, clip_value=1e3, clip_norm=1e3, clip_global_norm=1e3)
    assert np.array_equal(trainer.model.store.g, before)


# --- rates, decay, weights -----------------------------------------------------------------------------


def rates(folder: Path, **changes: Any) -> list[float]:
    told: list[float] = []
    h.train(
        folder,
        h.config(**changes),
        listener=lambda e: told.append(e["rate"]) if e["event"] == "step" else None,
    )
    return told


def test_warmup_rises_in_a_line_to_the_rate(tmp_path: Path) -> None:
    told = rates(tmp_path, schedule={"type": "constant", "warmup": 4})
    assert told[:4] == pytest.approx([0.0025, 0.005, 0.0075, 0.01])
    assert set(told[4:]) == {0.01}
    assert len(told) == 21


def test_a_share_of_the_plan_as_warmup(tmp_path: Path) -> None:
    told = rates(tmp_path, schedule={"type": "constant", "warmup": "20%"})  # of 21 steps
    assert told[:4] == pytest.approx([0.0025, 0.005, 0.0075, 0.01])


def test_steps_of_an_epoch_count_updates_not_batches(tmp_path: Path) -> None:
    told = rates(tmp_path, schedule={"type": "step", "every": 1, "gamma": 0.1}, train__accumulate=3)
    assert told == pytest.approx([0.01] * 3 + [0.001] * 3 + [0.0001] * 3)


def test_weight_decay_shrinks_weights_and_not_biases(tmp_path: Path) -> None:
    tree = h.config(optimizer={"type": "sgd", "lr": 0.1, "weight_decay": 0.5}, train__precision="float64")
    trainer = h.trainer(tmp_path, tree)
    store = trainer.model.store
    store.w[:] = 1.0
    store.decay(0.1 * 0.5)
    for param in store.params:
        expected = 0.95 if param.name == "W" else 1.0
        assert set(store.w[param.slice].tolist()) == {expected}


def test_balanced_classes_weigh_alike(tmp_path: Path) -> None:
    """n / (k nₖ) for each row: every class adds up to n / k, the mean is 1."""
    trainer = h.trainer(tmp_path, h.config(loss={"type": "cross_entropy", "class_weight": "balanced"}))
    part, target = trainer.data.train, trainer.data.target
    assert part.weight is not None
    assert part.y is not None
    n, k = len(part), len(target.labels)
    assert sum(target.counts) == n
    for index, count in enumerate(target.counts):
        own = part.weight[part.y == index]
        assert own == pytest.approx(n / (k * count))
        assert own.sum() == pytest.approx(n / k)
    assert len(set(target.counts)) > 1, "a case in which classes differ"
    assert trainer.data.val is not None
    assert trainer.data.val.weight is None


def test_weights_by_label_multiply_sample_weights(tmp_path: Path) -> None:
    head, *rows = h.write_data(tmp_path).read_text().splitlines()
    lines = [f"{head},w", *(f"{row},{1 + i % 4}" for i, row in enumerate(rows))]
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    plain = h.trainer(tmp_path, h.config(data__source__weight="w")).data.train
    loss = {"type": "cross_entropy", "class_weight": {"v": 5.0}}
    weighted = h.trainer(tmp_path, h.config(data__source__weight="w", loss=loss)).data
    assert plain.weight is not None
    assert plain.y is not None
    factor = np.where(plain.y == weighted.target.labels.index("v"), 5.0, 1.0)
    assert weighted.train.weight is not None
    assert np.array_equal(weighted.train.weight, (plain.weight * factor).astype(np.float32))


def test_a_weight_of_zero_is_a_row_that_is_not_there(tmp_path: Path) -> None:
    """Its gradient is zero: the update is the one of the other rows alone."""
    head, *rows = h.write_data(tmp_path).read_text().splitlines()
    text = [f"{head},w,part", *(f"{row},{0 if i % 3 == 0 else 1},train" for i, row in enumerate(rows))]
    (tmp_path / "data.csv").write_text("\n".join(text) + "\n")
    split = {"type": "random", "train": 1.0, "val": 0.0, "test": 0.0}
    options: dict[str, Any] = {
        "data__split": split, "data__preprocess": [], "data__batch_size": 100, "train__precision": "float64",
        "data__source__drop": ["part"], "optimizer": {"type": "sgd", "lr": 0.1}, "train__epochs": 1,
    }  # fmt: skip
    with_zeros = h.trainer(tmp_path, h.config(**options, data__source__weight="w"))
    with_zeros.rehearse()
    kept = [text[0], *(line for line in text[1:] if ",1,train" in line)]
    (tmp_path / "data.csv").write_text("\n".join(kept) + "\n")
    without = h.trainer(tmp_path, h.config(**options, data__source__weight="w"))
    without.rehearse()
    assert np.allclose(with_zeros.model.store.g, without.model.store.g, rtol=1e-12, atol=1e-15)


def test_balanced_weights_raise_the_recall_of_a_rare_class(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rare = rng.random(600) < 0.08
    x = rng.normal(size=(600, 5)) + rare[:, None] * 0.9
    lines = [
        "a,b,c,d,e,y",
        *(
            ",".join([*(f"{v:.4f}" for v in row), "rare" if r else "usual"])
            for row, r in zip(x, rare, strict=True)
        ),
    ]
    (tmp_path / "data.csv").write_text("\n".join(lines) + "\n")
    found = {}
    for option in (None, "balanced"):
        tree = h.config(
            loss={"type": "cross_entropy", "class_weight": option},
            model={"type": "mlp", "hidden": []},
            train__epochs=15,
            data__split={"type": "stratified", "train": 0.6, "val": 0.4, "test": 0.0},
            metrics=["accuracy", {"type": "recall", "average": "macro"}],
        )
        metrics = h.train(tmp_path, tree).metrics["val"]
        found[option] = next(value for label, value in metrics.items() if label.startswith("recall"))
    assert found["balanced"] > found[None] + 0.1


# --- callbacks -----------------------------------------------------------------------------------------


def test_callbacks_run_in_the_order_of_what_they_do(tmp_path: Path) -> None:
    """Those that write come first, those that only read come last, however the config lists them."""
    trainer = h.trainer(tmp_path, h.config(early_stop={"patience": 3}))
    calls: list[str] = []

    def made(kind: Any) -> Callback:
        class Probe(Callback):
            type: str = "probe"
            priority = kind

            def after_step(self, trainer: Trainer, memory: dict[str, Any]) -> None:
                calls.append(kind)

        return Probe()

    own = [(made(kind), {}) for kind in ("read", "write", "edit")]
    experiment = trainer.experiment.model_copy(update={"callbacks": tuple(c for c, _ in own)})
    again = Trainer(experiment, trainer.model, trainer.data, threads=1, identity={})
    again.hooks.after_step(again)
    assert calls == ["write", "edit", "read"]
