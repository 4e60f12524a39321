"""Running text: cut into rows at once, or when the training part has shown what its symbols are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bpcli.data.bytepair import BytePairs, Merges, byte_pairs, bytes_of, learn
from bpcli.data.cells import counted, listed
from bpcli.data.notes import SAID
from bpcli.data.records import Column, Records
from bpcli.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Uncut:
    """A text whose rows are its characters, until `cut` makes rows of `steps` byte pairs of them.

    A split divides the characters; what the pairs are is learnt on the training part alone.
    """

    text: str
    steps: int
    stride: int
    merges: int

    def records(self, file: str, digest: str) -> Records:
        n = len(self.text)
        nothing = np.broadcast_to(np.int32(0), (n, 1))
        return Records(
            features=[Column("text", "sequence", nothing, symbols=("",))],
            targets=[Column("next", "sequence", nothing, symbols=("",))],
            weight=None,
            rows=np.arange(n, dtype=np.int64),
            file=file,
            row_word="character",
            digest=digest,
            ordered=True,
            uncut=self,
        )


def windows(
    codes: NDArray[np.int32], steps: int, stride: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """(x (n, steps), y the same one symbol further, where each row starts); n is 0 for too few symbols."""
    if len(codes) <= steps:
        none = np.empty((0, steps), dtype=np.int32)
        return none, none, np.empty(0, dtype=np.int64)
    x = np.lib.stride_tricks.sliding_window_view(codes[:-1], steps)[::stride]
    y = np.lib.stride_tricks.sliding_window_view(codes[1:], steps)[::stride]
    return x.copy(), y.copy(), np.arange(len(x), dtype=np.int64) * stride


def cut(
    parts: Mapping[str, Records], known: Merges | None
) -> tuple[dict[str, Records], Merges | None, list[str]]:
    """(each part in rows of byte pairs, the merges, what to say), of text that is uncut; others as they are.

    The merges are those `known`, or else learnt on the part "train". DataError for a part that is not one
    stretch of the text, and for one that has characters but no row.
    """
    train = parts.get("train")
    if known is None and all(records.uncut is None for records in parts.values()):
        return dict(parts), None, []
    if known is None:
        if train is None or train.uncut is None:
            raise DataError(
                "the source of another part is cut into byte pairs, and that of the training part is not",
                path="data.source.level",
                hint="set level: bpe in both",
            )
        known = learn([_stretch(train)], train.uncut.merges)
    pairs = byte_pairs(known)
    codes = {name: _codes(records, pairs) for name, records in parts.items()}
    made = {name: _rows(records, codes[name], pairs, SAID.get(name, name)) for name, records in parts.items()}
    return made, known, [] if train is None else [_said(parts, codes, known)]


def check_known(known: Merges | None, records: Records) -> None:
    """DataError where merges of another run are to be taken over and do not go with these rows."""
    uncut = records.uncut
    if (known is None) == (uncut is None) and (known is None or uncut is None or len(known) <= uncut.merges):
        return
    theirs = "no byte pairs" if known is None else f"byte pairs of {counted(len(known), 'merge')}"
    own = "none" if uncut is None else f"at most {uncut.merges:,}"
    raise DataError(
        f"the other run has {theirs}, and here there is to be {own}",
        path="transfer.preprocess",
        hint="write the same level and merges, or leave transfer.preprocess out, to fit anew",
    )


def _stretch(records: Records) -> str:
    """The text of rows that are characters side by side."""
    assert records.uncut is not None
    if not len(records):
        return ""
    first, last = int(records.rows[0]), int(records.rows[-1])
    if last - first + 1 != len(records):
        raise DataError(
            "byte pairs are cut from running text, and the split takes single characters out of it",
            file=records.file,
            path="data.split",
            hint="use {type: chronological}, or val_source and test_source",
        )
    return records.uncut.text[first : last + 1]


def _codes(records: Records, pairs: BytePairs) -> NDArray[np.int32]:
    if records.uncut is None:
        raise DataError(
            "the training part is cut into byte pairs, and this text is not",
            file=records.file,
            hint="set level: bpe in its source too",
        )
    return np.array(pairs.encode(_stretch(records)), dtype=np.int32)


def _rows(records: Records, codes: NDArray[np.int32], pairs: BytePairs, said: str) -> Records:
    uncut = records.uncut
    assert uncut is not None
    x, y, starts = windows(codes, uncut.steps, uncut.stride)
    if len(records) and not len(x):
        raise DataError(
            f"{said} has {counted(len(codes), 'byte pair')} in {counted(len(records), 'character')}; rows of "
            f"{uncut.steps} need {uncut.steps + 1}",
            file=records.file,
            hint="lower data.source.steps, or give it more of the text",
        )
    begun = np.array([_begun(bytes_of(symbol)) for symbol in pairs.symbols], dtype=np.int64)[codes]
    inside = np.array([_begun(bytes_of(symbol)[:1]) == 0 for symbol in pairs.symbols])[codes]
    at = np.cumsum(begun) - begun - inside  # the character that each symbol begins with, or goes on with
    return replace(
        records,
        features=[Column("text", "sequence", x, symbols=pairs.symbols)],
        targets=[Column("next", "sequence", y, symbols=pairs.symbols)],
        rows=records.rows[at[starts]],
        uncut=None,
    )


def _begun(data: bytes) -> int:
    """How many characters begin in these bytes."""
    return sum(byte & 0xC0 != 0x80 for byte in data)


def _said(parts: Mapping[str, Records], codes: Mapping[str, NDArray[np.int32]], merges: Merges) -> str:
    """How long symbols are: what a loss is divided by to be one of characters."""
    lengths = [
        f"{len(records) / len(codes[name]):.3f} in {SAID.get(name, name)}"
        for name, records in parts.items()
        if len(records)
    ]
    return (
        f"{counted(len(merges), 'byte pair')} learnt on the training part. Characters in a symbol: "
        f"{listed(lengths)}."
    )
