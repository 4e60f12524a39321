from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, PositiveInt

from bpcli.callbacks._blocks import ends, norm_of, within
from bpcli.callbacks._through_time import Squares, add
from bpcli.callbacks._through_time import means as time_means
from bpcli.callbacks.base import Callback
from bpcli.errors import ConfigError, closest
from bpcli.spec.base import Example, Many

if TYPE_CHECKING:
    from bpcli.layers.base import Layer
    from bpcli.train.trainer import Trainer

_FILE = "gradients.jsonl"
T = TypeVar("T")


class GradientNorms(Callback):
    """‖∂L/∂θ‖₂ of each layer: √Σ g² over all its parameters, of the whole gradient, before it is clipped.

    Penalties are part of it, and Σ over layers of the squares is the square of the gradient's norm. A layer
    of which everything is frozen has none. The run folder gets `gradients.jsonl`: a line with `norms` for
    step 1 and then for every `every`-th step (`epoch`: for step 1 alone), and a line with `means` over the
    recorded steps (`epoch`: over all) at the end of each epoch, which its event tells too. At the end the
    norms at step 1 stand beside the means of the last epoch, with the ratio of the first to the last block:
    where it is far below 1, the gradient vanishes on its way. `compare` names these two; by default they are
    the first and the last block of the kind that is most frequent in the net, the output layer aside.

    With `through_time` every line also has, under that name, ‖∂L/∂zₜ‖₂ of each recurrent layer for every
    step t of its sequences, over all rows of the batch. zₜ is what its gates get, so that ∂L/∂W is
    Σ xₜᵀ ∂L/∂zₜ and ∂L/∂xₜ is ∂L/∂zₜ Wᵀ: all that is learnt from step t goes through it. Where it falls from
    the last step to the first, the gradient vanishes through time. Of sequences of several lengths, the mean
    of a step is over the updates that had it.
    Source: Bengio, Simard and Frasconi, 1994; Glorot and Bengio, 2010; through time: Hochreiter, 1991.
    """

    type: Literal["gradient_norms"] = "gradient_norms"
    every: PositiveInt | Literal["epoch"] = Field(default=1, description="steps between two lines, or epoch")
    compare: Annotated[Many[str], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="the two layers or blocks whose ratio is told, the first one first"
    )
    through_time: bool = Field(
        default=False,
        description="also tell the norms of each recurrent layer, step by step of its sequences",
    )

    alone: ClassVar[bool] = True
    examples: ClassVar = (
        Example({}),
        Example({"every": "epoch", "compare": ["dense1", "dense3"]}),
        Example({"every": 10, "through_time": True}),
    )

    def memory(self) -> dict[str, Any]:
        # Mappings lose their order in a checkpoint: `layers` keeps the net's.
        known: dict[str, Any] = {
            "layers": [], "pair": None, "bytes": 0, "first": None, "sums": {}, "count": 0, "means": {},
            "last": None,
        }  # fmt: skip
        return known | {"through_time": {}, "time_means": {}} if self.through_time else known

    def check_net(self, layers: Mapping[str, Layer]) -> None:
        for name in self.compare or ():
            if not any(within(layer, name) for layer in layers):
                near = closest(name, layers)
                hint = f"did you mean '{near}'?" if near else f"there are {', '.join(layers)}"
                raise ConfigError(f"gradient_norms: no layer '{name}' has anything to train", hint=hint)
        if self.through_time:
            from bpcli.layers._recurrent import Recurrent

            if not any(isinstance(layer, Recurrent) for layer in layers.values()):
                raise ConfigError(
                    "gradient_norms: through_time looks at recurrent layers, and none is trained here",
                    hint="leave through_time out, or use an lstm, gru or simple_rnn",
                )

    def before_training(self, trainer: Trainer, memory: dict[str, Any]) -> None:
        layers = trainer.trained_layers
        types = {".".join(built.path): built.layer.type for built in trainer.model.built}
        memory["layers"] = list(layers)
        memory["pair"] = list(self.compare or ends(memory["layers"], types) or ()) or None
        if trouble := trainer.folder.truncate_log(_FILE, memory["bytes"]):
            trainer.listener({"event": "note", "message": trouble})
        self._look(trainer)

    def after_gradient(self, trainer: Trainer, memory: dict[str, Any]) -> None:
        if not self._records(trainer.step):
            return
        norms = _norms(trainer, memory["layers"])
        for layer, norm in norms.items():
            memory["sums"][layer] = memory["sums"].get(layer, 0.0) + norm
        memory["count"] += 1
        told: dict[str, Any] = {"norms": norms}
        if isinstance(squares := trainer.ctx.shared.through_time, Squares):
            told["through_time"] = squares.norms(memory["layers"])
            add(memory["through_time"], told["through_time"])
        if memory["first"] is None or self.every != "epoch":
            place = {"epoch": trainer.epoch + 1, "step": trainer.step + 1}
            memory["bytes"] = trainer.folder.log_line(_FILE, {**place, **told})
        if memory["first"] is None:
            memory["first"] = {"step": trainer.step + 1, **told}

    def after_step(self, trainer: Trainer, memory: dict[str, Any]) -> None:
        self._look(trainer)

    def after_epoch(self, trainer: Trainer, memory: dict[str, Any]) -> None:
        count = memory["count"]
        means = {layer: memory["sums"][layer] / count for layer in memory["layers"]} if count else {}
        told: dict[str, Any] = {"means": means}
        if self.through_time:
            told["through_time"] = time_means(memory["through_time"], memory["layers"])
            memory.update(through_time={}, time_means=told["through_time"])
        if means:
            place = {"epoch": trainer.epoch, "step": trainer.step}
            memory["bytes"] = trainer.folder.log_line(_FILE, {**place, **told})
            memory["last"] = {"epoch": trainer.epoch, **told}
        memory.update(sums={}, count=0, means=means)

    def of_epoch(self, memory: dict[str, Any]) -> dict[str, Any]:
        told = {"gradient_norms": _in_order(memory["means"], memory["layers"])}
        if self.through_time:
            told["gradient_norms_through_time"] = _in_order(memory["time_means"], memory["layers"])
        return told

    def of_run(self, memory: dict[str, Any]) -> dict[str, Any]:
        told: dict[str, Any] = {"compared": memory["pair"], "first": None, "last": None}
        for key, word in (("first", "norms"), ("last", "means")):
            if (found := memory[key]) is not None:
                values = _in_order(found[word], memory["layers"])
                told[key] = {**found, word: values, "ratio": _ratio(memory["pair"], values)}
                if "through_time" in found:
                    told[key]["through_time"] = _in_order(found["through_time"], memory["layers"])
        return {"gradient_norms": told}

    def _records(self, step: int) -> bool:
        """Whether the update after `step` others is one whose norms are told."""
        return self.every == "epoch" or step % int(self.every) == 0

    def _look(self, trainer: Trainer) -> None:
        """Lets the recurrent layers tell of the next update, where it is one that is recorded."""
        if self.through_time:
            trainer.ctx.shared.through_time = Squares() if self._records(trainer.step) else None


def _norms(trainer: Trainer, layers: Sequence[str]) -> dict[str, float]:
    """In float64: the squares of a vanishing gradient are too small for float32."""
    store = trainer.model.store
    squares = dict.fromkeys(layers, 0.0)
    for param in store.params:
        if not param.frozen:
            g = store.g[param.slice].astype("float64")
            squares[".".join(param.path)] += float(g @ g)
    return {layer: sqrt(square) for layer, square in squares.items()}


def _in_order(norms: dict[str, T], layers: Sequence[str]) -> dict[str, T]:
    return {layer: norms[layer] for layer in layers if layer in norms}


def _ratio(pair: Sequence[str] | None, norms: dict[str, float]) -> float | None:
    """The first block's norm over the last one's; None where there is no pair, or the last one has none."""
    if pair is None or not (below := norm_of(pair[1], norms)):
        return None
    return norm_of(pair[0], norms) / below
