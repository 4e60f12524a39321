"""What training tells whoever listens: small events, the same for the terminal, JSON and the Python API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: {"event": "start" | "note" | "step" | "epoch" | "end", ...}. `step` comes after every update and is meant
#: for a live display; the others are the lines of `--json`.
Event = dict[str, Any]
Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """Listens to nothing."""
