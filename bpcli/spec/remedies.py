"""A value that its field does not take: what was expected, what was found, what to write instead."""

from __future__ import annotations

from typing import Any, cast

from bpcli.errors import closest
from bpcli.spec.findings import Finding
from bpcli.spec.registry import family
from bpcli.spec.scalars import clip, is_number, plain_scalar, show
from bpcli.spec.schema import Option
from bpcli.spec.words import in_words, literals


def wrong_value(finding: Finding, choices: list[Option], quoted: bool) -> tuple[str, str | None]:
    """(message, hint) for a value that is not what its field takes."""
    got = show(finding.value)
    if finding.kind == "custom":
        if (nested := _nested_name(finding, choices)) is not None:
            return finding.message, nested
        expects = finding.message.startswith("expected")
        return f"{finding.message}, got {got}" if expects else finding.message, finding.hint
    if finding.kind in ("value_error", "assertion_error"):
        return finding.message.split(", ", 1)[-1].rstrip("."), None
    if not choices:
        return f"{finding.message[:1].lower()}{finding.message[1:]}", None
    fixed = [value for value in literals(choices) if isinstance(value, str)]
    return f"expected {in_words(choices)}, got {got}", finding.hint or _remedy(
        finding.value, choices, fixed, quoted
    )


def _nested_name(finding: Finding, choices: list[Option]) -> str | None:
    """The remedy for `- dense: {units: 3}`, as other languages write it."""
    value = finding.value
    keys = list(cast("dict[str, Any]", value)) if isinstance(value, dict) else []
    if len(keys) == 1 and keys != ["type"]:
        name = keys[0]
        if any(option.family and name in family(option.family) for option in choices):
            return f"write {{type: {name}, ...}}"
    return None


def _remedy(value: Any, choices: list[Option], fixed: list[str], quoted: bool) -> str | None:
    bases = {option.base for option in choices}
    numeric = bool(bases & {int, float})
    if isinstance(value, str):
        if near := "cuda" if value == "gpu" and "cuda" in fixed else closest(value, fixed) if fixed else None:
            return f"did you mean '{near}'?"
        if bool in bases and value.lower() in ("yes", "no", "on", "off", "y", "n", "true", "false"):
            word = "true" if value.lower() in ("yes", "on", "y", "true") else "false"
            return f"write {word}{', without quotes' if quoted else ''}"
        if numeric:
            return _number_remedy(value, quoted)
    elif is_number(value) or isinstance(value, bool):
        if fixed and isinstance(value, bool):
            return None
        if str in bases:
            return "put it in quotes to make it text"
        if isinstance(value, float) and value.is_integer() and int in bases:
            return f"write {int(value)}"
    return None


def _number_remedy(text: str, quoted: bool) -> str | None:
    """What to do about text in the place of a number."""

    def numeral(word: str) -> bool:
        try:
            return is_number(plain_scalar(word)) and word == word.strip()
        except ValueError:
            return False

    if numeral(text):
        return "remove the quotes" if quoted else None
    if numeral(text.replace("_", "")):
        return f"write {clip(text.replace('_', ''))}"
    if text.count(",") == 1 and numeral(text.replace(",", ".")):
        return f"write {clip(text.replace(',', '.'))}, with a point"
    return None
