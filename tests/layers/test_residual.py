"""residual: what fits, what does not, and what the error then says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError
from bpcli.layers.base import Layer
from bpcli.layers.residual import Residual
from tests.generic.rigs import rig


def residual(*layers: Any, **fields: Any) -> Residual:
    return Residual.model_validate({"layers": list(layers), **fields})


def build(layer: Layer, shape: tuple[int, ...]) -> Any:
    return layer.build(shape, Decl(Plan(), (), ("model", "layers", 3)))


def test_another_width_needs_a_projection() -> None:
    with pytest.raises(BuildError, match=r"model.layers\[3\]: .*\(4,\).*\(5,\).*projection: true") as caught:
        build(residual({"type": "dense", "units": 5}), (4,))
    assert caught.value.where == ("model", "layers", 3)
    assert build(residual({"type": "dense", "units": 5}, projection=True), (4,)) == (5,)


@pytest.mark.parametrize("projection", [False, True])
def test_another_number_of_axes_fits_in_no_way(projection: bool) -> None:
    with pytest.raises(BuildError, match=r"\(2, 4\).*\(8,\)"):
        build(residual("flatten", projection=projection), (2, 4))


def test_an_error_inside_points_at_the_inner_layer() -> None:
    inner = {"type": "residual", "layers": [{"type": "dense", "units": 9}]}
    with pytest.raises(BuildError) as caught:
        build(residual({"type": "dense", "units": 4}, inner), (4,))
    assert caught.value.where == ("model", "layers", 3, "layers", 1)


def test_a_layer_may_not_take_the_projections_name() -> None:
    with pytest.raises(BuildError, match="'P'"):
        build(residual({"type": "dense", "units": 4, "name": "P"}, projection=True), (4,))
    assert build(residual({"type": "dense", "units": 4, "name": "P"}), (4,)) == (4,)


def test_no_layers() -> None:
    with pytest.raises(ValidationError, match="layers"):
        residual()


def test_presets_inside_are_expanded() -> None:
    layer = residual({"type": "mlp", "hidden": [4], "head": "none"}).expand()
    assert [key for key, _ in layer.children()] == ["sequential1"]
    assert build(layer, (4,)) == (4,)


def test_gradients_of_the_inner_layers_without_the_inputs() -> None:
    """Where nobody asks for dx, the inner layers and the projection still learn."""
    r = rig(residual({"type": "dense", "units": 2}, projection=True), (3,))
    r.ctx.need_dx = False
    _, dx, dw = r.gradients(np.ones((4, 3)), np.ones((4, 2)))
    assert dx is None
    assert r.g.P.tolist() == [[4.0, 4.0]] * 3
    assert np.isfinite(dw).all()


def test_flops_count_the_projection() -> None:
    dense = {"type": "dense", "units": 5}
    assert residual({"type": "dense", "units": 4}).flops((4,), (4,)) == 4
    assert residual(dense, projection=True).flops((4,), (5,)) == 5 + 2 * 4 * 5


def conv(filters: int, **fields: Any) -> dict[str, Any]:
    return {"type": "conv2d", "filters": filters, "kernel": 3, "padding": 1, **fields}


@pytest.mark.parametrize(
    ("shape", "stride", "output"),
    [
        ((8, 8, 2), 2, (4, 4, 5)), ((7, 5, 2), [2, 1], (4, 5, 5)),
        ((9, 6, 5), 3, (3, 2, 5)), ((4, 4, 3), 1, (4, 4, 5)),
    ],
)  # fmt: skip
def test_a_projection_follows_strides(shape: tuple[int, ...], stride: Any, output: tuple[int, ...]) -> None:
    assert build(residual(conv(5, stride=stride), projection=True), shape) == output


def test_strides_without_a_projection_are_refused_with_the_remedy() -> None:
    with pytest.raises(BuildError, match="projection: true fits it"):
        build(residual(conv(2, stride=2)), (8, 8, 2))


@pytest.mark.parametrize("projection", [False, True])
def test_a_height_that_no_stride_gives(projection: bool) -> None:
    with pytest.raises(BuildError, match=r"\(8, 8, 2\) into \(6, 6, 2\).*padding: same"):
        build(residual(conv(2, padding=0), projection=projection), (8, 8, 2))


def test_the_projection_reads_every_other_pixel() -> None:
    r = rig(residual(conv(3, stride=2), projection=True), (5, 4, 2))
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 2))
    alone = rig(residual(conv(3, stride=2), projection=True), (5, 4, 2))
    alone.p.P[...] = 0
    np.testing.assert_allclose(r.forward(x) - alone.forward(x), x[:, ::2, ::2] @ r.p.P, atol=1e-13)
