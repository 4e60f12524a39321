"""Cells of text to numbers, as fast as Python goes and no less strict than `is_number`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpcli.data.cells import is_number


class Converter:
    """Converts the cells of one column, a chunk at a time."""

    def __init__(self, missing: frozenset[str], plain: bool) -> None:
        self.missing = missing
        #: In ASCII without underscores, float() takes our numbers, nan and inf and nothing else.
        self.plain = plain and not any(map(is_number, missing))

    def numbers(self, cells: Sequence[str]) -> NDArray[np.float64] | None:
        """float64 with NaN where missing, or None if a cell is neither a number nor missing."""
        if not self.plain:
            return self._one_by_one(cells)
        try:
            values = np.fromiter(map(float, cells), np.float64, len(cells))
            if np.isfinite(values).all():
                return values
        except ValueError:
            pass
        gaps, nan = self.missing, float("nan")
        try:
            values = np.array([nan if cell in gaps else float(cell) for cell in cells], dtype=np.float64)
        except ValueError:
            return self._one_by_one(cells)
        known = sum(map(gaps.__contains__, cells))
        return values if np.isfinite(values).sum() == len(cells) - known else self._one_by_one(cells)

    def _one_by_one(self, cells: Sequence[str]) -> NDArray[np.float64] | None:
        values = np.empty(len(cells), dtype=np.float64)
        for row, padded in enumerate(cells):
            cell = padded.strip()
            if cell in self.missing:
                values[row] = np.nan
            elif is_number(cell):
                values[row] = float(cell)
            else:
                return None
        return values

    def texts(self, cells: Sequence[str]) -> list[Any]:
        """Stripped text, None where missing; equal cells share one string."""
        missing, seen = self.missing, {}
        found: list[Any] = []
        for padded in cells:
            cell = padded.strip()
            found.append(None if cell in missing else seen.setdefault(cell, cell))
        return found
