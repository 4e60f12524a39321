"""Pydantic's errors, each brought to the key path that it is about.

Pydantic reports every branch of a union, each with a name of its own in the location; a reader has one
value that is wrong. So only what is a key or an index of the tree counts, and the branches are merged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bpcli.spec.nodes import Path
from bpcli.spec.scalars import clip
from bpcli.spec.schema import child_of

_NOTHING = object()


@dataclass(frozen=True)
class Finding:
    """One error of Pydantic: the path in the tree, and where a union began if it went through one."""

    kind: str
    path: Path
    union: Path | None
    value: Any
    message: str
    hint: str | None


def findings_of(error: ValidationError, tree: Any) -> list[Finding]:
    """What is wrong with a tree, one finding for each value."""
    return _without_branches([_finding(item, tree) for item in error.errors(include_url=False)])


def _finding(item: Any, tree: Any) -> Finding:
    """Pydantic's location names union branches too; only keys and indices of the tree are a path."""
    kind: str = item["type"]
    value, union = tree, None
    path: Path = ()
    loc: tuple[str | int, ...] = item["loc"]
    for index, part in enumerate(loc):
        is_last = index == len(loc) - 1
        child = child_of(value, part, _NOTHING)
        if child is not _NOTHING:
            value, path = child, (*path, part)
        elif is_last and kind == "missing":
            path = (*path, part)
        elif union is None and part != "[key]":
            union = path
    context: dict[str, Any] = item.get("ctx") or {}
    custom = "hint" in context
    message = clip(item["msg"], 200)  # it may quote the value, which may be of any length
    return Finding("custom" if custom else kind, path, union, value, message, context.get("hint"))


def _without_branches(findings: list[Finding]) -> list[Finding]:
    """One finding for all branches of a union, or those that went deeper: they matched the value's kind."""
    kept: list[Finding] = []
    groups: dict[Path, list[Finding]] = {}
    for finding in findings:
        if finding.union is None:
            kept.append(finding)
        else:
            groups.setdefault(finding.union, []).append(finding)
    for union, group in groups.items():
        deeper = [finding for finding in group if len(finding.path) > len(union)]
        if deeper:
            kept += deeper
        else:
            hints = [finding.hint for finding in group if finding.hint and finding.kind == "custom"]
            near = next((hint for hint in hints if hint.startswith("did you mean")), None)
            first = group[0]
            kept.append(Finding("union", union, union, first.value, first.message, near))
    return kept
