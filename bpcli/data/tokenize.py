"""Text to tokens: characters, words, or byte pairs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic_core import PydanticCustomError

Level = Literal["char", "word", "bpe"]
MergeCount = Annotated[
    Annotated[int, Field(ge=1, le=1_000_000)] | None,
    Field(description="bpe: how many pairs are made symbols, on the training part; default: 1000"),
]

#: With the space before it, so that tokens put together again are the text.
_PIECES = re.compile(r" ?\w+| ?[^\w\s]+|\s")
_WORDS = re.compile(r"\w+|[^\w\s]")


def check_merges(level: Level, merges: int | None) -> None:
    """PydanticCustomError for a number of merges where none are made."""
    if merges is not None and level != "bpe":
        raise PydanticCustomError(
            "merges", "merges are made at level bpe", {"hint": "set level: bpe, or leave merges out"}
        )


def pieces(text: str, level: Literal["char", "word"]) -> Sequence[str]:
    """The tokens of a text, which joined give the text again.

    >>> pieces("To be, or", "word")
    ['To', ' be', ',', ' or']
    """
    return text if level == "char" else _PIECES.findall(text)


def words(text: str) -> Sequence[str]:
    """The words and marks of a text, without what is between them.

    >>> words("To be, or")
    ['To', 'be', ',', 'or']
    """
    return _WORDS.findall(text)


def coded(
    texts: Sequence[str], split: Callable[[str], Sequence[str]]
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """(places (n, t), symbols): each token as its symbol's place among the sorted ones; -1 behind the end."""
    rows = [split(text) for text in texts]
    symbols = tuple(sorted({token for row in rows for token in row}))
    place = {token: index for index, token in enumerate(symbols)}
    places = ([place[token] for token in row] for row in rows)
    return filled(places, list(map(len, rows))), symbols


def filled(rows: Iterable[Sequence[int]], lengths: Sequence[int]) -> NDArray[np.int32]:
    """(n, t) rows of places, of these lengths, each filled up with -1 behind its end."""
    values = np.full((len(lengths), max(1, max(lengths, default=1))), -1, dtype=np.int32)
    for row, places in zip(values, rows, strict=True):
        row[: len(places)] = places
    return values
