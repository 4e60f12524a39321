"""Preprocessing that was fitted elsewhere, for data that must then be of the same columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bpcli.data.cells import listed
from bpcli.errors import DataError

if TYPE_CHECKING:
    from bpcli.data.columns import Feature
    from bpcli.data.pipeline import Pipeline
    from bpcli.data.records import Records, Target
    from bpcli.data.transforms.base import Transform

_ANEW = "or leave transfer.preprocess out, to fit anew"


def check_like(
    like: Pipeline,
    records: Records,
    features: Sequence[Feature],
    transforms: Sequence[Transform],
    target: Target,
    target_transform: Transform | None,
) -> None:
    """DataError where what `like` has learnt says nothing about these columns, or of other transforms."""
    theirs = [step.transform for step in like.steps]
    if len(theirs) == len(transforms) + 1 and theirs[-1].numbers_symbols:
        theirs.pop()  # the one that sequences of symbols have by themselves
    if theirs != list(transforms):
        raise _different("data.preprocess", _words(theirs), _words(transforms))
    their_own = None if like.target_step is None else like.target_step.transform
    if their_own != target_transform:
        raise _different("data.target_transform", _words([their_own]), _words([target_transform]))
    if target_transform is not None:
        if like.target.columns != target.columns:
            raise _other_columns(records, like.target.columns, target.columns, "target ")
        if like.target.kind != target.kind:
            kinds = [one.kind.replace("_", " ") for one in (like.target, target)]
            raise _different("data.target_transform", f"a target of {kinds[0]}", kinds[1])
    names, here = [f.name for f in like.features], [f.name for f in features]
    if names != here:
        raise _other_columns(records, names, here, "")
    for theirs, own in zip(like.features, features, strict=True):
        if theirs != own and not theirs.kind == own.kind == "sequence":
            raise DataError(
                f"column '{own.name}' is {_kind(own)} here, and in the other run {_kind(theirs)}",
                file=records.file,
                path="transfer.preprocess",
                hint=_ANEW.removeprefix("or "),
            )


def _different(path: str, theirs: str, own: str) -> DataError:
    return DataError(
        f"the other run has {theirs}, and here there is {own}", path=path, hint=f"write the same, {_ANEW}"
    )


def _other_columns(records: Records, theirs: Sequence[str], own: Sequence[str], word: str) -> DataError:
    """What is missing, what is too much, or the first that is in another place."""
    missing = [name for name in theirs if name not in own]
    extra = [name for name in own if name not in theirs]
    told = [f"{listed(missing)} missing"] if missing else []
    told += [f"{listed(extra)} not there"] if extra else []
    if not told:
        place = next(i for i, (a, b) in enumerate(zip(theirs, own, strict=True)) if a != b)
        told = [f"another order, from '{own[place]}' on"]
    return DataError(
        f"the {word}columns are not those of the other run: {', '.join(told)}",
        file=records.file,
        path="transfer.preprocess",
        hint=f"use the same columns, {_ANEW}",
    )


def _words(transforms: Sequence[Any]) -> str:
    return ", ".join(transform.short() for transform in transforms if transform is not None) or "none"


def _kind(feature: Feature) -> str:
    kind = {"number": "numbers", "text": "text"}.get(feature.kind)
    return kind or f"an array of {' × '.join(map(str, feature.shape))}"
