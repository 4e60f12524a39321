"""Augmentations against known answers, and chains of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.core.rng import Draws
from bpcli.data.augment._fields import drawn
from bpcli.data.augment._warp import warp
from bpcli.data.augment.affine import Affine
from bpcli.data.augment.brightness import Brightness
from bpcli.data.augment.contrast import Contrast
from bpcli.data.augment.crop import Crop
from bpcli.data.augment.cutout import Cutout
from bpcli.data.augment.elastic import Elastic, gaussian
from bpcli.data.augment.flip import Flip
from bpcli.data.augment.noise import Noise
from bpcli.data.augment.rotate import Rotate
from bpcli.data.augment.scale import Scale
from bpcli.data.augment.shift import Shift


def draws(n: int, purpose: str = "a") -> Draws:
    return Draws(1, purpose, samples=np.arange(n))


def images(n: int = 6, h: int = 7, w: int = 7, c: int = 2, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(0).normal(size=(n, h, w, c)).astype(dtype)


def make(cls: Any, **fields: Any) -> Any:
    return cls.model_validate(fields)


# --- pixels that move as a whole ------------------------------------------------------------------------


def test_flips() -> None:
    x = images(h=4, w=5)
    assert np.array_equal(Flip().images(x, draws(6)), x[:, :, ::-1])
    assert np.array_equal(Flip(direction="vertical").images(x, draws(6)), x[:, ::-1])


@pytest.mark.parametrize("fill", ["edge", "reflect", -9.0])
@pytest.mark.parametrize("cls", [Shift, Crop])
def test_a_shift_is_a_window_of_the_padded_image(cls: Any, fill: Any) -> None:
    x = images(200, 5, 6)
    a, b = (2, 3) if cls is Shift else (2, 2)
    augment = (
        make(Shift, vertical=a, horizontal=b, fill=fill) if cls is Shift else make(Crop, padding=2, fill=fill)
    )
    mode: Any = {"mode": fill} if isinstance(fill, str) else {"constant_values": fill}
    padded = np.pad(x, ((0, 0), (a, a), (b, b), (0, 0)), **mode)
    places = set()
    for one, made in zip(padded, augment.images(x, draws(200)), strict=True):
        (at,) = [
            (i, j)
            for i in range(2 * a + 1)
            for j in range(2 * b + 1)
            if np.array_equal(one[i : i + 5, j : j + 6], made)
        ]
        places.add(at)
    assert len(places) == (2 * a + 1) * (2 * b + 1), "every place is drawn"


def test_a_shift_by_a_share_of_the_side() -> None:
    x = images(300, 10, 20, 1)
    made = make(Shift, vertical=0.2, horizontal=0.0, fill=0.0).images(x, draws(300))
    lost = (made == 0).all(axis=(2, 3)).sum(axis=1)
    assert set(lost.tolist()) == {0, 1, 2}


# --- points between the pixels --------------------------------------------------------------------------


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (-90, -1), (270, 3)])
@pytest.mark.parametrize("fill", ["edge", "reflect", 5.0])
@pytest.mark.parametrize("side", [6, 7])
def test_quarter_turns_are_exact(degrees: float, turns: int, fill: Any, side: int) -> None:
    x = images(h=side, w=side)
    made = make(Rotate, degrees=[degrees, degrees], fill=fill).images(x, draws(6))
    assert np.allclose(made, np.rot90(x, turns, axes=(1, 2)), atol=1e-12)


def test_a_shift_of_affine_moves_down_and_to_the_right() -> None:
    x = images(h=8, w=8)
    plain: Any = {"degrees": 0, "scale": [1, 1], "shear": 0}
    made = make(Affine, **plain, shift=[0.25, 0.25], fill=0.0).images(x, draws(6))
    assert np.allclose(made[:, 2:, 2:], x[:, :-2, :-2], atol=1e-12)
    assert not made[:, :2].any()
    assert not made[:, :, :2].any()


def test_scaling_by_two_doubles_the_distances_from_the_centre() -> None:
    x = images(h=9, w=9)
    made = make(Scale, factor=[2, 2]).images(x, draws(6))
    assert np.allclose(made[:, ::2, ::2], x[:, 2:7, 2:7], atol=1e-12)
    half = make(Scale, factor=[0.5, 0.5], fill=7.0).images(x, draws(6))
    assert np.allclose(half[:, 2:7, 2:7], x[:, ::2, ::2], atol=1e-12)
    assert (half[:, 0] == 7).all()


def test_a_shear_of_45_degrees_moves_each_row_one_further() -> None:
    x = images(h=5, w=9)
    plain: Any = {"degrees": 0, "scale": [1, 1], "shift": 0}
    made = make(Affine, **plain, shear=[45, 45], fill=0.0).images(x, draws(6))
    for row in range(5):
        by = row - 2
        kept = x[:, row, max(0, -by) : 9 - max(0, by)]
        assert np.allclose(made[:, row, max(0, by) : 9 + min(0, by)], kept, atol=1e-12)


@pytest.mark.parametrize("fill", ["edge", "reflect", 0.5])
def test_affine_reads_what_scipy_reads(fill: Any) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    x = images(8, 11, 9, 2)
    augment = make(Affine, degrees=40, scale=[0.6, 1.5], shear=20, shift=0.2, fill=fill)
    made = augment.images(x, draws(8))
    d = draws(8)
    theta, phi = (np.radians(drawn(span, d)) for span in (augment.degrees, augment.shear))
    s = drawn(augment.scale, d)
    down, right = drawn(augment.shift, d) * 11, drawn(augment.shift, d) * 9
    mode: Any = {"mode": {"edge": "nearest", "reflect": "mirror"}.get(fill, "grid-constant")}
    if fill == 0.5:
        mode["cval"] = 0.5
    for i in range(8):
        turn = np.array([[np.cos(theta[i]), -np.sin(theta[i])], [np.sin(theta[i]), np.cos(theta[i])]])
        # (y, x): x' = x + tan φ · y, after which a turn against the clock, y pointing down
        forward = s[i] * turn @ np.array([[1, 0], [np.tan(phi[i]), 1]])
        inverse = np.linalg.inv(forward)
        centre = np.array([5.0, 4.0])
        offset = centre - inverse @ (centre + np.array([down[i], right[i]]))
        for c in range(2):
            expected = ndimage.affine_transform(x[i, ..., c], inverse, offset, order=1, **mode)
            assert np.allclose(made[i, ..., c], expected, atol=1e-10)


@pytest.mark.parametrize("fill", ["edge", "reflect", -2.0])
def test_elastic_reads_what_scipy_reads(fill: Any) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    x = images(3, 28, 20, 1, np.float32)
    made = make(Elastic, alpha=34.0, sigma=4.0, fill=fill).images(x, draws(3))
    u = draws(3).uniform_field(28, 2, 20) * 2 - 1
    mode: Any = {"mode": {"edge": "nearest", "reflect": "mirror"}.get(fill, "grid-constant")}
    if fill == -2.0:
        mode["cval"] = -2.0
    for i in range(3):
        dy, dx = (
            34 * ndimage.gaussian_filter(u[i, :, k].astype(np.float64), 4, mode="constant") for k in (0, 1)
        )
        at = np.array([np.arange(28)[:, None] + dy, np.arange(20) + dx])
        expected = ndimage.map_coordinates(x[i, ..., 0].astype(np.float64), at, order=1, **mode)
        assert np.allclose(made[i, ..., 0], expected, atol=2e-4)


def test_points_move_as_far_as_the_page_of_elastic_says() -> None:
    d = make(Elastic, alpha=34.0, sigma=4.0).source(
        np.zeros((1, 60, 1)), np.zeros((1, 1, 60)), draws(300), (60, 60)
    )
    assert np.std(d[0][:, 16:-16, 16:-16]) == pytest.approx(34 / (6 * 4), rel=0.1)
    assert np.allclose(gaussian(40, 2.0)[20].sum(), 1, atol=1e-6)


def test_images_one_pixel_wide() -> None:
    for shape in ((2, 1, 5, 1), (2, 5, 1, 3), (2, 1, 1, 1)):
        x = np.random.default_rng(0).normal(size=shape)
        for fill in ("edge", "reflect", 0.0):
            made = make(Affine, fill=fill, degrees=0, shear=0, shift=0, scale=[1, 1]).images(x, draws(2))
            assert np.allclose(made, x)
            assert np.isfinite(make(Affine, fill=fill).images(x, draws(2))).all()


# --- values ---------------------------------------------------------------------------------------------


def test_cutout_hides_one_square_of_its_size() -> None:
    x = np.ones((400, 12, 10, 3))
    made = make(Cutout, size=4, fill=-3.0).images(x, draws(400))
    hidden = (made == -3).all(axis=3)
    assert np.array_equal(hidden, (made == -3).any(axis=3)), "in all channels"
    rows, columns = hidden.any(axis=2).sum(axis=1), hidden.any(axis=1).sum(axis=1)
    assert np.array_equal(hidden.sum(axis=(1, 2)), rows * columns), "a rectangle"
    assert rows.max() == columns.max() == 4
    assert min(rows.min(), columns.min()) >= 1, "its centre lies in the image"
    assert (hidden.mean(axis=0) > 0.04).all(), "everywhere"


def test_noise_brightness_and_contrast() -> None:
    x = images(500, 8, 8, 2)
    e = make(Noise, std=0.5).images(x, draws(500)) - x
    assert e.std() == pytest.approx(0.5, rel=0.01)
    assert abs(np.corrcoef(e[..., 0].ravel(), e[..., 1].ravel())[0, 1]) < 0.03
    b = make(Brightness, by=[0.1, 0.4]).images(x, draws(500)) - x
    assert np.allclose(b, b[:, :1, :1, :1])
    assert 0.1 <= b.min() < 0.11
    assert 0.39 < b.max() <= 0.4
    made = make(Contrast, factor=[0.5, 2.0]).images(x, draws(500))
    assert np.allclose(made.mean(axis=(1, 2, 3)), x.mean(axis=(1, 2, 3)))
    f = made.std(axis=(1, 2, 3)) / x.std(axis=(1, 2, 3))
    assert 0.5 <= f.min() < 0.52
    assert 1.98 < f.max() <= 2


# --- chains ---------------------------------------------------------------------------------------------


def test_a_chain_of_warps_is_read_once() -> None:
    """Two eighths of a turn make an exact quarter: read in between, they would blur."""
    x = images(h=9, w=9, c=1)
    eighth = make(Rotate, degrees=[45, 45])
    chain = warp(x, [(eighth, draws(6)), (eighth, draws(6, "b"))])
    assert np.allclose(chain, np.rot90(x, axes=(1, 2)), atol=1e-12)
    twice = eighth.images(eighth.images(x, draws(6)), draws(6))
    assert np.abs(twice - np.rot90(x, axes=(1, 2))).max() > 0.1


def test_a_chain_applies_the_first_first() -> None:
    """Moved right by 2 and then turned by a quarter is not turned and then moved."""
    x = np.zeros((1, 9, 9, 1))
    x[0, 4, 4] = 1
    right = make(Affine, degrees=0, scale=[1, 1], shear=0, shift=[2 / 9, 2 / 9])
    turn = make(Rotate, degrees=[90, 90])
    one = warp(x, [(right, draws(1)), (turn, draws(1))])
    two = warp(x, [(turn, draws(1)), (right, draws(1))])
    step = turn.images(right.images(x, draws(1)), draws(1))
    assert np.allclose(one, step, atol=1e-12)
    assert np.allclose(two[0, 6, 6], 1)
    assert np.allclose(one[0, 2, 6], 1)
