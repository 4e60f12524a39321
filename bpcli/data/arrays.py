"""What the array sources have in common: bounds before memory is taken, and columns made of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bpcli.data.cells import EXACT, counted, rows_named
from bpcli.data.records import Column
from bpcli.errors import DataError

#: Packed data may grow to this size in any case, and beyond it by at most the factor below.
_FREE_BYTES = 256 << 20
_GROWTH = 200


def bound_growth(packed: int, unpacked: int, *, file: str) -> None:
    """Refuses packed data that would fill the memory: a few kilobytes of zeros can stand for gigabytes."""
    if unpacked > _FREE_BYTES and unpacked > _GROWTH * packed:
        raise DataError(
            f"{packed:,} bytes would unpack to {unpacked:,}, {unpacked // max(1, packed):,} times as many",
            file=file,
            hint="if this is meant, store the file without compression",
        )


def features_of(name: str, array: NDArray[Any], *, file: str, row_word: str) -> list[Column]:
    """An input array (n, ...) as columns: one number column where it is (n,), else one array column."""
    _check_rows(name, array, file=file)
    if array.dtype.kind not in "buif":
        raise DataError(f"'{name}' holds {array.dtype.name}; numbers are needed", file=file)
    _check_finite(name, array, file=file, row_word=row_word)
    if array.ndim == 1:
        return [Column(name, "number", array.astype(np.float64))]
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    return [Column(name, "array", array)]


def targets_of(name: str, array: NDArray[Any], *, file: str, row_word: str) -> list[Column]:
    """A target array (n,) or (n, d) of numbers, or (n,) of text, as d columns."""
    _check_rows(name, array, file=file)
    if array.dtype.kind == "U" and array.ndim == 1:
        values = np.empty(len(array), dtype=object)
        values[:] = [text.strip() or None for text in array.tolist()]
        return [Column(name, "text", values)]
    if array.dtype.kind not in "buif" or array.ndim > 2:
        raise DataError(
            f"target '{name}' is an array {array.shape} of {array.dtype.name}",
            file=file,
            hint="a target is (n,) of class numbers or labels, or (n, d) of values",
        )
    _check_finite(name, array, file=file, row_word=row_word)
    if array.dtype.kind in "iu" and len(array) and (array.astype(np.float64) >= EXACT).any():
        raise DataError(f"target '{name}' has whole numbers too large for a float64", file=file)
    values = array.astype(np.float64)
    if values.ndim == 1 or values.shape[1] == 1:
        return [Column(name, "number", values.reshape(len(values)))]
    return [Column(f"{name}{index}", "number", values[:, index]) for index in range(values.shape[1])]


def weight_of(name: str, array: NDArray[Any], *, file: str, row_word: str) -> NDArray[np.float64]:
    """Sample weights (n,), each finite and at least 0, not all 0."""
    if array.dtype.kind not in "buif" or array.ndim != 1:
        raise DataError(
            f"weight '{name}' is an array {array.shape} of {array.dtype.name}, not (n,)", file=file
        )
    weights = array.astype(np.float64)
    bad = np.flatnonzero(~((weights >= 0) & np.isfinite(weights)))
    if len(bad):
        raise DataError(
            f"weight '{name}' is negative or not finite in {rows_named(bad, row_word)}", file=file
        )
    if not weights.any():
        raise DataError(f"weight '{name}' is 0 everywhere", file=file)
    return weights


def check_lengths(lengths: dict[str, int], *, file: str) -> None:
    """All arrays of a file must have the same number of rows."""
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"'{name}' {length:,}" for name, length in lengths.items())
        raise DataError(f"the arrays differ in their number of rows: {said}", file=file)


def _check_rows(name: str, array: NDArray[Any], *, file: str) -> None:
    if array.ndim == 0 or not len(array):
        raise DataError(f"'{name}' has no rows", file=file)
    if array.size == 0:
        raise DataError(
            f"'{name}' has the shape {array.shape}: {counted(len(array), 'row')} of nothing", file=file
        )


def _check_finite(name: str, array: NDArray[Any], *, file: str, row_word: str) -> None:
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    bad = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
    raise DataError(
        f"'{name}' is not finite in {rows_named(bad, row_word)}",
        file=file,
        hint="an array has no gaps: fill them in, or leave these rows out",
    )
