"""spatial_dropout, gaussian_noise, prelu, the norms and the layers that only move numbers: what the laws do
not say of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.core.store import Decl, Plan
from bpcli.errors import BuildError
from bpcli.spec.registry import family
from tests.generic.rigs import draw, rig


def layer(name: str, **fields: Any) -> Any:
    return family("layers")[name].model_validate(fields)


def refused(built: Any, shape: tuple[int, ...]) -> BuildError:
    with pytest.raises(BuildError) as caught:
        built.build(shape, Decl(Plan(), (), ("model",)))
    return caught.value


def test_spatial_dropout_leaves_out_whole_channels_at_its_rate() -> None:
    r = rig(layer("spatial_dropout", rate=0.3), (3, 4, 50), training=True)
    y, dx, _ = r.gradients(np.ones((40, 3, 4, 50)), np.ones((40, 3, 4, 50)))
    assert (y == y[:, :1, :1]).all()
    assert set(np.unique(y.round(4))) == {0.0, round(1 / 0.7, 4)}
    assert abs((y[:, 0, 0] == 0).mean() - 0.3) < 0.04  # 2,000 channels: four standard deviations
    assert np.array_equal(dx, y)


def test_spatial_dropout_of_rows_is_plain_dropouts_work() -> None:
    assert refused(layer("spatial_dropout", rate=0.3), (4,)).hint == "use dropout"


def test_gaussian_noise_has_its_deviation_and_no_bias() -> None:
    r = rig(layer("gaussian_noise", std=0.5), (100,), training=True)
    x = draw(400, (100,), 1)
    noise = r.forward(x) - x
    assert abs(noise.mean()) < 4 * 0.5 / 200
    assert abs(noise.std() - 0.5) < 4 * 0.5 / 280
    assert np.array_equal(noise, r.forward(x) - x), "the same step draws the same noise"
    r.ctx.shared.step = 1
    assert not np.allclose(noise, r.forward(x) - x)


def test_gaussian_noise_is_for_training_only() -> None:
    x = draw(4, (3,), 1)
    assert np.array_equal(rig(layer("gaussian_noise", std=0.5), (3,)).forward(x), x)
    assert np.array_equal(rig(layer("gaussian_noise", std=0), (3,), training=True).forward(x), x)


def test_noise_does_not_depend_on_precision() -> None:
    x = np.zeros((5, 4))
    double = rig(layer("gaussian_noise", std=0.5), (4,), training=True).forward(x)
    single = rig(layer("gaussian_noise", std=0.5), (4,), training=True, dtype="float32").forward(
        x.astype("f4")
    )
    np.testing.assert_allclose(single, double, rtol=1e-6)


def test_prelu_starts_as_a_leaky_relu_and_is_not_decayed() -> None:
    plan = Plan()
    layer("prelu").build((2,), Decl(plan))
    (param,) = plan.params
    assert param.init.draw(np.random.default_rng(0), (2,), 1, 1).tolist() == [0.25, 0.25]
    assert param.decay is False
    r = rig(layer("prelu"), (2,))
    r.p.a[...] = [0.25, 2.0]
    x = np.array([[-2.0, -2.0], [0.0, 3.0]])
    y, dx, _ = r.gradients(x, np.ones_like(x))
    assert y.tolist() == [[-0.5, -4.0], [0.0, 3.0]]
    assert dx.tolist() == [[0.25, 2.0], [0.25, 1.0]]
    assert r.g.a.tolist() == [-2.0, -2.0]


def test_norms_have_mean_zero_and_variance_one() -> None:
    x = 5.0 + 3.0 * draw(6, (4, 4, 6), 1)
    for name, fields, axes in (
        ("layer_norm", {"scale": False, "center": False}, (-1,)),
        ("layer_norm", {"axes": 3, "scale": False, "center": False}, (1, 2, 3)),
        ("group_norm", {"groups": 6, "scale": False, "center": False}, (1, 2)),
    ):
        y = rig(layer(name, **fields), (4, 4, 6)).forward(x)
        np.testing.assert_allclose(y.mean(axes), 0, atol=1e-12)
        np.testing.assert_allclose(y.var(axes), 1, rtol=1e-4)
    y = rig(layer("rms_norm", scale=False), (4, 4, 6)).forward(x)
    np.testing.assert_allclose((y**2).mean(-1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_row_norms_refuse_what_they_cannot_do(name: str) -> None:
    assert "by itself" in refused(layer(name), (3, 1)).message
    assert refused(layer(name, axes=3), (3, 2)).where == ("model", "axes")


def test_group_norm_refuses_what_it_cannot_do() -> None:
    error = refused(layer("group_norm", groups=4), (2, 2, 6))
    assert (error.where, error.hint) == (("model", "groups"), "choose one of 1, 2, 3, 6")
    assert "by itself" in refused(layer("group_norm", groups=6), (6,)).message


def test_reshape() -> None:
    built = layer("reshape", shape=[2, -1])
    assert built.build((3, 4), Decl(Plan())) == (2, 6)
    assert rig(built, (3, 4)).forward(np.zeros((0, 3, 4))).shape == (0, 2, 6)
    error = refused(layer("reshape", shape=[5, -1]), (3, 4))
    assert (error.where, error.message) == (
        ("model", "shape"),
        "the 12 numbers of (3, 4) do not fill the shape [5, -1]",
    )
    assert "do not fill" in refused(layer("reshape", shape=[5]), (3,)).message
    for wrong in ([-1, -1], [0], [-2], []):
        with pytest.raises(ValidationError):
            layer("reshape", shape=wrong)


def test_permute() -> None:
    assert refused(layer("permute", order=[2, 1]), (2, 3, 4)).where == ("model", "order")
    for wrong in ([1, 1], [2], [0, 1], []):
        with pytest.raises(ValidationError):
            layer("permute", order=wrong)


def test_repeat_vector_takes_vectors() -> None:
    assert "flatten" in (refused(layer("repeat_vector", times=2), (2, 3)).hint or "")
