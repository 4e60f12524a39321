"""Numbers, durations and tables as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any


def number(value: Any) -> str:
    """A metric: four decimals where they say something, three figures where they do not."""
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if not isfinite(value):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.3g}"


def short(value: float) -> str:
    """Three figures: a rate, a norm, an error."""
    return f"{value:.3g}" if isfinite(value) else str(value)


def duration(seconds: float) -> str:
    """1.2 ms, 3.4 s, 2 min 5 s, 3 h 12 min, 4 d 2 h."""
    if seconds < 0.9995:
        amount, unit = (seconds * 1e3, "ms") if seconds >= 0.9995e-3 else (seconds * 1e6, "µs")
        return f"{amount:.0f} {unit}" if amount >= 9.95 else f"{amount:.1f} {unit}"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, word, smaller, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {word}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def clock(seconds: float) -> str:
    """0:07, 12:34, 1:02:03: of a fixed width, for a line that changes in place."""
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def size(count: int) -> str:
    """Bytes, in the largest unit that leaves a number before the point."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def shape(sizes: Sequence[Any]) -> str:
    """8 × 8 × 16; the shapes of several arrays in brackets."""
    if sizes and isinstance(sizes[0], (list, tuple)):
        return ", ".join(f"({shape(one)})" for one in sizes)
    return " × ".join(map(str, sizes)) or "1"


def plural(count: int, word: str, many: str | None = None) -> str:
    return f"{count:,} {word if count == 1 else many or word + 's'}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,)) -> list[str]:
    """Aligned lines, the head first (none where it is empty); the columns in `left` are flush left."""
    every = [list(head), *map(list, rows)] if head else list(map(list, rows))
    if not every:
        return []
    widths = [max(len(row[i]) for row in every) for i in range(len(every[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in every
    ]


def definitions(items: Sequence[tuple[str, str]], width: int | None) -> list[str]:
    """A name and what it is, in two columns; the second is wrapped at the width, if there is one."""
    import textwrap

    indent = max((len(name) for name, _ in items), default=0) + 2
    lines: list[str] = []
    for name, text in items:
        room = max(width - indent, 30) if width else 10**6
        first, *rest = textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
        lines.append(f"{name.ljust(indent)}{first}".rstrip())
        lines += [" " * indent + line for line in rest]
    return lines


def indented(text: str, width: int | None) -> list[str]:
    """The lines of a text, two spaces in; those wider than the width, if there is one, are wrapped."""
    import textwrap

    lines: list[str] = []
    for line in text.splitlines():
        margin = " " * (2 + len(line) - len(line.lstrip()))
        if width is None or len(line) + 2 < width:
            lines.append(f"  {line}".rstrip())
        else:
            lines += textwrap.wrap(
                line.strip(), max(width - 1, 30), initial_indent=margin, subsequent_indent=margin
            )
    return lines
