"""What is not a step: whole processes, installs, memory, checks, files. Each is a program of its own.

`python -m benchmarks.measures.NAME` prints a line of JSON for each finding; `python -m benchmarks NAME`
runs it so and makes a table. In a process of its own nothing else is in its memory or on its threads.
"""

from __future__ import annotations

from pkgutil import iter_modules


def names() -> list[str]:
    return sorted(info.name for info in iter_modules(__path__) if not info.name.startswith("_"))
