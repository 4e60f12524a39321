"""What the splits by share have in common: the shares, and how many rows each comes to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from bpcli.data.splits.base import Split

_Share = Annotated[float, Field(ge=0.0, le=1.0)]


class ShareSplit(Split):
    """Shares of the rows. What they leave over, where they sum to less than 1, is in no part."""

    train: Annotated[float, Field(gt=0.0, le=1.0)] = 0.8
    val: _Share = 0.1
    test: _Share = 0.1
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(None, description="default: the run's seed")

    @model_validator(mode="after")
    def _at_most_all(self) -> Self:
        total = self.train + self.val + self.test
        if total > 1.0 + 1e-9:
            raise PydanticCustomError(
                "shares",
                "train, val and test sum to {total}, more than 1",
                {"total": f"{total:g}", "hint": "lower train, or set val: 0 where no validation is wanted"},
            )
        return self

    def without(self, names: Collection[str]) -> ShareSplit:
        freed = {name: getattr(self, name) for name in names if getattr(self, name)}
        if not freed:
            return self
        share = min(1.0, self.train + sum(freed.values()))
        return self.replace(train=share, **dict.fromkeys(freed, 0.0))

    @property
    def shares(self) -> tuple[float, float, float, float]:
        """train, val, test, and what is left over."""
        return self.train, self.val, self.test, max(0.0, 1.0 - self.train - self.val - self.test)


def apportion(rows: int, shares: Sequence[float]) -> list[int]:
    """Whole numbers that sum to `rows`, by largest remainder; a tie goes to the earlier part.

    >>> apportion(10, (0.75, 0.15, 0.1))
    [8, 1, 1]
    """
    # Rounded to 9 digits, since 0.1 × 30 is 3.0000000000000004 and must not count as a remainder.
    ideal = [round(rows * share, 9) for share in shares]
    sizes = [int(part) for part in ideal]
    by_remainder = sorted(range(len(ideal)), key=lambda part: sizes[part] - ideal[part])
    for part in by_remainder[: rows - sum(sizes)]:
        sizes[part] += 1
    return sizes
