"""One figure of bpcli's beside one of a peer's, or beside a bound."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """`ratio` is ours / theirs where there is a peer; `note` says what else there is to know."""

    measure: str
    what: str
    unit: str
    ours: float
    peer: str = ""
    theirs: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return None if not self.theirs else self.ours / self.theirs


def program(find: Callable[[Any], Iterable[Finding]]) -> None:
    """Runs a measure as a program: its options in, its findings out as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peers", default="torch,jax,keras,sklearn")
    options = parser.parse_args()
    options.peers = options.peers.split(",")
    for finding in find(options):
        print(json.dumps({**asdict(finding), "ratio": finding.ratio}), flush=True)
