"""kill -9 and softer signals at random instants of a run, then resume, then compare every byte."""

from __future__ import annotations

import os
import random
import select
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bpcli.core.backend import one_blas_thread
from bpcli.runs import checkpoint
from bpcli.spec.load import load
from bpcli.train import session
from tests.reliability import victim

SOFT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Tally:
    """What a campaign saw."""

    what: str
    ended: int = 0  # times that a process was ended by us
    runs: int = 0
    identical: int = 0
    lost: int = 0  # the most steps that one signal cost
    where: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])

    @property
    def good(self) -> bool:
        return not self.wrong and self.identical == self.runs > 0


class Campaign:
    """Runs of one config in one folder, each compared with a run that nobody disturbed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        file = victim.write_config(folder)
        one_blas_thread()
        session.prepared_trainer(load(file, ["train.threads=1"]))  # all imports, once, before any fork
        self.expected = self._undisturbed(threads=1)
        start = time.monotonic()
        self.twice = self._undisturbed(threads=2)
        self.seconds = time.monotonic() - start

    def _clear(self) -> None:
        shutil.rmtree(self.folder / "runs", ignore_errors=True)

    def _undisturbed(self, threads: int) -> tuple[str, ...]:
        self._clear()
        self._finish(threads)
        return victim.traces(victim.runs_in(self.folder)[0])

    def _finish(self, threads: int) -> None:
        """Lets a victim go on to the end."""
        process, pipe = victim.fork(self.folder, threads)
        steps = victim.steps_told(pipe)
        code = victim.exit_code(process)
        if code:
            raise AssertionError(f"a run that nobody disturbed ended with {code} after {len(steps)} steps")

    def kill(self, runs: int, times: int = 1) -> Tally:
        """At least `runs` runs, each ended `times` times by SIGKILL, half of them while something is saved.

        One that was quicker than its killer is compared too, and replaced by another. Where a run is ended
        again and again, the instants are counted from its first step: else none would come so far.
        """
        tally = Tally(f"kill -9, {times} time{'s' * (times > 1)} each")
        number = 0
        while tally.ended < runs * times and number < 3 * runs:
            self._clear()
            for attempt in range(times):
                process, pipe = victim.fork(self.folder, threads=1 + (number + attempt) % 2)
                if times == 1:
                    time.sleep(self.random.uniform(0, 1.1 * self.seconds))
                else:
                    select.select([pipe], [], [])
                    time.sleep(self.random.uniform(0, 2 * self.seconds / times))
                if (number + attempt) % 2:
                    self._wait_for_a_save()
                os.kill(process, signal.SIGKILL)
                steps = victim.steps_told(pipe)
                self._note(tally, victim.exit_code(process), steps)
            self._compare(tally, number)
            number += 1
        return tally

    def _wait_for_a_save(self) -> None:
        """Until a temporary file lies beside the checkpoints, or no more is to be expected."""
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            if any(self.folder.glob("runs/*/checkpoints/.*.tmp")):
                time.sleep(self.random.uniform(0, 0.003))
                return

    def _note(self, tally: Tally, code: int, steps: list[int]) -> None:
        runs = victim.runs_in(self.folder)
        if code == -signal.SIGKILL:
            tally.ended += 1
        elif code:
            tally.wrong.append(f"a victim ended by itself, with {code}")
        if code == 0:
            tally.where["too late: the run was complete"] += 1
        elif not runs:
            tally.where["before the run's folder was complete"] += 1
        elif any((runs[0] / "checkpoints").glob(".*.tmp")):
            tally.where["while a checkpoint was being written"] += 1
        elif not (runs[0] / "checkpoints" / "last.safetensors").exists() and steps:
            tally.where["after steps, before the first checkpoint"] += 1
        else:
            tally.where["between two saves" if steps else "before the first step"] += 1

    def signal(self, instants: int) -> Tally:
        """SIGINT, SIGTERM and SIGHUP in turn: the exit code, the steps that are lost, and the end."""
        tally = Tally("SIGINT, SIGTERM, SIGHUP")
        for number in range(instants):
            self._clear()
            which = SOFT[number % len(SOFT)]
            process, pipe = victim.fork(self.folder, threads=1 + number % 2)
            time.sleep(self.random.uniform(0, 1.1 * self.seconds))
            os.kill(process, which)
            steps = victim.steps_told(pipe)
            code = victim.exit_code(process)
            if code == 128 + which:
                tally.ended += 1
                tally.where["in training: saved, and left with 128 + signal"] += 1
                run = victim.runs_in(self.folder)[0]
                saved = checkpoint.verify(run / "checkpoints" / "last.safetensors")["step"]
                tally.lost = max(tally.lost, steps[-1] - saved)
            elif code == -which:
                tally.ended += 1
                tally.where["before or after training, where nothing is to be saved"] += 1
            elif code == 0:
                tally.where["too late: the run was complete"] += 1
            else:
                tally.wrong.append(f"{which.name} ended a victim with {code}")
            self._compare(tally, number)
        if tally.lost > 1:
            tally.wrong.append(f"a signal cost {tally.lost} steps")
        return tally

    def _compare(self, tally: Tally, number: int) -> None:
        self._finish(threads=1 + number % 2)
        run = victim.runs_in(self.folder)[0]
        tally.runs += 1
        if victim.traces(run) == self.expected:
            tally.identical += 1
        else:
            tally.wrong.append(f"run {number} is not the undisturbed one")
        if left := [path.name for path in run.rglob(".*.tmp")]:
            tally.wrong.append(f"run {number} has temporary files: {left}")
