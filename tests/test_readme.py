"""What README and the docs say can be done can be done."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bpcli.spec.load import load_mapping
from bpcli.spec.registry import family

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
SNIPPETS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", README, re.S)]
DATA = {"source": {"type": "csv", "path": "datasets/iris.csv", "target": "species"}}


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_piece_of_yaml_is_valid(snippet: dict[str, Any]) -> None:
    whole = {"data": DATA, "model": "mlp"} | snippet
    whole["data"] = DATA | whole["data"]
    # PyYAML reads 1e-3 as text; the config language does not.
    text = re.sub(r"'(\d+e-\d+)'", r"\1", repr(whole))
    load_mapping(eval(text), folder=ROOT)


def test_the_two_commands_are_one_line_each_and_make_their_own_environment() -> None:
    commands = [text.strip() for text in re.findall(r"```sh\n(.*?)```", README, re.S)]
    assert len(commands) == 2
    for command in commands:
        assert "\n" not in command and command.startswith("python3 -m venv ")


def test_links_lead_somewhere() -> None:
    for document in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_layers_that_are_named_exist() -> None:
    listed = README.split("- **Layers**:")[1].split("- **Training**")[0]
    for name in re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b|\bconv[12]d\b|\bprelu\b", listed):
        assert name in family("layers"), name
