from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt

from bpcli.layers._preset import Preset
from bpcli.layers._wiring import PREVIOUS, SOURCE
from bpcli.layers.base import Layer
from bpcli.spec.base import Example


class Seq2seq(Preset):
    """An encoder and a decoder: one recurrent net reads a sequence, another writes one from what it has read.

    Stands for those layers and shows them (`bpcli summary`). It takes two inputs: `source`, the symbols to be
    read, and `previous`, what is before each symbol to be written, which `data.teacher_forcing` makes of the
    target. The decoder's layers begin with the last states of the encoder's. With `attention` each step of
    the decoder also looks back at all that the encoder gave, and a dense layer joins the two.
    Source: Sutskever, Vinyals and Le, 2014; Cho et al., 2014; attention: Luong, Pham and Manning, 2015.
    """

    type: Literal["seq2seq"] = "seq2seq"
    cell: Literal["lstm", "gru", "simple_rnn"] = "lstm"
    units: PositiveInt = Field(default=128, description="of every recurrent layer")
    layers: PositiveInt = Field(default=1, description="recurrent layers of the encoder, and of the decoder")
    embedding: PositiveInt = Field(default=64, description="the width of each symbol's vector")
    symbols: PositiveInt | Literal["auto"] = Field(
        default="auto", description="how many each input has; auto: those of the data's vocabularies"
    )
    attention: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="share of values left out in front of each recurrent layer and of the output"
    )
    l2: NonNegativeFloat = Field(default=0.0, description="as on the recurrent layers, for each of them")

    several: ClassVar[bool] = True
    takes_symbols: ClassVar[bool] = True
    examples: ClassVar = (
        Example({"units": 2, "embedding": 3, "symbols": 5}, ((3,), (4,))),
        Example(
            {"cell": "gru", "units": 2, "layers": 2, "embedding": 2, "symbols": 4, "attention": True},
            ((3,), (2,)),
        ),
        Example(
            {"cell": "simple_rnn", "units": 2, "embedding": 2, "symbols": 4, "dropout": 0.2}, ((2,), (2,))
        ),
    )

    def expand(self) -> Layer:
        return super().expand().replace(inputs=(SOURCE, PREVIOUS))

    def layers_of(self) -> list[dict[str, Any] | Layer | str]:
        made: list[dict[str, Any] | Layer | str] = [self._embedding("read", SOURCE)]
        states: list[str] = []
        last = "read"
        for k in range(1, self.layers + 1):
            name, sequence = f"encoder{k}", self.attention or k < self.layers
            last = self._dropped(last, name, made)
            made.append(self._cell(name, last, return_sequences=sequence, return_state=True))
            if not sequence:
                states.append(name)
                continue
            last = f"encoded{k}"
            states.append(f"state{k}")
            made.append({"type": "part", "index": 0, "name": last, "from": name})
            made.append({"type": "part", "index": 1, "name": states[-1], "from": name})
        encoded, last = last, "write"
        made.append(self._embedding(last, PREVIOUS))
        for k, state in enumerate(states, 1):
            name = f"decoder{k}"
            last = self._dropped(last, name, made)
            made.append(self._cell(name, [last, state], return_sequences=True))
            last = name
        if self.attention:
            made.append({"type": "attention", "from": [last, encoded], "name": "context"})
            made.append({"type": "concatenate", "from": [last, "context"]})
            made.append({"type": "dense", "units": self.units, "activation": "tanh", "name": "joined"})
            last = "joined"
        self._dropped(last, "output", made)
        return made

    def _embedding(self, name: str, source: str) -> dict[str, Any]:
        fields = {"symbols": self.symbols, "units": self.embedding, "mask_zero": True}
        return {"type": "embedding", **fields, "name": name, "from": source}

    def _cell(self, name: str, source: str | list[str], **gives: bool) -> dict[str, Any]:
        return {
            "type": self.cell, "units": self.units, "l2": self.l2, **gives, "name": name, "from": source
        }  # fmt: skip

    def _dropped(self, last: str, before: str, made: list[dict[str, Any] | Layer | str]) -> str:
        """The name of what `last` gives with some values left out, where there is dropout."""
        if not self.dropout:
            return last
        name = f"{before}_dropout"
        made.append({"type": "dropout", "rate": self.dropout, "name": name, "from": last})
        return name
