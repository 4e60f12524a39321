"""What may change between a run and its resume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from bpcli.errors import ConfigError, Problem, dotted

if TYPE_CHECKING:
    from bpcli.spec.load import Loaded

#: These change how long and how fast a run goes on; everything else would make it another run.
_FREE = (
    ("train", "epochs"), ("train", "max_time"), ("train", "threads"), ("train", "device"),
    ("train", "compiled"),
    ("train", "clip_value"), ("train", "clip_norm"), ("train", "clip_global_norm"),
    ("schedule",), ("early_stop",), ("checkpoint",), ("callbacks",), ("optimizer", "lr"),
    ("optimizer", "weight_decay"),
)  # fmt: skip


def refuse_changes(before: Loaded, after: Loaded) -> None:
    """ConfigError with every changed key that a resume cannot take up, old value and new."""
    old = before.experiment.model_dump(mode="json")
    new = after.experiment.model_dump(mode="json")
    problems = [
        Problem(
            f"a resume cannot change this: it was {was!r}, and is to be {now!r}",
            path=dotted(path),
            hint="train a new run instead",
            code="BP211",
        )
        for path, was, now in _changes(old, new, ())
    ]
    if problems:
        raise ConfigError(problems)


def _changes(old: Any, new: Any, path: tuple[str | int, ...]) -> list[tuple[tuple[str | int, ...], Any, Any]]:
    if path in _FREE or old == new:
        return []
    before, after = _parts(old), _parts(new)
    if before and after and type(old) is type(new) and (isinstance(old, dict) or len(before) == len(after)):
        keys = dict.fromkeys([*before, *after])
        return [found for key in keys for found in _changes(before.get(key), after.get(key), (*path, key))]
    return [(path, old, new)]


def _parts(value: Any) -> dict[str | int, Any]:
    """What a mapping or a list consists of, by key or place."""
    if isinstance(value, dict):
        return cast("dict[str | int, Any]", value)
    return dict(enumerate(cast("list[Any]", value))) if isinstance(value, list) else {}
