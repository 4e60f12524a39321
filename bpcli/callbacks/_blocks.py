"""A net's blocks: which two of them tell how far the gradient reaches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt

Path = tuple[str, ...]


def ends(layers: Sequence[str], types: Mapping[str, str]) -> tuple[str, str] | None:
    """The first and the last block of the most frequent kind, the output layer aside; None for a single one.

    `layers` are those with parameters, in the net's order; `types` says of what kind a layer or container
    is. A block is what lies side by side at the outermost level.

    >>> kinds = {"stem": "dense", "a": "residual", "b": "residual", "head": "dense"}
    >>> ends(["stem", "a.dense1", "b.dense1", "head"], kinds)
    ('a', 'b')
    """
    paths: list[Path] = [tuple(layer.split(".")) for layer in layers]
    depth = 0
    while paths and len({path[: depth + 1] for path in paths}) == 1 and len(paths[0]) > depth + 1:
        depth += 1
    blocks = list(dict.fromkeys(".".join(path[: depth + 1]) for path in paths))
    if len(blocks) < 2:
        return None
    inner = blocks[:-1] if len(blocks) > 2 else blocks
    kinds = [types.get(block, "") for block in inner]
    kind = Counter(kinds).most_common(1)[0][0]
    alike = [block for block, other in zip(inner, kinds, strict=True) if other == kind]
    return (alike[0], alike[-1]) if len(alike) > 1 else (inner[0], inner[-1])


def norm_of(block: str, norms: Mapping[str, float]) -> float:
    """√Σ of the squared norms of the layers in a block."""
    return sqrt(sum(norm**2 for layer, norm in norms.items() if within(layer, block)))


def within(layer: str, block: str) -> bool:
    return layer == block or layer.startswith(f"{block}.")
