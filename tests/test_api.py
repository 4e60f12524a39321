"""The Python API: what the commands do, as three functions that are imported when they are used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import bpcli
from bpcli.errors import CheckpointError, ConfigError, UsageError
from tests.train import helpers as h

ROOT = Path(__file__).parents[1]


def test_train_load_predict_and_evaluate(tmp_path: Path) -> None:
    h.loaded(tmp_path, h.config())  # writes the config and its data
    runs = tmp_path / "runs"
    events: list[str] = []
    outcome = bpcli.train(
        tmp_path / "config.yaml",
        ["train.epochs=2"],
        runs_dir=runs,
        listener=lambda e: events.append(e["event"]),
    )
    assert outcome.status == "completed"
    assert [event for event in events if event in {"start", "epoch", "end"}] == [
        "start",
        "epoch",
        "epoch",
        "end",
    ]
    run = bpcli.load(outcome.run)
    assert len(list(run.predict(np.zeros((3, 5))))) == 3
    assert bpcli.evaluate(outcome.run, "test")["metrics"] == outcome.metrics["test"]
    assert bpcli.evaluate("latest", data=tmp_path / "data.csv", runs_dir=runs)["rows"] == 80
    assert bpcli.load("small", runs_dir=runs, checkpoint="last").checkpoint == "last"


def test_a_mapping_is_a_config_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    h.write_data(tmp_path)
    outcome = bpcli.train(h.config(train__epochs=1))
    assert outcome.run.parent == Path("runs")
    assert (tmp_path / outcome.run / "metrics.jsonl").exists()
    from_file = h.train(tmp_path, h.config(train__epochs=1))
    assert h.traces(outcome.run) == h.traces(from_file.run)
    with pytest.raises(TypeError, match="overrides are for a config file"):
        bpcli.train(h.config(), ["seed=1"])
    with pytest.raises(ConfigError, match="unknown key 'epocs'"):
        bpcli.train(h.config(train__epocs=1))


def test_errors_are_bpclis_own(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no config file"):
        bpcli.train("no-such-config", runs_dir=tmp_path)
    with pytest.raises(CheckpointError):
        bpcli.load("no-such-run", runs_dir=tmp_path)
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        bpcli.tarin  # noqa: B018


@pytest.mark.parametrize("first", ["", "import bpcli.train.trainer", "from bpcli.train import session"])
def test_train_is_a_function_whatever_was_imported_before(tmp_path: Path, first: str) -> None:
    """A package of bpcli has the same name."""
    h.loaded(tmp_path, h.config(train__epochs=1))
    script = f"""
import sys
{first}
import bpcli
for _ in range(2):
    print(bpcli.train(sys.argv[1], runs_dir=sys.argv[2]).status)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "config.yaml"), str(tmp_path / "runs")],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout.split() == ["completed", "completed"], done.stderr


def test_the_public_names_are_there() -> None:
    assert list(bpcli.__all__) == sorted(bpcli.__all__)
    for name in bpcli.__all__:
        assert getattr(bpcli, name)


def test_importing_bpcli_loads_neither_numpy_nor_pydantic() -> None:
    script = "import sys, bpcli; print({'numpy', 'pydantic', 'yaml', 'rich', 'typer'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "set()"


def test_training_loads_nothing_that_is_only_for_tests(tmp_path: Path) -> None:
    h.loaded(tmp_path, h.config(train__epochs=1))
    script = (
        "import sys, bpcli; bpcli.train(sys.argv[1], runs_dir=sys.argv[2]); "
        "print({'scipy', 'sklearn', 'torch', 'rich', 'typer', 'pytest', 'hypothesis'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "config.yaml"), str(tmp_path / "runs")],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.strip() == "set()"
