"""A run to begin with, and configs that do: what the tests of transfer share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bpcli.errors import BpcliError
from bpcli.train import session
from bpcli.train.transfer import open_source
from tests.train import helpers as h

NET: h.Tree = {
    "type": "sequential",
    "head": "auto",
    "layers": [
        {"type": "dense", "units": 6, "activation": "tanh"},
        "batch_norm",
        {"type": "dense", "units": 5, "activation": "tanh"},
    ],
}


@pytest.fixture(name="source")
def pretrained(tmp_path: Path) -> Path:
    """A run of three classes, in runs/."""
    return h.train(tmp_path, h.config(model=NET, name="pretrained")).run


def config(source: str = "pretrained", **changes: Any) -> h.Tree:
    transfer = {"from": source} | {
        k: changes.pop(k) for k in ("match", "skip", "checkpoint", "preprocess") if k in changes
    }
    return h.config(**{"model": NET, "seed": 8, "transfer": transfer, **changes})


def started(folder: Path, tree: h.Tree) -> Any:
    """The trainer before its first step."""
    loaded = h.loaded(folder, tree)
    return session.prepared_trainer(loaded, open_source(loaded, folder / "runs"))


def arrays(model: Any) -> dict[str, Any]:
    store = model.store
    found = {".".join((*p.path, p.name)): store.w[p.slice].copy() for p in store.params}
    return found | {".".join((*s.path, s.name)): store.s[s.slice].copy() for s in store.states}


def refused(folder: Path, tree: h.Tree) -> BpcliError:
    with pytest.raises(BpcliError) as caught:
        h.train(folder, tree)
    assert caught.value.exit_code == 2
    assert not list((folder / "runs").glob("small-*"))
    return caught.value
