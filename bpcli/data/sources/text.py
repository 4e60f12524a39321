"""Running text, cut into windows whose next symbols are to be predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from bpcli.data import bytepair
from bpcli.data.cells import counted
from bpcli.data.records import Column, Records
from bpcli.data.running import Uncut, windows
from bpcli.data.sources._file import read_whole
from bpcli.data.sources.base import Source
from bpcli.data.tokenize import Level, MergeCount, check_merges, coded, pieces
from bpcli.errors import DataError
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.files import Files


class Text(Source):
    """A language model's data: rows of `steps` symbols, and of each step the symbol that follows.

    x is (n, steps) and y the same one symbol further; rows follow each other in the text, `stride` symbols
    apart, and what is left over at the end is in none. The default split keeps their order: the end of the
    text is for validation and test. Words have the space before them, so that nothing of the text is lost.

    Byte pairs (`level: bpe`, with the package tokenizers: bpcli[bpe]) are learnt on the training part alone:
    the split divides the characters of the text, each part by itself is cut into symbols, and these into
    rows. Any text can be told with them, for the 256 bytes are symbols too.

    Errors: DataError for a file that is no text, and for fewer symbols than a row needs.
    Source (byte pairs): Sennrich, Haddow and Birch, 2016.
    """

    type: Literal["text"] = "text"
    path: str = Field(description="the file, relative to the config")
    level: Level = Field("char", description="char, word, or bpe: byte pairs")
    merges: MergeCount = None
    steps: PositiveInt = Field(64, description="symbols that the net sees at once")
    stride: PositiveInt | None = Field(None, description="symbols between two rows; default: steps")
    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = "utf-8"

    examples: ClassVar = (
        Example({"path": "book.txt"}),
        Example({"path": "book.txt", "level": "word"}),
        Example({"path": "book.txt", "level": "bpe", "merges": 2000}),
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_merges(self.level, self.merges)
        return self

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
        stride = self.stride or self.steps
        if self.level == "bpe":
            bytepair.tokenizers()  # says now if it is not there
            if not text:
                raise DataError("the text is empty", file=file)
            return Uncut(text, self.steps, stride, self.merges or bytepair.DEFAULT).records(file, digest)
        level = self.level
        (codes,), symbols = coded([text], lambda whole: pieces(whole, level))
        codes = codes[codes >= 0]
        word = "character" if level == "char" else "word"
        x, y, starts = windows(codes, self.steps, stride)
        if not len(x):
            raise DataError(
                f"the text has {counted(len(codes), word)}; rows of {self.steps} need {self.steps + 1}",
                file=file,
                hint="lower data.source.steps",
            )
        return Records(
            features=[Column("text", "sequence", x, symbols=symbols)],
            targets=[Column("next", "sequence", y, symbols=symbols)],
            weight=None,
            rows=starts,
            file=file,
            row_word=word,
            digest=digest,
            ordered=True,
        )
