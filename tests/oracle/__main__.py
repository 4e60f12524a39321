"""`python -m tests.oracle` runs every comparison with another implementation and writes docs/correctness.md.

Needs the extra `oracle` (PyTorch, scikit-learn) beside `test`. Ends with 1, and writes nothing, where a
comparison fails, a test was skipped, or outputs were compared without gradients.
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.oracle.gather import FOLDER, cases, largest, one_sided, run
from tests.oracle.page import page, shown, summary

PAGE = FOLDER.parents[1] / "docs" / "correctness.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument(
        "--page", type=Path, default=PAGE, help="the page to write (default: docs/correctness.md)"
    )
    parser.add_argument("--no-page", action="store_true", help="compare, and write nothing")
    options = parser.parse_args()
    missing = [name for name in ("torch", "sklearn") if find_spec(name) is None]
    if missing:
        print(f"{' and '.join(missing)} cannot be imported: pip install -e '.[test,oracle]'", file=sys.stderr)
        return 2
    gathered = run()
    print(summary(gathered))
    halves = one_sided(gathered)
    for word, names in (("FAILED", gathered.failed), ("SKIPPED", gathered.skipped), ("ONE-SIDED", halves)):
        for name in names:
            print(f"{word} {name}")
    if gathered.failed or gathered.skipped or halves or not gathered.compared:
        print("Nothing was written.")
        return 1
    print(
        f"{cases(gathered.compared)} cases, {len(gathered.compared)} arrays, largest difference "
        f"{shown(largest(gathered.compared))}, {gathered.seconds:.0f} s in tests."
    )
    if not options.no_page:
        options.page.write_text(page(gathered), encoding="utf-8")
        print(f"Wrote {options.page}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
