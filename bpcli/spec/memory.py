"""A config that is made in Python rather than read: the same tree, without places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from bpcli.spec.base import Strict
from bpcli.spec.nodes import MAX_DEPTH, Node, Path, Place, Problems


def from_memory(value: Any, problems: Problems, path: Path = ()) -> Node:
    """The tree of plain values: mappings, lists, tuples, text, numbers, true, false, None, components."""
    if len(path) >= MAX_DEPTH and isinstance(value, (Mapping, list, tuple, Strict)):
        problems.add(f"lists and mappings are nested more than {MAX_DEPTH} deep", Place(), path[:3])
        problems.raise_all()  # a list that contains itself is no tree; nothing else about it matters
    if isinstance(value, Strict):
        fields = value.model_dump(mode="json", exclude_defaults=True)
        kind = getattr(value, "type", None)
        value = {"type": kind, **fields} if kind is not None else fields
    if isinstance(value, Mapping):
        node = Node({}, Place())
        assert isinstance(node.value, dict)
        for key, inner in cast("Mapping[Any, Any]", value).items():
            if isinstance(key, str):
                node.value[key] = from_memory(inner, problems, (*path, key))
            else:
                problems.add(f"the key {key!r} is not text", Place(), path)
        return node
    if isinstance(value, (list, tuple)):
        items = cast("list[Any]", value)
        return Node([from_memory(inner, problems, (*path, i)) for i, inner in enumerate(items)], Place())
    if value is None or isinstance(value, (str, bool, int, float)):
        return Node(value, Place(), quoted=isinstance(value, str))
    problems.add(
        f"a value of type {type(value).__name__} is not part of a config", Place(), path,
        hint="use text, numbers, True, False, None, lists, mappings or components",
    )  # fmt: skip
    return Node(None, Place(), broken=True)
