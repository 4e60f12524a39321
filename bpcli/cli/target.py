"""`CFG|RUN`: a config where there is one of that name, else a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bpcli.errors import CheckpointError, UsageError, closest
from bpcli.files import shipped_configs

if TYPE_CHECKING:
    from bpcli.spec.load import Loaded


@dataclass(frozen=True)
class Target:
    """What the user named: always a config; `run` is its folder where it is that of a run."""

    loaded: Loaded
    run: Path | None = None


def target(ref: str, overrides: Sequence[str], runs_dir: Path) -> Target:
    """The config or run that `ref` names. UsageError where it is neither."""
    from bpcli.spec.load import load

    run = None if _is_config(ref) else _run(ref, runs_dir)
    if run is None:
        return Target(load(ref, overrides))
    if overrides:
        raise UsageError(
            f"{ref} is a run, and its config cannot be changed: {', '.join(overrides)}",
            hint="give a config, or leave the changes out",
        )
    return Target(_of_run(run), run)


def _is_config(ref: str) -> bool:
    return Path(ref).expanduser().is_file() or ref in shipped_configs()


def _run(ref: str, runs_dir: Path) -> Path | None:
    """The run's folder; None where a config was probably meant."""
    from bpcli.runs.find import find_run, list_runs

    try:
        return find_run(ref, runs_dir)
    except CheckpointError as error:
        if error.problems[0].code != "BP245" or ref == "latest":
            raise
    if ref.endswith((".yaml", ".yml")):
        return None
    near = closest(ref, [*shipped_configs(), *(run.name for run in list_runs(runs_dir))])
    hint = f"did you mean '{near}'?" if near else "`bpcli list configs` shows the shipped configs"
    raise UsageError(f"there is neither a config nor a run '{ref}'", hint=hint)


def _of_run(run: Path) -> Loaded:
    """The config of a run, its data paths relative to where the config was."""
    from bpcli.runs.folder import RunFolder
    from bpcli.spec.load import load_resolved

    with RunFolder.open(str(run), run.parent, lock=False) as folder:
        return load_resolved(folder.path / "resolved.yaml", folder=Path(folder.info["config_folder"]))
