"""NumPy arrays in a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bpcli.data.cells import shown
from bpcli.data.records import Records
from bpcli.data.sources.base import Source
from bpcli.errors import DataError, closest
from bpcli.spec.base import Example, Many

if TYPE_CHECKING:
    from bpcli.files import Files


class Npz(Source):
    """Reads arrays that `numpy.savez` or `savez_compressed` wrote; rows are counted from 0.

    x is (n,), (n, features), (n, h, w, channels), … of any real dtype, and stays one array column; y is (n,)
    of class numbers, text labels or values, or (n, d). Each array's header is checked before memory is taken
    for it; objects (pickles) are refused, and so is anything not finite.
    """

    type: Literal["npz"] = "npz"
    path: str = Field(description="the file, relative to the config")
    x: str | Many[str] = Field("x", description="the input array's name, or several: see data.inputs")
    y: str | None = Field("y", description="the name of the target array")
    weight: str | None = Field(None, description="the name of an array (n,) of sample weights")

    examples: ClassVar = (Example({"path": "data.npz"}), Example({"path": "data.npz", "x": ["image", "age"]}))

    def at(self, path: str) -> Npz:
        return self.replace(path=path)

    def read(self, files: Files, *, target: bool = True) -> Records:
        import hashlib

        from bpcli.data.arrays import check_lengths, features_of, targets_of, weight_of
        from bpcli.data.npy import open_archive

        path = files.find(self.path)
        file = shown(path)
        with open_archive(path, file) as arrays:
            known = list(arrays.names)
            inputs = (self.x,) if isinstance(self.x, str) else self.x
            wanted = [(name, True) for name in inputs] + [(self.y, target), (self.weight, target)]
            for name, required in wanted:
                if name is not None and name not in known and required:
                    near = closest(name, known)
                    hint = f"did you mean '{near}'?" if near else f"it has {', '.join(known) or 'none'}"
                    raise DataError(f"there is no array '{name}'", file=file, hint=hint)
            xs = {name: arrays.read(name) for name in inputs}
            y = arrays.read(self.y) if self.y in known else None
            w = arrays.read(self.weight) if self.weight in known else None
        features = [
            column for name, x in xs.items() for column in features_of(name, x, file=file, row_word="row")
        ]
        targets = [] if y is None else targets_of(self.y or "", y, file=file, row_word="row")
        weight = None if w is None else weight_of(self.weight or "", w, file=file, row_word="row")
        lengths: dict[str, Any] = {**xs, self.y or "": y, self.weight or "": w}
        check_lengths({name: len(array) for name, array in lengths.items() if array is not None}, file=file)
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        rows: NDArray[np.int64] = np.arange(len(xs[inputs[0]]), dtype=np.int64)
        return Records(features, targets, weight, rows, file, "row", digest)
