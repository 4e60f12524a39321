"""What the bits of a run depend on besides its config: recorded at the start, compared on resume."""

from __future__ import annotations

import os
import platform
from importlib import import_module
from typing import Any


def environment() -> dict[str, Any]:
    """Versions of Python, NumPy and its BLAS, and the kind of machine."""
    import numpy as np

    from bpcli import __version__

    return {
        "bpcli": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": _blas(),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _blas() -> str:
    threadpoolctl: Any = import_module("threadpoolctl")
    libraries: list[dict[str, Any]] = threadpoolctl.threadpool_info()
    found = [library for library in libraries if library["user_api"] == "blas"]
    if not found:
        return "unknown"
    first = found[0]
    return " ".join(
        str(first.get(key)) for key in ("internal_api", "version", "architecture") if first.get(key)
    )


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What of the environment is not as it was, where that may change the last bits of a result."""
    keys = ("numpy", "blas", "machine")
    return [f"{key} was {before.get(key)}, is {now[key]}" for key in keys if before.get(key) != now[key]]


def threads(option: str | int) -> int:
    """The number of threads that `train.threads` asks for; `auto` is what this process may use."""
    if isinstance(option, int):
        return option
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
