"""`bpcli generate`"""

from __future__ import annotations

from typing import Annotated

import typer

from bpcli.cli import options as o


def generate(
    run: o.Run,
    prompt: Annotated[str, typer.Option("--prompt", metavar="TEXT", help="What the text begins with.")] = "",
    length: Annotated[
        int,
        typer.Option(
            "--length", min=1, max=1_000_000, help="Symbols to write: characters, words or byte pairs."
        ),
    ] = 500,
    temperature: Annotated[
        float,
        typer.Option("--temperature", min=0, max=100, help="Below 1 surer, above 1 wilder; 0 no chance."),
    ] = 1.0,
    top_k: Annotated[
        int | None, typer.Option("--top-k", min=1, help="Draw among the likeliest alone.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed, another text.")] = 0,
    checkpoint: o.Checkpoint = "best",
    runs_dir: o.RunsDir = o.RUNS,
    json: o.Json = False,
) -> None:
    """Write text with a language model: what may follow a prompt."""
    from bpcli.cli import output
    from bpcli.train.generate import Writer
    from bpcli.train.saved import Saved

    writer = Writer(Saved.open(run, runs_dir, checkpoint))
    if unknown := writer.unknown(prompt):
        output.note(f"symbols that training did not show: {' '.join(map(repr, unknown))}")
    stream = writer.write(prompt, length=length, temperature=temperature, top_k=top_k, seed=seed)
    if json:
        output.json_line({"run": run, "prompt": prompt, "text": "".join(stream)})
        return
    output.say(prompt, end="")
    for symbol in stream:
        output.say(symbol, end="")
    output.say()
