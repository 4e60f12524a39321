from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from pydantic import Field, PositiveFloat

from bpcli.errors import BuildError
from bpcli.losses.base import Loss
from bpcli.spec.base import Example, Many, Strict
from bpcli.spec.registry import Named

if TYPE_CHECKING:
    from bpcli.core.ctx import Ctx
    from bpcli.data.records import Target


class LossPart(Strict):
    """One of several targets: its columns, their loss, and what that counts in the sum."""

    target: str | Annotated[Many[str], Field(min_length=1)] = Field(
        description="a target column, or several that this loss takes together"
    )
    loss: Annotated[Loss, Named("losses")]
    weight: PositiveFloat = 1.0
    name: str | None = Field(
        default=None, description="what metrics and predictions call it; default: its column"
    )

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def label(self) -> str:
        return self.name or "_".join(self.columns)


class WeightedSum(Loss):
    """l = Σ wⱼ lⱼ over several targets, each with a loss lⱼ and a weight wⱼ of its own.

    Gradient: dl/dy = (w₁ dl₁/dy₁, w₂ dl₂/dy₂, …) side by side.
    Shapes: outputs (n, k₁ + k₂ + …), the outputs that each loss needs in the order of `parts`, as from one
    dense layer (head: auto) or {type: concatenate, from: [head of the first, head of the second, …]}; targets
    (n, d₁ + d₂ + …), one column for a class. Metrics and predictions go by the parts' names.
    Errors: BuildError for class weights in a part: rows are weighted for all targets alike.
    Source: Caruana, 1997 ("Multitask learning").
    """

    type: Literal["weighted_sum"] = "weighted_sum"
    parts: Annotated[Many[LossPart], Field(min_length=2)]

    targets: ClassVar[tuple[str, ...]] = ("several",)
    examples: ClassVar = (
        Example(
            {
                "parts": [
                    {"target": "price", "loss": "mse", "weight": 0.5},
                    {"target": "kind", "loss": "cross_entropy"},
                ]
            }
        ),
        Example(
            {
                "parts": [
                    {"target": ["a", "b"], "loss": "huber", "name": "place"},
                    {"target": ["c", "d"], "loss": "binary_cross_entropy", "weight": 2.0},
                ]
            }
        ),
    )

    @property
    def smooth(self) -> bool:
        return all(part.loss.smooth for part in self.parts)

    @property
    def takes_logits(self) -> bool:
        return any(part.loss.takes_logits for part in self.parts)

    @property
    def head_activation(self) -> str:
        wanted = {part.loss.head_activation for part in self.parts}
        if len(wanted) > 1:
            raise BuildError(
                f"the parts of the loss need output layers that end in {' and '.join(sorted(wanted))}",
                ("loss", "parts"),
                "set model.head: none and give each target an output layer, joined by concatenate",
            )
        return wanted.pop()

    def units(self, target: Target) -> int:
        return sum(part.loss.units(own) for part, own in zip(self.parts, target.parts, strict=True))

    def bound(self, target: Target) -> Loss:
        cuts: list[Cut] = []
        at = column = 0
        for part, own in zip(self.parts, target.parts, strict=True):
            units, columns = part.loss.units(own), len(own.columns)
            cuts.append(Cut(at, at + units, column, column + columns, own.kind == "classes"))
            at, column = at + units, column + columns
        return Bound.model_validate({"parts": self.parts, "places": tuple(cuts)})

    def several(self) -> Sequence[LossPart]:
        return self.parts

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        raise TypeError("a sum of losses has to be bound to its targets first")

    def check(self, y: Any, target: Target) -> None:
        bound = self.bound(target)
        for number, (part, own) in enumerate(zip(self.parts, target.parts, strict=True)):
            cut = bound.cut(number)
            part.loss.check(cut.target(y), own)
            if part.loss.row_weights(cut.target(y), own) is not None:
                raise BuildError(
                    "class weights in a sum of losses would weight the rows for its other targets too",
                    ("loss", "parts", number, "loss", "class_weight"),
                    "leave them out, or name a column of sample weights in data.source",
                )

    def for_evaluation(self) -> Loss:
        return self.replace(
            parts=tuple(part.model_copy(update={"loss": part.loss.for_evaluation()}) for part in self.parts)
        )

    def baseline(self, target: Target) -> list[float]:
        pairs = zip(self.parts, target.parts, strict=True)
        return [value for part, own in pairs for value in part.loss.baseline(own)]


class Cut(NamedTuple):
    """A part's columns of the outputs, and of the targets; and whether those are numbers of classes."""

    first: int
    last: int
    first_target: int
    last_target: int
    classes: bool

    def outputs(self, y: Any) -> Any:
        return y[:, self.first : self.last]

    def target(self, t: Any) -> Any:
        """This part's targets as its loss takes them: class numbers (n,), or values (n, d)."""
        own = t[:, self.first_target : self.last_target]
        return own[:, 0].astype(np.int64) if self.classes else own


class Bound(WeightedSum):
    """A sum of losses that knows which columns belong to which."""

    places: tuple[Cut, ...]

    def cut(self, number: int) -> Cut:
        return self.places[number]

    def rows(self, y: Any, t: Any, ctx: Ctx) -> tuple[Any, Any]:
        total, dy = None, ctx.buf("dy", y.shape, y.dtype)
        for number, (part, cut) in enumerate(zip(self.parts, self.places, strict=True)):
            own = ctx.buf(f"y{number}", (len(y), cut.last - cut.first), y.dtype)
            own[...] = cut.outputs(y)
            losses, gradient = part.loss.rows(own, cut.target(t), ctx.child(str(number)))
            ctx.xp.multiply(gradient, part.weight, out=cut.outputs(dy))
            weighted = losses * part.weight
            total = weighted if total is None else total + weighted
        return total, dy
