"""bpcli: neural networks from YAML files, with a NumPy backpropagation core of its own.

    import bpcli
    outcome = bpcli.train("digits-mlp", ["train.epochs=5"])
    run = bpcli.load(outcome.run)
    run.predict(rows)            # rows as a file, a list of mappings, or an array
    run.evaluate("test")

Nothing is imported until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "evaluate", "load", "predict", "train"]

if TYPE_CHECKING:
    from bpcli.train.api import evaluate, load, predict, train


def __getattr__(name: str) -> Any:
    if name == "train":  # also the name of a package, which stands in its place once imported: see there
        from importlib import import_module

        return import_module("bpcli.train")
    if name in {"evaluate", "load", "predict"}:
        from bpcli.train import api

        return getattr(api, name)
    raise AttributeError(f"module 'bpcli' has no attribute {name!r}")
