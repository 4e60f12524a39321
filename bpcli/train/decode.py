"""Sequences written by a net that learnt with teacher forcing: greedily, or by beam search."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpcli.core.ctx import Ctx
from bpcli.core.store import Tree
from bpcli.data.buckets import trimmed
from bpcli.data.forcing import ENDS, given, text_of
from bpcli.data.inputs import arrays, count, each, take
from bpcli.data.vocabulary import SPECIAL
from bpcli.errors import UsageError
from bpcli.layers.base import Layer
from bpcli.train.forced import written_by

if TYPE_CHECKING:
    from bpcli.data.records import Part
    from bpcli.train.model import Model

#: Sequences that are written at the same time, all their beams counted.
ROWS = 512


class Decoder:
    """Writes what the net holds likeliest, symbol by symbol, from what is given alone.

    What the net makes of that (an encoder) is worked out once, at the first symbol; each further symbol costs
    one step of the rest. With a `beam` of k, the k likeliest beginnings are kept at every step, by the sum of
    the logarithms of their chances, and the likeliest sequence that came to its end is told (Graves, 2012;
    Sutskever, Vinyals and Le, 2014); a beam of 1 is greedy. A sequence that has not come to its end after as
    many symbols as the longest of training is told as it is.
    """

    def __init__(self, model: Model, *, beam: int = 1) -> None:
        if beam > 1 and not model.loss.gives_probabilities:
            raise UsageError(
                f"{model.loss.type} gives no probabilities, whose products a beam search compares",
                hint="leave --beam out",
            )
        self._model, self._beam = model, beam
        self._limit = model.target.positions[0]
        self._later = written_by(model.net)
        self._ctx = model.workspace()
        self._ctx.shared.watch = self._run
        self._kept: dict[tuple[str, ...], tuple[Any, Any]] = {}

    def write(self, x: Any) -> Iterator[tuple[slice, list[list[int]]]]:
        """(rows, the labels of each up to and with its end) for what is given, some rows at a time."""
        total, size = count(x), max(1, ROWS // self._beam)
        for start in range(0, total, size):
            rows = slice(start, min(start + size, total))
            yield rows, self._write(arrays(trimmed(take(x, rows))), rows.stop - start)

    def _write(self, x: tuple[Any, ...], n: int) -> list[list[int]]:
        k = self._beam
        asarray = self._model.backend.asarray
        x = each(lambda array: asarray(np.repeat(array, k, axis=0)), x)
        firsts = np.arange(n)[:, None] * k  # the first row of each sequence's beams
        said = np.full((n, k, 1), ENDS, dtype=np.int32)
        scores = np.full((n, k), -np.inf)
        scores[:, 0] = 0  # at first all beams are the same one
        done = np.zeros((n, k), dtype=bool)
        order = None
        for step in range(self._limit):
            chances = self._chances(x, said[:, :, -1].reshape(-1, 1), step, order).reshape(n, k, -1)
            scores, beams, symbols = _best(scores, chances, done)
            said = np.concatenate(
                [np.take_along_axis(said, beams[:, :, None], 1), symbols[:, :, None]], axis=2
            )
            done = np.take_along_axis(done, beams, 1) | (symbols == ENDS)
            if done[:, 0].all():  # the rest can only become less likely
                break
            order = (firsts + beams).ravel()
        best = said[:, 0, 1:]
        return [_until_end(row) for row in best.tolist()]

    def _chances(self, x: tuple[Any, ...], new: Any, step: int, order: Any) -> NDArray[np.float64]:
        """The logarithms (rows, symbols) of the chances of each next symbol."""
        shared, model = self._ctx.shared, self._model
        shared.decoding, shared.reorder = step, order if self._beam > 1 else None
        with model.backend.quiet():
            y = model.backend.to_host(model.outputs((*x, model.backend.asarray(new)), self._ctx))
            said = model.loss.predict(y[:, -1].astype(np.float64), np)
            logits = np.log(said) if model.loss.gives_probabilities else said
        logits[:, : len(SPECIAL)] = -np.inf  # they are no text
        return logits

    def _run(self, layer: Layer, p: Tree, x: Any, ctx: Ctx) -> Any:
        """A layer of the net: one that what was written does not reach sees everything at once, and once."""
        _, key, *below = ctx.path
        if below or key in self._later:
            return layer.forward(p, x, ctx)
        shared, step = ctx.shared, ctx.shared.decoding
        if not step:
            shared.decoding = None
            self._kept[ctx.path] = layer.forward(p, x, ctx), ctx.mask
            shared.decoding = step
        y, ctx.mask = self._kept[ctx.path]
        return y


def _best(
    scores: NDArray[np.float64], chances: NDArray[np.float64], done: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.int32]]:
    """(scores, beams that they go on from, symbols), each (n, k), the likeliest first.

    A beam that has come to its end stays as it is, at its end.
    """
    n, k, symbols = chances.shape
    chances[done] = -np.inf
    chances[done, ENDS] = 0
    total = (scores[:, :, None] + chances).reshape(n, -1)
    chosen = np.argsort(-total, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(total, chosen, 1), chosen // symbols, (chosen % symbols).astype(np.int32)


def _until_end(row: list[int]) -> list[int]:
    return row[: row.index(ENDS) + 1] if ENDS in row else row


def written(model: Model, x: Any, beam: int = 1) -> Iterator[tuple[slice, list[str]]]:
    """(rows, texts) that the net writes for what is given, some rows at a time."""
    for rows, found in Decoder(model, beam=beam).write(x):
        yield rows, [text_of(one, model.target) for one in found]


def decoded(model: Model, part: Part, beam: int = 1) -> dict[str, Any]:
    """How right the sequences are that the net writes by itself.

    token_accuracy: of all places of the true ones, their ends included, the share with the same symbol in the
    same place. exact_match: the share of sequences that are right in every place.
    """
    assert part.y is not None
    right = places = exact = 0
    for rows, found in Decoder(model, beam=beam).write(given(part.x)):
        for said, row in zip(found, part.y[rows].tolist(), strict=True):
            true = row[: row.index(ENDS) + 1]
            same = sum(a == b for a, b in zip(said, true, strict=False))
            right, places, exact = right + same, places + len(true), exact + (said == true)
    return {"beam": beam, "token_accuracy": right / places, "exact_match": exact / len(part)}
