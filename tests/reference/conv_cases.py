"""Drawn convolutions and pools (shapes, strides, dilations, groups, paddings), and the same in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.generic.rigs import Rig

torch = pytest.importorskip("torch")

from tests.reference.functions import activated  # noqa: E402

F = torch.nn.functional

Random = np.random.Generator
Fields = dict[str, Any]
#: A layer's fields and an input shape from a random stream, and the same function in PyTorch.
Draw = Callable[[Random], tuple[Fields, tuple[int, ...]]]
Oracle = Callable[[Rig, Any, dict[str, Any]], Any]


# --- what is drawn -------------------------------------------------------------------------------------


def size(rng: Random, high: int, dims: int = 2) -> Any:
    """One number for all axes, or one for each."""
    if dims == 1 or rng.random() < 0.5:
        return int(rng.integers(1, high + 1))
    return [int(k) for k in rng.integers(1, high + 1, dims)]


def padding(rng: Random, high: int, dims: int, *names: str) -> Any:
    kind = rng.integers(4)
    if kind == 0:
        return str(rng.choice(["valid", "same", *names]))
    if kind == 1:
        return int(rng.integers(high + 1))
    pairs = rng.integers(0, high + 1, (2, 2)).tolist()
    return pairs if kind == 2 and dims == 2 else pairs[0]


def image(rng: Random, channels: int, high: int = 9) -> tuple[int, ...]:
    return (*(int(k) for k in rng.integers(1, high, 2)), channels)


def extras(rng: Random) -> Fields:
    return {"activation": "tanh" if rng.random() < 0.3 else None, "bias": bool(rng.random() < 0.8)}


def conv2d(rng: Random) -> tuple[Fields, tuple[int, ...]]:
    groups, a, b = (int(k) for k in rng.integers(1, 4, 3))
    shape = image(rng, groups * int(rng.choice([a, 17])) if rng.random() < 0.7 else groups)
    fields = {"filters": groups * b, "groups": groups, "kernel": size(rng, 4), "stride": size(rng, 3)}
    return fields | {"dilation": size(rng, 3), "padding": padding(rng, 4, 2)} | extras(rng), shape


def conv1d(rng: Random) -> tuple[Fields, tuple[int, ...]]:
    groups, a, b = (int(k) for k in rng.integers(1, 4, 3))
    fields = {"filters": groups * b, "groups": groups, "kernel": size(rng, 5, 1), "stride": size(rng, 3, 1)}
    fields |= {"dilation": size(rng, 3, 1), "padding": padding(rng, 5, 1, "causal")}
    return fields | extras(rng), (int(rng.integers(1, 14)), groups * a)


def depthwise_conv2d(rng: Random) -> tuple[Fields, tuple[int, ...]]:
    fields = {"multiplier": int(rng.integers(1, 4)), "kernel": size(rng, 4), "stride": size(rng, 3)}
    fields |= {"dilation": size(rng, 2), "padding": padding(rng, 3, 2)}
    return fields | extras(rng), image(rng, int(rng.integers(1, 5)))


def separable_conv2d(rng: Random) -> tuple[Fields, tuple[int, ...]]:
    fields, shape = depthwise_conv2d(rng)
    return fields | {"filters": int(rng.integers(1, 5))}, shape


def conv2d_transpose(rng: Random) -> tuple[Fields, tuple[int, ...]]:
    fields, shape = conv2d(rng)
    extra = 0 if fields["padding"] == "same" else size(rng, 3)
    return fields | {"output_padding": extra}, (*(min(k, 5) for k in shape[:2]), shape[2])


def pool(dims: int, high: int, **more: Any) -> Draw:
    def drawn(rng: Random) -> tuple[Fields, tuple[int, ...]]:
        fields = {"size": size(rng, 4, dims), "padding": padding(rng, 3, dims)}
        if rng.random() < 0.6:
            fields["stride"] = size(rng, 4, dims)
        for key, values in more.items():
            fields[key] = values[int(rng.integers(len(values)))]
        shape = image(rng, int(rng.integers(1, 4)), high)
        return fields, shape if dims == 2 else shape[1:]

    return drawn


def between(rng: Random) -> tuple[Fields, tuple[int, ...]]:
    shape = image(rng, int(rng.integers(1, 5)))
    return {}, shape if rng.random() < 0.5 else shape[1:]


def border(rng: Random) -> tuple[Fields, tuple[int, ...]]:
    drawn = padding(rng, 3, 2)
    return {"padding": 1 if isinstance(drawn, str) else drawn}, image(rng, 2)


def upsample2d(rng: Random) -> tuple[Fields, tuple[int, ...]]:
    names = ["nearest", "bilinear"]
    return {"size": size(rng, 4), "interpolation": str(rng.choice(names))}, image(
        rng, int(rng.integers(1, 4))
    )


# --- the same in PyTorch -------------------------------------------------------------------------------


def two(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value, value]


def ends(r: Rig, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """(before, after) of each axis, for `same` from TensorFlow's formula."""
    layer, dims = r.layer, len(shape)
    kernel = two(getattr(layer, "kernel", None) or layer.size)
    strides, dilations = two(layer.stride or layer.size), two(getattr(layer, "dilation", 1))
    given = layer.padding
    found = []
    for axis in range(dims):
        k, s, d = kernel[axis], strides[axis], dilations[axis]
        if given == "same":
            outputs = (shape[axis] + s - 1) // s
            total = max((outputs - 1) * s + (k - 1) * d + 1 - shape[axis], 0)
            found.append((total // 2, total - total // 2))
        elif given == "causal":
            found.append(((k - 1) * d, 0))
        elif given == "valid":
            found.append((0, 0))
        elif dims == 1:
            found.append(tuple(two(given)))
        else:
            one = two(given)[axis]
            found.append(one if isinstance(one, tuple) else (one, one))
    return found


def framed(x: Any, sides: list[tuple[int, int]], value: float = 0.0) -> Any:
    return F.pad(x, [n for side in reversed(sides) for n in side], value=value)


def out(r: Rig, z: Any) -> Any:
    return activated(r.layer.activation, z)


def torch_conv2d(r: Rig, x: Any, p: dict[str, Any]) -> Any:
    f, W = r.layer, p["W"].permute(3, 2, 0, 1)
    x = framed(x, ends(r, x.shape[2:]))
    return out(r, F.conv2d(x, W, p.get("b"), two(f.stride), 0, two(f.dilation), f.groups))


def torch_conv1d(r: Rig, x: Any, p: dict[str, Any]) -> Any:
    f, W = r.layer, p["W"].permute(2, 1, 0)
    x = framed(x, ends(r, x.shape[2:]))
    return out(r, F.conv1d(x, W, p.get("b"), f.stride, 0, f.dilation, f.groups))


def torch_depthwise(r: Rig, x: Any, W: Any, b: Any) -> Any:
    f, c = r.layer, x.shape[1]
    x = framed(x, ends(r, x.shape[2:]))
    return F.conv2d(x, W.permute(2, 0, 1)[:, None], b, two(f.stride), 0, two(f.dilation), c)


def torch_separable(r: Rig, x: Any, p: dict[str, Any]) -> Any:
    h = torch_depthwise(r, x, p["D"], None)
    return out(r, F.conv2d(h, p["W"].T[:, :, None, None], p.get("b")))


def torch_transpose(r: Rig, x: Any, p: dict[str, Any]) -> Any:
    """Everything, then what `padding` cuts off; `same` cuts or fills up to the stride times the input."""
    f, W = r.layer, p["W"].permute(3, 2, 0, 1).contiguous()
    strides, spans = (
        two(f.stride),
        [(k - 1) * d + 1 for k, d in zip(two(f.kernel), two(f.dilation), strict=True)],
    )
    z = F.conv_transpose2d(x, W, None, strides, 0, 0, f.groups, two(f.dilation))
    if f.padding == "same":
        cut = [((t := max(k - s, 0)) // 2, t - t // 2) for k, s in zip(spans, strides, strict=True)]
        extra = [max(s - k, 0) for k, s in zip(spans, strides, strict=True)]
    else:
        cut, extra = ends(r, x.shape[2:]), two(f.output_padding)
    z = F.pad(z, [0, extra[1], 0, extra[0]])
    (top, bottom), (left, right) = cut
    z = z[:, :, top : z.shape[2] - bottom, left : z.shape[3] - right]
    return out(r, z if p.get("b") is None else z + p["b"][None, :, None, None])


def torch_max_pool(r: Rig, x: Any, p: dict[str, Any]) -> Any:
    f, function = r.layer, F.max_pool2d if x.ndim == 4 else F.max_pool1d
    x = framed(x, ends(r, x.shape[2:]), -torch.inf)
    dims = x.ndim - 2
    return function(x, two(f.size)[:dims], two(f.stride or f.size)[:dims], 0, two(f.dilation)[:dims])


def torch_avg_pool(r: Rig, x: Any, p: dict[str, Any]) -> Any:
    """The mean of the padded values, divided by the mean of padded ones where padding does not count."""
    f, function = r.layer, F.avg_pool2d if x.ndim == 4 else F.avg_pool1d
    dims, sides = x.ndim - 2, ends(r, x.shape[2:])

    def mean(a: Any) -> Any:
        return function(framed(a, sides), two(f.size)[:dims], two(f.stride or f.size)[:dims])

    return mean(x) if f.count_include_pad else mean(x) / mean(torch.ones_like(x))


def torch_upsample(r: Rig, x: Any, p: dict[str, Any]) -> Any:
    factor = tuple(float(k) for k in two(r.layer.size))
    if r.layer.interpolation == "nearest":
        return F.interpolate(x, scale_factor=factor, mode="nearest")
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


CASES: dict[str, tuple[int, Draw, Oracle]] = {
    "conv2d": (90, conv2d, torch_conv2d),
    "conv1d": (40, conv1d, torch_conv1d),
    "depthwise_conv2d": (
        25, depthwise_conv2d, lambda r, x, p: out(r, torch_depthwise(r, x, p["W"], p.get("b"))),
    ),
    "separable_conv2d": (25, separable_conv2d, torch_separable),
    "conv2d_transpose": (60, conv2d_transpose, torch_transpose),
    "max_pool2d": (40, pool(2, 10, dilation=[1, 1, 2, 3]), torch_max_pool),
    "max_pool1d": (15, pool(1, 14, dilation=[1, 1, 2]), torch_max_pool),
    "avg_pool2d": (40, pool(2, 10, count_include_pad=[False, True]), torch_avg_pool),
    "avg_pool1d": (15, pool(1, 14, count_include_pad=[False, True]), torch_avg_pool),
    "global_avg_pool": (6, between, lambda r, x, p: x.flatten(2).mean(2)),
    "global_max_pool": (6, between, lambda r, x, p: x.flatten(2).amax(2)),
    "zero_pad2d": (8, border, lambda r, x, p: framed(x, ends_of_border(r))),
    "upsample2d": (16, upsample2d, torch_upsample),
}  # fmt: skip


def ends_of_border(r: Rig) -> list[tuple[int, int]]:
    return [one if isinstance(one, tuple) else (one, one) for one in two(r.layer.padding)]
