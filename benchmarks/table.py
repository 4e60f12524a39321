"""The results as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.machine import QUIET
from benchmarks.runner import SAME

_COLUMNS = (
    "workload (threads)", "", "ms a step", "quartiles", "CPU ms", "bpcli / it", "compiled / it",
    "of the sgemm limit", "peak MiB", "losses",
)  # fmt: skip
#: bpcli as it is, and with compiled kernels.
OURS = ("bpcli", "compiled")
STEPS = (f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS))


def rows(result: dict[str, Any]) -> Iterable[str]:
    """A line of Markdown for each peer."""
    for name, peer in result["peers"].items():
        first = f"{result['name']} ({result['threads']})" if name == next(iter(result["peers"])) else ""
        ratios = ["" if name in OURS else _ratio(result["peers"].get(own), peer) for own in OURS]
        share = result["gemm_flops"] / (peer["ms"] * 1e6 * result["sgemm_gflops"])
        apart = result["differences"].get(name)
        same = "" if apart is None else f"{apart:.0e}" if apart <= SAME else f"**{apart:.0e}: other work**"
        cells = (
            first, name, _ms(peer["ms"]), f"{_ms(peer['low'])} to {_ms(peer['high'])}", _ms(peer["cpu_ms"]),
            *ratios, f"{share:.0%}", f"{peer['peak_mib']:.0f}", same,
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"
    for name, why in result["absent"].items():
        yield f"| | {name} | {why} | | | | | | | |"
    if said := disturbed(result["others"]):
        yield f"| | | {said} | | | | | | | |"


def _ratio(ours: Any, peer: Any) -> str:
    return "" if ours is None else f"{ours['ms'] / peer['ms']:.2f}"


def disturbed(others: float | None) -> str:
    """What to say of figures that were taken while others worked; nothing where they did not."""
    return f"*others used {others:.2f} cores meanwhile*" if others is not None and others > QUIET else ""


def _ms(ms: float) -> str:
    return f"{ms:.3g}" if ms < 100 else f"{ms:.0f}"


MEASURES = ("| | bpcli | | | ratio | |", "|---|---|---|---|---|---|")


def row(finding: dict[str, Any]) -> str:
    """A line of Markdown."""
    unit, theirs, ratio = finding["unit"], finding["theirs"], finding["ratio"]
    other = "" if theirs is None else f"{_ms(theirs)} {unit}"
    told = "" if ratio is None else f"{ratio:.2f}"
    return (
        f"| {finding['what']} | {_ms(finding['ours'])} {unit} | {finding['peer']} | {other} | {told} "
        f"| {finding['note']} |"
    )
