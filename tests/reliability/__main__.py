"""The full tier: `python -m tests.reliability [--kills 200]` prints the figures of docs/reliability.md."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.reliability.kills import Campaign, Tally


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="runs that are killed once (default: 200)")
    parser.add_argument("--again", type=int, default=10, help="runs that are killed 20 times (default: 10)")
    parser.add_argument("--signals", type=int, default=300, help="instants of a signal (default: 300)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to run (default: the system's temporary folder)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        campaign = Campaign(Path(folder), options.seed)
        same = campaign.twice == campaign.expected
        tallies: list[Tally] = []
        if options.kills:
            tallies.append(campaign.kill(options.kills))
        if options.again:
            tallies.append(campaign.kill(options.again, times=20))
        if options.signals:
            tallies.append(campaign.signal(options.signals))
    good = same and all(tally.good for tally in tallies)
    if options.json:
        found = {"seconds": campaign.seconds, "threads_alike": same, "good": good}
        print(json.dumps(found | {"campaigns": [vars(tally) for tally in tallies]}))
    else:
        print(table(campaign.seconds, same, tallies))
    return 0 if good else 1


def table(seconds: float, same: bool, tallies: list[Tally]) -> str:
    lines = [
        f"An undisturbed run takes {seconds:.2f} s; on 1 and on 2 threads it leaves "
        f"{'the same' if same else 'OTHER'} bytes.",
        "",
        "| how a run was ended | processes ended | runs identical in the end | steps lost at most |",
        "|---|---|---|---|",
    ]
    for tally in tallies:
        lost = "" if tally.what.startswith("kill") else str(tally.lost)
        lines.append(f"| {tally.what} | {tally.ended} | {tally.identical} of {tally.runs} | {lost} |")
    lines.append("")
    for tally in tallies:
        told = ", ".join(f"{place} {count}" for place, count in tally.where.most_common())
        lines.append(f"Where ({tally.what}): {told}.")
        lines += [f"WRONG ({tally.what}): {wrong}" for wrong in tally.wrong]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
