"""`python -m bpcli` and the console script."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; the exit code is the answer."""
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except KeyboardInterrupt:  # while modules were still being imported: nothing has begun
        return 130


def _run(argv: Sequence[str]) -> int:
    # BLAS reads these once, when NumPy is first imported. bpcli gives it one thread, so that the bits do not
    # depend on the machine's cores; saying so here also keeps it from setting memory aside for the others.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # Pydantic would look through all installed packages for plugins of its own.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from bpcli.cli.run import run

    return run(list(argv))


if __name__ == "__main__":
    sys.exit(main())
