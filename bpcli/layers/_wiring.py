"""What `from:` means in a list of layers: which output each layer takes, and what is wrong with a wish."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl
from bpcli.errors import closest
from bpcli.layers.base import Layer

#: The name under which the layers of a list take what the list itself gets.
INPUT = "input"
#: With teacher forcing, the net's inputs: what is given, where the config has no names of its own for it, and
#: the sequence that is to be written, a step behind.
SOURCE, PREVIOUS = "source", "previous"

#: Whose output a layer takes, or those of several. Values are numbered: 0 is the list's input, then come the
#: named parts of it, if it has any, and then what each layer gives.
Source = int | tuple[int, ...]


def wire(layers: Iterable[Layer], parts: Sequence[str] = ()) -> tuple[Source, ...]:
    """The source of each layer: what its `from:` names, else the layer before it."""
    places = {INPUT: 0, **{name: j for j, name in enumerate(parts, 1)}}
    found, before = list[Source](), 0
    for number, layer in enumerate(layers, 1 + len(parts)):
        match layer.from_:
            case None:
                found.append(before)
            case str(name):
                found.append(places[name])
            case names:
                found.append(tuple(places[name] for name in names))
        if layer.name is not None:
            places[layer.name] = number
        before = number
    return tuple(found)


def each(source: Source) -> tuple[int, ...]:
    return (source,) if isinstance(source, int) else source


def pick(values: Sequence[Any], source: Source) -> Any:
    """The value of a source; of several, the tuple of theirs."""
    return values[source] if isinstance(source, int) else tuple(values[k] for k in source)


def first(values: Sequence[Any], source: Source) -> Any:
    """The value of a source; of several, the first that is not None."""
    if isinstance(source, int):
        return values[source]
    return next((values[k] for k in source if values[k] is not None), None)


def any_of(values: Sequence[bool], source: Source) -> bool:
    """Whether it holds for a source, or for any of several."""
    return values[source] if isinstance(source, int) else any(values[k] for k in source)


def add_up(a: Any, b: Any, name: str, ctx: Ctx) -> Any:
    """a + b for two gradients of one output, in a buffer of that name; tuples part by part; None is zero."""
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, tuple):
        return tuple(add_up(*pair, f"{name}.{j}", ctx) for j, pair in enumerate(zip(a, b, strict=True)))
    return ctx.xp.add(a, b, out=ctx.buf(name, a.shape, a.dtype))


def check_wiring(steps: Sequence[tuple[str, Layer]], decl: Decl, parts: Sequence[str] = ()) -> None:
    """BuildError, at its place in the YAML, for two layers of a name, a source that is none, a dead end."""
    keys = [key for key, _ in steps]
    for index, (key, layer) in enumerate(steps):
        if layer.name in parts:
            raise decl.error(
                f"'{layer.name}' is the name of an input", "choose another name", "layers", index
            )
        if key in keys[:index]:
            raise decl.error(f"two layers are named '{key}'", "give each a name of its own", "layers", index)
        if layer.name == INPUT:
            raise decl.error(
                f"'{INPUT}' is the name of what the first layer gets", "choose another name", "layers", index
            )
        for name, *place in _wishes(layer):
            _check_source(name, index, steps, decl, ("layers", index, "from", *place), parts)
    taken = {k for source in wire((layer for _, layer in steps), parts) for k in each(source)}
    unused = [name for j, name in enumerate(parts, 1) if not {0, j} & taken]
    if unused:
        raise decl.error(
            f"no layer takes the input '{unused[0]}'",
            f"let a layer take it: from: {unused[0]}; or leave it out of the inputs",
        )
    for index, key in enumerate(keys[:-1]):
        if index + 1 + len(parts) not in taken:
            raise decl.error(
                f"no later layer takes what '{key}' gives",
                "remove it, or give it a name and let a later layer take it: from: its name",
                "layers",
                index,
            )


def _wishes(layer: Layer) -> list[tuple[Any, ...]]:
    """Each name in `from:`, and where in its list it stands."""
    if layer.from_ is None:
        return []
    if isinstance(layer.from_, str):
        return [(layer.from_,)]
    return [(name, place) for place, name in enumerate(layer.from_)]


def _check_source(
    name: str,
    index: int,
    steps: Sequence[tuple[str, Layer]],
    decl: Decl,
    where: tuple[str | int, ...],
    parts: Sequence[str],
) -> None:
    earlier = [INPUT, *parts, *(layer.name for _, layer in steps[:index] if layer.name is not None)]
    if name in earlier:
        return
    later = [layer.name for _, layer in steps[index:]]
    unnamed = {key: k for k, (key, layer) in enumerate(steps[:index]) if layer.name is None}
    near = closest(name, earlier)
    message = f"no earlier layer of this list is named '{name}'"
    if name in later:
        message = f"'{name}' comes later" if later.index(name) else "a layer cannot take what it gives itself"
        hint = "a layer takes only what comes before it: " + ", ".join(earlier)
    elif name in unnamed:
        hint = f"set name: {name} on entry {unnamed[name]} of the list"
    else:
        hint = f"did you mean '{near}'?" if near else f"there is {', '.join(earlier)}"
    raise decl.error(message, hint, *where)
