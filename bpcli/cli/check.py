"""`bpcli check`"""

from __future__ import annotations

from bpcli.cli import options as o


def check(
    config: o.Config,
    overrides: o.Overrides = None,
    set_: o.Set = None,
    json: o.Json = False,
) -> None:
    """Check a config and its data; nothing is trained.

    Whatever training would refuse before its first step is refused here.
    """
    from bpcli.cli import output
    from bpcli.spec.load import load

    loaded = load(config, o.changes(overrides, set_))
    from bpcli.train.describe import summary

    found = summary(loaded)
    if json:
        output.json_line(found)
        return
    from bpcli.cli.facts import data, layers, totals

    output.say("\n".join([*layers(found), "", *totals(found), "", *data(found)]))
    for text in found["data"]["notes"]:
        output.note(f"note: {text}")
    output.say(f"\n{loaded.file or config}: OK")
