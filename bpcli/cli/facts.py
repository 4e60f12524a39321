"""What `check` and `summary` say about a config, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bpcli.cli.output import bold
from bpcli.cli.text import number, plural, shape, size, table

_SHOWN_CLASSES = 12


def layers(found: Mapping[str, Any]) -> list[str]:
    """A line for each layer, indented as it is nested."""
    rows = [
        [
            "  " * layer["depth"] + layer["name"].rpartition(".")[2],
            layer["detail"],
            shape(layer["output"]),
            f"{layer['parameters']:,}" if layer["parameters"] else "",
            f"{layer['flops']:,}" if layer["flops"] else "",
        ]
        for layer in found["layers"]
    ]
    lines = table(["layer", "", "output", "parameters", "FLOPs"], rows, left=(0, 1, 2))
    return [bold(lines[0]), *lines[1:]]


def totals(found: Mapping[str, Any]) -> list[str]:
    """The sums, and what the net is trained with."""
    return table(
        (),
        [
            ["input", shape(found["input"])],
            ["parameters", f"{found['parameters']:,}"],
            ["FLOPs", f"{found['flops_per_example']:,} for one example forward"],
            ["memory", f"{size(found['memory_bytes'])} of arrays in training"],
            ["loss", found["loss"]],
            ["optimizer", found["optimizer"]],
            ["schedule", found["schedule"]],
            ["metrics", ", ".join(found["metrics"])],
            ["steps", f"{found['steps']:,}, {found['steps_per_epoch']:,} an epoch"],
        ],
        left=(0, 1),
    )


def data(found: Mapping[str, Any]) -> list[str]:
    """The parts of the data, and what is to be predicted."""
    about = found["data"]
    target = about["target"]
    rows = [["data", ", ".join(f"{part} {count:,}" for part, count in about["rows"].items()) + " rows"]]
    rows.append(["target", f"{', '.join(target['columns'])}: {_KINDS[target['kind']]}"])
    if classes := target["classes"]:
        rows[-1][1] = f"{', '.join(target['columns'])}: {plural(len(classes), 'class', 'classes')}"
        shown = [f"{label} {number(count)}" for label, count in classes.items()]
        more = f", and {len(shown) - _SHOWN_CLASSES} more" if len(shown) > _SHOWN_CLASSES else ""
        rows.append(["classes", ", ".join(shown[:_SHOWN_CLASSES]) + more + " (training rows)"])
    return table((), rows, left=(0, 1))


_KINDS = {"classes": "classes", "binary_columns": "columns of yes and no", "values": "values"}
