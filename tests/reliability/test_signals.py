"""SIGINT, SIGTERM and SIGHUP: one more checkpoint, the right exit code, and nothing lost."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from bpcli.errors import Stopped
from bpcli.runs import checkpoint
from tests.train import helpers as h

SOFT = [
    pytest.param(getattr(signal, name), code, id=name)
    for name, code in (("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129))
    if hasattr(signal, name)
]
EPOCHS = 4
STEPS = EPOCHS * 7


def tree() -> h.Tree:
    return h.config(train__epochs=EPOCHS, model__dropout=0.2)


class Sender:
    """A listener that sends the process a signal at one step, and notes how far training came."""

    def __init__(self, at: int, number: int, times: int = 1) -> None:
        self.at, self.number, self.times = at, number, times
        self.steps: list[int] = []
        self.run = Path()
        self.end: dict[str, Any] = {}

    def __call__(self, event: dict[str, Any]) -> None:
        if event["event"] == "start":
            self.run = Path(event["run"])
        elif event["event"] == "end":
            self.end = event
        elif event["event"] == "step":
            self.steps.append(event["step"])
            if event["step"] == self.at:
                for _ in range(self.times):
                    signal.raise_signal(self.number)


@pytest.mark.parametrize(("number", "code"), SOFT)
def test_a_signal_saves_and_leaves_with_its_code(tmp_path: Path, number: int, code: int) -> None:
    whole = h.train(tmp_path, tree())
    for at in random.Random(number).sample(range(1, STEPS), 4):
        sender = Sender(at, number)
        with pytest.raises(Stopped) as caught:
            h.train(tmp_path, tree(), listener=sender)
        assert caught.value.signal_number == number
        assert caught.value.exit_code == code
        saved = checkpoint.verify(sender.run / "checkpoints" / "last.safetensors")
        assert saved["step"] == at == sender.steps[-1]
        assert json.loads((sender.run / "run.json").read_text())["status"] == "interrupted"
        assert sender.end["status"] == "interrupted"
        assert h.resume(sender.run).status == "completed"
        assert h.traces(sender.run) == h.traces(whole.run)


@pytest.mark.parametrize(("number", "code"), SOFT)
def test_a_signal_from_outside_costs_no_step(tmp_path: Path, number: int, code: int) -> None:
    """Sent by another thread at an instant of its own choosing, in the middle of anything."""
    long = h.config(train__epochs=100_000)
    for delay in (0.02, 0.05):
        sender = Sender(0, number)
        started = threading.Event()

        def later(delay: float = delay, started: threading.Event = started) -> None:
            started.wait(20)
            threading.Event().wait(delay)
            os.kill(os.getpid(), number)

        def listener(
            event: dict[str, Any], sender: Sender = sender, started: threading.Event = started
        ) -> None:
            sender(event)
            if event["event"] == "step":
                started.set()

        thread = threading.Thread(target=later)
        thread.start()
        with pytest.raises(Stopped) as caught:
            h.train(tmp_path, long, listener=listener)
        thread.join()
        assert caught.value.exit_code == code
        assert checkpoint.verify(sender.run / "checkpoints" / "last.safetensors")["step"] == sender.steps[-1]


def test_a_second_signal_leaves_at_once(tmp_path: Path) -> None:
    whole = h.train(tmp_path, tree())
    sender = Sender(9, signal.SIGINT, times=2)
    with pytest.raises(KeyboardInterrupt):
        h.train(tmp_path, tree(), listener=sender)
    assert json.loads((sender.run / "run.json").read_text())["status"] == "interrupted"
    h.resume(sender.run)
    assert h.traces(sender.run) == h.traces(whole.run)


def test_handlers_are_put_back(tmp_path: Path) -> None:
    before = [signal.getsignal(param.values[0]) for param in SOFT]  # type: ignore[arg-type]
    h.train(tmp_path, tree())
    with pytest.raises(Stopped):
        h.train(tmp_path, tree(), listener=Sender(2, signal.SIGTERM))
    assert [signal.getsignal(param.values[0]) for param in SOFT] == before  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP here")
def test_a_hangup_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert h.train(tmp_path, tree(), listener=Sender(5, signal.SIGHUP)).status == "completed"
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread_training_works_without_handlers(tmp_path: Path) -> None:
    whole = h.train(tmp_path, tree())
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(h.train(tmp_path, tree())))
    thread.start()
    thread.join()
    assert h.traces(found[0].run) == h.traces(whole.run)
