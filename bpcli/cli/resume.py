"""`bpcli resume`"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpcli.cli import options as o

if TYPE_CHECKING:
    from pathlib import Path

    from bpcli.spec.experiment import Experiment


def resume(
    run: o.Run,
    overrides: o.Overrides = None,
    set_: o.Set = None,
    runs_dir: o.RunsDir = o.RUNS,
    time: o.Time = None,
    fail_under: o.FailUnder = None,
    fail_over: o.FailOver = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Go on with a run from its newest checkpoint.

    The result has the same bits as if the run had never stopped.

    KEY=VALUE may change how long it goes on and how its result is chosen (train.epochs, train.max_time,
    schedule, early_stop, checkpoint, ...), but not the net, the data or the seed.
    """
    from bpcli.cli.gate import check_limits, directions, limits
    from bpcli.cli.view import view

    wanted = limits(fail_under, fail_over)
    if wanted:
        check_limits(wanted, directions(_experiment(run, runs_dir)))
    from bpcli.train import session

    listener = view(as_json=json, quiet=quiet, limits=wanted)
    session.resume(run, o.changes(overrides, set_, time), runs_dir=runs_dir, listener=listener)
    if listener.failed:
        raise listener.failed


def _experiment(run: str, runs_dir: Path) -> Experiment:
    from bpcli.runs.find import find_run
    from bpcli.spec.load import load_resolved

    path = find_run(run, runs_dir)
    return load_resolved(path / "resolved.yaml", folder=path).experiment
