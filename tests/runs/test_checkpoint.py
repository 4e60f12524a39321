"""What goes into a checkpoint comes out again, bit by bit; equal states are equal files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bpcli.errors import CheckpointError
from bpcli.runs import checkpoint

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
dtypes = st.sampled_from([np.float32, np.float64, np.int64, np.uint8, np.bool_, np.dtype(">f4"), np.int32])
arrays = st.dictionaries(
    st.text(max_size=8).filter(lambda name: name != "__metadata__"),
    dtypes.flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(arrays, st.dictionaries(st.text(max_size=8), json_values, max_size=4))
def test_round_trip(tensors: dict[str, np.ndarray], meta: dict[str, object]) -> None:
    data = checkpoint.encode(tensors, meta)
    back, meta_back = checkpoint.decode(data, "x")
    assert meta_back == meta
    assert sorted(back) == sorted(tensors)
    for name, array in tensors.items():
        native = array.astype(array.dtype.newbyteorder("="))
        assert back[name].dtype == native.dtype and back[name].shape == array.shape
        assert back[name].tobytes() == native.tobytes()
    assert checkpoint.encode(back, meta_back) == data


def test_layouts() -> None:
    base = np.arange(24, dtype=np.float64).reshape(4, 6)
    tensors = {
        "turned": base.T,
        "steps": base[::2, ::-3],
        "scalar": np.asarray(3.5),
        "empty": base[:0],
        "row": base[1],
    }
    back, _ = checkpoint.decode(checkpoint.encode(tensors, {}), "x")
    for name, array in tensors.items():
        assert np.array_equal(back[name], array) and back[name].shape == array.shape, name


def test_bits_of_odd_numbers_are_kept() -> None:
    odd = np.array([0x7FC00001, 0xFFC12345, 0x80000000, 0x00000001, 0x7F800000], np.uint32).view(np.float32)
    back, _ = checkpoint.decode(checkpoint.encode({"w": odd}, {}), "x")
    assert back["w"].tobytes() == odd.tobytes()


def test_equal_states_are_equal_bytes_in_every_process() -> None:
    """Whatever the order of the keys, and the hash seed of the process."""
    code = (
        "import sys, hashlib, numpy as np; from bpcli.runs.checkpoint import encode;"
        "names = list({'b', 'a', 'c', 'e', 'd'}); arrays = {n: np.full(3, ord(n), 'f4') for n in names};"
        "print(hashlib.sha256(encode(arrays, {n: {m: .1 for m in names} for n in names})).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(seen) == 1


def test_what_is_not_finite_in_meta_is_null() -> None:
    meta = {
        "best": float("inf"),
        "loss": np.float32("nan"),
        "step": np.int64(3),
        "on": np.bool_(True),
        "v": (1, 2),
    }
    back = checkpoint.decode(checkpoint.encode({}, meta), "x")[1]
    assert back == {"best": None, "loss": None, "step": 3, "on": True, "v": [1, 2]}
    assert type(back["step"]) is int and back["on"] is True


def test_what_cannot_be_saved_is_refused() -> None:
    with pytest.raises(TypeError, match="'w' is of type complex128"):
        checkpoint.encode({"w": np.zeros(2, complex)}, {})
    with pytest.raises(TypeError, match="object"):
        checkpoint.encode({"w": np.array([None])}, {})
    with pytest.raises(TypeError, match="not text"):
        checkpoint.encode({}, {"counts": {1: 2}})
    with pytest.raises(TypeError, match="set cannot be written"):
        checkpoint.encode({}, {"names": {"a"}})


def test_write_read_verify(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    checkpoint.write(path, {"w": np.ones(3)}, {"step": 1})
    assert checkpoint.verify(path) == {"step": 1}
    assert checkpoint.read(path)[0]["w"].tolist() == [1.0, 1.0, 1.0]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="its content and its checksum differ; go back"):
        checkpoint.verify(path)


def test_other_programs_can_read_it(tmp_path: Path) -> None:
    from safetensors import safe_open

    checkpoint.write(tmp_path / "x.safetensors", {"w": np.arange(3)}, {"step": 1})
    with safe_open(tmp_path / "x.safetensors", "np") as file:
        assert list(file.metadata()) == ["bpcli"]
        assert file.get_tensor("w").tolist() == [0, 1, 2]
