"""Text to tokens: characters, or words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Level = Literal["char", "word"]

#: With the space before it, so that tokens put together again are the text.
_PIECES = re.compile(r" ?\w+| ?[^\w\s]+|\s")
_WORDS = re.compile(r"\w+|[^\w\s]")


def pieces(text: str, level: Level) -> Sequence[str]:
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
    values = np.full((len(rows), max(1, max(map(len, rows), default=1))), -1, dtype=np.int32)
    for row, tokens in zip(values, rows, strict=True):
        row[: len(tokens)] = [place[token] for token in tokens]
    return values, symbols
