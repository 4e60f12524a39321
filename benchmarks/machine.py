"""What the figures were taken on, and whether others were using it meanwhile."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any, Self

#: Cores' worth of work that others may do before the figures are called unfit.
QUIET = 0.05


def facts() -> dict[str, Any]:
    import numpy as np
    from threadpoolctl import threadpool_info

    blas = [one for one in threadpool_info() if one["user_api"] == "blas"]
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": " ".join(str(blas[0][key]) for key in ("internal_api", "version", "architecture"))
        if blas
        else "?",
        "load_before": round(os.getloadavg()[0], 2),
        "time": time.strftime("%Y-%m-%d %H:%M"),
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or "?"
    lines = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
    said = {key.strip(): value.strip() for key, value in lines.items()}
    vectors = next((name for name in ("avx512f", "avx2") if name in said.get("flags", "").split()), "")
    return f"{said.get('model name', '?')} {vectors}".strip()


class Watch:
    """The time that other processes had of the machine's cores since it was made, where Linux tells."""

    def __init__(self) -> None:
        self._busy, self._start = _busy(), time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def others(self, ours: float) -> float | None:
        """Cores' worth of work of others, given the seconds of processor time that were our own."""
        busy, elapsed = _busy(), time.perf_counter() - self._start
        if busy is None or self._busy is None or elapsed <= 0:
            return None
        return max(0.0, (busy - self._busy - ours) / elapsed)


def _busy() -> float | None:
    """Seconds that all cores have worked since the start of the machine, waiting not counted."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    user, nice, system, _, _, irq, softirq, steal = map(int, stat.read_text().split(None, 9)[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def load() -> float:
    return os.getloadavg()[0]
