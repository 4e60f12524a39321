from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bpcli.activations.base import Activation
from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree, is_several
from bpcli.layers._wiring import INPUT, Source, add_up, any_of, check_wiring, each, first, pick, wire
from bpcli.layers.base import Layer, Shape, expanded, keyed
from bpcli.spec.base import Example, Many
from bpcli.spec.registry import Named


class Sequential(Layer):
    """y = fₖ(… f₂(f₁(x))), the layers one after the other.

    Backward: the chain rule, last layer first; gradients that meet at one layer's output are added up.
    Shapes: each layer takes what the one before it gives.
    With `from: a`, a layer takes what the earlier layer of the name `a` in the same list gives, or with
    `from: input` what the list itself gets; with `from: [a, b]` it takes both, as a tuple, and must be a
    layer that takes several, such as concatenate or add. So a list can say any net without loops: skips,
    branches, two towers. Every layer but the last has to be taken by a later one.
    What comes in as several parts, as from `data.inputs`, is a tuple under the name `input`; `inputs` gives
    each part a name of its own, under which layers take it.
    """

    type: Literal["sequential"] = "sequential"
    layers: Many[Annotated[Layer, Named("layers")]]
    head: Literal["auto", "none"] = "none"
    inputs: Many[str] = Field(
        default=(),
        description="names for the parts of what comes in; of the whole model: those of data.inputs",
    )

    several: ClassVar[bool] = True
    takes_symbols: ClassVar[bool] = True
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "keep"
    by_pieces: ClassVar[bool] = True
    examples: ClassVar = (
        Example(
            {"layers": [{"type": "dense", "units": 4, "activation": "tanh"}, {"type": "dense", "units": 2}]},
            (3,),
        ),
        Example({"layers": ["flatten", {"type": "dense", "units": 2}]}, (2, 3)),
        Example(  # a skip past two layers, and the input taken twice more
            {
                "layers": [
                    {"type": "dense", "units": 3, "activation": "tanh", "name": "a"},
                    {"type": "dense", "units": 2, "activation": "sigmoid"},
                    {"type": "dense", "units": 3, "name": "b"},
                    {"type": "add", "from": ["a", "b", INPUT], "name": "c"},
                    {"type": "concatenate", "from": ["c", INPUT]},
                    {"type": "dense", "units": 2},
                ]
            },
            (3,),
        ),
        Example(  # two branches, one of several inputs
            {
                "layers": [
                    {"type": "dense", "units": 3, "activation": "tanh", "name": "left"},
                    {"type": "dense", "units": 3, "activation": "tanh", "name": "right", "from": INPUT},
                    {
                        "type": "sequential",
                        "from": ["left", "right"],
                        "layers": [{"type": "multiply", "name": "product"}, {"type": "dense", "units": 2}],
                    },
                ]
            },
            (2, 3),
        ),
        Example(  # two inputs by name
            {
                "inputs": ["a", "b"],
                "layers": [
                    {"type": "dense", "units": 3, "activation": "tanh", "from": "a", "name": "tower"},
                    {"type": "multiply", "from": ["tower", "b"]},
                ],
            },
            ((2,), (3,)),
        ),
    )

    @cached_property
    def steps(self) -> tuple[tuple[str, Layer], ...]:
        return keyed(self.layers)

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """The numbers of the values that each layer takes: see `_wiring.Source`."""
        return wire(self.layers, self.inputs)

    @cached_property
    def lazy(self) -> tuple[bool, ...]:
        """Of each layer, whether all who take what it gives could do with a `Lookup`; see `Ctx.lazy`."""
        first = 1 + len(self.inputs)
        takers: list[list[bool]] = [[] for _ in range(first + len(self.layers))]
        for layer, source in zip(self.layers, self.sources, strict=True):
            for place, k in enumerate(each(source)):
                takers[k].append(layer.takes_lookups and not place)
        return tuple(bool(found) and all(found) for found in takers[first:])

    def children(self) -> tuple[tuple[str, Layer], ...]:
        return self.steps

    def expand(self) -> Layer:
        return self.replace(layers=expanded(self.layers))

    def build(self, shape: Shape, decl: Decl) -> Shape:
        if self.head == "auto" and decl.path:
            raise decl.error("head: auto is for the whole model, not for a part of it", None, "head")
        self._check_inputs(shape, decl)
        check_wiring(self.steps, decl, self.inputs)
        given = decl.plan.masked_each
        shapes, masked, symbols = [shape], [decl.plan.masked], [decl.plan.symbols]
        if self.inputs:
            shapes += shape
            symbols += decl.plan.symbols_each or (decl.plan.symbols,) * len(shape)
            masked += decl.plan.masked_each or (False,) * len(shape)
        for index, ((key, layer), source) in enumerate(zip(self.steps, self.sources, strict=True)):
            decl.plan.masked = any_of(masked, source)
            decl.plan.symbols = max(symbols[k] for k in each(source))
            decl.plan.masked_each = given if source == 0 else tuple(masked[k] for k in each(source))
            shapes.append(decl.build(key, layer, pick(shapes, source), "layers", index, wired=True))
            masked.append(decl.plan.masked)
            symbols.append(decl.plan.symbols)
        return shapes[-1]

    @cached_property
    def is_chain(self) -> bool:
        """Whether each layer takes what the one before it gives, as it is, and none of them makes a mask."""
        plain = not self.inputs and self.sources == tuple(range(len(self.layers)))
        return plain and not any(self.lazy) and all(layer.masks != "make" for layer in self.layers)

    def _chain(self, p: Tree, ctx: Ctx) -> tuple[Any, ...]:
        """(key, layer, its p, whether anything in it is trained, its ctx) of each child, looked up once."""
        if ctx.walk is None or ctx.walk[0] is not p:
            walk = ((key, layer, p[key], p[key].trainable, ctx.child(key)) for key, layer in self.steps)
            ctx.walk = p, tuple(walk)
        return ctx.walk[1]

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        if self.is_chain and ctx.mask is None and not ctx.masks and ctx.shared.watch is None:
            wanted = ctx.need_dx
            for _, layer, own, trainable, child in self._chain(p, ctx):
                child.mask, child.masks, child.need_dx = None, (), wanted
                x = layer.forward(own, x, child)
                wanted = wanted or trainable
            return x
        outputs, masks, wanted = [x], [ctx.mask], [ctx.need_dx] * (1 + len(self.inputs))
        if self.inputs:
            outputs += x
            masks += ctx.masks or (None,) * len(x)
        for (key, layer), source, lazy in zip(self.steps, self.sources, self.lazy, strict=True):
            child = ctx.child(key)
            child.mask = first(masks, source)
            child.masks = ctx.masks if source == 0 else tuple(masks[k] for k in each(source))
            child.need_dx, child.lazy = any_of(wanted, source), lazy and ctx.shared.watch is None
            outputs.append(child.run(layer, p[key], pick(outputs, source)))
            masks.append(child.mask if layer.masks in ("keep", "make") else None)
            wanted.append(child.need_dx or p[key].trainable)
        ctx.mask = masks[-1]
        return outputs[-1]

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        if self.is_chain:
            for key, layer, own, trainable, child in reversed(self._chain(p, ctx)):
                if not (trainable or child.need_dx):  # nothing here or below is trained
                    return None
                dy = layer.backward(own, g[key], dy, child)
            return dy
        children = [(ctx.child(key), p[key].trainable) for key, _ in self.steps]
        parts = len(self.inputs)
        wanted = [ctx.need_dx] * (1 + parts) + [child.need_dx or trainable for child, trainable in children]
        dys: list[Any] = [None] * (parts + len(self.steps)) + [dy]  # of every value, numbered as sources are
        for k in range(len(self.steps) - 1, -1, -1):
            if not wanted[1 + parts + k]:  # nothing here or below is trained, and nobody wants the input's
                continue
            (key, layer), source = self.steps[k], self.sources[k]
            dx = layer.backward(p[key], g[key], dys[1 + parts + k], children[k][0])
            if dx is None:
                continue
            for j, part in zip(each(source), (dx,) if isinstance(source, int) else dx, strict=True):
                if wanted[j]:
                    dys[j] = add_up(dys[j], part, f"sum{j}", ctx)
        if not ctx.need_dx:
            return None
        return add_up(dys[0], tuple(dys[1 : 1 + parts]), "sum", ctx) if parts else dys[0]

    def _check_inputs(self, shape: Shape, decl: Decl) -> None:
        if not self.inputs:
            return
        if len(set(self.inputs)) < len(self.inputs) or INPUT in self.inputs:
            raise decl.error(f"each input needs a name of its own, and none is '{INPUT}'", None, "inputs")
        if not is_several(shape) or len(shape) != len(self.inputs):
            count = len(shape) if is_several(shape) else 1
            raise decl.error(f"{len(self.inputs)} inputs are named, and {count} come in", None, "inputs")

    @property
    def passes_on(self) -> bool:
        return not self.inputs and all(layer.passes_on for layer in self.layers)

    def final_activation(self) -> Activation | None:
        _, layer = self.origin()
        return None if layer is self else layer.final_activation()

    def origin(self) -> tuple[tuple[str | int, ...], Layer]:
        first = 1 + len(self.inputs)  # values are numbered as sources are
        value: Source = len(self.inputs) + len(self.steps)
        while isinstance(value, int) and value >= first:
            layer = self.layers[value - first]
            if not layer.passes_on:
                place, made = layer.origin()
                return ("layers", value - first, *place), made
            value = self.sources[value - first]
        return (), self
