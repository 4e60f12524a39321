"""The bits of a run depend on its config and data alone: not on threads, hashes, folders, clocks, locales."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bpcli.core import rows
from tests.train import helpers as h

WIDE = h.config(
    data__split={"type": "random", "train": 0.7, "val": 0.2, "test": 0.1},
    data__batch_size=192,
    model={
        "type": "sequential",
        "head": "auto",
        "layers": [
            {"type": "dense", "units": 320},
            "batch_norm",
            {"type": "activation", "function": "gelu"},
            {"type": "dropout", "rate": 0.2},
            {"type": "dense", "units": 320, "activation": "relu"},
        ],
    },
    train__epochs=2,
)


def wide(folder: Path, threads: int) -> dict[str, str]:
    if not (folder / "data.csv").exists():
        h.write_data(folder, rows=600)
    return h.traces(h.train(folder, WIDE | {"train": {"epochs": 2, "threads": threads}}).run)


def test_any_number_of_threads_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[tuple[int, int]] = []
    run = rows.Pool.run

    def spy(self: rows.Pool, kernel: Any, blocks: Any) -> None:
        used.append((self.threads, len(blocks)))
        run(self, kernel, blocks)

    monkeypatch.setattr(rows.Pool, "run", spy)
    found = [wide(tmp_path, threads) for threads in (1, 2, 3)]
    assert found[0] == found[1] == found[2]
    for threads in (1, 2, 3):
        assert max(blocks for at, blocks in used if at == threads) > 1, "this net is never cut into blocks"


def test_a_resume_on_other_threads_gives_the_same_bytes(tmp_path: Path) -> None:
    whole = wide(tmp_path, 1)
    tree = WIDE | {"train": {"epochs": 2, "threads": 2}}
    run = h.stopped_at(3, lambda listener: h.train(tmp_path, tree, listener=listener))
    h.resume(run, ["train.threads=1"])
    assert h.traces(run) == whole


SCRIPT = """
import sys
from pathlib import Path
from tests.train import helpers as h
folder = Path(sys.argv[1])
tree = h.config(model__dropout=0.3, loss={"type": "cross_entropy", "class_weight": "balanced"},
                data__split={"type": "stratified", "train": 0.65, "val": 0.2, "test": 0.15},
                metrics=["accuracy", "f1_macro", "confusion_matrix"])
import json
print(json.dumps(h.traces(h.train(folder, tree).run)))
"""


def test_hash_seed_folder_time_zone_and_locale_do_not_matter(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    found: list[Any] = []
    for number, (seed, zone, locale) in enumerate(
        (
            ("0", "UTC", "C"),
            ("1", "Asia/Kathmandu", "de_DE.UTF-8"),
            ("random", "America/New_York", "tr_TR.UTF-8"),
        )
    ):
        folder = tmp_path / f"place {number}"
        folder.mkdir()
        (folder / "data.csv").write_bytes(h.write_data(tmp_path).read_bytes())
        surroundings = {
            "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": locale, "LANG": locale, "PYTHONPATH": root,
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(folder)],
            env=os.environ | surroundings,
            cwd=folder if number else "/",
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 3


def test_another_seed_gives_other_bytes(tmp_path: Path) -> None:
    traces = [h.traces(h.train(tmp_path, h.config(seed=seed)).run) for seed in (3, 3, 4)]
    assert traces[0] == traces[1]
    for name, digest in traces[0].items():
        assert traces[2][name] != digest


@pytest.mark.parametrize("every", ["1ms", "60s"])
def test_how_often_it_is_saved_does_not_matter(tmp_path: Path, every: str) -> None:
    plain = h.train(tmp_path, h.config())
    assert h.traces(h.train(tmp_path, h.config(checkpoint={"every": every})).run) == h.traces(plain.run)
