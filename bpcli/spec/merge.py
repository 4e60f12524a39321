"""`extends: base.yaml`: a config that says only in what it differs from another one."""

from __future__ import annotations

from pathlib import Path as FilePath

from bpcli.errors import closest
from bpcli.files import shipped_configs
from bpcli.spec.nodes import Node, Path, Problems
from bpcli.spec.reader import parse, read_config
from bpcli.spec.scalars import clip, show
from bpcli.spec.schema import options_at

#: Files that may stand above one another.
MAX_CHAIN = 16


def extended(root: Node, folder: FilePath, file: FilePath | None, problems: Problems) -> Node:
    """The tree with everything that it extends merged below it; `extends` is taken out."""
    chain = [] if file is None else [file]
    layers = [root]
    while True:
        node = layers[-1]
        given = node.value.pop("extends", None) if isinstance(node.value, dict) else None
        if given is None or given.broken or given.value is None:
            break
        base = _base_file(given, folder, chain, problems)
        if base is None:
            break
        tree = parse(read_config(base), str(base), problems)
        if tree is None or not isinstance(tree.value, dict):
            problems.add(
                f"the extended file {base} is no mapping of keys", given.place, ("extends",), code="BP217"
            )
            break
        chain.append(base)
        layers.append(tree)
        folder = base.parent
    merged = layers.pop()
    while layers:
        merged = _merge(merged, layers.pop(), (), merged.plain())
    return merged


def _base_file(given: Node, folder: FilePath, chain: list[FilePath], problems: Problems) -> FilePath | None:
    """The file that an `extends` names: relative to the file it stands in, or a shipped config."""

    def refuse(message: str, hint: str | None = None) -> None:
        problems.add(message, given.place, ("extends",), hint=hint, code="BP217")

    name = given.value
    if not isinstance(name, str) or not name:
        return refuse(f"expected a file name, got {show(name)}")
    try:
        found = folder / FilePath(name).expanduser()
        exists = found.is_file()
    except (OSError, ValueError, RuntimeError):
        return refuse(f"{show(name)} cannot be a file name")
    if not exists:
        known = shipped_configs()
        if name not in known:
            near = closest(name, [*known, *(path.name for path in folder.glob("*.y*ml"))])
            return refuse(
                f"there is no file {clip(name)} in {folder}, nor a shipped config of that name",
                f"did you mean '{near}'?" if near else None,
            )
        found = known[name]
    if any(found.resolve() == above.resolve() for above in chain):
        loop = " -> ".join(path.name for path in [*chain, found])
        return refuse(f"the files extend each other in a circle: {loop}")
    if len(chain) >= MAX_CHAIN:
        return refuse(f"more than {MAX_CHAIN} files extend each other")
    return found


def _merge(base: Node, top: Node, path: Path, tree: dict[str, object]) -> Node:
    """The top value over the base value: mappings key by key, everything else replaced.

    A mapping that names another `type` than the base replaces it whole: the fields of one component mean
    nothing to another. `tree` is the whole base, by which the schema is found.
    """
    if not isinstance(top.value, dict):
        return top
    if isinstance(base.value, str) and "type" not in top.value:
        if path and any(option.family for option in options_at(tree, path)):
            name = Node(base.value, base.place, base.key)
            return Node({"type": name, **top.value}, top.place, top.key)
        return top
    if not isinstance(base.value, dict) or _types_differ(base, top):
        return top
    merged = dict(base.value)
    for key, child in top.value.items():
        merged[key] = _merge(merged[key], child, (*path, key), tree) if key in merged else child
    return Node(merged, top.place, top.key, partial=top.partial or base.partial)


def _types_differ(base: Node, top: Node) -> bool:
    old, new = base.child("type"), top.child("type")
    return old is not None and new is not None and old.value != new.value
