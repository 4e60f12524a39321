"""run.json: what a run was started with and how it ended, not trusted when it is read."""

from __future__ import annotations

from typing import Any, NoReturn, cast

from bpcli.errors import CheckpointError

#: The fields that others rely on, where a run has them.
_KINDS: dict[str, type] = {
    "config_folder": str,
    "horizon": int,
    "data": str,
    "environment": dict,
    "transfer": dict,
}
_WORDS = {str: "text", int: "a whole number", dict: "a mapping"}


class Info(dict[str, Any]):
    """The fields of run.json. Asking for one that is not there is a CheckpointError, not a KeyError."""

    def __init__(self, fields: dict[str, Any], file: str) -> None:
        super().__init__(fields)
        self._file = file

    def __missing__(self, key: str) -> NoReturn:
        raise CheckpointError(f"the file is damaged: it has no '{key}'", file=self._file, code="BP242")


def checked(value: Any, file: str) -> Info:
    """What was read from run.json. CheckpointError where a field is not of its kind."""
    if not isinstance(value, dict):
        raise CheckpointError("the file is damaged: it is not a mapping", file=file, code="BP242")
    fields = cast("dict[str, Any]", value)
    for name, kind in _KINDS.items():
        if name in fields and type(fields[name]) is not kind:
            raise CheckpointError(
                f"the file is damaged: '{name}' is not {_WORDS[kind]}", file=file, code="BP242"
            )
    return Info(fields, file)
