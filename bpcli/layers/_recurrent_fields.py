"""The fields and weights that the recurrent layers share, and what they refuse."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from bpcli.core.store import Decl, is_several
from bpcli.initializers.base import Initializer
from bpcli.layers._gates import PerGate
from bpcli.layers.base import Layer, Shape
from bpcli.spec.registry import Named


class RecurrentFields(Layer):
    """What a config may say of a recurrent layer, and the parameters that follow from it."""

    units: PositiveInt = Field(description="the size of the state")
    return_sequences: bool = Field(
        default=False, description="whether y is the output of every step, (t, units), and not of the last"
    )
    return_state: bool = Field(
        default=False,
        description="whether y is the state after the last step, for another layer to start from; with "
        "return_sequences both, of which {type: part} takes one",
    )
    reverse: bool = Field(
        default=False, description="whether the last step is read first; outputs stay at their own steps"
    )
    stateful: PositiveInt | None = Field(
        default=None,
        description="how many sequences go on from batch to batch, the rows of a batch: each starts from the "
        "state in which the batch before ended, and gradients stop there",
    )
    recurrent_dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0,
        description="share of the state's values that are left out on the way to the gates while training, "
        "the same at every step of a sequence",
    )
    bias: bool = True
    init: Annotated[Initializer, Named("initializers")] = Field(
        default="glorot_uniform", validate_default=True, description="of W, each gate's part by itself"
    )  # pyright: ignore[reportAssignmentType]
    recurrent_init: Annotated[Initializer, Named("initializers")] = Field(
        default="orthogonal", validate_default=True, description="of U, each gate's part by itself"
    )  # pyright: ignore[reportAssignmentType]
    bias_init: Annotated[Initializer, Named("initializers")] = Field(default="zeros", validate_default=True)  # pyright: ignore[reportAssignmentType]
    l1: NonNegativeFloat = Field(default=0.0, description="adds l1·(Σ|W| + Σ|U|) to the training loss")
    l2: NonNegativeFloat = Field(default=0.0, description="adds ½·l2·(ΣW² + ΣU²) to the training loss")

    several: ClassVar[bool] = True
    takes_lookups: ClassVar[bool] = True
    #: How many gates there are, how many of them are sigmoids (they come first), and the arrays of the state.
    gates: ClassVar[int] = 1
    sigmoids: ClassVar[int] = 0
    states: ClassVar[tuple[str, ...]] = ("h",)

    @property
    def by_pieces(self) -> bool:
        return not self.reverse

    @property
    def masks(self) -> Literal["keep", "consume"]:
        return "keep" if self.return_sequences else "consume"

    def streams(self) -> int | None:
        return self.stateful

    def build(self, shape: Shape, decl: Decl) -> Shape:
        sequence, *initial = shape if is_several(shape) else (shape,)
        if initial and decl.plan.masked_each:
            decl.plan.masked = decl.plan.masked_each[0]
        if len(sequence) != 2:
            raise decl.error(
                f"{self.type} reads sequences of vectors, (steps, features), and gets {sequence}",
                "put an embedding before it, or a reshape with shape: [-1, 1]"
                if len(sequence) == 1
                else "put a reshape before it",
            )
        self._check_state(initial, decl)
        for name in ("init", "recurrent_init", "bias_init"):
            if (init := getattr(self, name)).data_driven:
                raise decl.error(
                    f"{init.type} scales weights by what they give, and here they give it step by step",
                    "use orthogonal",
                    name,
                )
        columns = self.gates * self.units
        for name, rows, init in (("W", sequence[1], self.init), ("U", self.units, self.recurrent_init)):
            each = PerGate(inner=init, gates=self.gates)
            shape = (rows, columns)
            decl.param(name, shape, each, fan_in=rows, fan_out=self.units, l1=self.l1, l2=self.l2)
        if self.bias:
            fans = {"fan_in": sequence[1], "fan_out": self.units}
            decl.param("b", (columns,), self.first_bias(), **fans, decay=False)
        if self.stateful is not None:
            decl.state("carry", (self.stateful, self.width))
        every, last = (sequence[0], self.units), (self.width if self.return_state else self.units,)
        if self.return_sequences:
            return (every, last) if self.return_state else every
        return last

    @property
    def width(self) -> int:
        """The numbers of a whole state: that of an LSTM is h and c side by side."""
        return len(self.states) * self.units

    def first_bias(self) -> Initializer:
        return PerGate(inner=self.bias_init, gates=self.gates)

    def _check_state(self, initial: list[Any], decl: Decl) -> None:
        parts = " and ".join(self.states)
        if initial and (any(len(part) != 1 for part in initial) or sum(map(sum, initial)) != self.width):
            told = ", ".join(map(str, initial))
            raise decl.error(
                f"the state to start from is {parts}, {self.width} numbers for each row, and {told} come in",
                "take it from a layer of the same kind and units with return_state: true",
                "from",
            )
        if self.stateful is not None and (initial or self.reverse):
            what = "the state of another layer" if initial else "the end of the sequence"
            raise decl.error(
                f"a stateful layer starts from where the batch before ended, and this one from {what}",
                "remove stateful",
                "stateful",
            )

    def flops(self, shape: Shape, output: Shape) -> int:
        t, features = shape[0] if is_several(shape) else shape
        return 2 * t * (features + self.units) * self.gates * self.units
