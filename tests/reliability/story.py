"""A small run to tell over and over: two sessions, all ways to save, lines of metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bpcli.runs.folder import RunFolder

#: The step of a line that no checkpoint follows: more than any writer here comes to.
NEVER_SAVED = 999_999


def state(step: int) -> dict[str, np.ndarray]:
    """The arrays of a step: known from its number, so that a checkpoint can be told from every other."""
    return {"w": np.full((3, 4), step, np.float32), "t": np.asarray(step, np.int64)}


def line(step: int) -> dict[str, Any]:
    return {"epoch": step, "step": step, "train": {"loss": 1 / step}}


def best_at(step: int) -> int:
    """The best step so far: every even one is a new best."""
    return step - step % 2


def save(folder: RunFolder, step: int) -> None:
    folder.log_metrics(line(step))
    meta = {"step": step, "best_step": best_at(step), "metrics_length": folder.metrics_length}
    if step % 4 == 0:  # as where saves are rare: the best one alone, and `last` a step later
        folder.save_best(state(step), meta)
    else:
        folder.save(state(step), meta, best=best_at(step) == step)


def start(runs: Path) -> RunFolder:
    return RunFolder.create(
        runs, "story", config_text="name: story\n", resolved="name: story\n", info={"n": 1}
    )


def first_session(runs: Path) -> Path:
    """Steps 1 to 3 are saved; a line that no checkpoint knows follows."""
    with start(runs) as folder:
        for step in (1, 2, 3):
            save(folder, step)
        folder.log_metrics({"epoch": 99, "step": NEVER_SAVED})
    return folder.path


def second_session(runs: Path, saved: list[int]) -> None:
    """Resumes at the newest step and goes on for three; each is put into `saved` once it is on disk."""
    with RunFolder.open("latest", runs, lock=True) as folder:
        _, meta, _, _ = folder.load_newest()
        folder.truncate_metrics(meta["metrics_length"])
        for step in range(meta["step"] + 1, meta["step"] + 4):
            save(folder, step)
            saved.append(step)
        folder.update(status="completed")
        folder.write_text("pipeline.json", "{}")
        folder.rebuild_csv()
        folder.log_text("done")
        folder.log_timing({"seconds": 1.5})


def check(path: Path, acknowledged: int) -> int:
    """The run at `path` is whole: what was acknowledged is there or newer, and nothing contradicts itself."""
    folder = RunFolder.open(str(path), path.parent, lock=False)
    arrays, meta, _, _ = folder.load_newest()
    step = meta["step"]
    assert step >= acknowledged, f"step {acknowledged} was saved, step {step} is what is left"
    for name, array in state(step).items():
        assert arrays[name].tobytes() == array.tobytes() and arrays[name].dtype == array.dtype
    log = path / "metrics.jsonl"
    metrics = log.read_bytes() if log.exists() else b""
    assert len(metrics) >= meta["metrics_length"], "the checkpoint knows lines that are not on disk"
    known = metrics[: meta["metrics_length"]].decode().splitlines()
    assert [f'"step":{number},' in text for number, text in enumerate(known, 1)] == [True] * step
    if meta["best_step"]:
        best = folder.load("best")[1]
        assert best["step"] >= meta["best_step"], "last knows of a best that is not on disk"
        assert best["step"] == best["best_step"]
    return step
