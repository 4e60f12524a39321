"""Text from a language model, symbol by symbol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpcli.core.rng import generator
from bpcli.data.bytepair import as_text, byte_pairs, tokenizers
from bpcli.data.tokenize import pieces
from bpcli.data.vocabulary import SPECIAL
from bpcli.errors import DataError, UsageError

if TYPE_CHECKING:
    from bpcli.data.sources.text import Text
    from bpcli.train.saved import Saved

Symbols = NDArray[np.int64]


class Writer:
    """A trained language model that goes on with a prompt. UsageError for a run that is none.

    Each symbol costs one step of the net: what it knows of those before is kept in the workspace. Where a
    layer has to see all steps at once, the net is given the last `steps` of them anew each time. One that
    counts steps begins anew with the last half of them whenever it has seen as many as in training.
    """

    def __init__(self, saved: Saved) -> None:
        self._saved, self._model = saved, saved.model
        source: Any = saved.loaded.experiment.data.source
        target = saved.model.target
        if source.type != "text" or len(target.positions) != 1:
            raise UsageError(
                f"{saved.path.name} is no language model, so there is nothing to go on with",
                hint="train one with data.source: {type: text, path: …}",
            )
        self._source: Text = source
        self._labels = target.labels
        if source.level == "bpe":
            tokenizers()  # says now if it is not there
        self._place = {symbol: index for index, symbol in enumerate(saved.pipeline.vocabularies[0])}
        layers = [built.layer for built in saved.model.built]
        self._by_pieces = all(layer.by_pieces for layer in layers)
        self._bounded = any(layer.counts_steps for layer in layers)

    def unknown(self, prompt: str) -> list[str]:
        """The symbols of a prompt that training did not show, each once, in order."""
        return [one for one in dict.fromkeys(self._tokens(prompt)) if one not in self._place]

    def write(
        self, prompt: str, *, length: int, temperature: float = 1.0, top_k: int | None = None, seed: int = 0
    ) -> Iterator[str]:
        """The text of `length` symbols that follow the prompt, each as soon as it is drawn.

        Bytes that are not yet a character are held back until they are, or at the end left out.

        The chances are those of the net, their logarithms divided by `temperature` (0: always the likeliest
        symbol), of the `top_k` likeliest symbols alone. The same arguments give the same text. Without a
        prompt it begins as after a line break, or after the commonest symbol where there is none.
        """
        drawn = self._drawn(prompt, length, temperature, top_k, seed)
        return as_text(drawn) if self._source.level == "bpe" else drawn

    def _drawn(
        self, prompt: str, length: int, temperature: float, top_k: int | None, seed: int
    ) -> Iterator[str]:
        known = [self._place.get(token, 1) for token in self._tokens(prompt)] or [self._beginning()]
        rng = generator(seed, "generate")
        for logits in self._steps(known, length):
            chosen = _draw(logits, temperature, top_k, rng)
            known.append(chosen)
            yield self._labels[chosen]

    def _tokens(self, prompt: str) -> Sequence[str]:
        level = self._source.level
        if any("\ud800" <= c <= "\udfff" for c in prompt):  # what the terminal gave as no UTF-8
            raise UsageError("the prompt is not UTF-8 text", hint="set the terminal's encoding to UTF-8")
        if level != "bpe":
            return pieces(prompt, level)
        pairs = byte_pairs(self._saved.pipeline.merges or ())
        return [pairs.symbols[place] for place in pairs.encode(prompt)]

    def _beginning(self) -> int:
        counts, line = self._model.target.counts, self._place.get("\n", 0)
        return line if counts[line] else int(np.argmax(counts))

    def _steps(self, known: list[int], length: int) -> Iterator[NDArray[np.float64]]:
        """The logarithms of the chances of each next symbol; `known` grows while they are read."""
        ctx, steps = self._model.workspace(), self._source.steps
        start = seen = 0
        for _ in range(length):
            if self._by_pieces:
                if self._bounded and len(known) - start > steps:
                    start = seen = len(known) - max(1, steps // 2)
                ctx.shared.decoding = seen - start
                new = known[seen:]
                seen = len(known)
            else:
                new = known[-steps:]
            with self._model.backend.quiet():
                y = self._model.outputs(np.array([new], dtype=np.int32), ctx)
                last = self._model.backend.to_host(y)[0, -1:].astype(np.float64)
                chances = self._model.loss.predict(last, np)[0]
            with np.errstate(divide="ignore"):
                logits = np.log(chances)
            logits[: len(SPECIAL)] = -np.inf  # they are no text
            yield logits


def _draw(
    logits: NDArray[np.float64], temperature: float, top_k: int | None, rng: np.random.Generator
) -> int:
    if not np.isfinite(logits).any():
        raise DataError("the net gives no symbol a chance", hint="look at the run's training loss")
    if temperature == 0:
        return int(np.argmax(logits))
    if top_k is not None and top_k < len(logits):
        logits = np.where(logits >= np.sort(logits)[-top_k], logits, -np.inf)
    scaled = (logits - logits.max()) / temperature
    chances = np.exp(scaled)
    return int(np.searchsorted(np.cumsum(chances) / chances.sum(), rng.random(), side="right"))
