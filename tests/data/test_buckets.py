"""Texts of like length in one batch, and a classifier that never sees the padding."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpcli
from bpcli.data.batches import order
from bpcli.data.buckets import by_length, lengths, trimmed
from bpcli.errors import BpcliError
from bpcli.spec.load import load_mapping
from bpcli.train.session import prepared_trainer


def rows(n: int = 230) -> Any:
    x = np.zeros((n, 40), np.int32)
    for row, length in zip(x, np.random.default_rng(1).integers(0, 41, n), strict=True):
        row[:length] = 2
    return x


def test_lengths_and_trimming() -> None:
    x = np.array([[3, 0, 4, 0, 0], [0, 0, 0, 0, 0], [5, 5, 0, 0, 0]], np.int32)
    assert lengths(x).tolist() == [3, 0, 2]
    assert trimmed(x).shape == (3, 3)
    assert trimmed(x[1:2]).shape == (1, 1)  # a step remains, of a row of nothing
    table = np.ones((3, 5), np.float32)
    assert trimmed((x, table))[1] is table


def test_every_row_comes_once_and_batches_are_of_like_length() -> None:
    x = rows()
    long = lengths(x)
    whole = order(7, 0, len(x), True)
    found = by_length(whole, long, 8, 7, 0)
    assert sorted(found.tolist()) == list(range(len(x)))
    assert found[-(len(x) % 8) :].tolist() == whole[-(len(x) % 8) :].tolist()  # the short batch is the last

    def padding(at: Any) -> int:
        return sum(int((long[at[i : i + 8]].max() - long[at[i : i + 8]]).sum()) for i in range(0, len(at), 8))

    assert padding(found) < 0.3 * padding(whole)
    assert (by_length(whole, long, 8, 7, 0) == found).all()
    assert not (by_length(whole, long, 8, 7, 1) == found).all()


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """Texts of 1 to 12 words; one word decides."""
    rng = np.random.default_rng(0)
    words = ["film", "plot", "music", "the", "a", "was", "and", "so"]
    with (tmp_path / "reviews.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["text", "mood"])
        for number in range(300):
            text = list(rng.choice(words, rng.integers(0, 12)))
            text.insert(int(rng.integers(0, len(text) + 1)), ["dull", "great"][number % 2])
            out.writerow([" ".join(text), ["bad", "good"][number % 2]])
    return tmp_path


def config(folder: Path, **data: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "name": "reviews",
        "data": {
            "source": {"type": "csv", "path": str(folder / "reviews.csv"), "target": "mood"},
            "preprocess": ["tokens"],
            "batch_size": 16,
            **data,
        },
        "model": {
            "type": "sequential",
            "head": "auto",
            "layers": [
                {"type": "embedding", "units": 6, "mask_zero": True},
                {"type": "gru", "units": 8},
            ],
        },
        "optimizer": {"type": "adam", "lr": 0.02},
        "train": {"epochs": 6},
    }


@pytest.mark.parametrize("bucket", [False, True])
def test_a_text_classifier(reviews: Path, bucket: bool) -> None:
    outcome = bpcli.train(config(reviews, bucket=bucket), runs_dir=reviews / "runs")
    assert outcome.metrics["test"]["accuracy"] > 0.9
    saved = bpcli.load(outcome.run)
    short, long = ({"text": "great"}, {"text": "the plot and the music was so so and a film was dull"})
    together = [row["prediction"] for row in saved.predict([short, long])]
    assert together == ["good", "bad"]
    alone, beside = next(iter(saved.predict([short]))), next(iter(saved.predict([short, long])))
    for label, chance in alone["probabilities"].items():  # padding changes nothing
        assert chance == pytest.approx(beside["probabilities"][label], rel=1e-5)
    assert len(list(saved.predict([{"text": "?! unheard of"}, {"text": ""}]))) == 2


def test_padding_has_to_be_spoken_of(reviews: Path) -> None:
    made = config(reviews)
    del made["model"]["layers"][0]["mask_zero"]
    with pytest.raises(BpcliError, match="shorter ones are filled up with symbol 0"):
        prepared_trainer(load_mapping(made, folder=reviews))


def test_rows_that_are_no_text_have_no_length() -> None:
    made = {
        "version": 1,
        "name": "iris",
        "data": {"source": {"type": "csv", "path": "datasets/iris.csv", "target": "species"}, "bucket": True},
        "model": "mlp",
    }
    with pytest.raises(BpcliError, match="rows go by their length where they are sequences of symbols"):
        prepared_trainer(load_mapping(made, folder=Path.cwd()))
