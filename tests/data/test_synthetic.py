"""Sources that draw their rows: the seed says which, no two are alike, and what cannot be is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from bpcli.data.prepare import prepare
from bpcli.data.sources._synthetic import Synthetic, distinct, distinct_words
from bpcli.errors import DataError
from bpcli.losses.mse import Mse
from bpcli.spec.experiment import DataSection
from bpcli.spec.registry import family
from tests.data.synthetic import NOWHERE, SMALL, read, source, values

every_source = pytest.mark.parametrize("name", SMALL)
DISTINCT = ["parity", "copy", "reverse", "addition"]


# --- what all of them promise --------------------------------------------------------------------------


@every_source
def test_all_synthetic_sources_are_here_and_documented(name: str) -> None:
    known = {kind for kind, cls in family("sources").classes().items() if issubclass(cls, Synthetic)}
    assert known == set(SMALL)


@every_source
def test_the_seed_says_which_rows(name: str) -> None:
    one, again, other = read(name), read(name), read(name, seed=1)
    assert values(one) == values(again) and one.digest == again.digest
    assert all(a != b for a, b in zip(values(one), values(other), strict=True))
    assert one.digest != other.digest


@every_source
def test_every_field_is_in_the_digest(name: str) -> None:
    found = {read(name).digest}
    changes: dict[str, Any] = {
        "rows": 50, "steps": 20, "symbols": 5, "length": 5, "delay": 6, "shortest": 1, "digits": 3,
        "reverse": True, "period": 9.0, "noise": 0.2, "inputs": 8, "horizon": 3, "stride": 2, "interval": 0.5,
        "seed": 7,
    }  # fmt: skip
    fields = [field for field in type(source(name)).model_fields if field != "type"]
    for field in fields:
        found.add(read(name, **{field: changes[field]}).digest)
    assert len(found) == len(fields) + 1


@every_source
def test_random_streams_that_are_others_are_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another NumPy draws other numbers from the same seed, a run must not go on with them."""
    before = read(name).digest
    monkeypatch.setattr(Synthetic, "drawn", lambda self: np.random.default_rng(5))
    assert read(name).digest != before


@every_source
def test_the_seed_of_the_experiment_changes_nothing(name: str) -> None:
    section = DataSection.model_validate({"source": source(name, **SMALL[name])})
    one, other = (
        prepare(section, files=NOWHERE, seed=seed, loss=None if name in DISTINCT else Mse())
        for seed in (1, 2)
    )
    for a, b in ((one.train, other.train), (one.val, other.val), (one.test, other.test)):
        assert a is not None and b is not None and a.y is not None and b.y is not None
        assert np.array_equal(a.x, b.x) and np.array_equal(a.y, b.y)


@every_source
def test_another_file_is_refused(name: str) -> None:
    with pytest.raises(
        DataError, match=f"the source {name} draws its rows itself.*evaluate RUN --split test"
    ):
        source(name).at("more.csv")


@every_source
def test_what_does_not_fit_in_memory_is_refused(name: str) -> None:
    huge = {"steps": 10**8, "inputs": 1000} if name == "sine" else {"rows": 10**8}
    wide = {"adding_problem": {"steps": 1000}, "parity": {"steps": 1000}, "addition": {"digits": 9}}
    with pytest.raises(
        ValidationError, match=rf"{name} would draw .* numbers, and 1,073,741,824 are the most"
    ):
        source(name, **huge, **wide.get(name, {}))


@pytest.mark.parametrize("name", DISTINCT)
def test_no_part_has_a_row_of_another(name: str) -> None:
    found = read(name)
    rows = [row.tobytes() for row in found.features[0].values]
    assert len(set(rows)) == len(rows) == 60


@pytest.mark.parametrize(
    ("name", "fields", "count"),
    [
        ("parity", {"steps": 6}, 64),
        ("copy", {"symbols": 3, "length": 4}, 81),
        ("reverse", {"symbols": 3, "length": 4, "shortest": 2}, 9 + 27 + 81),
        ("reverse", {"symbols": 2, "length": 3, "shortest": 1}, 2 + 4 + 8),
        ("addition", {"digits": 1}, 55),
        ("addition", {"digits": 2}, 5050),
    ],
)
def test_there_are_so_many_rows_and_not_one_more(name: str, fields: dict[str, Any], count: int) -> None:
    found = source(name, **fields, rows=count).read(NOWHERE)
    assert len({row.tobytes() for row in found.features[0].values}) == count
    with pytest.raises(ValidationError, match=f"{count + 1:,} rows are asked for, and there are {count:,} "):
        source(name, **fields, rows=count + 1)


# --- drawing without repetition ------------------------------------------------------------------------


@pytest.mark.parametrize("count", [10, 60, 1000, 1 << 62])
def test_distinct_numbers_are_distinct(count: int) -> None:
    n = min(10, count)
    found = [distinct(np.random.default_rng(seed), count, n) for seed in range(200)]
    assert all(len(set(numbers.tolist())) == n for numbers in found)
    assert all(numbers.min() >= 0 and numbers.max() < count for numbers in found)


def test_distinct_numbers_are_drawn_evenly() -> None:
    """Each number, and each order of two of them, as often as any other."""
    drawn = np.array([distinct(np.random.default_rng(seed), 7, 3) for seed in range(20_000)])
    share = np.bincount(drawn.ravel(), minlength=7) / drawn.size
    assert share == pytest.approx([1 / 7] * 7, abs=0.006)
    assert np.mean(drawn[:, 0] < drawn[:, 1]) == pytest.approx(0.5, abs=0.015)


@pytest.mark.parametrize(
    ("symbols", "length"), [(2, 62), (2, 63), (2, 100), (26, 13), (26, 14), (26, 300), (3, 1)]
)
def test_words_of_any_length(symbols: int, length: int) -> None:
    n = min(3000, symbols**length)
    found = distinct_words(np.random.default_rng(1), symbols, length, n)
    assert found.shape == (n, length) and found.min() == 0 and found.max() == symbols - 1
    assert len(np.unique(found, axis=0)) == n
    if n == 3000:
        assert found.mean(axis=0) == pytest.approx([(symbols - 1) / 2] * length, abs=symbols * 0.03)
