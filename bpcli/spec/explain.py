"""What Pydantic found wrong, as one sentence each, at its place in the file.

Pydantic reports every branch of a union, each with a name of its own in the location; a reader has one
value that is wrong. So the branches are merged, and what was expected is told from the schema.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, cast

from pydantic import ValidationError

from bpcli.errors import Problem, closest, dotted
from bpcli.spec.base import Strict
from bpcli.spec.nodes import Path, Places
from bpcli.spec.registry import family
from bpcli.spec.scalars import clip, is_number, plain_scalar, show
from bpcli.spec.schema import Option, child_of, component, field_options, options_at, section_at, value_at
from bpcli.spec.words import in_words, literals

#: What other trainers call a key, where spelling alone would not find ours.
SYNONYMS = {
    "learning_rate": "lr", "eta": "lr", "neurons": "units", "nodes": "units", "num_epochs": "epochs",
    "n_epochs": "epochs", "max_epochs": "epochs", "layer": "layers", "dtype": "precision",
    "dropout_rate": "rate", "random_state": "seed", "label": "target", "filename": "path", "file": "path",
}  # fmt: skip

#: Where a misplaced key may belong, and the word for it.
_HOMES: tuple[Path, ...] = (
    (), ("train",), ("data",), ("optimizer",), ("schedule",), ("loss",), ("model",), ("data", "source"),
    ("data", "split"), ("early_stop",), ("checkpoint",),
)  # fmt: skip

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


def explain(error: ValidationError, tree: dict[str, Any], places: Places) -> list[Problem]:
    """The problems behind a ValidationError of the whole experiment, without order."""
    findings = _without_branches([_finding(item, tree) for item in error.errors(include_url=False)])
    findings = [finding for finding in findings if not places.is_broken(finding.path)]
    missing = {finding.path for finding in findings if finding.kind == "missing"}
    problems: list[Problem] = []
    for finding in findings:
        if finding.kind == "extra_forbidden":
            hint, meant = _unknown_key(finding.path, tree, missing)
            missing.discard(meant)
            key = finding.path[-1]
            problem = places.problem(
                finding.path, f"unknown key {clip(str(key))!r}", hint, "BP212", on_key=True
            )
            problems.append(_at_parent(problem, finding.path))
    for finding in findings:
        if finding.kind == "missing" and finding.path in missing:
            missing.discard(finding.path)
            key, parent = finding.path[-1], finding.path[:-1]
            if places.node(parent)[0].partial:
                continue
            expected = in_words(options_at(tree, finding.path))
            problems.append(places.problem(parent, f"'{key}' is missing", f"expected {expected}", "BP214"))
        elif finding.kind not in ("missing", "extra_forbidden"):
            quoted = places.node(finding.path)[0].quoted
            message, hint = _wrong_value(finding, options_at(tree, finding.path), quoted)
            problems.append(places.problem(finding.path, message, hint, "BP213"))
    return list(dict.fromkeys(problems))


def _at_parent(problem: Problem, path: Path) -> Problem:
    return replace(problem, path=dotted(path[:-1]) or None)


# -- locations -------------------------------------------------------------------------------------------


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
    return Finding("custom" if custom else kind, path, union, value, item["msg"], context.get("hint"))


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


# -- keys ------------------------------------------------------------------------------------------------


def _unknown_key(path: Path, tree: Any, missing: set[Path]) -> tuple[str | None, Path]:
    """(hint, the path of the key that was probably meant)."""
    parent, key = path[:-1], str(path[-1])
    cls = section_at(tree, parent)
    known = list(cls.model_fields) if cls else []
    present = [name for name in known if child_of(value_at(tree, parent), name, _NOTHING) is not _NOTHING]
    absent = [name for name in known if name not in present]
    near = closest(key, absent)
    if SYNONYMS.get(key) in absent:
        near = SYNONYMS[key]
    if near and (SYNONYMS.get(key) == near or _alike(key, near) > 0.8):
        return f"did you mean '{near}'?", (*parent, near)
    home = _home_of(key, parent, tree)
    if home is not None and not (near and (*parent, near) in missing):
        name = SYNONYMS.get(key, key) if home[1] else key
        where = ".".join(map(str, home[0]))
        place = f"under {where}" if where else "at the top level of the file"
        hint = f"it belongs {place}" if name == key else f"did you mean '{name}' {place}?"
        return hint, (*home[0], name)
    if near:
        return f"did you mean '{near}'?", (*parent, near)
    given = closest(key, present)
    if given:
        return f"'{given}' is set here already", path
    return (f"known keys: {', '.join(known)}" if known else None), path


def _home_of(key: str, parent: Path, tree: Any) -> tuple[Path, bool] | None:
    """(section that has this key, whether only a synonym of it was found)."""
    for synonym in (False, True):
        name = SYNONYMS.get(key) if synonym else key
        if name is None:
            continue
        for home in _HOMES:
            cls = None if home == parent else _home_class(home, tree)
            if cls is not None and name in cls.model_fields and name not in ("type", "name" if home else ""):
                return home, synonym
    return None


def _home_class(home: Path, tree: Any) -> type[Strict] | None:
    """The class at a section; where the file leaves it out, that of its default."""
    found = section_at(tree, home)
    if found is None and home and value_at(tree, home) is None:
        holder = section_at(tree, home[:-1])
        field = holder.model_fields.get(str(home[-1])) if holder else None
        if field is not None and isinstance(field.default, str):
            for option in field_options(field):
                if option.family:
                    return component(option.family, field.default)
    return found


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one.lower(), other.lower()).ratio()


# -- values ----------------------------------------------------------------------------------------------


def _wrong_value(finding: Finding, choices: list[Option], quoted: bool) -> tuple[str, str | None]:
    """(message, hint) for a value that is not what its field takes."""
    got = show(finding.value)
    if finding.kind == "custom":
        if (nested := _nested_name(finding, choices)) is not None:
            return finding.message, nested
        expects = finding.message.startswith("expected")
        return f"{finding.message}, got {got}" if expects else finding.message, finding.hint
    if finding.kind in ("value_error", "assertion_error"):
        return finding.message.split(", ", 1)[-1].rstrip("."), None
    if not choices:
        return f"{finding.message[:1].lower()}{finding.message[1:]}", None
    fixed = [value for value in literals(choices) if isinstance(value, str)]
    return f"expected {in_words(choices)}, got {got}", finding.hint or _remedy(
        finding.value, choices, fixed, quoted
    )


def _nested_name(finding: Finding, choices: list[Option]) -> str | None:
    """The remedy for `- dense: {units: 3}`, as other languages write it."""
    if isinstance(finding.value, dict) and len(finding.value) == 1 and "type" not in finding.value:
        (name,) = cast("dict[str, Any]", finding.value)
        if any(option.family and name in family(option.family) for option in choices):
            return f"write {{type: {name}, ...}}"
    return None


def _remedy(value: Any, choices: list[Option], fixed: list[str], quoted: bool) -> str | None:
    bases = {option.base for option in choices}
    numeric = bool(bases & {int, float})
    if isinstance(value, str):
        if near := closest(value, fixed) if fixed else None:
            return f"did you mean '{near}'?"
        if bool in bases and value.lower() in ("yes", "no", "on", "off", "y", "n", "true", "false"):
            word = "true" if value.lower() in ("yes", "on", "y", "true") else "false"
            return f"write {word}{', without quotes' if quoted else ''}"
        if numeric:
            return _number_remedy(value, quoted)
    elif is_number(value) or isinstance(value, bool):
        if fixed and isinstance(value, bool):
            return None
        if str in bases:
            return "put it in quotes to make it text"
        if isinstance(value, float) and value.is_integer() and int in bases:
            return f"write {int(value)}"
    return None


def _number_remedy(text: str, quoted: bool) -> str | None:
    """What to do about text in the place of a number."""

    def numeral(word: str) -> bool:
        try:
            return is_number(plain_scalar(word)) and word == word.strip()
        except ValueError:
            return False

    if numeral(text):
        return "remove the quotes" if quoted else None
    if numeral(text.replace("_", "")):
        return f"write {clip(text.replace('_', ''))}"
    if text.count(",") == 1 and numeral(text.replace(",", ".")):
        return f"write {clip(text.replace(',', '.'))}, with a point"
    return None
