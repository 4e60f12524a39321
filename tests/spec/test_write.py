"""resolved.yaml: every value explicit, and the same experiment when it is read again."""

from __future__ import annotations

from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpcli.spec.load import load, load_resolved, to_yaml
from bpcli.spec.nodes import Problems
from bpcli.spec.reader import parse
from bpcli.spec.write import dump
from tests.spec.conftest import loaded


def test_it_reads_back_equal(config, tmp_path: Path) -> None:
    path = config(
        ("path: train.csv", 'path: "no $${x} 1e-3"'),
        ("epochs: 2", "max_time: 1h30m"),
        ("lr: 1e-3", "lr: 1e-5"),
        ("seed: 42", "early_stop: {patience: 3}"),
    )
    found = load(path)
    text = to_yaml(found.experiment)
    (tmp_path / "resolved.yaml").write_text(text, encoding="utf-8")
    again = load_resolved(tmp_path / "resolved.yaml", folder=found.folder)
    assert again.experiment == found.experiment
    assert again.folder == found.folder
    assert to_yaml(again.experiment) == text
    assert again.experiment.data.source.path == "no ${x} 1e-3"  # type: ignore[attr-defined]


def test_it_is_explicit_and_begins_with_the_type(config) -> None:
    text = to_yaml(loaded(config()).experiment)
    assert "  weight_decay: 0.0\n" in text
    lines = text.splitlines()
    for section in ("model:", "optimizer:", "schedule:", "loss:"):
        assert lines[lines.index(section) + 1].startswith("  type: ")


def test_overrides_on_a_resolved_config(config, tmp_path: Path) -> None:
    (tmp_path / "resolved.yaml").write_text(to_yaml(loaded(config()).experiment))
    again = load_resolved(tmp_path / "resolved.yaml", ["train.epochs=50"], folder=tmp_path)
    assert again.experiment.train.epochs == 50


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=30)
    | st.sampled_from(["1e-3", "no", "012", "0o14", "1_000", "1:30", "~", "", " ", "null", "true", "<<"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text("abcxyz", min_size=1), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PLAIN)
def test_what_is_written_is_what_is_read(value: object) -> None:
    problems = Problems()
    node = parse(dump({"a": value}), None, problems)
    assert problems.found == []
    assert node is not None
    assert repr(node.plain()) == repr({"a": value})


def test_older_readers_agree_about_text() -> None:
    value = {"a": ["no", "1:30", "012", "1_000", "2001-01-01", "~", "1e-3"]}
    assert yaml.safe_load(dump(value)) == value
