"""The npz source: arrays as they are, and nothing that was not asked for."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.data.records import Records
from bpcli.data.sources.npz import Npz
from bpcli.errors import DataError
from bpcli.files import Files


def load(folder: Path, *, wants_target: bool = True, **fields: Any) -> Records:
    return Npz.model_validate({"path": "d.npz", **fields}).read(Files(folder), target=wants_target)


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return (
        b"\x93NUMPY"
        + bytes([version, 0])
        + len(text).to_bytes(2 if version == 1 else 4, "little")
        + text
        + data
    )


def archive(folder: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(folder / "d.npz", "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)


def plain(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "u1", ">i2", "<f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_back(tmp_path: Path, save: Any, dtype: str, order: Any) -> None:
    x = np.asarray(np.arange(2 * 3 * 4 * 1).reshape(2, 3, 4, 1), dtype=dtype, order=order)
    save(tmp_path / "d.npz", x=x, y=np.array([1, 0], dtype=">i8"))
    found = load(tmp_path)
    (column,) = found.features
    assert (column.name, column.kind) == ("x", "array")
    assert column.values.dtype == np.dtype(dtype).newbyteorder("=")
    assert column.values.flags.c_contiguous
    assert np.array_equal(column.values, x)
    assert [(c.name, c.kind, c.values.tolist()) for c in found.targets] == [("y", "number", [1.0, 0.0])]
    assert (found.rows.tolist(), found.row_word) == ([0, 1], "row")


def test_targets_of_every_form(tmp_path: Path) -> None:
    x = np.zeros((2, 3))
    for y, expected in [
        (np.array(["cat", "dog"]), {"y": ["cat", "dog"]}),
        (np.array([[1.5], [2.5]]), {"y": [1.5, 2.5]}),
        (np.array([[1, 0], [0, 1]]), {"y0": [1.0, 0.0], "y1": [0.0, 1.0]}),
        (np.array([True, False]), {"y": [1.0, 0.0]}),
    ]:
        np.savez(tmp_path / "d.npz", x=x, y=y)
        assert {c.name: c.values.tolist() for c in load(tmp_path).targets} == expected


def test_weights_and_names(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", a=np.zeros((2, 3)), b=[0, 1], w=[0.5, 2.0], unused=np.zeros(7))
    found = load(tmp_path, x="a", y="b", weight="w")
    assert found.weight is not None
    assert found.weight.tolist() == [0.5, 2.0]
    assert [c.name for c in (*found.features, *found.targets)] == ["a", "b"]


def test_one_axis_is_a_number_column(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.arange(3), y=np.arange(3))
    assert [c.kind for c in load(tmp_path).features] == ["number"]


def test_new_rows_need_no_target(tmp_path: Path) -> None:
    np.savez(tmp_path / "new.npz", x=np.zeros((2, 3)))
    found = Npz(path="d.npz", weight="w").at("new.npz").read(Files(tmp_path), target=False)
    assert list(found.targets) == []
    assert found.weight is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((2, 3))}, "there is no array 'y'"),
        ({"z": np.zeros((2, 3)), "y": np.zeros(2)}, "there is no array 'x'"),
        ({"x": np.zeros((2, 3)), "y": np.zeros(3)}, "differ in their number of rows: 'x' 2, 'y' 3"),
        ({"x": np.zeros((0, 3)), "y": np.zeros(0)}, "'x' has no rows"),
        ({"x": np.zeros((2, 0)), "y": np.zeros(2)}, "2 rows of nothing"),
        ({"x": np.float64(3), "y": np.zeros(1)}, "'x' has no rows"),
        ({"x": np.array([[1.0], [np.nan], [np.inf]]), "y": np.zeros(3)}, "'x' is not finite in rows 1 and 2"),
        ({"x": np.zeros((2, 3)), "y": np.array([0, np.nan])}, "'y' is not finite in row 1"),
        ({"x": np.array(["a", "b"]), "y": np.zeros(2)}, "numbers are needed"),
        ({"x": np.zeros(2, dtype=complex), "y": np.zeros(2)}, "numbers are needed"),
        ({"x": np.zeros(2), "y": np.zeros((2, 2, 2))}, "target 'y' is an array"),
        ({"x": np.zeros(2), "y": np.array([2**60, 1])}, "too large for a float64"),
        ({"x": np.zeros(2, dtype="M8[s]"), "y": np.zeros(2)}, "numbers are needed"),
        ({"x": np.zeros(2, dtype=[("a", "f4")]), "y": np.zeros(2)}, "no plain array"),
    ],
)
def test_arrays_of_no_use(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert message in str(caught.value)
    assert "d.npz" in str(caught.value)


def test_weights_of_no_use(tmp_path: Path) -> None:
    for weight in ([1.0, -1.0], [1.0, np.nan], [0.0, 0.0], [[1.0, 2.0]], ["a", "b"]):
        np.savez(tmp_path / "d.npz", x=np.zeros(2), y=np.zeros(2), w=weight)
        with pytest.raises(DataError, match="weight 'w'"):
            load(tmp_path, weight="w")


class Boom:
    def __reduce__(self) -> Any:
        raise AssertionError("a pickle was touched")


def test_objects_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.array([{"a": 1}, None], dtype=object), y=np.zeros(2))
    with pytest.raises(DataError, match="Python objects"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 1000), }", "000,000 bytes"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }", "bytes, and has 16"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (-2, -1), }", "impossible shape"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", "24 bytes, and has 16"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (True, True, 2), }", "shape"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "Python objects"),
        ("{'descr': '<f8', 'fortran_order': False}", "no valid npy header"),
        ("{'descr': print('ran'), 'fortran_order': False, 'shape': (2,), }", "no valid npy header"),
        ("[" * 90, "no valid npy header"),
        ("", "no valid npy header"),
        ("{'descr': '<U0', 'fortran_order': False, 'shape': (2,), }", "no plain array"),
    ],
)  # fmt: skip
def test_headers_are_read_before_memory_is_taken(tmp_path: Path, header: str, message: str) -> None:
    archive(tmp_path, {"x.npy": npy(header, b"\0" * 16), "y.npy": plain(np.zeros(2))})
    with pytest.raises(DataError) as caught:
        load(tmp_path)
    assert message in str(caught.value)


def test_a_bomb_is_refused_by_its_size_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpcli.data.arrays._FREE_BYTES", 1 << 20)
    size = 4 << 20
    with zipfile.ZipFile(tmp_path / "d.npz", "w", zipfile.ZIP_DEFLATED) as file:
        with file.open("x.npy", "w", force_zip64=True) as member:
            member.write(npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({size},), }}"))
            for _ in range(size >> 20):
                member.write(bytes(1 << 20))
        file.writestr("y.npy", plain(np.zeros(2)))
    with pytest.raises(DataError, match="times as many"):
        load(tmp_path)


def test_damaged_archives(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez_compressed(path, x=np.random.default_rng(0).normal(size=(50, 4)), y=np.arange(50))
    whole = path.read_bytes()
    expected = load(tmp_path).features[0].values
    rng = np.random.default_rng(1)
    for trial in range(60):
        data = bytearray(whole)
        if trial % 3 == 0:
            del data[int(rng.integers(len(data))) :]
        else:
            data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(data)
        try:
            found = load(tmp_path)
        except DataError:
            continue
        assert np.array_equal(found.features[0].values, expected)  # only bytes that carry no content changed


def test_not_an_archive(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    (tmp_path / "x.npy").rename(tmp_path / "d.npz")
    with pytest.raises(DataError, match=r"numpy\.savez"):
        load(tmp_path)
    (tmp_path / "d.npz").write_bytes(b"")
    with pytest.raises(DataError, match="not an npz file"):
        load(tmp_path)
    archive(tmp_path, {"readme.txt": b"hello"})
    with pytest.raises(DataError, match="it has none"):
        load(tmp_path)
