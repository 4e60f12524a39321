"""Text to a sequence of characters, words or byte pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from bpcli.data.bytepair import DEFAULT, byte_pairs, learn
from bpcli.data.cells import CellError, missing
from bpcli.data.columns import as_text
from bpcli.data.records import Column
from bpcli.data.tokenize import Level, MergeCount, check_merges, coded, filled, words
from bpcli.data.transforms._columns import chosen
from bpcli.data.transforms.base import Fitted, Transform
from bpcli.errors import DataError
from bpcli.spec.base import Example, Many

T = TypeVar("T")


class Tokens(Transform):
    """A text column as a sequence of symbols, for {type: embedding, mask_zero: true}.

    Words are runs of letters and digits, and each mark by itself; spaces are dropped. A shorter row is filled
    up behind its end, which masks then leave out. A vocabulary of the training part follows by itself.
    Byte pairs (`level: bpe`, with the package tokenizers: bpcli[bpe]) are learnt on the training part, column
    by column; they keep spaces, and no text has a symbol that is unknown.

    Errors: a missing cell. Source (byte pairs): Sennrich, Haddow and Birch, 2016.
    """

    type: Literal["tokens"] = "tokens"
    columns: Many[str] | None = Field(
        None, description="default: all text columns; one of numbers that is named is read as it is written"
    )
    level: Level = Field("word", description="char, word, or bpe: byte pairs")
    merges: MergeCount = None
    lower: bool = Field(False, description="all in lower case")
    max_length: PositiveInt | None = Field(None, description="longer texts are cut")
    keep: Literal["start", "end"] = Field("start", description="which part of a text that is cut remains")

    pads: ClassVar[bool] = True
    examples: ClassVar = (
        Example({}),
        Example({"level": "char", "max_length": 40, "keep": "end"}),
        Example({"level": "bpe", "merges": 500}),
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_merges(self.level, self.merges)
        return self

    def fit(self, columns: Sequence[Column]) -> Fitted:
        found = chosen(columns, self.columns, ("text",))
        if not found:
            cut = any(column.kind == "sequence" for column in columns)
            raise DataError(
                "there is no column of text to cut into symbols",
                hint="leave tokens out: a source of running text has a level of its own"
                if cut
                else "numbers need none; for text that looks like numbers, name its columns",
            )
        return {column.name: self._learnt(as_text(column)) for column in found}

    def apply(self, columns: Sequence[Column], fitted: Fitted) -> list[Column]:
        return [
            self._tokens(as_text(column), fitted[column.name]) if column.name in fitted else column
            for column in columns
        ]

    def _learnt(self, column: Column) -> Any:
        """The merges of byte pairs, as JSON keeps them; True where nothing is learnt."""
        if self.level != "bpe":
            return True
        self._check(column)
        return [list(pair) for pair in learn(self._texts(column), self.merges or DEFAULT)]

    def _tokens(self, column: Column, learnt: Any) -> Column:
        self._check(column)
        if self.level == "bpe":
            pairs = byte_pairs(tuple((left, right) for left, right in learnt))
            rows = [_cut(self, pairs.encode(text)) for text in self._texts(column)]
            return Column(column.name, "sequence", filled(rows, list(map(len, rows))), symbols=pairs.symbols)
        split = words if self.level == "word" else tuple
        values, symbols = coded(self._texts(column), lambda text: _cut(self, split(text)))
        return Column(column.name, "sequence", values, symbols=symbols)

    def _texts(self, column: Column) -> list[str]:
        texts = column.values.tolist()
        return [text.lower() for text in texts] if self.lower else texts

    def _check(self, column: Column) -> None:
        if column.kind != "text":
            raise CellError(column.name, np.arange(0), "is no text", "leave it out of the columns of tokens")
        gaps = np.flatnonzero(missing(column))
        if len(gaps):
            raise CellError(
                column.name, gaps, "is missing",
                "fill it in, remove these rows, or set missing: [] so that an empty text is one",
            )  # fmt: skip
        if self.level == "bpe" and len(odd := _halves(column)):
            raise CellError(
                column.name, odd, "holds half a character (a lone surrogate)", "leave it out of the text"
            )


def _halves(column: Column) -> NDArray[np.int64]:
    """The rows with a code point that no encoding has bytes for."""
    found = [row for row, text in enumerate(column.values) if any("\ud800" <= c <= "\udfff" for c in text)]
    return np.array(found, dtype=np.int64)


def _cut(options: Tokens, tokens: Sequence[T]) -> Sequence[T]:
    if options.max_length is None or len(tokens) <= options.max_length:
        return tokens
    return tokens[: options.max_length] if options.keep == "start" else tokens[-options.max_length :]
