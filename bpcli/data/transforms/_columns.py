"""Which columns a transform works on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bpcli.data.records import Column
from bpcli.errors import DataError, closest


def chosen(columns: Sequence[Column], names: Sequence[str] | None, kinds: Collection[str]) -> list[Column]:
    """The columns named, or all of these kinds where none are; DataError for a name that is none."""
    if names is None:
        return [column for column in columns if column.kind in kinds]
    known = {column.name: column for column in columns}
    for name in names:
        if name not in known:
            near = closest(name, known)
            shown = ", ".join(list(known)[:12]) + (", …" if len(known) > 12 else "")
            raise DataError(
                f"there is no feature column '{name}'",
                hint=f"did you mean '{near}'?" if near else f"the features are {shown}",
            )
    return [known[name] for name in dict.fromkeys(names)]
