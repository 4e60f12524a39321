"""Hundreds of strange files: what is accepted equals a slow parser written from the rules alone."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest

from bpcli.errors import DataError
from tests.data.helpers import read

_MISSING = ("", "?")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Refused(Exception):
    """The reference would not accept the file."""


def reference(data: bytes) -> dict[str, list[float | str | None]]:
    """The columns of a CSV with a header: a state machine over characters, and every cell on its own."""
    try:
        content = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused from None
    content = content.removeprefix("\ufeff")
    if "\0" in content:
        raise Refused
    rows = [row for row in _split(content) if row]
    if not rows:
        raise Refused
    names = [cell.strip() for cell in rows[0]]
    body = [row for row in rows[1:] if len(row) == len(names) or not (len(row) == 1 and not row[0].strip())]
    if not body or len(set(names)) < len(names) or "" in names or any(len(row) != len(names) for row in body):
        raise Refused
    columns: dict[str, list[float | str | None]] = {}
    for index, name in enumerate(names):
        cells = [None if (cell := row[index].strip()) in _MISSING else cell for row in body]
        if all(cell is None or _NUMBER.fullmatch(cell) for cell in cells):
            numbers = [float("nan") if cell is None else float(cell) for cell in cells]
            if any(abs(value) == float("inf") for value in numbers):
                raise Refused
            columns[name] = list(numbers)
        else:
            columns[name] = list(cells)
    return columns


def _split(content: str) -> list[list[str]]:
    rows: list[list[str]] = []
    row: list[str] = []
    cell, state, seen = "", "start", False  # seen: whether the line holds anything at all
    position = 0

    def end_row() -> None:
        nonlocal row, cell, state, seen
        rows.append([*row, cell] if seen else [])
        row, cell, state, seen = [], "", "start", False

    while position < len(content):
        mark = content[position]
        position += 1
        if state == "quoted":
            if mark != '"':
                cell += mark
            elif content[position : position + 1] == '"':
                cell += '"'
                position += 1
            else:
                state = "closed"
        elif mark in "\r\n":
            if mark == "\r" and content[position : position + 1] == "\n":
                position += 1
            end_row()
        else:
            seen = True
            if mark == ",":
                row.append(cell)
                cell, state = "", "start"
            elif state == "closed":
                raise Refused
            elif state == "start" and mark == '"':
                state = "quoted"
            elif state == "start" and mark == " ":
                pass
            else:
                cell += mark
                state = "plain"
    if state == "quoted":
        raise Refused
    if seen:
        end_row()
    return rows


_CELLS = [
    "1", "-2.5", "+3", ".5", "7.", "1e5", "1E-3", "nan", "NaN", "inf", "-inf", "infinity", "1_000", "0x10",
    "1e400", "١٢٣", "１２", "", "?", " ", " 4 ", '"5"', '"6,7"', '"a\nb"', '"a""b"', 'x"y', "cat", "é", "1,5",
    "1 2", "--1", "1e", ".", "-", "true", "None", "1e-400", "00012", "12345678901234567890", "\t8\t", "'9'",
    "1;2", "#1", "=1+1", "\ufeff1",
]  # fmt: skip


def _generated(seed: int) -> bytes:
    """A table, mostly of numbers, into which one or a few strange things were put."""
    draw = random.Random(seed)
    width, height = draw.randint(1, 4), draw.randint(0, 6)
    plain = lambda: draw.choice(["1", "2.5", "-3e2", "40"])  # noqa: E731
    rows = [[plain() for _ in range(width)] for _ in range(height)]
    for _ in range(draw.choice([0, 0, 1, 1, 2, 4])):
        if rows:
            draw.choice(rows)[draw.randrange(width)] = draw.choice(_CELLS)
    names = [f"c{index}" for index in range(width)]
    if draw.random() < 0.05 and width > 1:
        names[1] = draw.choice([names[0], "", " c0 "])
    end = draw.choice(["\n", "\n", "\r\n", "\r"])
    lines = [",".join(names), *map(",".join, rows)]
    if draw.random() < 0.2:
        lines.insert(
            draw.randrange(len(lines) + 1), draw.choice(["", " ", ",", "1", '"', '"1"x,2', "1,2,3,4,5,6"])
        )
    data = end.join(lines).encode() + draw.choice([b"", end.encode(), end.encode() * 2])
    if draw.random() < 0.1:
        data = b"\xef\xbb\xbf" + data
    if draw.random() < 0.15 and data:
        at = draw.randrange(len(data))
        data = data[:at] + bytes([draw.choice([0, 0xE9, 0xFF, 0x22, 0x0A, 0x2C, 0x31])]) + data[at + 1 :]
    return data


@pytest.mark.parametrize("start", range(0, 400, 50))
def test_accepted_implies_equal_to_the_reference(tmp_path: Path, start: int) -> None:
    accepted = 0
    for seed in range(start, start + 50):
        data = _generated(seed)
        try:
            found = read(tmp_path, data)
        except DataError as error:
            assert all(problem.file for problem in error.problems), data
            continue
        accepted += 1
        expected = reference(data)  # Refused here would be a file that must not have been accepted
        assert [column.name for column in found.features] == list(expected), data
        for column in found.features:
            if column.kind == "number":
                wanted = np.array(expected[column.name], dtype=np.float64)
                assert np.array_equal(column.values, wanted, equal_nan=True), data
            else:
                assert column.values.tolist() == expected[column.name], data
    assert accepted >= 10  # else the test would show nothing


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_refused_only_with_a_reason_that_the_reference_shares(tmp_path: Path, start: int) -> None:
    """A file that the rules accept is not refused, header look-alikes and other delimiters excepted."""
    refused = 0
    for seed in range(start, start + 50):
        data = _generated(seed)
        try:
            reference(data)
        except Refused:
            with pytest.raises(DataError):
                read(tmp_path, data)
            refused += 1
            continue
        read(tmp_path, data)
    assert refused >= 3
