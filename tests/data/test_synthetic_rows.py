"""What each synthetic source draws: its rows are those that its page describes."""

from __future__ import annotations

import math
from itertools import combinations_with_replacement
from time import perf_counter

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.data.prepare import prepare
from bpcli.data.sources.addition import Addition, together, written
from bpcli.errors import DataError
from bpcli.losses.mse import Mse
from bpcli.spec.experiment import DataSection
from tests.data.synthetic import NOWHERE, SMALL, pairs, read, source


def test_adding_problem_has_a_mark_in_each_half() -> None:
    found = read("adding_problem", rows=5000)
    x, y = found.features[0].values, found.targets[0].values
    assert x.shape == (5000, 9, 2) and x.dtype == np.float32
    marks = x[..., 1]
    assert set(np.unique(marks)) == {0, 1}
    assert (marks[:, :4].sum(axis=1) == 1).all() and (marks[:, 4:].sum(axis=1) == 1).all()
    assert np.array_equal(y, (x[..., 0].astype(float) * marks).sum(axis=1))
    assert marks.mean(axis=0) == pytest.approx([1 / 4] * 4 + [1 / 5] * 5, abs=0.03)
    assert x[..., 0].min() >= 0 and x[..., 0].max() < 1


def test_adding_problem_has_the_errors_that_its_page_says() -> None:
    found = source("adding_problem", rows=100_000, steps=4).read(NOWHERE)
    x, y = found.features[0].values, found.targets[0].values
    assert np.mean((y - 1) ** 2) == pytest.approx(1 / 6, rel=0.01)
    second = (x[:, 2:, 0] * x[:, 2:, 1]).sum(axis=1)
    assert np.mean((y - second - 0.5) ** 2) == pytest.approx(1 / 12, rel=0.02)


def test_adding_problem_is_made_in_seconds() -> None:
    began = perf_counter()
    found = source("adding_problem", rows=256_000, steps=100).read(NOWHERE)
    assert perf_counter() - began < 20
    assert found.features[0].values.nbytes == 256_000 * 100 * 2 * 4


def test_parity_is_that_of_the_bits() -> None:
    found = read("parity", rows=256)
    x, y = found.features[0].values, found.targets[0].values
    assert x.shape == (256, 8, 1) and set(np.unique(x)) == {0, 1}
    assert np.array_equal(y, x.sum(axis=(1, 2)) % 2)
    assert y.mean() == 0.5


def test_copy_says_again_what_it_was_shown() -> None:
    for shown, said in pairs(read("copy")):
        word = shown[:4]
        assert set(word) <= set("abcd")
        assert shown == word + "____:" + "____"
        assert said == "_" * 9 + word


def test_copy_looks_as_on_its_page() -> None:
    assert pairs(read("copy", length=3, delay=3, rows=1))[0][0][3:] == "__:___"
    assert pairs(read("copy", length=1, delay=1, rows=1))[0][0][1:] == ":_"


def test_reverse_is_the_word_from_its_end() -> None:
    found = pairs(read("reverse", rows=200))
    assert all(answer == question[::-1] for question, answer in found)
    lengths = np.bincount([len(question) for question, _ in found], minlength=7)
    # of 9 and 27 words of two and three letters all are there, and the rest is shared out
    assert lengths.tolist() == [0, 0, 9, 27, 54, 55, 55]
    assert [len(question) for question, _ in found] != sorted(len(question) for question, _ in found)


def test_shortest_above_longest_is_refused() -> None:
    with pytest.raises(ValidationError, match="the shortest words have 5 letters, and the longest 4"):
        source("reverse", length=4, shortest=5)


def test_addition_has_every_pair_once_in_either_order() -> None:
    found = pairs(source("addition", digits=1, rows=55).read(NOWHERE))
    seen = [tuple(sorted(map(int, question.split("+")))) for question, _ in found]
    assert sorted(seen) == sorted(combinations_with_replacement(range(10), 2))
    later = [a > b for a, b in (map(int, question.split("+")) for question, _ in found)]
    assert 10 < sum(later) < 35


@pytest.mark.parametrize("digits", [1, 2, 3, 9])
@pytest.mark.parametrize("reverse", [False, True])
def test_addition_is_right(digits: int, reverse: bool) -> None:
    found = pairs(source("addition", digits=digits, rows=50, reverse=reverse).read(NOWHERE))
    for question, answer in found:
        a, b = (question[::-1] if reverse else question).split("+")
        assert answer == str(int(a) + int(b))
        assert str(int(a)) == a and str(int(b)) == b and max(len(a), len(b)) <= digits


def test_no_pair_of_operands_is_in_two_parts_of_any_split() -> None:
    found = source("addition", rows=5050).read(NOWHERE)
    whole = [frozenset(question.split("+")) for question, _ in pairs(found)]
    assert len(set(whole)) == 5050


def test_pairs_of_many_digits_are_numbered_without_rounding() -> None:
    made = Addition(digits=9, rows=4)
    numbers = np.array([0, made.possible // 2, made.possible - 1, 10**9 + 1])
    a, b = made._pairs(numbers)
    assert ((a >= 0) & (a <= b) & (b < 10**9)).all()
    small = Addition(digits=1, rows=4)
    every = list(combinations_with_replacement(range(10), 2))
    assert sorted(zip(*(side.tolist() for side in small._pairs(np.arange(55))), strict=True)) == every


def test_numbers_in_digits() -> None:
    assert written(np.array([0, 7, 10, 305]), 3).tolist() == [[-1, -1, 0], [-1, -1, 7], [-1, 1, 0], [3, 0, 5]]
    assert together(np.array([[-1, 4, -1, 2], [1, -1, -1, -1]])).tolist() == [[4, 2, -1, -1], [1, -1, -1, -1]]


# --- the sine, a series --------------------------------------------------------------------------------


def test_a_sine_is_a_sine() -> None:
    found = source("sine", steps=500, period=20, noise=0).read(NOWHERE)
    assert found.series is not None
    s = found.series.values[:, 0]
    assert np.abs(s).max() == pytest.approx(1, abs=0.02)
    assert s[20:] == pytest.approx(s[:-20], abs=1e-9)
    assert s[1:-1] * 2 * math.cos(2 * math.pi / 20) == pytest.approx(s[2:] + s[:-2], abs=1e-9)


def test_the_noise_is_as_large_as_said() -> None:
    fields = {"steps": 20_000, "period": 31.4}
    noisy, clean = (source("sine", **fields, noise=noise).read(NOWHERE).series for noise in (0.3, 0.0))
    assert noisy is not None and clean is not None
    assert np.std(noisy.values - clean.values) == pytest.approx(0.3, rel=0.03)
    assert noisy.season == 31
    assert noisy.seasonal_error(19_999)[0] == pytest.approx(0.3 * 2 / math.sqrt(math.pi), rel=0.05)


def test_windows_go_on_in_their_targets() -> None:
    found = read("sine", stride=3)
    assert found.series is not None and found.spans is not None
    s, x = found.series.values[:, 0], found.features[0].values
    assert [column.name for column in found.targets] == ["sine+1", "sine+2"]
    for row, (window, (first, last)) in enumerate(zip(x[..., 0], found.spans, strict=True)):
        assert np.array_equal(window, s[first - 7 : first])
        assert [column.values[row] for column in found.targets] == s[first : last + 1].tolist()
    assert np.array_equal(np.diff(found.rows), [3] * (len(found) - 1))


def test_a_split_keeps_the_steps_apart() -> None:
    section = DataSection.model_validate({"source": source("sine", **SMALL["sine"])})
    made = prepare(section, files=NOWHERE, seed=1, loss=Mse())
    spans = [part.windows.spans for part in (made.train, made.val, made.test) if part and part.windows]
    assert spans[0].max() < spans[1].min() and spans[1].max() < spans[2].min()
    assert made.target.scale


def test_too_short_a_sine_is_refused() -> None:
    with pytest.raises(DataError, match="the series has 8 steps; a window of 7 and a horizon of 2 needs 9"):
        read("sine", steps=8)
