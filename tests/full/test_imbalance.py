"""Mammography, 2.3 % of it positive: what balanced class weights find, and what that costs."""

from __future__ import annotations

from pathlib import Path

from tests.full.helpers import data, full, mean, score

pytestmark = full


def test_balanced_weights_find_more_of_the_rare_class(tmp_path: Path) -> None:
    table = [f"vars.table={data('uci_tabular/mammography.csv')}", "vars.header=false"]
    found = {
        weights: [
            score(tmp_path, "mammography", *table, f"seed={seed}", f"loss.class_weight={weights}")
            for seed in (1, 2, 3)
        ]
        for weights in ("balanced", "null")
    }
    recall = {weights: mean(one["recall"] for one in runs) for weights, runs in found.items()}
    precision = {weights: mean(one["precision"] for one in runs) for weights, runs in found.items()}
    assert recall["balanced"] >= recall["null"] + 0.2
    assert 0.2 < precision["balanced"] < precision["null"], "the cost that the config states"
