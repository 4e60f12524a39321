"""Text to a sequence of characters or words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveInt

from bpcli.data.cells import CellError, missing
from bpcli.data.records import Column
from bpcli.data.tokenize import Level, coded, words
from bpcli.data.transforms._columns import chosen
from bpcli.data.transforms.base import Fitted, Transform
from bpcli.spec.base import Example, Many


class Tokens(Transform):
    """A text column as a sequence of symbols, for {type: embedding, mask_zero: true}.

    Words are runs of letters and digits, and each mark by itself; spaces are dropped. A shorter row is filled
    up behind its end, which masks then leave out. A vocabulary of the training part follows by itself.
    """

    type: Literal["tokens"] = "tokens"
    columns: Many[str] | None = Field(None, description="default: all text columns")
    level: Level = Field("word", description="char, or word")
    lower: bool = Field(False, description="all in lower case")
    max_length: PositiveInt | None = Field(None, description="longer texts are cut")
    keep: Literal["start", "end"] = Field("start", description="which part of a text that is cut remains")

    pads: ClassVar[bool] = True
    examples: ClassVar = (Example({}), Example({"level": "char", "max_length": 40, "keep": "end"}))

    def fit(self, columns: Sequence[Column]) -> Fitted:
        return {column.name: True for column in chosen(columns, self.columns, ("text",))}

    def apply(self, columns: Sequence[Column], fitted: Fitted) -> list[Column]:
        return [self._tokens(column) if column.name in fitted else column for column in columns]

    def _tokens(self, column: Column) -> Column:
        if column.kind != "text":
            raise CellError(column.name, np.arange(0), "is no text", "leave it out of the columns of tokens")
        gaps = np.flatnonzero(missing(column))
        if len(gaps):
            raise CellError(
                column.name, gaps, "is missing",
                "fill it in, remove these rows, or set missing: [] so that an empty text is one",
            )  # fmt: skip
        values, symbols = coded(column.values.tolist(), partial(_cut, self))
        return Column(column.name, "sequence", values, symbols=symbols)


def _cut(options: Tokens, text: str) -> Sequence[str]:
    text = text.lower() if options.lower else text
    tokens = text if options.level == "char" else words(text)
    if options.max_length is None or len(tokens) <= options.max_length:
        return tokens
    return tokens[: options.max_length] if options.keep == "start" else tokens[-options.max_length :]
