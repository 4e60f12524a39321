"""A layer: build, forward, backward, and nothing that changes."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from bpcli.spec.base import Component, Many

if TYPE_CHECKING:
    from bpcli.activations.base import Activation
    from bpcli.core.ctx import Ctx
    from bpcli.core.store import Decl, Tree

#: A shape without the batch axis; a tuple of shapes for a layer that takes several inputs.
Shape = tuple[Any, ...]


class Layer(Component):
    """y = f(x; p), and the gradients of both.

    `forward` keeps on `ctx` what `backward` needs; `backward` fills every slot of `g` exactly once (it
    writes, it never adds) and returns dx, or None where `ctx.need_dx` is false. Neither writes into
    x, dy or p: all scratch arrays come from `ctx.buf`.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")] | None = None
    from_: str | Annotated[Many[str], Field(min_length=2)] | None = Field(
        default=None,
        alias="from",
        description="in a sequential: what comes in, instead of what the layer before gives. The name of an "
        "earlier layer there, or input; a list of several for a layer that takes several",
    )

    #: Whether the function is differentiable everywhere; a property where it depends on the fields.
    smooth: ClassVar[bool] = True
    #: Whether each row of the output depends on its own row of the input alone (batch_norm's does not).
    row_wise: ClassVar[bool] = True
    #: Whether it takes several inputs: then x, shape and dx are tuples.
    several: ClassVar[bool] = False
    #: Whether sequences can be fed to it piece by piece (`Pass.decoding`): it takes each step by itself, or
    #: keeps what it needs of those before.
    by_pieces: ClassVar[bool] = False
    #: Whether, of several inputs, it looks from the first at the others, which then can stand whole where the
    #: first comes piece by piece.
    looks_at_others: ClassVar[bool] = False
    #: Whether x, or of several the first, may be a `Lookup`, and its gradient then is the table's.
    takes_lookups: ClassVar[bool] = False
    #: Whether it knows at which step of the sequence it is: steps beyond those of training are new to it.
    counts_steps: ClassVar[bool] = False
    #: Whether it can be given the numbers of symbols, which are names: an embedding, or what hands them on.
    takes_symbols: ClassVar[bool] = False
    #: What happens to a sequence mask: kept for the next layer, consumed, made (`forward` sets ctx.mask), or
    #: would be ignored (then refused). A property where it depends on the fields. Who consumes a mask gives
    #: dx = 0 at masked steps, and so does, where dy is 0 there, who keeps it.
    masks: ClassVar[Literal["keep", "consume", "make", "ignore"]] = "ignore"

    #: Whether the outputs are of the kind that the inputs are (the same values, some of them, their means, or
    #: with noise), so that probabilities stay probabilities. A property where it depends on the fields.
    passes_on: ClassVar[bool] = False
    #: The parameter that y, but for `activation` and a bias, is a multiple of: twice the array, twice the y.
    linear_in: ClassVar[str | None] = None

    @abstractmethod
    def build(self, shape: Shape, decl: Decl) -> Shape:
        """Declares parameters and state; returns the output shape. Raises `decl.error(...)` if it cannot."""

    @abstractmethod
    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        """x (n, *shape) -> y (n, *output shape)."""

    @abstractmethod
    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        """dy (n, *output shape) -> dx (n, *shape), after writing the parameters' gradients into g."""

    def expand(self) -> Layer:
        """The tree of visible layers that this one stands for: itself, unless it is a preset."""
        return self

    def streams(self) -> int | None:
        """How many streams it goes on with from batch to batch; None where each batch begins anew."""
        return None

    def head_fields(self) -> dict[str, Any]:
        """What a preset's own options say about the output layer that `head: auto` adds to it."""
        return {}

    def children(self) -> tuple[tuple[str, Layer], ...]:
        """(key, layer) of each child of a container, in order."""
        return ()

    def is_smooth(self) -> bool:
        """Whether this layer and all below it are differentiable everywhere."""
        return self.smooth and all(child.is_smooth() for _, child in self.children())

    def final_activation(self) -> Activation | None:
        """The activation that the output comes out of, where there is one."""
        return None

    def origin(self) -> tuple[tuple[str | int, ...], Layer]:
        """(place, layer): the layer that makes the output, not one that passes it on; its YAML below this."""
        return (), self

    def flops(self, shape: Shape, output: Shape) -> int:
        """Multiplications and additions of one forward pass of one example, to the leading order."""
        return 0


def keyed(layers: Iterable[Layer]) -> tuple[tuple[str, Layer], ...]:
    """Each layer with the key of its parameters: its name, or its type and how many came before: dense2."""
    seen: Counter[str] = Counter()
    keys: list[tuple[str, Layer]] = []
    for layer in layers:
        seen[layer.type] += 1
        keys.append((layer.name or f"{layer.type}{seen[layer.type]}", layer))
    return tuple(keys)


def expanded(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """The layers with every preset among them, or below them, replaced by the tree it stands for."""
    inner = ((layer, layer.expand()) for layer in layers)
    # A preset's automatic head is for the whole model: inside a list it has none.
    return tuple(
        made.replace(head="none") if made.type != layer.type and hasattr(made, "head") else made
        for layer, made in inner
    )
