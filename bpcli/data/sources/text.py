"""Running text, cut into windows whose next symbols are to be predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveInt

from bpcli.data.cells import counted
from bpcli.data.records import Column, Records
from bpcli.data.sources._file import read_whole
from bpcli.data.sources.base import Source
from bpcli.data.tokenize import Level, coded, pieces
from bpcli.errors import DataError
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.files import Files


class Text(Source):
    """A language model's data: rows of `steps` symbols, and of each step the symbol that follows.

    x is (n, steps) and y the same one symbol further; rows follow each other in the text, `stride` symbols
    apart, and what is left over at the end is in none. The default split keeps their order: the end of the
    text is for validation and test. Words have the space before them, so that nothing of the text is lost.
    """

    type: Literal["text"] = "text"
    path: str = Field(description="the file, relative to the config")
    level: Level = Field("char", description="char, or word")
    steps: PositiveInt = Field(64, description="symbols that the net sees at once")
    stride: PositiveInt | None = Field(None, description="symbols between two rows; default: steps")
    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = "utf-8"

    examples: ClassVar = (Example({"path": "book.txt"}), Example({"path": "book.txt", "level": "word"}))

    def at(self, path: str) -> Text:
        return self.replace(path=path)

    def read(self, files: Files, *, target: bool = True) -> Records:
        data, file, digest = read_whole(files, self.path)
        try:
            text = data.decode(self.encoding).removeprefix("\ufeff").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise DataError(
                f"byte 0x{data[error.start]:02x} at offset {error.start} is not {self.encoding} text",
                file=file,
                hint="set encoding: latin-1 or cp1252, or save it as UTF-8",
            ) from None
        (codes,), symbols = coded([text], lambda whole: pieces(whole, self.level))
        codes = codes[codes >= 0]
        word = "character" if self.level == "char" else "word"
        if len(codes) <= self.steps:
            raise DataError(
                f"the text has {counted(len(codes), word)}; rows of {self.steps} need {self.steps + 1}",
                file=file,
                hint="lower data.source.steps",
            )
        windows = np.lib.stride_tricks.sliding_window_view(codes, self.steps)[:: self.stride or self.steps]
        starts = np.arange(len(windows), dtype=np.int64) * (self.stride or self.steps)
        known = starts + self.steps < len(codes)  # a row whose last symbol has none after it has no target
        following = np.lib.stride_tricks.sliding_window_view(codes[1:], self.steps)[
            :: self.stride or self.steps
        ]
        return Records(
            features=[Column("text", "sequence", windows[known].copy(), symbols=symbols)],
            targets=[Column("next", "sequence", following.copy(), symbols=symbols)],
            weight=None,
            rows=starts[known],
            file=file,
            row_word=word,
            digest=digest,
            ordered=True,
        )
