"""A power cut after any call, with the disk in any state it may then have, costs nothing acknowledged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bpcli.errors import BpcliError
from bpcli.runs.find import list_runs
from bpcli.runs.folder import RunFolder
from tests.reliability import story
from tests.reliability.faults import broken
from tests.reliability.power import PowerOs, Tree, build

pytestmark = pytest.mark.usefixtures("no_writer")

#: The places that sync, all of them: none may be left out, as the tests below show, and none is for nothing.
SITES = {
    "ensure_folder > _sync_folder",
    "replace > _write_new",
    "replace > _sync_folder",
    "point > _sync_folder",
    "append > __init__ > _sync_folder",
    "sync",
}


def record(root: Path, ignore: str | None = None) -> tuple[PowerOs, list[tuple[int, Tree]]]:
    """Tells the story; each state that a cut may leave, with the last step acknowledged by then.

    -1: not even the start was acknowledged; 0: the start was.
    """
    root.mkdir()
    disk = PowerOs(root, ignore)
    states: list[tuple[int, Tree]] = []

    def acknowledge(step: int) -> None:
        states.extend((step - 1, tree) for tree in disk.take())

    with broken(disk):
        with story.start(root / "runs") as folder:
            acknowledge(0)
            for step in (1, 2, 3):
                story.save(folder, step)
                acknowledge(step)
            folder.log_metrics({"epoch": 99, "step": 99})
            folder.log_metrics({"epoch": 99, "step": 99})
        with RunFolder.open("latest", root / "runs", lock=True) as folder:
            folder.truncate_metrics(folder.load_newest()[1]["metrics_length"])
            for step in (4, 5, 6):
                story.save(folder, step)
                acknowledge(step)
            folder.update(status="completed")
    acknowledge(7)
    return disk, states


def check(tree: Tree, root: Path, acknowledged: int) -> None:
    """AssertionError or BpcliError where this state breaks a promise."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    build(tree, root)
    runs = list_runs(root / "runs")
    for path in runs:
        with RunFolder.open(str(path), root, lock=False) as folder:
            assert folder.read_text("config.yaml") == folder.read_text("resolved.yaml") == "name: story\n"
            assert folder.info["n"] == 1
    if acknowledged >= 0:
        assert len(runs) == 1, "the run is gone"
        assert (root / "runs" / "latest" / "run.json").exists()
    if acknowledged >= 1:
        story.check(runs[0], acknowledged)


def test_every_state_after_a_power_cut(tmp_path: Path) -> None:
    disk, states = record(tmp_path / "disk")
    assert disk.sites == SITES
    assert len(states) > 400
    for acknowledged, tree in states:
        check(tree, tmp_path / "left", acknowledged)


@pytest.mark.parametrize("site", sorted(SITES))
def test_no_sync_is_for_nothing(tmp_path: Path, site: str) -> None:
    """Without it, some state is bad: so the test above would notice if it were taken out."""
    _, states = record(tmp_path / "disk", ignore=site)
    for acknowledged, tree in states:
        try:
            check(tree, tmp_path / "left", acknowledged)
        except (AssertionError, BpcliError):
            return
    pytest.fail(f"all {len(states)} states are good without the sync in {site}")
