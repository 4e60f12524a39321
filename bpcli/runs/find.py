"""Finds run folders: by path, by name, by a unique beginning of the name, or as `latest`."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bpcli.errors import CheckpointError, closest

#: The file that makes a folder a run; it is written last, so a half-made folder is none.
RUN_FILE = "run.json"
LATEST = "latest"
_STAMP = re.compile(r"-(\d{8}-\d{6})-[0-9a-f]+$")
_SHOWN = 6


def list_runs(runs_dir: Path) -> list[Path]:
    """All run folders in a folder, the oldest first; none where the folder does not exist."""
    try:
        found = [path for path in runs_dir.iterdir() if path.name != LATEST and is_run(path)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise CheckpointError(f"the runs cannot be listed: {error.strerror}", file=str(runs_dir)) from None
    return sorted(found, key=lambda path: (_stamp(path.name), path.name))


def is_run(path: Path) -> bool:
    """Whether a folder is a run: the one file that all runs have is there."""
    try:
        return (path / RUN_FILE).is_file()
    except OSError:
        return False


def find_run(ref: str, runs_dir: Path) -> Path:
    """The run folder that a user means. CheckpointError: none such, several such, or not a run."""
    path = Path(ref).expanduser()
    if ref == LATEST:
        try:
            return _latest(runs_dir)
        except CheckpointError:
            if not is_run(path):  # the user may stand in the folder of runs
                raise
    if is_run(path):  # a link may lead elsewhere tomorrow
        return path.resolve() if path.is_symlink() else path
    runs = {run.name: run for run in list_runs(runs_dir)} if ref else {}
    if ref in runs:
        return runs[ref]
    begun = [name for name in runs if name.startswith(ref)]
    if len(begun) == 1:
        return runs[begun[0]]
    if begun:
        shown = ", ".join(begun[-_SHOWN:]) + (", …" if len(begun) > _SHOWN else "")
        raise CheckpointError(
            f"{len(begun)} runs in {runs_dir} begin with '{ref}': {shown}",
            hint="give more of the name, or `latest`",
            code="BP246",
        )
    if os.path.isdir(path):
        raise CheckpointError(f"this is not a run folder: it has no {RUN_FILE}", file=ref, code="BP247")
    if os.path.isfile(path):
        raise CheckpointError(
            "this is a file, not a run folder", file=ref, hint="give the folder", code="BP247"
        )
    raise _none(ref, runs_dir, list(runs))


def _none(ref: str, runs_dir: Path, names: list[str]) -> CheckpointError:
    short = {_STAMP.sub("", name): name for name in names}  # people mistype the name, not the time
    near = closest(ref, [LATEST, *names, *short])
    if near:
        hint = f"did you mean '{near}'?"
    elif names:
        hint = "there are " + ", ".join(names[-_SHOWN:]) + (", …" if len(names) > _SHOWN else "")
    else:
        hint = (
            f"there are no runs in {runs_dir}; start one with `bpcli train`, or name another with --runs-dir"
        )
    return CheckpointError(f"there is no run '{ref}'", hint=hint, code="BP245")


def _latest(runs_dir: Path) -> Path:
    """What `latest` points to; where that is gone, the newest run that is there."""
    pointer = runs_dir / LATEST
    try:
        name = pointer.readlink().name if pointer.is_symlink() else pointer.read_text("utf-8").strip()
    except (OSError, ValueError):
        name = ""
    if name and Path(name).name == name and is_run(runs_dir / name):
        return runs_dir / name
    runs = list_runs(runs_dir)
    if not runs:
        hint = "start one with `bpcli train`, or name another folder with --runs-dir"
        raise CheckpointError(f"there are no runs in {runs_dir}", hint=hint, code="BP245")
    return runs[-1]


def _stamp(name: str) -> str:
    found = _STAMP.search(name)
    return found[1] if found else ""
