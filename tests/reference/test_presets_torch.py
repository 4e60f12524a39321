"""The presets as one would write them by hand in PyTorch: what they stand for, and its gradients."""

from __future__ import annotations

from typing import Any

import pytest

from tests.generic.rigs import rig
from tests.reference.compare import oracle

torch = pytest.importorskip("torch")

from tests.reference.passes import first, last, layer, one_pass  # noqa: E402

F = torch.nn.functional


def linear(x: Any, leaf: Any, key: str) -> Any:
    return F.linear(x, leaf(key, "W").T, leaf(key, "b"))


def conv(x: Any, leaf: Any, *path: str, **options: Any) -> Any:
    """x with channels first."""
    return F.conv2d(x, leaf(*path, "W").permute(3, 2, 0, 1), leaf(*path, "b"), **options)


def norm(x: Any, leaf: Any, *path: str) -> Any:
    return F.batch_norm(x, None, None, leaf(*path, "gamma"), leaf(*path, "beta"), training=True)


def rows(x: Any) -> Any:
    """Images as rows of numbers, the channels of a pixel side by side."""
    return last(x).flatten(1)


@oracle("layers", "mlp")
@pytest.mark.parametrize("shape", [(5,), (2, 3)])
@pytest.mark.parametrize("n", [1, 6])
def test_mlp(shape: tuple[int, ...], n: int) -> None:
    def theirs(x: Any, leaf: Any) -> Any:
        return F.gelu(linear(F.gelu(linear(x.flatten(1), leaf, "dense1")), leaf, "dense2"))

    one_pass(rig(layer("mlp", hidden=[7, 4], activation="gelu"), shape), theirs, n=n)


@oracle("layers", "mlp")
def test_mlp_with_batch_norm() -> None:
    def theirs(x: Any, leaf: Any) -> Any:
        for key in "12":
            x = torch.relu(norm(F.linear(x, leaf(f"dense{key}", "W").T), leaf, f"batch_norm{key}"))
        return x

    one_pass(rig(layer("mlp", hidden=[7, 4], norm="batch_norm"), (5,), training=True), theirs, n=9)


@oracle("layers", "cnn")
def test_cnn() -> None:
    def theirs(x: Any, leaf: Any) -> Any:
        x = first(x)
        for key in "12":
            x = F.max_pool2d(torch.relu(conv(x, leaf, f"conv2d{key}", padding="same")), 2)
        return torch.relu(linear(rows(x), leaf, "dense1"))

    one_pass(rig(layer("cnn", filters=[3, 5], dense=[6]), (9, 8, 2)), theirs, n=4)


@oracle("layers", "cnn")
def test_cnn_with_norms_averages_and_several_convolutions() -> None:
    blocks = [{"filters": [3, 4], "pool": "average"}, {"filters": 5, "kernel": 2, "pool": "none"}]
    fields = {"norm": "batch_norm", "activation": "tanh", "padding": "valid", "reduce": "global_avg"}

    def theirs(x: Any, leaf: Any) -> Any:
        def block(x: Any, key: str) -> Any:
            return torch.tanh(norm(conv(x, leaf, f"conv2d{key}"), leaf, f"batch_norm{key}"))

        x = F.avg_pool2d(block(block(first(x), "1"), "2"), 2)
        return block(x, "3").mean((2, 3))

    one_pass(rig(layer("cnn", blocks=blocks, **fields), (9, 8, 2), training=True), theirs, n=4)


@oracle("layers", "lenet")
@pytest.mark.parametrize("pool", ["max", "average"])
def test_lenet(pool: str) -> None:
    reduced = F.max_pool2d if pool == "max" else F.avg_pool2d

    def theirs(x: Any, leaf: Any) -> Any:
        x = reduced(torch.tanh(conv(first(x), leaf, "conv2d1", padding=2)), 2)
        x = reduced(torch.tanh(conv(x, leaf, "conv2d2")), 2)
        x = torch.tanh(linear(rows(x), leaf, "dense1"))
        return torch.tanh(linear(x, leaf, "dense2"))

    r = rig(layer("lenet", activation="tanh", pool=pool), (28, 28, 1))
    assert [q.shape[-1] for q in r.store.params if q.name == "W"] == [6, 16, 120, 84]
    one_pass(r, theirs, n=2)


@oracle("layers", "resnet")
@pytest.mark.parametrize(
    ("depth", "widths", "shape"),
    [(14, (3, 4, 6), (10, 9, 2)), (8, (2, 3, 4), (7, 8, 1)), (6, (5,), (3, 3, 2))],
)
def test_resnet(depth: int, widths: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """The first block of every stage but the first halves the image; 14 are three stages of two blocks."""
    blocks = (depth - 2) // 2
    stage = blocks // len(widths)

    def theirs(x: Any, leaf: Any) -> Any:
        x = torch.relu(norm(conv(first(x), leaf, "conv2d1", padding=1), leaf, "batch_norm1"))
        for block in range(blocks):
            key, stride = f"residual{block + 1}", 2 if block and block % stage == 0 else 1
            f = conv(x, leaf, key, "conv2d1", padding=1, stride=stride)
            f = torch.relu(norm(f, leaf, key, "batch_norm1"))
            f = norm(conv(f, leaf, key, "conv2d2", padding=1), leaf, key, "batch_norm2")
            if stride > 1:
                x = F.conv2d(x, leaf(key, "P").T[:, :, None, None], stride=2)
            x = torch.relu(x + f)
        return x.mean((2, 3))

    r = rig(layer("resnet", depth=depth, widths=list(widths)), shape, training=True)
    one_pass(r, theirs, n=3)
