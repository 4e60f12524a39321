"""The one place where a failure becomes text (or a line of JSON) and an exit code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, cast

from bpcli.cli import output
from bpcli.errors import BpcliError, Problem, Stopped, UsageError, UserError, WriteError


def run(argv: list[str]) -> int:
    """Runs the command that argv names, and returns the exit code; never raises for a user's mistake."""
    output.tolerate_any_text()
    as_json = "--json" in argv
    try:
        code = _invoke(argv or ["--help"])
        output.flush()
    except BrokenPipeError:
        output.discard()  # the reader has seen enough, and that is no failure
        return 0
    except KeyboardInterrupt:
        _tell(_interrupted(), as_json)
        return 130
    except Exception as error:
        known = error if isinstance(error, BpcliError) else _explained(error)
        _tell(known, as_json)
        return known.exit_code
    return code


def _invoke(argv: list[str]) -> int:
    import typer

    from bpcli.cli.app import app

    # What Typer raises for any wrong usage; it has no public name.
    fault = cast("type[Exception]", typer.BadParameter.__bases__[0])
    command = typer.main.get_command(app)
    try:
        with command.make_context("bpcli", argv) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except fault as error:
        raise _usage_error(error) from None
    return 0


def _usage_error(error: Any) -> UsageError:
    """What Typer found wrong with the arguments, as one of bpcli's own errors."""
    message = error.format_message().strip().removesuffix(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "bpcli"
    return UsageError(message[:1].lower() + message[1:], hint=f"see `{command} --help`", code="BP200")


def _interrupted() -> BpcliError:
    import signal

    return Stopped("interrupted", int(signal.SIGINT))


def _explained(error: Exception) -> BpcliError:
    """An exception that nobody meant to raise: trouble with the machine, or a bug."""
    if isinstance(error, MemoryError):
        detail = f": {error}" if str(error) else ""
        return UserError(
            f"there is not enough memory{detail}", hint="use less data, a smaller net or a smaller batch_size"
        )
    if isinstance(error, OSError) and error.filename is not None:
        return _of_file(error)
    return _bug(error)


def _of_file(error: OSError) -> BpcliError:
    import errno

    full = {errno.ENOSPC, errno.EROFS, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
    kind = WriteError if error.errno in full else UserError
    return kind(error.strerror or str(error), file=str(error.filename))


def _bug(error: Exception) -> BpcliError:
    from bpcli import __version__

    if os.environ.get("BPCLI_TRACEBACK"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    what = type(error).__name__ + (f": {error}".splitlines()[0][:300] if str(error) else "")
    return BpcliError(
        Problem(
            f"this is a bug in bpcli {__version__}, not a mistake of yours: {what} ({_place(error)})",
            hint="please report it with the command and the config; BPCLI_TRACEBACK=1 adds the traceback",
            code="BP100",
        )
    )


def _place(error: Exception) -> str:
    """The innermost line of bpcli's own that the exception came through."""
    package = Path(__file__).resolve().parents[1]
    place, trace = "unknown place", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        file = Path(code.co_filename)
        if file.is_relative_to(package):
            place = f"bpcli/{file.relative_to(package).as_posix()}:{trace.tb_lineno}, in {code.co_name}"
        trace = trace.tb_next
    return place


def _tell(error: BpcliError, as_json: bool) -> None:
    try:
        if not as_json:
            output.errors(error)
        elif not error.reported:
            output.json_line(error.as_event())
    except BrokenPipeError:
        output.discard()
    except BpcliError:
        pass  # there is nowhere left to tell it; the exit code still says what happened
