"""A process that trains, so that another can end it: forked from a warm parent, in milliseconds."""

from __future__ import annotations

import hashlib
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bpcli.errors import Stopped
from bpcli.spec.load import load
from bpcli.train import session

EPOCHS = 20
#: Two hidden layers whose product is large enough to be cut into blocks for several threads, and all that
#: keeps a state or draws at random; saved every few steps.
CONFIG = """\
name: victim
seed: 7
data:
  source: {type: csv, path: datasets/digits.csv, target: digit}
  split: {type: random, train: 0.25, val: 0.1, test: 0.05}
  preprocess: [standardize]
  batch_size: 128
model:
  type: sequential
  head: auto
  layers:
    - {type: dense, units: 384}
    - batch_norm
    - {type: activation, function: relu}
    - {type: dropout, rate: 0.2}
    - {type: dense, units: 384, activation: relu, l2: 1e-4}
optimizer: {type: adam, lr: 0.002}
schedule: {type: cosine, warmup: 10%}
train: {epochs: 20}
early_stop: {monitor: val.loss, patience: 15}
checkpoint: {monitor: val.accuracy, every: 20ms}
metrics: [accuracy]
"""

#: The exit codes of a victim besides 0 and those of signals.
BUG = 70


def write_config(folder: Path) -> Path:
    file = folder / "victim.yaml"
    file.write_text(CONFIG)
    return file


def runs_in(folder: Path) -> list[Path]:
    """The runs that were begun: a folder without run.json is none yet."""
    return sorted(path.parent for path in folder.glob("runs/*/run.json") if not path.parent.is_symlink())


def go_on(folder: Path, threads: int, listener: Callable[[Any], None]) -> None:
    """Trains, or goes on with the run that is there."""
    runs = runs_in(folder)
    if runs:
        session.resume(
            str(runs[0]), [f"train.threads={threads}"], runs_dir=folder / "runs", listener=listener
        )
    else:
        loaded = load(folder / "victim.yaml", [f"train.threads={threads}"])
        session.train(loaded, runs_dir=folder / "runs", listener=listener)


def fork(folder: Path, threads: int) -> tuple[int, int]:
    """(process id, a pipe to read from) of a victim; it writes a line with the step after every step.

    It exits with 0 when the run is complete, with 128 + the signal when one stopped it, else with BUG.
    """
    read, write = os.pipe()
    process = os.fork()
    if process:
        os.close(write)
        return process, read
    code = BUG
    try:
        os.close(read)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

        def listener(event: dict[str, Any]) -> None:
            if event["event"] == "step":
                os.write(write, b"%d\n" % event["step"])

        try:
            go_on(folder, threads, listener)
            code = 0
        except Stopped as stopped:
            code = stopped.exit_code
        except BaseException:
            traceback.print_exc()
    finally:
        os._exit(code)


def steps_told(pipe: int) -> list[int]:
    """The steps that a victim which has ended wrote into its pipe. Closes it."""
    with open(pipe, "rb") as file:
        return [int(line) for line in file.read().split(b"\n")[:-1]]


def exit_code(process: int) -> int:
    """Waits for a victim; negative if a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def traces(run: Path) -> tuple[str, ...]:
    """The SHA-256 of what must be the same, however often a run was ended."""
    names = ("checkpoints/last.safetensors", "checkpoints/best.safetensors", "metrics.jsonl")
    return tuple(hashlib.sha256((run / name).read_bytes()).hexdigest() for name in names)
