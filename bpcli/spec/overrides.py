"""`a.b=v` and `~a.b` on the command line: changes to the tree before it is validated."""

from __future__ import annotations

import re
from typing import get_origin

from bpcli.errors import ConfigError, closest, dotted
from bpcli.spec.nodes import MAX_DEPTH, Node, Path, Place, Problems
from bpcli.spec.reader import parse
from bpcli.spec.scalars import clip, show
from bpcli.spec.schema import IMPLIED_TYPES, options_at, section_at

_PART = re.compile(r"([^.\[\]=~\s]+)|\[([0-9]+)\]")


class _Bad(Exception):
    """An override that cannot be applied: message, and hint."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def override(root: Node, given: str, problems: Problems) -> None:
    """Applies one override as a user writes it, to the tree in place."""
    place = Place(note=f"from the command line: {clip(given, 80)}")
    path: Path = ()
    try:
        key, equals, text = given.partition("=")
        if key.startswith("~"):
            if equals:
                raise _Bad("a deletion takes no value", f"write {clip(key)}")
            path = parse_key(key[1:])
            delete(root, path)
        elif not equals:
            raise _Bad(f"{clip(given)!r} is not an override", "write key=value, or ~key to delete a key")
        else:
            path = parse_key(key)
            value = parse_value(text, place, problems)
            if value is not None:
                if path[0] == "vars":
                    _check_variables(root, path, value)
                assign(root, path, value)
    except _Bad as bad:
        problems.add(str(bad), place, _with_indices(root, path), hint=bad.hint, code="BP219")


def _with_indices(root: Node, path: Path) -> Path:
    """The path with `layers.2` as `layers[2]`, where the tree has a list."""
    node: Node | None = root
    found: list[str | int] = []
    for part in path:
        is_list = node is not None and isinstance(node.value, list)
        part = int(part[:9]) if is_list and isinstance(part, str) and part.isdecimal() else part
        node = node.child(part) if node is not None else None
        found.append(part)
    return tuple(found)


def set_option(root: Node, path: Path, value: str | int, flag: str, problems: Problems) -> None:
    """A command-line option such as `--seed 3`, which is an override with a name of its own."""
    place = Place(note=f"from the command line: {flag} {clip(str(value))}")
    try:
        assign(root, path, Node(value, place, quoted=True))
    except _Bad as bad:
        problems.add(str(bad), place, path, hint=bad.hint, code="BP219")


def parse_key(text: str) -> Path:
    """`model.layers[2].units` and `model.layers.2.units` -> ("model", "layers", 2, "units")."""
    path: list[str | int] = []
    at = 0
    text = text.strip()
    while at < len(text):
        if text[at] == "." and path and at + 1 < len(text):
            at += 1
        found = _PART.match(text, at)
        if found is None or (at and found[1] is not None and text[at - 1] != "."):
            raise _Bad(
                f"{clip(text)!r} is not a key", "write keys with points between them: model.layers.0.units"
            )
        path.append(found[1] if found[1] is not None else int(found[2][:9]))
        at = found.end()
    if not path:
        raise _Bad("an override needs a key", "write key=value")
    if len(path) > MAX_DEPTH:
        raise _Bad(f"a key of {len(path)} parts is too deep")
    if path[0] == "extends":
        raise _Bad("extends cannot be set from the command line", "write it in a file")
    return tuple(path)


def parse_value(text: str, place: Place, problems: Problems) -> Node | None:
    """The value as YAML; None where it was refused."""
    own = Problems()
    try:
        node = parse(text, None, own, place.note)
    except ConfigError as error:
        for problem in error.problems:
            problems.put(problem)
        return None
    for problem in own.found:
        problems.put(problem)
    if node is None and text.strip():
        raise _Bad("the value is a YAML comment", "put text that begins with # in quotes")
    return Node(None, place) if node is None else node


def assign(root: Node, path: Path, value: Node) -> None:
    """Sets one value, creating the sections on the way."""
    node = root
    for index, part in enumerate(path):
        here = path[:index]
        part = _part(node, part, here)
        if index == len(path) - 1:
            key = value.place
            if isinstance(node.value, dict) and isinstance(part, str):
                node.value[part] = Node(value.value, value.place, key, value.quoted, value.broken)
            elif isinstance(node.value, list) and isinstance(part, int):
                node.value[part] = value
            return
        child = node.child(part)
        if child is None or child.value is None:
            child = _created(root, (*here, part), value.place)
            if isinstance(node.value, dict):
                node.value[str(part)] = child
            elif isinstance(node.value, list) and isinstance(part, int):
                node.value[part] = child
        elif not isinstance(child.value, (dict, list)):
            _expand(root, child, (*here, part))
        node = child


def _check_variables(root: Node, path: Path, value: Node) -> None:
    """Refuses a variable that the config does not define: nothing can refer to it."""
    defined = root.child("vars")
    known = [] if defined is None or not isinstance(defined.value, dict) else list(defined.value)
    given = path[1:2] or (tuple(value.value) if isinstance(value.value, dict) else ())
    for name in given:
        if name in known:
            continue
        near = closest(str(name), known)
        if near:
            hint = f"did you mean '{clip(near)}'?"
        elif known:
            hint = f"known in vars: {clip(', '.join(known))}"
        else:
            hint = "the config has no vars, so set the key itself"
        raise _Bad(f"there is no variable {clip(dotted(('vars', name)))}", hint)


def delete(root: Node, path: Path) -> None:
    """Takes one key or list entry out."""
    node = root
    for index, part in enumerate(path):
        part = _part(node, part, path[:index])
        child = node.child(part)
        if child is None:
            known = list(node.value) if isinstance(node.value, dict) else []
            near = closest(str(part), [str(name) for name in known])
            raise _Bad(
                f"there is no {clip(dotted(path[: index + 1]))} to delete",
                f"did you mean '{near}'?" if near else None,
            )
        if index == len(path) - 1:
            if isinstance(node.value, dict):
                del node.value[str(part)]
            elif isinstance(node.value, list) and isinstance(part, int):
                del node.value[part]
        node = child


def _part(node: Node, part: str | int, here: Path) -> str | int:
    """The part as this node takes it: an index for a list, a key for a mapping."""
    name = clip(dotted(here)) or "the config"
    if isinstance(node.value, list):
        if isinstance(part, str):
            if not (part.isascii() and part.isdigit()):
                raise _Bad(
                    f"{name} is a list, and {clip(part)!r} is no index of it",
                    f"write {name}.0 for its first entry",
                )
            part = int(part[:9])
        if part >= len(node.value):
            size = len(node.value)
            raise _Bad(
                f"{name} has no entry {part}",
                f"it has {size}: 0 to {size - 1}" if size else "it is empty; set the whole list",
            )
        return part
    if isinstance(node.value, dict):
        if isinstance(part, int):
            raise _Bad(f"{name} is a mapping, and has no entry [{part}]")
        return part
    raise _Bad(f"{name} is {show(node.value)}, and has nothing below it")


def _created(root: Node, path: Path, place: Place) -> Node:
    """A section that the file leaves out: empty, or the field's default component."""
    tree = root.plain()
    choices = options_at(tree, path)
    named = any(option.family for option in choices)
    if any(get_origin(option.base) in (tuple, list) for option in choices):
        raise _Bad(f"{dotted(path)} is not in the file", f"set the whole list: {dotted(path)}=[...]")
    node = Node({}, place, place)
    if named and path not in IMPLIED_TYPES:
        holder = section_at(tree, path[:-1])
        field = holder.config_keys().get(str(path[-1])) if holder else None
        if field is not None and isinstance(field.default, str):
            node.value = {"type": Node(field.default, place, place)}
    return node


def _expand(root: Node, node: Node, path: Path) -> None:
    """A bare name becomes {type: name}, so that a field can be set beside it."""
    if node.broken:
        node.value = {}
        return
    named = any(option.family for option in options_at(root.plain(), path))
    if isinstance(node.value, str) and "${" in node.value:
        raise _Bad(
            f"{clip(dotted(path))} is the reference {clip(node.value)}",
            "override the variable, or set the whole value",
        )
    if not (named and isinstance(node.value, str)):
        raise _Bad(f"{clip(dotted(path))} is {show(node.value)}, and has nothing below it")
    node.value = {"type": Node(node.value, node.place, node.key)}
