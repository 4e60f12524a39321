"""The commands. What is imported here loads neither NumPy nor Pydantic: `--help` has to be quick."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bpcli.cli.check import check
from bpcli.cli.data import data
from bpcli.cli.evaluate import evaluate
from bpcli.cli.generate import generate
from bpcli.cli.gradcheck import gradcheck
from bpcli.cli.list import list_
from bpcli.cli.predict import predict
from bpcli.cli.profile import profile
from bpcli.cli.resume import resume
from bpcli.cli.show import show
from bpcli.cli.summary import summary
from bpcli.cli.train import train
from bpcli.errors import UsageError, closest


class Commands(TyperGroup):
    """A group that knows what was probably meant when a command does not exist."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            word = args[0]
            if word.startswith("-"):
                return super().resolve_command(ctx, args)
            near = closest(word, self.commands)
            if near:
                hint = f"did you mean '{near}'?"
            elif word.endswith((".yaml", ".yml")) or Path(word).is_file():
                hint = f"to train a config, write `bpcli train {word}`"
            else:
                hint = f"there are {', '.join(self.commands)}"
            raise UsageError(f"there is no command '{word}'", hint=hint, code="BP201")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="bpcli",
    cls=Commands,
    add_completion=False,
    # Typer's coloured help would import rich and double the time that --help takes.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        from bpcli import __version__

        print(f"bpcli {__version__}")
        raise typer.Exit


@app.callback()
def bpcli(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Train neural networks from YAML files, with a NumPy backpropagation core.

    CFG is a YAML file or the name of a shipped config; RUN is a run folder, its name, the beginning of its
    name, or `latest`. Start with `bpcli train digits-mlp`.
    """


def _add(command: Callable[..., None], name: str | None = None) -> None:
    app.command(name, no_args_is_help=False)(command)


_add(train)
_add(resume)
_add(evaluate)
_add(predict)
_add(generate)
_add(check)
_add(summary)
_add(gradcheck)
_add(profile)
_add(list_, "list")
_add(show)
app.add_typer(data, name="data")
