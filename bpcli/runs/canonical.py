"""JSON in one spelling: equal values are equal text, on every machine and in every process."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn, cast


def plain(value: Any) -> Any:
    """The value in JSON's own types: NaN and infinities become None, tuples lists, NumPy values Python's.

    TypeError for what JSON has no word for, and for a key that is not text (it would come back as text).
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value)
        for key in items:
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} is not text")
        return {key: plain(item) for key, item in items.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in cast("list[Any]", value)]
    if hasattr(value, "tolist"):  # NumPy's scalars and arrays, without importing NumPy here
        return plain(value.tolist())
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def to_json(value: Any, *, indent: int | None = None) -> str:
    """Sorted keys, shortest floats, no spaces (or `indent`, for files that people read)."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(
        plain(value),
        sort_keys=True,
        separators=separators,
        indent=indent,
        ensure_ascii=False,
        allow_nan=False,
    )


def encode(text: str) -> bytes:
    """UTF-8; a half of a surrogate pair (a file name that is not text) is written as its JSON escape."""
    return text.encode("utf-8", "backslashreplace")


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def from_json(text: str | bytes) -> Any:
    """The value; ValueError for anything that is not JSON in UTF-8, NaN and endless nesting included."""
    if isinstance(text, bytes):
        text = text.decode("utf-8")  # the parser itself would also take UTF-16 and 32
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
