from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers._merge import Merge
from bpcli.layers._wiring import add_up
from bpcli.layers.add import Add
from bpcli.layers.average import Average
from bpcli.layers.base import Layer, Shape, expanded, keyed
from bpcli.layers.concatenate import Concatenate
from bpcli.layers.multiply import Multiply
from bpcli.spec.base import Example, Many
from bpcli.spec.registry import Named

MERGES: dict[str, type[Merge]] = {
    "concatenate": Concatenate,
    "add": Add,
    "multiply": Multiply,
    "average": Average,
}
#: The merge's workspace, beside those of the branches: no layer can have this name.
_MERGE = "(merge)"


class Parallel(Layer):
    """y = f₁(x) ⊕ f₂(x) ⊕ …, branches over one input, joined side by side, added, multiplied or averaged.

    Backward: each branch takes its share of dy as the merge gives it; dx = Σ dxᵢ over the branches.
    Shapes: concatenate: the branches agree in all axes but the last; else in all. A branch of several
    layers is a sequential; one of none, {type: sequential, layers: []}, passes the input on.
    Source: the branches of Szegedy et al., 2015 ("Going deeper with convolutions").
    """

    type: Literal["parallel"] = "parallel"
    layers: Annotated[Many[Annotated[Layer, Named("layers")]], Field(min_length=2)]
    merge: Literal["concatenate", "add", "multiply", "average"] = "concatenate"

    takes_symbols: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    by_pieces: ClassVar[bool] = True
    examples: ClassVar = (
        Example({"layers": [{"type": "dense", "units": 3, "activation": "tanh"}, "layer_norm"]}, (4,)),
        Example(
            {"layers": [{"type": "dense", "units": 2}, {"type": "dense", "units": 2}], "merge": "multiply"},
            (2, 3),
        ),
        Example(
            {
                "layers": [
                    {"type": "sequential", "layers": []},
                    {"type": "dense", "units": 3, "activation": "tanh"},
                    {"type": "sequential", "layers": ["batch_norm", {"type": "dense", "units": 3}]},
                ],
                "merge": "add",
            },
            (3,),
        ),
        Example({"layers": ["rms_norm", {"type": "dense", "units": 3}], "merge": "average"}, (3,)),
    )

    @cached_property
    def branches(self) -> tuple[tuple[str, Layer], ...]:
        return keyed(self.layers)

    @cached_property
    def merger(self) -> Merge:
        return MERGES[self.merge].model_validate({})

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return self.branches

    def expand(self) -> Layer:
        return self.replace(layers=expanded(self.layers))

    def build(self, shape: Shape, decl: Decl) -> Shape:
        masked, shapes, masked_after = decl.plan.masked, list[Shape](), list[bool]()
        symbols = decl.plan.symbols
        for index, (key, layer) in enumerate(self.branches):
            if key in dict(self.branches[:index]):
                raise decl.error(
                    f"two layers are named '{key}'", "give each a name of its own", "layers", index
                )
            decl.plan.masked, decl.plan.symbols = masked, symbols
            shapes.append(decl.build(key, layer, shape, "layers", index))
            masked_after.append(decl.plan.masked)
        decl.plan.masked = any(masked_after)
        return self.merger.build(tuple(shapes), decl)

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        ys = list[Any]()
        for key, layer in self.branches:
            child = ctx.child(key)
            child.mask, child.need_dx = ctx.mask, ctx.need_dx
            ys.append(child.run(layer, p[key], x))
        join = ctx.child(_MERGE)
        kept = [(layer.masks in ("keep", "make"), ctx.child(key).mask) for key, layer in self.branches]
        join.masks = tuple(mask if keeps else None for keeps, mask in kept)
        y = self.merger.forward(p, tuple(ys), join)
        ctx.mask = join.mask
        return y

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        total = None
        dys = self.merger.backward(p, g, dy, ctx.child(_MERGE))
        for (key, layer), part in zip(self.branches, dys, strict=True):
            if ctx.need_dx or p[key].trainable:
                dx = layer.backward(p[key], g[key], part, ctx.child(key))
                total = dx if total is None else add_up(total, dx, "dx", ctx)
        return total

    def flops(self, shape: Shape, output: Shape) -> int:
        if self.merge == "concatenate":
            return 0
        return self.merger.flops((output,) * len(self.branches), output)
