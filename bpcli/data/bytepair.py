"""Byte pairs: symbols that are learnt from text by merging what often stands side by side.

A text is its UTF-8 bytes, cut before words, numbers and marks, and whatever pair of symbols is the most
frequent becomes a symbol of its own, again and again. The 256 bytes stay symbols, so any text can be told,
and the symbols' bytes put together again are the text. The library `tokenizers` learns and encodes.

Source: Sennrich, Haddow and Birch, 2016; over bytes: Radford et al., 2019.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from bpcli.errors import UsageError

#: What was learnt: the pairs in the order in which they were merged, a byte written as the library writes it.
Merges = tuple[tuple[str, str], ...]

DEFAULT = 1000
#: A pair that occurs once says nothing.
_LEAST = 2
#: A long text is encoded in pieces, cut between a word and the space after it: no symbol goes across that.
_PIECE = 1 << 20
_SAFE = re.compile(r"[!-~](?=[ \n])")
_ESCAPED = re.compile(r"<0x([0-9A-F]{2})>")


def _written() -> tuple[str, ...]:
    """How the library writes each byte: itself where it can be seen, else a letter beyond the 256."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = iter(range(256, 512))
    return tuple(chr(byte if byte in seen else next(hidden)) for byte in range(256))


_WRITTEN = _written()
_BYTE = {letter: byte for byte, letter in enumerate(_WRITTEN)}


def tokenizers() -> Any:
    """The module tokenizers; UsageError with the install command where it is missing."""
    try:
        import tokenizers
    except ImportError:
        raise UsageError(
            "level: bpe needs the package tokenizers, which is not installed", hint="pip install 'bpcli[bpe]'"
        ) from None
    return tokenizers


def learn(texts: Iterable[str], count: int) -> Merges:
    """At most `count` merges of these texts; fewer where no pair is left that occurs twice."""
    library = tokenizers()
    made = _tokenizer(library.models.BPE())
    trainer = library.trainers.BpeTrainer(
        vocab_size=256 + count,
        min_frequency=_LEAST,
        initial_alphabet=list(_WRITTEN),
        special_tokens=[],
        show_progress=False,
    )
    made.train_from_iterator((piece for text in texts for piece in _pieces(text)), trainer)
    return tuple((left, right) for left, right in json.loads(made.to_str())["model"]["merges"])


class BytePairs:
    """Text to the places of its symbols in `symbols`: the 256 bytes, then what was merged, in order."""

    def __init__(self, merges: Merges) -> None:
        tokens = list(dict.fromkeys([*_WRITTEN, *(left + right for left, right in merges)]))
        place = {token: index for index, token in enumerate(tokens)}
        self._tokenizer = _tokenizer(tokenizers().models.BPE(vocab=place, merges=list(merges)))
        self.symbols = tuple(_symbol(bytes(_BYTE[letter] for letter in token)) for token in tokens)

    def encode(self, text: str) -> list[int]:
        """UnicodeEncodeError for a text with half a character (a lone surrogate), which has no bytes."""
        return [place for piece in _pieces(text) for place in self._tokenizer.encode(piece).ids]


@lru_cache(maxsize=8)
def byte_pairs(merges: Merges) -> BytePairs:
    """Made once: a net that writes asks again and again."""
    return BytePairs(merges)


#: The first symbols of all that are byte pairs.
BYTES = tuple(f"<0x{byte:02X}>" if byte > 0x7F else chr(byte) for byte in range(256))


def tells_all(symbols: Sequence[str]) -> bool:
    """Whether any text can be told with these symbols, which are byte pairs."""
    return tuple(symbols[: len(BYTES)]) == BYTES


def bytes_of(symbol: str) -> bytes:
    r"""The bytes of a symbol: its characters', and where they make none, those that it names.

    >>> bytes_of(" the"), bytes_of("<0xE2><0x82>")
    (b' the', b'\xe2\x82')
    """
    return re.sub(rb"<0x([0-9A-F]{2})>", lambda found: bytes([int(found[1], 16)]), symbol.encode())


def text_of(symbols: Iterable[str]) -> str:
    """The text of byte pairs; bytes that make no character become U+FFFD."""
    return b"".join(map(bytes_of, symbols)).decode("utf-8", "replace")


def as_text(symbols: Iterable[str]) -> Iterator[str]:
    """The text of each symbol as it comes, with the bytes held back that are not yet a character.

    A character that is not finished at the end is left out.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for symbol in symbols:
        yield decoder.decode(bytes_of(symbol))


def _symbol(token: bytes) -> str:
    """A token as text, without loss: bytes that make no character are named, and so is a < that would."""
    text = _ESCAPED.sub(lambda found: "<0x3C>" + found[0][1:], token.decode("utf-8", "surrogateescape"))
    return "".join(f"<0x{ord(c) - 0xDC00:02X}>" if "\udc80" <= c <= "\udcff" else c for c in text)


def _tokenizer(model: Any) -> Any:
    library = tokenizers()
    made = library.Tokenizer(model)
    made.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return made


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > _PIECE:
        safe = _SAFE.search(text, start + _PIECE)
        if safe is None:
            break
        yield text[start : safe.end()]
        start = safe.end()
    yield text[start:]
