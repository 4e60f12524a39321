"""The peers, a file each: `PACKAGES` that it is made of, `run(job, turns)`, and perhaps `refuses(job)`.

`run` trains for ever and calls `turns(ready)` after each step. `refuses` says in words why a peer has no
such net, or None.
"""

from __future__ import annotations

#: Names as in the table, and the file that each is.
PEERS = {
    "bpcli": "bpcli_loop",
    "compiled": "bpcli_compiled",
    "torch": "torch_eager",
    "torch.compile": "torch_compiled",
    "jax": "jax_jit",
    "keras": "keras_fit",
    "sklearn": "sklearn_fit",
}
