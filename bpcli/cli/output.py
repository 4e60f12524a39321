"""stdout and stderr: text and JSON, each line at once, whatever becomes of the reader."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from bpcli.errors import BpcliError, Stopped, WriteError


def tolerate_any_text() -> None:
    """Lets text through that the terminal's encoding lacks, or that is a damaged file name, as an escape."""
    for stream in (sys.stdout, sys.stderr):
        change = getattr(stream, "reconfigure", None)  # a stream that a test put there may lack it
        if change is not None:
            change(errors="backslashreplace")


def say(text: str = "", *, end: str = "\n") -> None:
    """Text to stdout. BrokenPipeError if the reader is gone, WriteError if it cannot be written."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unwritable(error) from None


def note(text: str) -> None:
    """Text to stderr, where it never gets in the way of a result; one that nobody can read is dropped."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def json_line(value: Any) -> None:
    """One value as one line of JSON on stdout; NaN and infinities are null."""
    say(as_json(value))


def json_lines(values: Iterable[Any]) -> None:
    """Many values, a line each, written in blocks: flushing each would cost more than computing it."""
    lines = list[str]()
    for value in values:
        lines.append(as_json(value))
        if len(lines) == 512:
            say("\n".join(lines))
            lines.clear()
    if lines:
        say("\n".join(lines))


def as_json(value: Any) -> str:
    import json

    from bpcli.runs.canonical import plain

    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)


def errors(error: BpcliError) -> None:
    """Every problem of an error on a line of its own, on stderr."""
    mark = "" if isinstance(error, Stopped) else red("error: ", sys.stderr)
    for problem in error.problems:
        note(f"{mark}{problem}")


def flush() -> None:
    """Writes out what is left; as `say`."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unwritable(error) from None


def discard() -> None:
    """From here on stdout goes nowhere, and Python's own last flush has nothing to complain about."""
    try:
        descriptor = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    except (OSError, ValueError, AttributeError):
        pass


def _unwritable(error: OSError) -> WriteError:
    discard()
    return WriteError(f"the output cannot be written: {error.strerror or error}")


# Colour is for a terminal, and for nobody who asked for none (https://no-color.org).


def is_terminal(stream: Any) -> bool:
    """Whether somebody watches: a terminal that can move its cursor, and not the log of a CI job."""
    if os.environ.get("TERM") == "dumb" or os.environ.get("CI"):
        return False
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def width() -> int | None:
    """Columns of the terminal on stdout; None where text goes elsewhere and is not to be broken."""
    from shutil import get_terminal_size

    return get_terminal_size().columns if is_terminal(sys.stdout) else None


def coloured(stream: Any) -> bool:
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def red(text: str, stream: Any) -> str:
    return f"\x1b[1;31m{text}\x1b[0m" if coloured(stream) else text


def bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if coloured(sys.stdout) else text
