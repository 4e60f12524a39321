"""Which layers of a net with teacher forcing get what is to be written, and what they must not do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpcli.errors import BuildError
from bpcli.layers._wiring import PREVIOUS, each
from bpcli.layers.base import Layer
from bpcli.layers.sequential import Sequential

if TYPE_CHECKING:
    from bpcli.train.model import Model


def written_by(net: Layer) -> frozenset[str]:
    """The keys of the net's layers that the input `previous` reaches: all that come after what is given."""
    reached, keys = _reached(net)
    return frozenset(key for key, source in keys.items() if reached & set(source))


def check_forced(model: Model) -> None:
    """BuildError for a layer that would read the answer: at a step it gets those to come as well."""
    reached, sources = _reached(model.net)
    for built in model.built:
        if not built.path or not reached & set(source := sources[built.path[0]]):
            continue
        layer = built.layer
        if layer.by_pieces:
            continue
        if layer.looks_at_others and len(built.path) == 1 and not reached & set(source[1:]):
            continue
        raise BuildError(
            f"with teacher_forcing, {layer.type} sees at each step those to come, which are the answer",
            built.where,
            "attention: set causal: true; else use a layer that goes from step to step, such as lstm",
        )


def _reached(net: Layer) -> tuple[set[int], dict[str, tuple[int, ...]]]:
    """The numbers (see `_wiring.Source`) of the values that `previous` reaches, and what each layer takes."""
    assert isinstance(net, Sequential)
    assert net.inputs[-1] == PREVIOUS
    reached, sources = {0, len(net.inputs)}, dict[str, tuple[int, ...]]()
    for number, ((key, _), source) in enumerate(
        zip(net.steps, net.sources, strict=True), 1 + len(net.inputs)
    ):
        sources[key] = each(source)
        if reached & set(sources[key]):
            reached.add(number)
    return reached, sources
