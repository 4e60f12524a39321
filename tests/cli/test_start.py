"""Starting up: help, version, and what is imported for them."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bpcli as package

from .conftest import Cli, bpcli, surroundings

COMMANDS = (
    "train",
    "resume",
    "evaluate",
    "predict",
    "generate",
    "check",
    "summary",
    "gradcheck",
    "profile",
    "list",
    "show",
)

HEAVY = ("numpy", "pydantic", "rich", "yaml", "safetensors", "filelock", "threadpoolctl")


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from bpcli.__main__ import main\n"
        "code = main(['--help'])\n"
        f"print('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=surroundings(), capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_a_plain_training_does_not_import_rich(work: Path) -> None:
    program = (
        "import sys\n"
        "from bpcli.__main__ import main\n"
        "code = main(['train', 'clouds.yaml', 'train.epochs=1'])\n"
        "print('loaded:', *[name for name in ('rich', 'scipy', 'sklearn') if name in sys.modules])\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=surroundings(), capture_output=True, text=True, cwd=work
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded:"


@pytest.mark.slow
def test_help_is_not_slower_than_the_smallest_typer_program(tmp_path: Path) -> None:
    smallest = tmp_path / "smallest.py"
    smallest.write_text(
        "import typer\napp = typer.Typer()\n@app.command()\ndef hello(name: str):\n    print(name)\napp()\n"
    )
    ratios = []
    for _ in range(11):
        ours = _seconds([sys.executable, "-m", "bpcli", "--help"])
        theirs = _seconds([sys.executable, str(smallest), "--help"])
        ratios.append(ours / theirs)
    assert statistics.median(ratios) <= 1.5


def _seconds(argv: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(argv, env=surroundings(), capture_output=True, check=True)
    return time.perf_counter() - start


def test_help_names_every_command(cli: Cli) -> None:
    found = cli("--help")
    assert found.code == 0 and not found.err
    listed = found.out.split("Commands:")[1]
    assert [line.split()[0] for line in listed.splitlines() if line.strip()] == [*COMMANDS, "data"]
    assert "..." not in listed, "a summary is too long for its line"


def test_nothing_at_all_is_a_call_for_help(cli: Cli) -> None:
    assert cli() == cli("--help")


@pytest.mark.parametrize("name", [*COMMANDS, "data show"])
def test_each_command_explains_itself(cli: Cli, name: str) -> None:
    found = cli(*name.split(), "--help")
    assert found.code == 0
    assert "Usage: bpcli" in found.out and "--json" in found.out


def test_version(tmp_path: Path) -> None:
    assert bpcli("--version", cwd=tmp_path).out == f"bpcli {package.__version__}\n"


def test_blas_gets_one_thread(tmp_path: Path) -> None:
    program = "import os; from bpcli.__main__ import main; main(['--version']); print(os.environ[{!r}])"
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        env = {key: value for key, value in surroundings().items() if key != name}
        done = subprocess.run(
            [sys.executable, "-c", program.format(name)], env=env, capture_output=True, text=True
        )
        assert done.stdout.splitlines()[-1] == "1"
