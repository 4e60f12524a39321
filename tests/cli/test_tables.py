"""Results as tables: per class, the confusion matrix, gradient norms; the same in train and evaluate."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bpcli.cli import tables
from bpcli.cli.classes import by_class

from .conftest import Cli

PER_CLASS = (
    "metrics=[accuracy, {type: precision, average: none}, {type: recall, average: none}, confusion_matrix]"
)


def cells(line: str) -> list[str]:
    return re.split(r"\s{2,}", line.strip())


def test_train_and_evaluate_show_the_same_tables(cli: Cli, work: Path) -> None:
    trained = cli("train", "clouds.yaml", PER_CLASS).out.splitlines()
    found = cli("evaluate", "latest", "--json").json
    assert found["labels"] == ["north", "south"]
    shown = cli("evaluate", "latest").out.splitlines()
    for lines, of in ((trained, " (test)"), (shown, "")):
        at = next(i for i, line in enumerate(lines) if line.startswith(f"  class{of}"))
        assert cells(lines[at]) == [f"class{of}", "precision", "recall", "rows"]
        for row, label in zip(lines[at + 1 : at + 3], found["labels"], strict=True):
            place = found["labels"].index(label)
            scores = [found["metrics"][f"{name}_per_class"][place] for name in ("precision", "recall")]
            rows = sum(found["metrics"]["confusion_matrix"][place])
            assert cells(row) == [label, *(f"{score:.4f}" for score in scores), str(rows)]
        at = next(i for i, line in enumerate(lines) if line == f"  confusion_matrix{of}")
        assert cells(lines[at + 1]) == ["is \\ taken for", "north", "south"]
        matrix = [cells(line)[1:] for line in lines[at + 2 : at + 4]]
        assert matrix == [[str(n) if n else "." for n in row] for row in found["metrics"]["confusion_matrix"]]
        assert not any("_per_class" in line for line in lines)


def test_the_end_of_train_has_labels_and_tables_as_json(cli: Cli, work: Path) -> None:
    end = cli("train", "clouds.yaml", PER_CLASS, "--json").events[-1]
    assert end["labels"] == ["north", "south"]
    assert len(end["metrics"]["test"]["recall_per_class"]) == 2
    assert list(end["metrics"]["test"]) == [
        "loss", "accuracy", "precision_per_class", "recall_per_class", "confusion_matrix",
    ]  # fmt: skip
    assert end["metrics"]["test"] == cli("evaluate", "latest", "--json").json["metrics"]


def test_values_have_no_labels(cli: Cli, work: Path) -> None:
    end = cli("train", "clouds.yaml", "data.source.target=b", "data.source.drop=[cloud]", "data.split=random",
              "~metrics", "--json").events[-1]  # fmt: skip
    assert end["labels"] == []


def test_rows_of_a_class_are_all_that_it_has() -> None:
    metrics = {"recall_per_class": [0.75, 0.5], "confusion_matrix": [[3, 1], [1000, 1000]]}
    lines = by_class(metrics, ["a", "b"])
    assert [cells(line) for line in lines[1:4]] == [
        ["class", "recall", "rows"], ["a", "0.7500", "4"], ["b", "0.5000", "2,000"],
    ]  # fmt: skip


def matrix(size: int) -> list[list[int]]:
    return [[100 if i == j else (i + j) % 3 for j in range(size)] for i in range(size)]


def test_long_labels_are_cut_at_the_head_alone() -> None:
    labels = [f"a_very_long_label_{i:02}" for i in range(14)]
    lines = by_class({"confusion_matrix": matrix(14)}, labels)
    assert max(map(len, lines)) <= 160
    assert lines[2].split()[-1] == "a_ver…" and lines[3].split()[0] == labels[0]


def test_of_a_matrix_too_wide_the_worst_is_told() -> None:
    counts = matrix(60)
    counts[7][3] = 55
    lines = by_class({"confusion_matrix": counts}, [f"label{i}" for i in range(60)], of=" (test)")
    assert max(map(len, lines)) <= 160 and len(lines) < 20
    wrong = sum(sum(row) for row in counts) - 60 * 100
    assert (
        lines[1]
        == f"  confusion_matrix (test): {wrong:,} rows taken for another class; --json has the whole table"
    )
    assert cells(lines[3]) == ["label7", "label3", "55"]


def test_without_labels_the_numbers_are_shown_as_they_are() -> None:
    assert by_class({"confusion_matrix": [[1, 2], [3, 4]]}, ()) == [
        "  confusion_matrix",
        "    1  2",
        "    3  4",
    ]
    assert by_class({"f1_per_class": [0.5, 1.0]}, ()) == ["  f1_per_class: 0.5000  1.0000"]
    assert by_class({"loss": 0.5}, ["a"]) == []


def test_several_targets_have_tables_of_their_own() -> None:
    metrics = {"kind.f1_per_class": [0.5, 1.0], "size.f1_per_class": [0.1, 0.2, 0.3], "kind.accuracy": 0.5}
    lines = by_class(metrics, {"kind": ["a", "b"], "size": ["s", "m", "l"], "price": []}, of=" (val)")
    assert [cells(line)[0] for line in lines if line] == [
        "class of kind (val)", "a", "b", "class of size (val)", "s", "m", "l",
    ]  # fmt: skip


# --- gradient norms ------------------------------------------------------------------------------------


def test_gradient_norms_stand_at_the_end(cli: Cli, work: Path) -> None:
    found = cli("train", "clouds.yaml", "callbacks=[gradient_norms]", "model.hidden=[6,6,6]")
    lines = found.out.splitlines()
    at = next(i for i, line in enumerate(lines) if "gradient norm  " in line)
    assert cells(lines[at]) == ["gradient norm", "step 1", "mean of epoch 4"]
    assert [cells(line)[0] for line in lines[at + 1 : at + 5]] == ["dense1", "dense2", "dense3", "head"]
    assert re.match(
        r"  the gradient norm of dense1 over that of dense3: \S+ \(step 1\), \S+ \(mean of epoch 4\)$",
        lines[at + 5],
    )
    run = Path(lines[0].removeprefix("run "))
    first = json.loads((work / run / "gradients.jsonl").read_text().splitlines()[0])
    assert cells(lines[at + 1])[1] == f"{first['norms']['dense1']:.3g}"


def test_in_json_they_are_in_the_events(cli: Cli, work: Path) -> None:
    events = cli("train", "clouds.yaml", "callbacks=[gradient_norms]", "--json").events
    assert all(set(e["gradient_norms"]) == {"dense1", "head"} for e in events if e["event"] == "epoch")
    assert events[-1]["gradient_norms"]["compared"] == ["dense1", "head"]
    assert "gradient_norms" not in cli("train", "clouds.yaml", "--json").events[-1]


def told(count: int, **changes: Any) -> dict[str, Any]:
    norms = {f"dense{i}": 10.0**-i for i in range(count)}
    first = {"step": 1, "norms": norms, "ratio": 1e-9}
    return {"compared": ["dense0", "dense8"], "first": first, "last": None} | changes


@pytest.mark.parametrize("count", [3, 24, 25, 100])
def test_of_a_very_deep_net_both_ends_are_shown(count: int) -> None:
    lines = tables.gradients(told(count))
    assert len(lines) <= 28
    assert cells(lines[2])[0] == "dense0" and cells(lines[-2])[0] == f"dense{count - 1}"
    assert any("more layers" in line for line in lines) == (count > 24)
    assert lines[-1] == "  the gradient norm of dense0 over that of dense8: 1e-09 (step 1)"


def test_without_a_pair_or_a_step_nothing_is_made_up() -> None:
    assert tables.gradients(told(2, first=None)) == []
    assert "over that of" not in "\n".join(tables.gradients(told(1, compared=None)))
