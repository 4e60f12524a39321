"""docs/correctness.md from what a run gathered: every figure in it is that run's."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from decimal import ROUND_UP, Decimal
from pathlib import Path

from tests.oracle.gather import Compared, Gathered, cases, grouped, largest
from tests.oracle.words import CONVENTIONS, FILES, HOW, INTRO, NETS, OTHERS, TITLES
from tests.reference.exceptions import EXCEPTIONS
from tests.reference.nets import DRAWN, EVERYDAY, SENSITIVE

LATER = " after 100 updates"


def page(gathered: Gathered) -> str:
    parts = [
        INTRO.format(machine=machine(), oracles=versions()),
        overview(gathered),
        HOW.format(
            everyday=EVERYDAY,
            configurations=cases(c for f in ("layers", "activations", "losses") for c in gathered.of(f)),
        ),
    ]
    for family, title in TITLES.items():
        if found := gathered.of(family):
            parts += [f"## {title}", nets(found) if family == "nets" else components(family, found)]
    parts += ["## Known answers", files(gathered)]
    parts += ["## Without a counterpart", exceptions(), OTHERS]
    parts += ["## Where PyTorch or Keras mean something else", conventions()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def summary(gathered: Gathered) -> str:
    """The overview, for a terminal."""
    rows = [
        (TITLES[family], str(cases(found)), str(len(found)), shown(largest(found)))
        for family in TITLES
        if (found := gathered.of(family))
    ]
    return "\n".join(
        f"{title:15} {count:>6} cases {arrays:>7} arrays   {most:>9}" for title, count, arrays, most in rows
    )


# --- tables ---------------------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def overview(gathered: Gathered) -> str:
    rows = []
    for family, title in TITLES.items():
        if found := gathered.of(family):
            names = {one.component for one in found}
            counts = [str(len(names)), str(cases(found)), str(len(found))]
            rows.append([title, *counts, *ends(found), oracles(found)])
    head = ["family", "components", "cases", "arrays compared", "largest difference", "limit", "against"]
    return table(head, rows)


def components(family: str, found: list[Compared]) -> str:
    """A row for each component; for each variant where a family's cases are few and each says something."""
    if family == "optimizers":
        variants = grouped(found, lambda one: one.variant or one.component)
        return table(
            ["", "against", "largest difference in 100 steps", "limit"],
            [[f"`{name}`", oracles(group), *ends(group)] for name, group in variants.items()],
        )
    return table(
        ["", "against", "cases", "arrays", "largest difference", "limit"],
        [
            [f"`{name}`", oracles(group), str(cases(group)), str(len(group)), *ends(group)]
            for name, group in grouped(found, lambda one: one.component).items()
        ],
    )


def nets(found: list[Compared]) -> str:
    rows = []
    for name, group in grouped(found, lambda one: one.component).items():
        later = [one for one in group if one.what.endswith(LATER)]
        now = [one for one in group if not one.what.endswith(LATER)]
        both = (str(len(now)), shown(largest(now)), str(len(later)), shown(largest(later)))
        rows.append([name, str(cases(group)), *both])
    head = ["", "nets", "arrays at first", "largest difference", f"arrays{LATER}", "largest difference"]
    return NETS.format(sensitive=len(SENSITIVE), drawn=DRAWN) + "\n" + table(head, rows)


def files(gathered: Gathered) -> str:
    rows = [
        [FILES[file], str(count), f"`tests/reference/{file}`"]
        for file, count in gathered.without_figures().items()
        if file in FILES
    ]
    return table(["", "tests passed", "file"], rows)


def exceptions() -> str:
    rows = [
        [f"`{name}`", family, reason]
        for family, reasons in EXCEPTIONS.items()
        for name, reason in sorted(reasons.items())
    ]
    return table(["component", "family", "what there is, and how it is checked instead"], rows)


def conventions() -> str:
    return table(["", "bpcli", "PyTorch", "Keras"], CONVENTIONS)


# --- words ----------------------------------------------------------------------------------------------


def oracles(found: list[Compared]) -> str:
    return ", ".join(grouped(found, lambda one: one.by))


def ends(found: list[Compared]) -> tuple[str, str]:
    """The largest difference, and the largest limit that was asserted."""
    return shown(largest(found)), shown(max(one.limit for one in found))


def shown(value: float) -> str:
    """Two digits, rounded up: what stands on the page is never less than what was measured."""
    if not 0 < value < float("inf"):
        return f"{value:g}"
    exact = Decimal(repr(value))
    rounded = exact.quantize(Decimal((0, (1,), exact.adjusted() - 1)), rounding=ROUND_UP)
    mantissa, _, power = f"{rounded:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(power)}"


def versions() -> str:
    from importlib.metadata import version

    names = {"torch": "PyTorch", "scikit-learn": "scikit-learn", "numpy": "NumPy"}
    return ", ".join(f"{word} {version(name)}" for name, word in names.items())


def machine() -> str:
    """In words: the cores that this process may use, the processor, its vectors, and the system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    entries = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
    entries = {key.strip(): value.strip() for key, value in entries.items()}
    name = entries.get("model name") or platform.processor() or platform.machine()
    flags = entries.get("flags", "").split()
    vectors = next((word for flag, word in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "")
    return ", ".join(
        part
        for part in (
            f"{cores} core{'s' if cores > 1 else ''} of {name}", vectors,
            f"{platform.system()} {platform.machine()}", f"Python {platform.python_version()}",
        )
        if part
    )  # fmt: skip
