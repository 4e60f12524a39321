"""What a loss says beside the prediction comes out of predict, in the target's units."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from bpcli.cli.rows import write
from bpcli.errors import ConfigError
from bpcli.train.saved import Saved
from tests.train import helpers as h


def config(loss: Any, **changes: Any) -> h.Tree:
    return h.config(
        loss=loss, metrics=["rmse", "mape", "pearson"], data__target_transform="standardize",
        train__epochs=20, **changes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("loss", "names"),
    [
        ({"type": "quantile", "q": [0.1, 0.5, 0.9]}, ["q0.1", "q0.5", "q0.9"]),
        ("gaussian_nll", ["low", "high"]),
    ],
)
def test_details_of_every_row(tmp_path: Path, loss: Any, names: list[str]) -> None:
    h.write_data(tmp_path, target="values")
    outcome = h.train(tmp_path, config(loss))
    assert outcome.metrics["test"]["rmse"] < 15
    rows = list(Saved.open(outcome.run).predict(tmp_path / "data.csv"))
    assert [list(row["details"]) for row in rows] == [names] * 80
    means = [sum(row["details"][name] for row in rows) / 80 for name in names]
    assert 70 < means[0] < means[-1] < 130  # in the data's units
    below, above = names[0], names[-1]
    ordered = sum(row["details"][below] < row["prediction"] < row["details"][above] for row in rows)
    assert ordered > 60
    write(tmp_path / "out.csv", rows)
    with open(tmp_path / "out.csv", newline="") as file:
        first = next(csv.DictReader(file))
    assert list(first) == ["row", "prediction", *(f"prediction_{name}" for name in names)]
    assert float(first[f"prediction_{below}"]) == rows[0]["details"][below]


def test_other_losses_say_nothing_more(tmp_path: Path) -> None:
    h.write_data(tmp_path, target="values")
    run = h.train(tmp_path, config({"type": "quantile", "q": 0.5})).run
    assert "details" not in next(iter(Saved.open(run).predict(tmp_path / "data.csv")))


def test_targets_that_a_loss_is_not_defined_for_are_refused_at_its_place(tmp_path: Path) -> None:
    h.write_data(tmp_path, target="values")
    with pytest.raises(ConfigError, match=r"loss: poisson is not defined for negative targets") as caught:
        h.trainer(tmp_path, config("poisson"))
    assert caught.value.problems[0].line
