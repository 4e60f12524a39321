"""What a key that the schema does not know was probably meant to be."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

from bpcli.errors import closest
from bpcli.spec.base import Strict
from bpcli.spec.nodes import Path
from bpcli.spec.schema import child_of, component, field_options, section_at, value_at

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

#: Keys of so many things that having one says nothing about where it belongs.
_ANYWHERE = frozenset({"type", "name", "from"})

_NOTHING = object()


def unknown_key(path: Path, tree: Any, missing: set[Path]) -> tuple[str | None, Path]:
    """(hint, the path of the key that was probably meant)."""
    parent, key = path[:-1], str(path[-1])
    cls = section_at(tree, parent)
    known = list(cls.config_keys()) if cls else []
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
        return f"did you mean '{given}', which is set here already?", path
    return (f"known keys: {', '.join(known)}" if known else None), path


def _home_of(key: str, parent: Path, tree: Any) -> tuple[Path, bool] | None:
    """(section that has this key, whether only a synonym of it was found)."""
    for synonym in (False, True):
        name = SYNONYMS.get(key) if synonym else key
        if name is None:
            continue
        for home in _HOMES:
            cls = None if home == parent else _home_class(home, tree)
            if cls is not None and name in cls.config_keys() and not (home and name in _ANYWHERE):
                return home, synonym
    return None


def _home_class(home: Path, tree: Any) -> type[Strict] | None:
    """The class at a section; where the file leaves it out, that of its default."""
    found = section_at(tree, home)
    if found is None and home and value_at(tree, home) is None:
        holder = section_at(tree, home[:-1])
        field = holder.config_keys().get(str(home[-1])) if holder else None
        if field is not None and isinstance(field.default, str):
            for option in field_options(field):
                if option.family:
                    return component(option.family, field.default)
    return found


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one.lower(), other.lower()).ratio()
