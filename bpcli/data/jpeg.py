"""Whether a JPEG file that decodes has all of its pixels: the format has no checksums."""

from __future__ import annotations

import io
from typing import Any

_END = b"\xff\xd9"
#: Baseline, extended and progressive, in Huffman's codes.
_HUFFMAN = frozenset({0xC0, 0xC1, 0xC2})
_START_OF_SCAN = 0xDA
#: Read as pixels by a decoder that still lacks some; skipped by one that has them all.
_MORE = bytes(range(200, 16, -1)) * 4


def ends_early(data: bytes, decoded: Any, images: Any) -> bool:
    """Whether the data of a decoded image stop before its pixels do, or without the mark of an end.

    Decoders fill up with grey and say nothing. So the image is decoded again with more data in front of the
    mark: in a whole image nothing changes. Changed bytes are not found, nor that a progressive image has not
    all its passes. `images` is the module PIL.Image.
    """
    at = data.rfind(_END)
    if at < 0:
        return True
    if not _in_huffman_codes(data):  # an arithmetic code may leave out zeros at its end
        return False
    # a byte 0xFF makes a marker with the next one, unless that is zero
    more = b"\0" + _MORE if data[at - 1] == 0xFF else _MORE
    with images.open(io.BytesIO(data[:at] + more + data[at:]), formats=("JPEG",)) as longer:
        return longer.tobytes() != decoded.tobytes()


def _in_huffman_codes(data: bytes) -> bool:
    """What the frame's header says, which comes before the first pixels."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _HUFFMAN:
            return True
        if marker == _START_OF_SCAN:
            return False
        # 0xFF may be repeated in front of a marker
        at += 1 if marker == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return False
