"""What a plain word of YAML means: the core schema of YAML 1.2, and nothing else.

`1e-3` is a number, `012` is twelve, `no`, `1:30` and `1_000` are text. (YAML 1.1, which most Python
readers follow, makes these a text, ten, false, ninety and a thousand.)
"""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

#: Digits that an integer may have: Python itself refuses to print longer ones.
MAX_DIGITS = 4_300

_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_NAN = frozenset({".nan", ".NaN", ".NAN"})


def plain_scalar(text: str) -> Scalar:
    """The value of an unquoted scalar. ValueError, with a sentence, for a number that cannot be held."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _DECIMAL.fullmatch(text):
        return _integer(text, 10)
    if _OTHER_BASE.fullmatch(text):
        return _integer(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            raise ValueError(f"the number {clip(text)} is too large: the largest is about 1.8e308")
        return value
    if found := _INFINITE.fullmatch(text):
        return -math.inf if found[1] == "-" else math.inf
    return math.nan if text in _NAN else text


def _integer(digits: str, base: int) -> int:
    if len(digits) <= MAX_DIGITS:
        try:
            value = int(digits, base)
        except ValueError:  # the interpreter may be set to a lower limit
            value = None
        if value is not None and (base == 10 or value < 10**MAX_DIGITS):
            return value
    raise ValueError(f"an integer of {len(digits):,} digits is too long: at most {MAX_DIGITS:,} are read")


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def clip(text: str, length: int = 40) -> str:
    """Text short enough for a message."""
    return text if len(text) <= length else text[: length - 1] + "…"


def show(value: object) -> str:
    """A value as a message names it: as it would be written in YAML, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return clip(repr(value))
    if isinstance(value, (int, float)):
        return clip(repr(value))
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, (list, tuple)):
        return "a list" if value else "an empty list"
    return f"a {type(value).__name__}"
