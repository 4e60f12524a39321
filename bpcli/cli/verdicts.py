"""The report of a gradient check, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bpcli.cli.output import bold
from bpcli.cli.text import duration, plural, table


def verdicts(found: Mapping[str, Any]) -> list[str]:
    """A line for each parameter and the input, then what each way of differentiating costs."""
    rows = [_row(row) for row in (*found["parameters"], *([found["inputs"]] if found["inputs"] else []))]
    head = ["layer", "parameter", "checked", "skipped", "max rel. error", "method", "", ""]
    lines = table(head, rows, left=(0, 1, 5, 6, 7))
    return [bold(lines[0]), *lines[1:], "", _sum(found), "", *_cost(found["cost"])]


def _row(row: Mapping[str, Any]) -> list[str]:
    return [
        row["layer"],
        row["name"],
        str(row["checked"]),
        str(row["skipped"]),
        f"{row['max_relative_error']:.1e}",
        row["method"].replace("_", " "),
        "ok" if row["passed"] else "WRONG",
        row["reason"] or "",
    ]


def _sum(found: Mapping[str, Any]) -> str:
    counts, smooth = found["coordinates"], found["smooth"]
    share = counts["checked"] / counts["drawn"] if counts["drawn"] else 1.0
    net = "the net is smooth" if smooth else "the net has kinks"
    return (
        f"{'passed' if found['passed'] else 'FAILED'}: {counts['checked']} of {counts['drawn']} "
        f"drawn directions checked ({share:.0%}) on {plural(found['rows'], 'row')}; {net}"
    )


def _cost(cost: Mapping[str, Any]) -> list[str]:
    backward, numerical = cost["backward_seconds"], cost["numerical_seconds"]
    how = "extrapolated from one pass" if cost["numerical_is_extrapolated"] else "measured"
    times = numerical / backward if backward else float("inf")
    rows = [
        ["backpropagation", duration(backward), f"{cost['backward_error']:.0e}", ""],
        ["central differences", duration(numerical), f"{cost['numerical_error']:.0e}", f"({how})"],
    ]
    lines = table(["", "time", "error", ""], rows, left=(0, 3))
    what = plural(cost["parameters"], "parameter")
    return [
        bold(f"What the whole gradient costs ({what})"),
        *lines,
        f"Numerical differentiation takes {times:,.0f} times as long: it needs two forward passes for each "
        "parameter,",
        "backpropagation one forward and one backward pass for all of them.",
    ]
