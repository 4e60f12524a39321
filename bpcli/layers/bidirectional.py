from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers._merge import Merge
from bpcli.layers._recurrent import Recurrent
from bpcli.layers._wiring import add_up
from bpcli.layers.base import Layer, Shape
from bpcli.layers.parallel import MERGES
from bpcli.spec.base import Example
from bpcli.spec.registry import Named

#: The merge's workspace, beside those of the two layers.
_MERGE = "(merge)"
_NOT_BOTH_WAYS = {
    "stateful": "the way back would begin in a batch that is still to come",
    "return_state": "there are two last states, of the two ends",
}


class Bidirectional(Layer):
    """y = f(x) ⊕ b(x), two recurrent layers alike: f reads from the first step on, b from the last step back.

    Backward: each takes its share of dy as the merge gives it, dx = dx_f + dx_b.
    Shapes: x (n, t, in) -> y as the layer has it, twice as wide where merge is concatenate. Outputs stand at
    their own steps, as in PyTorch and Keras. The weights of f and b are two sets. b begins at each row's own
    last step: steps that a mask leaves out are passed over, wherever they stand.
    Source: Schuster and Paliwal, 1997.
    """

    type: Literal["bidirectional"] = "bidirectional"
    layer: Annotated[Layer, Named("layers")]
    merge: Literal["concatenate", "add", "multiply", "average"] = "concatenate"

    takes_lookups: ClassVar[bool] = True
    examples: ClassVar = (
        Example({"layer": {"type": "lstm", "units": 2}}, (3, 2)),
        Example({"layer": {"type": "gru", "units": 2, "return_sequences": True}, "merge": "add"}, (3, 2)),
        Example({"layer": {"type": "simple_rnn", "units": 2, "reverse": True}, "merge": "average"}, (4, 2)),
    )

    @model_validator(mode="after")
    def _recurrent(self) -> Self:
        if not isinstance(self.layer, Recurrent):
            raise PydanticCustomError(
                "recurrent",
                "bidirectional reads a sequence both ways with a recurrent layer, and {type} is none",
                {"type": self.layer.type, "hint": "use lstm, gru or simple_rnn"},
            )
        for name, why in _NOT_BOTH_WAYS.items():
            if getattr(self.layer, name):
                raise PydanticCustomError(
                    "both_ways",
                    "{name} does not go with bidirectional: {why}",
                    {
                        "name": name,
                        "why": why,
                        "hint": f"remove {name}, or write the two layers out, with from:",
                    },
                )
        return self

    @cached_property
    def both(self) -> tuple[tuple[str, Layer], ...]:
        assert isinstance(self.layer, Recurrent)
        other = self.layer.replace(reverse=not self.layer.reverse)
        return ("forward", self.layer), ("backward", other)

    @cached_property
    def merger(self) -> Merge:
        return MERGES[self.merge].model_validate({})

    @property
    def masks(self) -> Literal["keep", "consume"]:
        assert isinstance(self.layer, Recurrent)
        return self.layer.masks

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return self.both

    def build(self, shape: Shape, decl: Decl) -> Shape:
        masked, outputs = decl.plan.masked, list[Shape]()
        for key, layer in self.both:
            decl.plan.masked = masked
            outputs.append(decl.build(key, layer, shape, "layer"))
        return self.merger.build(tuple(outputs), decl)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        ys = list[Any]()
        for key, layer in self.both:
            child = ctx.child(key)
            child.mask, child.masks, child.need_dx = ctx.mask, (), ctx.need_dx
            ys.append(child.run(layer, p[key], x))
        join = ctx.child(_MERGE)
        join.masks = (ctx.mask,)
        return self.merger.forward(p, tuple(ys), join)

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        dys = self.merger.backward(p, g, dy, ctx.child(_MERGE))
        dxs = [
            layer.backward(p[key], g[key], part, ctx.child(key))
            for (key, layer), part in zip(self.both, dys, strict=True)
        ]
        return add_up(dxs[0], dxs[1], "dx", ctx) if ctx.need_dx else None
