from __future__ import annotations

import math

import pytest

from bpcli.spec.scalars import MAX_DIGITS, plain_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("1e3", 1000.0), ("1.", 1.0), (".5", 0.5), ("-2.5E+2", -250.0), ("+1", 1), ("-0", 0),
        ("012", 12), ("0o14", 12), ("0x1F", 31), ("9" * MAX_DIGITS, int("9" * MAX_DIGITS)),
        ("true", True), ("False", False), ("TRUE", True), ("null", None), ("~", None), ("", None),
        ("no", "no"), ("on", "on"), ("yes", "yes"), ("Off", "Off"), ("y", "y"), ("tRue", "tRue"),
        ("1:30", "1:30"), ("12:30:45", "12:30:45"), ("1_000", "1_000"), ("0b11", "0b11"), ("0o8", "0o8"),
        ("2001-99-99", "2001-99-99"), ("1e", "1e"), (".", "."), ("-", "-"), ("--1", "--1"),
        ("1.2.3", "1.2.3"),
        ("\u0661\u0662", "\u0661\u0662"), ("+0x1F", "+0x1F"), ("nan", "nan"), ("inf", "inf"), ("1 ", "1 "),
    ],
)  # fmt: skip
def test_words_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    found = plain_scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_not_finite_words() -> None:
    assert plain_scalar(".inf") == math.inf
    assert plain_scalar("-.INF") == -math.inf
    assert math.isnan(plain_scalar(".NaN"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["9" * (MAX_DIGITS + 1), "-" + "9" * 100_000, "0x" + "f" * MAX_DIGITS, "1e400"]
)
def test_numbers_that_cannot_be_held_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"too (long|large)"):
        plain_scalar(text)


def test_every_integer_that_is_read_can_be_printed() -> None:
    digits = MAX_DIGITS
    while True:
        try:
            value = plain_scalar("0x" + "f" * digits)
            break
        except ValueError:
            digits -= 1
    assert len(str(value)) <= MAX_DIGITS
    assert digits > 3_500
