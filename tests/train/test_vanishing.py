"""The pair digits-plain20 and digits-skip20: where the gradient is before the first step.

docs/vanishing-gradients.md has the figures; the accuracies are tested in tests/full/test_depth.py.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bpcli.spec.load import load
from bpcli.train import session

GLOROT = "{type: dense, units: 64, activation: tanh}"


def norms(tmp_path: Path, name: str, *overrides: str) -> dict[str, Any]:
    """What gradient_norms tells of step 1."""
    events: list[dict[str, Any]] = []
    loaded = load(name, ["train.epochs=1", *overrides])
    session.train(loaded, runs_dir=tmp_path / "runs", listener=events.append)
    told = events[-1]["gradient_norms"]
    assert told["compared"] == ["block1", "block9"]
    assert told["first"]["step"] == 1
    return told["first"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_gradient_vanishes_without_skips_alone(tmp_path: Path, seed: int) -> None:
    assert norms(tmp_path, "digits-plain20", f"seed={seed}")["ratio"] < 1e-5
    assert 0.5 < norms(tmp_path, "digits-skip20", f"seed={seed}")["ratio"] < 2


def test_each_block_takes_the_factor_that_its_weights_say(tmp_path: Path) -> None:
    """√64 · .05 a layer, squared for the two of a block."""
    found = norms(tmp_path, "digits-plain20")["norms"]
    biases = [found[f"block{block}.dense2"] for block in range(4, 9)]
    factors = [low / high for low, high in pairwise(biases)]
    assert factors == pytest.approx([0.16] * 4, rel=0.25)


def test_glorots_weights_keep_it_too(tmp_path: Path) -> None:
    changed = ["model.layers.0.init=glorot_uniform", f"vars.two=[{GLOROT}, {GLOROT}]"]
    assert 0.3 < norms(tmp_path, "digits-plain20", *changed)["ratio"] < 3


def test_one_word_is_all_that_differs() -> None:
    plain, skip = (load(name).experiment.model_dump() for name in ("digits-plain20", "digits-skip20"))
    differing = [key for key in plain if plain[key] != skip[key]]
    assert differing == ["name", "model"]
    layers = list(zip(plain["model"]["layers"], skip["model"]["layers"], strict=True))
    assert len(layers) == 10
    for one, other in layers[1:]:
        assert (one["type"], other["type"]) == ("sequential", "residual")
        assert (one["name"], one["layers"]) == (other["name"], other["layers"])
    assert layers[0][0] == layers[0][1]
