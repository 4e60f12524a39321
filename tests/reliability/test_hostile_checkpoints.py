"""Files that are not what was saved are refused with a sentence, unless nothing that counts changed."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import struct
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.errors import CheckpointError
from bpcli.runs import checkpoint

ARRAYS = {
    "w": np.arange(60, dtype=np.float32).reshape(3, 4, 5) / 7,
    "t": np.asarray(12, np.int64),
    "on": np.array([True, False, True]),
    "none": np.zeros((0, 3)),
}
META = {"step": 12, "epoch": 3, "best": 0.1, "layout": [["dense/W", [3, 4]], ["dense/b", [4]]], "name": "ü"}

#: What a checkpoint's reader has no business to do.
FORBIDDEN = (
    "exec",
    "compile",
    "import",
    "pickle.find_class",
    "os.system",
    "subprocess.Popen",
    "socket.connect",
)
_watching = False
_caught: list[str] = []


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if _watching and event in FORBIDDEN:
        _caught.append(event)


@pytest.fixture
def watched() -> Iterator[list[str]]:
    """The forbidden events while the test runs; the hook itself can never be taken out again."""
    global _watching
    checkpoint.decode(checkpoint.encode(ARRAYS, META), "warm")  # its imports are done
    if "hook" not in _hooked:
        sys.addaudithook(_audit)
        _hooked.add("hook")
    _caught.clear()
    _watching = True
    yield _caught
    _watching = False


_hooked: set[str] = set()


def _header(data: bytes) -> tuple[dict[str, Any], bytes]:
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def _file(header: object, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def mutants(count: int, seed: int = 0) -> Iterator[bytes]:
    """Damage as disks, editors and malice do it, the same at every run."""
    chance = random.Random(seed)
    whole = checkpoint.encode(ARRAYS, META)
    header_end = 8 + struct.unpack("<Q", whole[:8])[0]
    for number in range(count):
        data = bytearray(whole)
        kind = number % 10
        at = chance.randrange(len(data))
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[chance.randrange(header_end)] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            del data[at : at + chance.randrange(1, 9)]
        elif kind == 4:
            data[at:at] = chance.randbytes(chance.randrange(1, 9))
        elif kind == 5:
            data[at : at + 64] = bytes(len(data[at : at + 64]))
        elif kind == 6:
            data[0:8] = struct.pack(
                "<Q", chance.choice([0, 1, 2**31, 2**63, 2**64 - 1, chance.randrange(999)])
            )
        elif kind == 7:
            digits = [place for place in range(8, header_end) if chr(data[place]).isdigit()]
            data[chance.choice(digits)] = ord(chance.choice("0123456789"))
        elif kind == 8:
            words = [
                b"F32",
                b"I64",
                b"shape",
                b"meta",
                b"step",
                b"w",
                b"[",
                b"]",
                b":",
                b'"',
                b"true",
                b"null",
            ]
            data = bytearray(bytes(data).replace(chance.choice(words), chance.choice(words), 1))
        else:
            data += chance.randbytes(chance.randrange(1, 99))
        yield bytes(data)


def same(arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> bool:
    return meta == META and {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()} == {
        name: (a.dtype, a.shape, a.tobytes()) for name, a in ARRAYS.items()
    }


def test_mutants(watched: list[str]) -> None:
    refused, count = 0, 10_000
    for data in mutants(count):
        try:
            arrays, meta = checkpoint.decode(data, "x.safetensors")
        except CheckpointError as error:
            refused += 1
            assert str(error).startswith("x.safetensors: ") and "\n" not in str(error)
            assert error.exit_code == 2
        else:
            assert same(arrays, meta)
    assert refused > 0.9 * count
    assert watched == []


def _edits() -> dict[str, bytes]:
    """Each thing that a checkpoint says, changed with care: a well-formed file, only not what was saved."""
    whole = checkpoint.encode(ARRAYS, META)
    found: dict[str, bytes] = {}
    own = json.loads(_header(whole)[0]["__metadata__"]["bpcli"])

    def with_own(**changes: Any) -> bytes:
        header, body = _header(whole)
        header["__metadata__"]["bpcli"] = json.dumps({**own, **changes})
        return _file(header, body)

    for key, value in META.items():
        other = (
            value + 1 if isinstance(value, (int, float)) else [*value, 1] if isinstance(value, list) else "x"
        )
        found[f"meta {key}"] = with_own(meta={**META, key: other})
        found[f"no meta {key}"] = with_own(meta={name: item for name, item in META.items() if name != key})
    found["an int as a float"] = with_own(meta={**META, "step": 12.0})
    found["NaN for null"] = with_own(meta={**META, "best": float("nan")})
    found["a further key"] = with_own(evil=1)
    found["a meta that is none"] = with_own(meta=[1])
    found["another sum"] = with_own(sha256="0" * 64)
    found["a format of true"] = with_own(format=True)
    for name, dtype in {"w": "I32", "t": "F64", "on": "U8"}.items():
        header, body = _header(whole)
        header[name]["dtype"] = dtype
        found[f"dtype of {name}"] = _file(header, body)
    header, body = _header(whole)
    header["w"]["shape"] = [5, 4, 3]
    found["another shape"] = _file(header, body)
    header, body = _header(whole)
    header["none"]["shape"] = [3, 0]
    found["another shape of nothing"] = _file(header, body)
    header, body = _header(whole)
    header["v"] = header.pop("w")
    found["another name"] = _file(header, body)
    header, body = _header(whole)
    header["more"] = {**header["none"], "shape": [0]}
    found["a tensor more"] = _file(header, body)
    header, body = _header(whole)
    del header["none"]
    found["a tensor less"] = _file(header, body)
    header, body = _header(whole)
    header["__metadata__"]["other"] = "x"
    found["a second key"] = _file(header, body)
    return found


@pytest.mark.parametrize("what", sorted(_edits()))
def test_no_field_can_be_altered_or_left_out(what: str) -> None:
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.decode(_edits()[what], "x.safetensors")


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("echo evil",)


def _strangers() -> dict[str, tuple[bytes, str]]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(Evil()))
    array = io.BytesIO()
    np.save(array, np.arange(3))
    huge = {"w": {"dtype": "F32", "shape": [2**63, 2], "data_offsets": [0, 8]}}
    overflow = {"w": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 0]}}
    own = {"__metadata__": {"bpcli": '{"format":1,"meta":{},"sha256":""}'}}
    whole = checkpoint.encode(ARRAYS, META)
    header, body = _header(whole)
    newer = header["__metadata__"]["bpcli"].replace('"format":1', '"format":2')
    deep = b'{"__metadata__":' + b"[" * 200_000
    digits = b'{"w":{"data_offsets":[0,' + b"9" * 6000 + b"]}}"
    return {
        "empty": (b"", "cut short"),
        "eight bytes": (whole[:8], "cut short"),
        "half": (whole[: len(whole) // 2], "cut short"),
        "a byte less": (whole[:-1], "cut short"),
        "a byte more": (whole + b"x", "belong to nothing"),
        "pickle": (pickle.dumps(Evil()), "a pickle"),
        "zip": (packed.getvalue(), "a zip file"),
        "npy": (array.getvalue(), "an npy file"),
        "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file"),
        "gzip": (b"\x1f\x8b\x08\x00" + bytes(99), "a gzip file"),
        "text": (b"name: digits\n" * 9, "not a bpcli checkpoint"),
        "zeros": (bytes(1000), "not a bpcli checkpoint"),
        "plain weights": (
            _file({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, bytes(8)),
            "holds weights",
        ),
        "newer": (_file({**header, "__metadata__": {"bpcli": newer}}, body), "format 2"),
        "shape 2^63": (_file({**own, **huge}, bytes(8)), "damaged"),
        "shape overflow": (_file({**own, **overflow}, b""), "damaged"),
        "deep nesting": (struct.pack("<Q", len(deep)) + deep, "damaged"),
        "endless number": (struct.pack("<Q", len(digits)) + digits, "damaged"),
        "offsets of text": (_file({**own, "w": {"data_offsets": ["a", "b"]}}, b""), "damaged"),
        "no mapping": (struct.pack("<Q", 8) + b"{      }", "not a bpcli checkpoint"),
    }


@pytest.mark.parametrize("what", sorted(_strangers()))
def test_strangers(what: str, tmp_path: Path, watched: list[str]) -> None:
    data, words = _strangers()[what]
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    watched.clear()
    for read in (lambda: checkpoint.read(path), lambda: checkpoint.decode(data, str(path))):
        with pytest.raises(CheckpointError, match=words) as caught:
            read()
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert watched == []


@pytest.mark.skipif(os.name == "nt", reason="links, pipes and sparse files as POSIX systems have them")
def test_what_is_no_plain_file(tmp_path: Path) -> None:
    good = tmp_path / "good.safetensors"
    checkpoint.write(good, ARRAYS, META)
    assert same(*checkpoint.read(good))
    link, pipe, folder, hole = (tmp_path / name for name in ("link", "pipe", "folder", "hole"))
    link.symlink_to(good)
    os.mkfifo(pipe)
    folder.mkdir()
    with open(hole, "wb") as file:
        file.truncate(1 << 42)
    for path, words in (
        (link, "symbolic link"),
        (pipe, "plain file"),
        (folder, "a folder"),
        (hole, "not a bpcli"),
    ):
        with pytest.raises(CheckpointError, match=words):
            checkpoint.read(path)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        checkpoint.read(tmp_path / "nowhere")


@pytest.mark.skipif(os.name == "nt", reason="sparse files")
def test_a_lie_about_the_size_costs_no_memory(tmp_path: Path) -> None:
    """A good header on a file of 4 TiB is refused by its header alone."""
    path = tmp_path / "hole"
    checkpoint.write(path, ARRAYS, META)
    with open(path, "r+b") as file:
        file.truncate(1 << 42)
    tracemalloc.start()
    with pytest.raises(CheckpointError, match="belong to nothing"):
        checkpoint.read(path)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
