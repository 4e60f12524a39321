"""What the digits 0 to 4 teach a net that is to learn 5 to 9 from ten images of each."""

from __future__ import annotations

from pathlib import Path

from tests.full.helpers import full, mean, score, trained

pytestmark = full


def test_frozen_first_layers_of_another_run_are_better_than_none(tmp_path: Path) -> None:
    first = trained(tmp_path, "mnist5k-0to4")
    more = [
        f"transfer={{from: {first.run}, skip: head}}",
        "optimizer.groups=[{match: conv2d*, frozen: true}]",
    ]
    gains: list[float] = []
    for seed in range(1, 6):
        alone, helped = (
            score(tmp_path, "mnist5k-5to9", f"seed={seed}", *changes)["accuracy"] for changes in ([], more)
        )
        gains.append(helped - alone)
    assert mean(gains) > 0.02
    assert sum(gain > 0 for gain in gains) >= 4
