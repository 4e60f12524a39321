"""Windows on an axis and on images, against counting them one by one."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from bpcli.core import windows
from bpcli.core.backend import backend
from bpcli.core.windows import Axis, Tiling, axis, batches, pad, pad_size, rows

AXES = [
    Axis(size, kernel, stride, dilation, before, after)
    for size, kernel, stride, dilation, before, after in product(
        (1, 4, 7), (1, 2, 3), (1, 2, 4), (1, 2), (0, 1, 3), (0, 2)
    )
]
FITTING = [a for a in AXES if a.out > 0]


def places(a: Axis) -> list[list[int]]:
    """For each window the places of its taps, padding being below 0 or beyond the size."""
    found = []
    start = -a.before
    while start + (a.kernel - 1) * a.dilation < a.size + a.after:
        found.append([start + tap * a.dilation for tap in range(a.kernel)])
        start += a.stride
    return found


def test_windows_are_counted() -> None:
    assert len(FITTING) > 200
    for a in AXES:
        assert max(a.out, 0) == len(places(a)), a


def test_reach_is_what_lies_under_a_tap() -> None:
    for a in FITTING:
        padded, every = np.arange(a.padded) - a.before, places(a)
        for tap in range(a.kernel):
            assert padded[a.reach(tap)].tolist() == [window[tap] for window in every]
            last = slice(a.out - 1, a.out)
            assert padded[a.reach(tap, last)].tolist() == [every[-1][tap]]


def test_pairs_leave_padding_out() -> None:
    for a in FITTING:
        for tap in range(a.kernel):
            some, values = a.pairs(tap)
            found = list(zip(range(a.out)[some], range(a.size)[values], strict=True))
            expected = [(u, w[tap]) for u, w in enumerate(places(a)) if 0 <= w[tap] < a.size]
            assert found == expected, (a, tap)


def test_onto_says_which_windows_see_a_value_and_by_which_tap() -> None:
    for a in [one for one in FITTING if one.dilation == 1]:
        seen = [
            {(u, tap) for u, w in enumerate(places(a)) for tap, at in enumerate(w) if at == value}
            for value in range(a.size)
        ]
        for value in range(min(a.stride, a.size)):
            first, onto = a.onto(value)
            if not onto.kernel:
                assert not any(seen[value :: a.stride])
                continue
            assert onto.out == len(seen[value :: a.stride])
            for windows_of, expected in zip(places(onto), seen[value :: a.stride], strict=True):
                taps = [first + k * a.stride for k in reversed(range(onto.kernel))]
                found = {(u, tap) for u, tap in zip(windows_of, taps, strict=True) if 0 <= u < a.out}
                assert found == expected, (a, value)


def test_inside_and_kept_are_the_values() -> None:
    for a in [*FITTING, Axis(5, 2, before=-2, after=1), Axis(5, 2, before=1, after=-3)]:
        padded = np.arange(a.padded) - a.before
        kept = np.arange(a.size)[a.kept]
        assert padded[a.inside].tolist() == kept.tolist()
        assert kept.tolist() == [i for i in range(a.size) if -a.before <= i < a.size + a.after]


def test_flipped_gives_the_windows_that_a_value_is_in() -> None:
    """With stride 1: tap k of the flipped window at value v is the window whose tap kernel-1-k is v."""
    for a in (a for a in FITTING if a.stride == 1):
        flipped = a.flipped()
        assert flipped.out == a.size
        every = places(a)
        for value, window in enumerate(places(flipped)):
            for tap, u in enumerate(window):
                if 0 <= u < a.out:
                    assert every[u][a.kernel - 1 - tap] == value


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (5, 3, 1, (1, 1)),
        (5, 2, 1, (0, 1)),
        (6, 3, 2, (0, 1)),
        (5, 3, 2, (1, 1)),
        (7, 1, 3, (0, 0)),
        (1, 4, 1, (1, 2)),
    ],
)
def test_same_puts_the_odd_zero_at_the_end(size: int, kernel: int, stride: int, expected: Any) -> None:
    a = axis(size, kernel, stride, 1, "same")
    assert (a.before, a.after) == expected
    assert a.out == -(-size // stride)


def test_causal_and_numbers() -> None:
    assert axis(9, 3, 1, 2, "causal") == Axis(9, 3, 1, 2, before=4)
    assert axis(9, 3, 1, 2, (1, 5)) == Axis(9, 3, 1, 2, 1, 5)
    assert axis(9, 3, 2, 1, "valid") == Axis(9, 3, 2)


def test_pad_writes_every_number_and_cuts_where_negative() -> None:
    x = np.arange(1.0, 1 + 2 * 3 * 4 * 2).reshape(2, 3, 4, 2)
    axes = Axis(3, 2, before=2, after=1), Axis(4, 2, before=-1, after=2)
    scratch = np.full(2 * pad_size(axes, 2) + 5, np.nan)
    padded = pad(x, axes, scratch)
    assert np.array_equal(padded, np.pad(x, ((0, 0), (2, 1), (0, 2), (0, 0)))[:, :, 1:])
    assert np.isnan(scratch[-5:]).all()
    bare = Axis(3, 2), Axis(4, 2)
    assert pad(x, bare, scratch) is x
    assert pad_size(bare, 2) == 0


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("short", [0, 100])
@pytest.mark.parametrize("d", [1, 2])
def test_rows_are_the_windows(groups: int, short: int, d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All ways of copying give the same matrix: run by run, row by row, and tap by tap."""
    monkeypatch.setattr(windows, "SHORT_RUN", short)
    x = np.random.default_rng(0).normal(size=(2, 6, 7, 4))
    axes = Axis(6, 2, 2, 2), Axis(7, 3, 1, d)
    view = windows.windows(x, axes, np)
    found = rows(view, groups, np.empty(view.size), backend())
    c = 4 // groups
    for group in range(groups):
        expected = [
            x[n, u * 2 : u * 2 + 3 : 2, v : v + 2 * d + 1 : d, group * c : (group + 1) * c].ravel()
            for n in range(2) for u in range(axes[0].out) for v in range(axes[1].out)
        ]  # fmt: skip
        assert np.array_equal(found[group], expected)


@pytest.mark.parametrize(("tile", "images", "lines"), [(10_000, 41, 6), (100, 1, 2), (1, 1, 1), (240, 1, 6)])
def test_tiles_cover_every_window_once(
    tile: int, images: int, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "TILE", tile)
    monkeypatch.setattr(windows, "TILE_ROWS", 1)
    tiling = Tiling.of((Axis(7, 2), Axis(5, 2)), 10)
    assert (tiling.images, tiling.lines) == (images, lines)
    seen = np.zeros((50, 6, 4), int)
    for some in tiling.batches(slice(3, 50)):
        for band in tiling.bands():
            assert seen[some, band].size <= tiling.rows
            seen[some, band] += 1
    assert (seen[3:] == 1).all()
    assert (seen[:3] == 0).all()


def test_batches() -> None:
    assert list(batches(slice(2, 7), 2)) == [slice(2, 4), slice(4, 6), slice(6, 7)]
