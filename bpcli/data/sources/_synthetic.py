"""What the sources have in common that draw their rows by a seed of their own, and read no file."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, ClassVar, NoReturn, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from bpcli.core.rng import generator
from bpcli.data.records import Column, Records
from bpcli.data.sources.base import Source
from bpcli.errors import DataError

if TYPE_CHECKING:
    from bpcli.files import Files

#: The most numbers that may be asked for: 4 GiB of them in float32.
_MOST = 1 << 30
#: Whole numbers below this can be drawn as int64.
_RANGE = 1 << 62
#: Rows whose bytes go into the digest.
_SAMPLE = 1000

Length = Annotated[int, Field(ge=1, le=100_000)]


class Synthetic(Source):
    """Data that is drawn at random: the same for the same fields, whatever the seed of the experiment."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        default=0, description="of the data alone: the experiment's seed does not change it"
    )

    paths: ClassVar[tuple[str, ...]] = ()

    def at(self, path: str) -> NoReturn:
        raise DataError(
            f"the source {self.type} draws its rows itself, so there is nothing to read from {path}",
            hint="`bpcli evaluate RUN --split test` takes those that were kept aside",
        )

    @property
    @abstractmethod
    def cells(self) -> int:
        """How many numbers it draws."""

    @model_validator(mode="after")
    def _fits_in_memory(self) -> Self:
        if self.cells > _MOST:
            raise PydanticCustomError(
                "too_large",
                "{type} would draw {cells} numbers, and {most} are the most",
                {
                    "type": self.type,
                    "cells": f"{self.cells:,}",
                    "most": f"{_MOST:,}",
                    "hint": "ask for fewer or shorter rows",
                },
            )
        return self

    def drawn(self) -> np.random.Generator:
        return generator(self.seed, "data", self.type)

    def digest(self, columns: Sequence[Column]) -> str:
        """The SHA-256 of the fields and of the first rows, which tells of random streams that are others."""
        found = sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode())
        for column in columns:
            found.update(np.ascontiguousarray(column.values[:_SAMPLE]).tobytes())
        return found.hexdigest()


class SyntheticRows(Synthetic):
    """Rows that do not depend on each other, in a random order, which the default split keeps."""

    rows: Annotated[int, Field(ge=1, le=100_000_000)] = Field(
        default=10_000, description="how many to draw, for all parts together"
    )

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> tuple[Column, Column]:
        """The feature and the target of all rows."""

    def read(self, files: Files, *, target: bool = True) -> Records:
        feature, answer = self.draw(self.drawn())
        return Records(
            features=[feature],
            targets=[answer] if target else [],
            weight=None,
            rows=np.arange(self.rows, dtype=np.int64),
            file=self.type,
            row_word="row",
            digest=self.digest([feature, answer]),
            ordered=True,
        )


class Distinct(SyntheticRows):
    """Rows that are all different, so that no part of a split has a row of another."""

    @property
    @abstractmethod
    def possible(self) -> int:
        """How many different rows there are."""

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.rows > self.possible:
            raise PydanticCustomError(
                "too_many",
                "{rows} rows are asked for, and there are {possible} different ones",
                {
                    "rows": f"{self.rows:,}",
                    "possible": f"{self.possible:,}",
                    "hint": f"lower rows, or raise {self.grows_with}",
                },
            )
        return self

    #: The field that makes more rows possible.
    grows_with: ClassVar[str] = "length"


def words_possible(symbols: int, length: int) -> int:
    """How many rows of `length` symbols there are; more than anyone can ask for need not be counted."""
    return symbols ** min(length, 62)


def distinct(rng: np.random.Generator, count: int, n: int) -> NDArray[np.int64]:
    """n of the numbers below `count` (at most 2⁶²), no two the same, in a random order."""
    if 2 * n >= count:
        return rng.permutation(count)[:n]
    found = np.empty(0, dtype=np.int64)
    while len(found) < n:
        tried = np.concatenate([found, rng.integers(count, size=n - len(found))])
        _, first = np.unique(tried, return_index=True)
        found = tried[np.sort(first)]
    return found


def distinct_words(rng: np.random.Generator, symbols: int, length: int, n: int) -> NDArray[np.int32]:
    """n rows (n, length) of numbers below `symbols`, no two the same.

    Long rows differ in the part at their beginning that still is a number below 2⁶²; the rest is independent.
    """
    begin = min(length, 62)
    while symbols**begin > _RANGE:
        begin -= 1
    made = np.empty((n, length), dtype=np.int32)
    numbers = distinct(rng, symbols**begin, n)
    for column in reversed(range(begin)):
        numbers, made[:, column] = np.divmod(numbers, symbols)
    if begin < length:
        made[:, begin:] = rng.integers(symbols, size=(n, length - begin), dtype=np.int32)
    return made
