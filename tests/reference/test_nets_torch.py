"""Whole nets drawn at random, trained by bpcli's own loop and by PyTorch: forward, backward, 100 updates.

What is compared with PyTorch's modules, autograd and optimizers is a run of the real trainer: its batches are
given to both, and with them the head, the loss, penalties, clipping, accumulation and the schedule.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.core.backend import backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.data.records import Batch
from bpcli.spec.load import load_mapping
from bpcli.train import session
from bpcli.train.trainer import Trainer
from tests.reference.compare import agree, difference, oracle
from tests.reference.nets import EVERYDAY, KINDS, NUMBERS, SENSITIVE, net

torch = pytest.importorskip("torch")

from tests.reference.passes import tensor  # noqa: E402
from tests.reference.twin import Twin  # noqa: E402

F, optim = torch.nn.functional, torch.optim
S = optim.lr_scheduler
ROWS, BATCH, STEPS = 34, 6, 100
#: A large ε, where there is one: a gradient that is nothing but rounding then makes no step of the full rate.
E = {"eps": 1e-4}
NESTEROV = {"momentum": 0.8, "nesterov": True}
OPTIMIZERS: tuple[tuple[dict[str, Any], Any, dict[str, Any]], ...] = (
    ({"type": "sgd", "lr": 0.05, "momentum": 0.9}, optim.SGD, {"momentum": 0.9}),
    ({"type": "adam", "lr": 0.005} | E, optim.Adam, E),
    ({"type": "sgd", "lr": 0.05} | NESTEROV, optim.SGD, NESTEROV),
    ({"type": "adamw", "lr": 0.005, "weight_decay": 0.1} | E, optim.AdamW, {"weight_decay": 0.1} | E),
    ({"type": "rmsprop", "lr": 0.003, "rho": 0.9} | E, optim.RMSprop, {"alpha": 0.9} | E),
    ({"type": "adagrad", "lr": 0.03} | E, optim.Adagrad, E),
    ({"type": "nadam", "lr": 0.005} | E, optim.NAdam, E),
    ({"type": "adamax", "lr": 0.005} | E, optim.Adamax, E),
    ({"type": "radam", "lr": 0.005} | E, optim.RAdam, E),
    ({"type": "adadelta", "lr": 0.5, "rho": 0.9} | E, optim.Adadelta, {"rho": 0.9} | E),
    ({"type": "sgd", "lr": 0.1}, optim.SGD, {}),
)  # fmt: skip

LOSSES: tuple[tuple[dict[str, Any], str, Any], ...] = (
    ({"type": "cross_entropy"}, "classes", F.cross_entropy),
    ({"type": "mse"}, "values", F.mse_loss),
    (
        {"type": "cross_entropy", "label_smoothing": 0.1},
        "classes",
        lambda y, t: F.cross_entropy(y, t, label_smoothing=0.1),
    ),
    ({"type": "huber"}, "values", F.huber_loss),
    (
        {"type": "binary_cross_entropy"},
        "two",
        lambda y, t: F.binary_cross_entropy_with_logits(y[:, 0], t.double()),
    ),
)  # fmt: skip


@pytest.fixture(autouse=True)
def scalars_in_float64() -> Iterator[None]:
    """PyTorch keeps NAdam's product of momenta in the default precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class Drawn:
    """A net, data, loss and optimizer of ours, and the same in PyTorch."""

    def __init__(self, number: int, folder: Path) -> None:
        rng = np.random.default_rng([number, 77])
        self.kind = KINDS[number % len(KINDS)]
        model, shape = net(self.kind, rng)
        loss, target, self.criterion = LOSSES[number // len(KINDS) % len(LOSSES)]
        optimizer, self.make, self.options = OPTIMIZERS[number % len(OPTIMIZERS)]
        self.l2 = float(rng.choice([0.0, 0.0, 0.01]))
        self.clip = float(rng.choice([0.0, 0.0, 0.5]))
        self.accumulate = int(rng.choice([1, 1, 1, 2]))
        self.falls = bool(rng.random() < 0.3)
        self.write(folder, shape, target, rng)
        train: dict[str, Any] = {
            "epochs": 1000,
            "precision": "float64",
            "threads": 1,
            "accumulate": self.accumulate,
        }
        if self.clip:
            train["clip_global_norm"] = self.clip
        tree: dict[str, Any] = {
            "name": "drawn", "seed": number, "model": model, "loss": loss, "train": train,
            "optimizer": optimizer,
            "data": {
                "source": {"type": "npz", "path": "data.npz"}, "batch_size": BATCH,
                "split": {"type": "random", "train": 1.0, "val": 0.0, "test": 0.0},
                "task": "regression" if target == "values" else "classification",
            },
        }  # fmt: skip
        if self.l2:
            tree["regularize"] = [{"type": "l2", "rate": self.l2}]
        if self.falls:
            tree["schedule"] = {"type": "step", "every": 20, "gamma": 0.5, "unit": "steps"}
        self.trainer = session.prepared_trainer(load_mapping(tree, folder=folder))
        built = self.trainer.model
        self.twin = Twin(built.net, built.store, built.p)
        groups = [{"params": self.twin.decaying}, {"params": self.twin.others, "weight_decay": 0.0}]
        self.optimizer = self.make([g for g in groups if g["params"]], lr=optimizer["lr"], **self.options)
        self.scheduler = S.StepLR(self.optimizer, 20, gamma=0.5) if self.falls else None

    def write(self, folder: Path, shape: tuple[int, ...], target: str, rng: np.random.Generator) -> None:
        classes = 2 if target == "two" else int(rng.integers(2, 5))
        y: Any = np.arange(ROWS) % classes
        if target == "values":
            y = rng.normal(size=(ROWS, int(rng.integers(1, 4))))
        np.savez(folder / "data.npz", x=rng.normal(size=(ROWS, *shape)), y=y)

    def step(self, window: list[Batch]) -> None:
        """PyTorch's update with the same rows: the whole window at once, where ours goes batch by batch."""
        rows = sum(map(len, window))
        total = torch.zeros(())
        for batch in window:
            value = self.criterion(self.twin(torch.tensor(batch.x)), torch.tensor(batch.y))
            total = total + value * (len(batch) / rows)
        if self.l2:
            total = total + 0.5 * self.l2 * sum((w * w).sum() for w in self.twin.decaying)
        self.optimizer.zero_grad()
        total.backward()
        leaves = self.twin.leaves.values()
        norm = torch.sqrt(sum((leaf.grad**2).sum() for leaf in leaves))
        if self.clip and norm > self.clip:
            for leaf in leaves:
                leaf.grad *= self.clip / norm
        self.optimizer.step()
        if self.scheduler:
            self.scheduler.step()


def first_pass(drawn: Drawn) -> None:
    """Outputs, loss and all gradients of the first rows, the input's included."""
    model, twin = drawn.trainer.model, drawn.twin
    part = drawn.trainer.data.train
    assert part.y is not None
    x, y = np.array(part.x[:7]), np.array(part.y[:7])
    ctx = Ctx(Pass(backend(), training=True))
    ours = model.net.forward(model.p, x, ctx)
    value, dy = model.loss(ours, Batch(x, y), 7.0, ctx.child("loss"))
    model.store.g[:] = np.nan
    dx = model.net.backward(model.p, model.g, dy, ctx)
    kept = {path: state.clone() for path, state in twin.states.items()}
    t = tensor(x)
    theirs = twin(t)
    total = drawn.criterion(theirs, torch.tensor(y))
    total.backward()
    agree(ours, theirs, "y")
    agree(value, total, "loss")
    agree(dx, t.grad, "dx")
    for path, leaf in twin.leaves.items():
        agree(model.g.node(path[:-1])[path[-1]], leaf.grad, f"d{'.'.join(path)}")
    twin.states.update(kept)


def updates(trainer: Trainer) -> Iterator[list[Batch]]:
    """The batches of a hundred updates, epoch after epoch, before the trainer takes them."""
    while True:
        for window in trainer._windows():
            yield window
            if trainer.step == STEPS:
                return
        trainer.epoch += 1
        trainer.batch = 0


def name(number: int) -> str:
    return f"{KINDS[number % len(KINDS)]}-{OPTIMIZERS[number % len(OPTIMIZERS)][0]['type']}-{number}"


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(
            number,
            marks=[
                oracle("nets", KINDS[number % len(KINDS)]),
                *([pytest.mark.slow] if i >= EVERYDAY else []),
            ],
            id=name(number),
        )
        for i, number in enumerate(NUMBERS)
    ],
)
def test_a_net_and_a_hundred_updates(number: int, tmp_path: Path) -> None:
    drawn = Drawn(number, tmp_path)
    trainer, model, twin = drawn.trainer, drawn.trainer.model, drawn.twin
    first_pass(drawn)
    start = model.store.w.copy()
    for window in updates(trainer):
        drawn.step(window)
        trainer._update(window)
    assert trainer.step == STEPS
    assert np.abs(model.store.w - start).max() > 1e-3
    for path, leaf in twin.leaves.items():
        agree(model.p.node(path[:-1])[path[-1]], leaf, f"{'.'.join(path)} after {STEPS} updates")
    for path, state in twin.states.items():
        agree(model.p.node(path[:-1])[path[-1]], state, f"{'.'.join(path)} after {STEPS} updates")
    twin.training = False
    x = np.array(trainer.data.train.x)
    agree(model.outputs(x, model.workspace()), twin(torch.tensor(x)), f"y after {STEPS} updates")


@pytest.mark.slow
@pytest.mark.parametrize("number", SENSITIVE, ids=name)
def test_what_is_left_out_makes_much_of_its_last_bits(number: int, tmp_path: Path) -> None:
    one, other = Drawn(number, tmp_path).trainer, Drawn(number, tmp_path).trainer
    w = other.model.store.w
    w *= 1 + 2.0**-52 * np.random.default_rng(0).choice([-1, 1], w.size)
    for ours, again in zip(updates(one), updates(other), strict=True):
        one._update(ours)
        other._update(again)
    assert max(difference(w[p.slice], one.model.store.w[p.slice]) for p in one.model.store.params) > 3e-12
