"""From description to something that runs: the expanded net, its head, its Store and its loss."""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from bpcli.core.backend import Backend, backend
from bpcli.core.ctx import Ctx, Pass
from bpcli.core.rows import Pool
from bpcli.core.store import Built, Decl, Plan, Store, Symbols, Tree
from bpcli.errors import BuildError
from bpcli.layers._wiring import PREVIOUS, SOURCE
from bpcli.layers.base import Layer, Shape
from bpcli.layers.sequential import Sequential
from bpcli.spec.registry import family
from bpcli.train.groups import grouped

if TYPE_CHECKING:
    from bpcli.data.records import Target
    from bpcli.losses.base import Loss
    from bpcli.spec.experiment import Experiment, TrainSection


NO_SYMBOLS = Symbols()


@dataclass(frozen=True, slots=True)
class Model:
    """A net that was built for one input shape and one target.

    `p` are the named parameters and states over the Store's own vectors, `g` the named gradients.
    """

    net: Layer
    loss: Loss
    target: Target
    input: Shape
    output: Shape
    store: Store
    p: Tree
    g: Tree

    @property
    def backend(self) -> Backend:
        return self.store.backend

    @property
    def built(self) -> tuple[Built, ...]:
        """Every layer in walking order, containers before their children."""
        return self.store.built

    @property
    def parameters(self) -> int:
        return self.store.size

    def workspace(self, *, seed: int = 0, training: bool = False, pool: Pool | None = None) -> Ctx:
        """A fresh workspace, without a pool on one thread; the input's gradient is not asked for."""
        ctx = Ctx(Pass(self.backend, seed=seed, training=training, pool=pool))
        ctx.child("net").need_dx = False
        return ctx

    def outputs(self, x: Any, ctx: Ctx) -> Any:
        """The net's outputs (n, units) for x (n, *input), on the device, in a buffer of ctx."""
        here = ctx.child("net")
        here.mask, here.masks = None, ()  # a pass leaves the mask of its outputs there
        return self.net.forward(self.p, x, here)


def default_loss(target: Target) -> Loss:
    """The loss of a config that names none: what the target's kind calls for."""
    names = {"classes": "cross_entropy", "binary_columns": "binary_cross_entropy", "values": "mse"}
    return family("losses")[names[target.kind]].model_validate({})  # pyright: ignore[reportReturnType]


def build(
    experiment: Experiment, target: Target, shape: Shape, *, symbols: Symbols = NO_SYMBOLS, dtype: Any = None
) -> Model:
    """The model of an experiment for this input shape, initialized from its seed.

    `symbols`: what the data says of inputs that are symbols.

    Raises BuildError, with the YAML path, where layers, head, loss and target do not fit together.
    """
    loss = experiment.loss or default_loss(target)
    if target.kind not in loss.targets:
        raise BuildError(
            f"{loss.type} cannot be used with a target of {target.kind.replace('_', ' ')} "
            f"({', '.join(target.columns)})",
            ("loss",),
            "choose a loss for this target, or set data.task",
        )
    units = loss.units(target)
    if experiment.model.from_ is not None:
        raise BuildError(
            "the whole model has nothing to take its input from", ("model", "from"), "remove 'from'"
        )
    net = experiment.model.expand()
    if not net.children():  # a single layer is a list of one, so that it has a name and a place
        net = Sequential.model_validate({"layers": [net]})
    head = {"type": "dense", "units": units, "name": "head", **experiment.model.head_fields()}
    if loss.head_activation != "linear":
        head["activation"] = loss.head_activation
    if names := input_names(experiment):
        net = _with_inputs(net, names)
    elif PREVIOUS in getattr(net, "inputs", ()):
        raise BuildError(
            f"the net takes the input '{PREVIOUS}', and without teacher_forcing there is none",
            ("model",),
            "set data.teacher_forcing: true",
        )
    net = with_head(net, shape, head, target.positions, symbols)
    plan = _plan(symbols)
    decl = Decl(plan, (), ("model",))
    output = net.build(shape, decl)
    _check_output(net, output, units, loss, target)
    plan.params, plan.states = grouped(plan.params, plan.states, experiment.optimizer.groups)
    _check_memory(plan, experiment)
    store = Store(plan, dtype or np.dtype(experiment.train.precision), _backend(experiment.train))
    store.initialize(experiment.seed)
    p, g = store.view(store.w, store.s), store.view(store.g)
    model = Model(net, loss.bound(target), target, shape, output, store, p, g)
    if target.ends:
        from bpcli.train.forced import check_forced

        check_forced(model)
    return model


def _backend(train: TrainSection) -> Backend:
    if train.compiled and (train.precision, train.device) != ("float32", "cpu"):
        raise BuildError(
            f"the compiled kernels are for float32 on the cpu, not for {train.precision} on {train.device}",
            ("train", "compiled"),
            "set train.compiled: false, or train.precision: float32 and train.device: cpu",
        )
    return backend(train.device, compiled=train.compiled)


def _plan(symbols: Symbols) -> Plan:
    counts = symbols.counts
    return Plan(symbols=max(counts, default=0), symbols_each=counts, padded=symbols.padded)


def input_names(experiment: Experiment) -> tuple[str, ...]:
    """The names of the net's inputs, where it has several."""
    names = tuple(experiment.data.inputs or ())
    return (*(names or (SOURCE,)), PREVIOUS) if experiment.data.teacher_forcing else names


def _with_inputs(net: Layer, names: tuple[str, ...]) -> Layer:
    """The net whose layers can take the inputs of the data by their names."""
    if not isinstance(net, Sequential):
        raise BuildError(
            f"data.inputs names several inputs, and {net.type} takes one",
            ("model",),
            "use {type: sequential, layers: [...]}, whose layers take them with from:",
        )
    if net.inputs and net.inputs != names:
        raise BuildError(
            f"model.inputs is {', '.join(net.inputs)}, and data.inputs is {', '.join(names)}",
            ("model", "inputs"),
            "leave it out: the whole model's are those of data.inputs",
        )
    return net.replace(inputs=names)


def with_head(
    net: Layer,
    shape: Shape,
    head: dict[str, Any],
    positions: tuple[int, ...] = (),
    symbols: Symbols = NO_SYMBOLS,
) -> Layer:
    """With `head: auto`, the net and this output layer; else the net as it is."""
    if getattr(net, "head", "none") != "auto":
        return net
    layers: list[Any] = [layer for _, layer in net.children()]
    if len(net.build(shape, Decl(_plan(symbols), (), ("model",)))) > 1 + len(positions):
        layers.append("flatten")
    layers.append(head)
    return net.replace(layers=layers, head="none")


def _check_output(net: Layer, output: Shape, units: int, loss: Loss, target: Target) -> None:
    last = len(net.children()) - 1
    where = ("model", "layers", last) if last >= 0 else ("model",)
    if output != (*target.positions, units):
        what = f"{target.width} classes" if target.kind == "classes" else f"{target.width} target columns"
        if target.kind == "several":
            what = f"for {', '.join(target.names)}"
        raise BuildError(
            f"the last layer gives {_shape(output)}, but {loss.type} needs {units} ({what})",
            where,
            f"end with {{type: dense, units: {units}}}, or set model.head: auto",
        )
    final = net.final_activation()
    if final is not None and final.gives_probabilities and loss.takes_logits:
        raise BuildError(
            f"the net ends in {final.type}, but {loss.type} takes logits and applies it itself",
            ("model", *net.origin()[0]),
            f"remove the {final.type}; predictions are probabilities all the same",
        )


def _check_memory(plan: Plan, experiment: Experiment) -> None:
    """Refuses a net whose vectors alone are larger than the machine's memory."""
    count = sum(prod(param.shape) for param in plan.params)
    vectors = 2 + len(experiment.optimizer.slot_names())
    need = count * vectors * np.dtype(experiment.train.precision).itemsize
    if hasattr(os, "sysconf") and need > (there := os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")):
        raise BuildError(
            f"the net has {count:,} parameters; with gradients and the optimizer's memory they need "
            f"{need / 2**30:,.1f} GiB, and this machine has {there / 2**30:,.1f}",
            ("model",),
            "make the layers smaller",
        )


def _shape(shape: Shape) -> str:
    return " × ".join(map(str, shape)) if shape else "one number"
