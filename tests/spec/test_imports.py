"""Start-up stays light: what is not named is not imported."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, sys
import bpcli.spec.load
early = sorted(sys.modules)
bpcli.spec.load.load(sys.argv[1])
print(json.dumps([early, sorted(sys.modules)]))
"""


def test_only_what_a_config_names_is_imported(config) -> None:
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(config())], capture_output=True, text=True, check=True
    )
    early, late = json.loads(result.stdout)
    assert not {
        "yaml",
        "safetensors",
        "bpcli.spec.experiment",
        "bpcli.spec.explain",
        "bpcli.spec.docs",
    } & set(early)
    layers = {name.rpartition(".")[2] for name in late if name.startswith("bpcli.layers.")}
    assert {"dense", "flatten", "sequential"} <= layers
    assert not {"dropout", "batch_norm", "residual", "mlp"} & layers
    assert not {"scipy", "torch", "sklearn"} & set(late)
    assert "bpcli.spec.explain" not in late
