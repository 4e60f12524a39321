"""First values that depend on data: what initializers such as lsuv do when net and first batch are there."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from typing import TYPE_CHECKING, Any

from bpcli.core.ctx import Ctx
from bpcli.errors import BuildError
from bpcli.train.feed import Feed

if TYPE_CHECKING:
    from bpcli.core.store import Param, Path, Tree
    from bpcli.data.records import Prepared
    from bpcli.initializers.base import Initializer
    from bpcli.layers.base import Layer
    from bpcli.spec.experiment import Experiment
    from bpcli.train.model import Model


def settle(experiment: Experiment, model: Model, data: Prepared, *, taken: Collection[str] = ()) -> list[str]:
    """One pass of the first batch in evaluation mode, in which each layer's weights are settled when the
    batch comes to it. Returns in words what did not work.

    A function of config and data alone, so a resume needs nothing of it. `taken`: the names of parameters
    (conv2d1.W) that come from elsewhere and stay as they are.
    BuildError where such an initializer is given to what is no layer's W.
    """
    wanted = {param.path: param.init for param in _wanted(model) if _name(param) not in taken}
    if not wanted:
        return []
    with closing(Feed(experiment, model, data, threads=1).batches(0, 0)) as stream:
        batch = next(stream)
    settling = Settling(wanted)
    ctx = model.workspace()
    ctx.shared.watch = settling
    with model.backend.quiet():
        model.outputs(batch.x, ctx)
    unseen = "the first batch does not come there, so the weights stay as they were drawn"
    return settling.notes + [_note(init, path, unseen) for path, init in settling.left.items()]


class Settling:
    """Watches a pass, and settles the weights of each layer in question when the pass first comes there."""

    def __init__(self, wanted: dict[Path, Initializer]) -> None:
        self.left = dict(wanted)
        self.notes: list[str] = []

    def __call__(self, layer: Layer, p: Tree, x: Any, ctx: Ctx) -> Any:
        path = ctx.path[1:]  # below the workspace of the whole net
        init = self.left.pop(path, None)
        if init is not None:
            assert layer.linear_in is not None
            trouble = init.settle(p[layer.linear_in], lambda: _linear_output(layer, p, x, ctx))
            if trouble:
                self.notes.append(_note(init, path, trouble))
        return layer.forward(p, x, ctx)


def _linear_output(layer: Layer, p: Tree, x: Any, ctx: Ctx) -> Any:
    """What the layer gives without its activation, the steps left out that a mask hides."""
    bare = layer.replace(activation=None) if "activation" in layer.config_keys() else layer
    here = Ctx(ctx.shared, ctx.path)
    here.mask, here.masks = ctx.mask, ctx.masks
    z = bare.forward(p, x, here)
    return z if here.mask is None or layer.masks == "consume" else z[here.mask]


def _wanted(model: Model) -> list[Param]:
    """The parameters whose initializer asks for data: each the W of a layer that is linear in it."""
    asking = [param for param in model.store.params if param.init.data_driven]
    layers = {built.path: built for built in model.built}
    found = {param.path: param for param in asking if param.name == layers[param.path].layer.linear_in}
    for param in asking:
        built = layers[param.path]
        # A second kernel of the same layer is not settled itself: its first values are those that are drawn.
        if param.path not in found or not param.decay:
            raise BuildError(
                f"{param.init.type} scales weights by what their layer gives, and '{param.name}' of "
                f"{built.layer.type} is nothing that it could scale",
                built.where,
                f"use orthogonal, which {param.init.type} begins with",
            )
    return list(found.values())


def _name(param: Param) -> str:
    return ".".join((*param.path, param.name))


def _note(init: Initializer, path: Path, trouble: str) -> str:
    return f"Initializer {init.type} at '{'.'.join(path)}': {trouble}."
