"""Weights as compiled products take them (core/compiled/_tile.py): sixteen columns at a time in one piece."""

from __future__ import annotations

from typing import Any

#: Columns that a kernel makes at a time, and its rows at most.
COLUMNS, ROWS = 16, 6


def panels_of(columns: int) -> int:
    """How many panels so many columns take."""
    return -(-columns // COLUMNS)


def fill_panels(V: Any, panels: Any) -> Any:
    """V (k, columns) into panels (panels, k, COLUMNS), zeros behind its last column.

    Nobody reads what is made of those; but numbers that are left there by chance could be slow ones.
    """
    k, columns = V.shape
    whole = columns // COLUMNS
    panels[:whole] = V[:, : whole * COLUMNS].reshape(k, whole, COLUMNS).swapaxes(0, 1)
    if whole < len(panels):
        rest = columns - whole * COLUMNS
        panels[whole, :, :rest] = V[:, whole * COLUMNS :]
        panels[whole, :, rest:] = 0
    return panels
