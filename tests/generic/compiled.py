"""The compiled backend beside NumPy: what the tests of the kernels share."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from bpcli.core.backend import CompiledBackend
from bpcli.core.rows import Pool
from tests.generic import namespace, rigs

#: (module, function) of every kernel that ran, in any test of a process.
RAN: set[tuple[str, str]] = set()


class Spied(CompiledBackend):
    """The compiled backend, and what of it was used."""

    def compiled(self, name: str, dtype: Any) -> Any:
        module = super().compiled(name, dtype)
        if module is None:
            return None

        def noted(kernel: str) -> Any:
            def call(*arguments: Any) -> Any:
                RAN.add((name, kernel))
                return getattr(module, kernel)(*arguments)

            return call

        others = {key: value for key, value in vars(module).items() if not key.startswith("__")}
        return SimpleNamespace(**others | {kernel: noted(kernel) for kernel in kernels(module)})


def kernels(module: Any) -> list[str]:
    """The names of a module's kernels."""
    of_numba = import_module("numba").core.registry.CPUDispatcher
    team = import_module("bpcli.core.compiled._team").Team
    public = [(k, v) for k, v in vars(module).items() if not k.startswith("_")]
    alone = [k for k, v in public if isinstance(v, of_numba) and v.py_func.__module__ == module.__name__]
    return alone + [k for k, v in public if isinstance(v, team) and v.__module__ == module.__name__]


def spied(layer: Any, shape: tuple[int, ...], *, training: bool = False) -> rigs.Rig:
    """The layer in float32, with kernels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(namespace.BACKENDS, "compiled", Spied)
        return rigs.rig(layer, shape, dtype="float32", training=training, backend="compiled")


def both(
    layer: Any, shape: tuple[int, ...], *, n: int = 7, pool: Pool | None = None
) -> list[tuple[Any, ...]]:
    """(y, dx, g) in float32, of NumPy and of the kernels."""
    found = []
    for r in (
        rigs.rig(layer, shape, dtype="float32", training=True),
        spied(layer, shape, training=True),
    ):
        if pool is not None:
            r.ctx.shared.pool = pool
        found.append(r.gradients(*rigs.inputs(r, n)))
    return found
