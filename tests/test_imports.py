"""Imports run one way, and every third-party package has its place.

    cli -> train, runs -> methods -> layers, losses, optimizers, … -> core -> numpy

Held by reading the source of every module; what only type checkers import does not count.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "bpcli"

#: Lower may not import higher. Names that are longer win: bpcli.spec.base is not as high as bpcli.spec.
LEVELS = {
    "bpcli.errors": 0,
    "bpcli.files": 0,
    "bpcli.spec.base": 0,
    "bpcli.core": 1,
    "bpcli.spec.registry": 1,
    "bpcli.spec": 5,  # the loader knows every family
    "bpcli.data.records": 1,
    "bpcli.data.batches": 2,
    "bpcli.activations": 2,
    "bpcli.initializers": 2,
    "bpcli.schedules": 2,
    "bpcli.regularizers": 2,
    "bpcli.optimizers": 2,
    "bpcli.losses": 2,
    "bpcli.metrics": 2,
    "bpcli.layers": 2,
    "bpcli.data": 2,
    "bpcli.callbacks": 3,
    "bpcli.methods": 3,
    "bpcli.runs": 5,
    "bpcli.train": 6,
    "bpcli": 7,  # the API
    "bpcli.cli": 8,
    "bpcli.__main__": 9,
}
#: What a third-party package is for, and where alone it may be imported.
ONLY_IN = {
    "rich": ("bpcli.cli.view", "bpcli.cli.live"),
    "typer": ("bpcli.cli", "bpcli.__main__"),
    "yaml": ("bpcli.spec",),
    "safetensors": ("bpcli.runs.checkpoint",),
    "filelock": ("bpcli.runs.lock",),
    "threadpoolctl": ("bpcli.core.backend", "bpcli.train.environment"),
    "cupy": ("bpcli.core.backend",),
    "numba": ("bpcli.core.compiled",),
    "llvmlite": ("bpcli.core.compiled._blas",),
    "PIL": ("bpcli.data.images",),
    "matplotlib": ("bpcli.cli.plot",),
    "tokenizers": ("bpcli.data.bytepair",),
    "pydantic": None,
    "pydantic_core": None,
    "numpy": None,
}


@dataclass(frozen=True)
class Module:
    name: str
    path: Path
    tree: ast.Module


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found.append(Module(name, path, ast.parse(path.read_text(encoding="utf-8"))))
    return tuple(found)


def is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs: inside functions too, but not below `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if is_for_type_checkers(child):
            assert isinstance(child, ast.If)
            for other in child.orelse:
                yield from walk(other)
        else:
            yield child
            yield from walk(child)


def imports(module: Module) -> Iterator[tuple[str, int]]:
    """(module, line) of everything it imports; `from bpcli.x import y` is bpcli.x.y if that is a module."""
    known = {other.name for other in modules()}
    for node in walk(module.tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.name}:{node.lineno} a relative import"
            for name in node.names:
                full = f"{node.module}.{name.name}"
                yield (full if full in known else str(node.module)), node.lineno


def level(name: str) -> int:
    parts = name.split(".")
    while ".".join(parts) not in LEVELS:
        parts.pop()
    return LEVELS[".".join(parts)]


def test_imports_run_one_way() -> None:
    wrong = [
        f"{module.name}:{line} imports {name}"
        for module in modules()
        for name, line in imports(module)
        if name.startswith("bpcli.") and level(name) > level(module.name)
    ]
    assert wrong == []


def test_of_the_package_itself_only_the_version_is_asked_for() -> None:
    for module in modules():
        for node in walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module == "bpcli":
                submodules = {name.name for name in node.names} - {"__version__"}
                known = {other.name for other in modules()}
                assert all(f"bpcli.{name}" in known for name in submodules), f"{module.path}:{node.lineno}"


def test_every_module_has_a_place_in_the_order() -> None:
    """A new package must be given one: falling back to the root's would let it import anything."""
    placed = {name.split(".")[1] for name in LEVELS if name != "bpcli"}
    assert {module.name.split(".")[1] for module in modules() if "." in module.name} <= placed


def test_the_whole_experiment_is_known_only_at_the_top() -> None:
    users = {
        module.name
        for module in modules()
        for name, _ in imports(module)
        if name.startswith("bpcli.spec.experiment")
    }
    assert all(user.startswith(("bpcli.spec", "bpcli.train", "bpcli.cli")) for user in users), users


def test_components_of_a_family_do_not_know_their_trainer() -> None:
    low = [module for module in modules() if level(module.name) <= 3]
    assert len(low) > 60
    for module in low:
        for name, line in imports(module):
            assert not name.startswith(("bpcli.train", "bpcli.runs", "bpcli.cli")), f"{module.path}:{line}"


def test_third_party_packages_are_imported_where_they_belong() -> None:
    wrong = []
    for module in modules():
        for name, line in imports(module):
            top = name.split(".")[0]
            if top == "bpcli" or top in sys.stdlib_module_names:
                continue
            places = ONLY_IN.get(top, ())
            if places is not None and not any(
                module.name == place or module.name.startswith(f"{place}.") for place in places
            ):
                wrong.append(f"{module.name}:{line} imports {name}")
    assert wrong == []


def test_core_needs_numpy_and_nothing_else() -> None:
    for module in modules():
        if module.name.startswith("bpcli.core"):
            tops = {name.split(".")[0] for name, _ in imports(module)} - set(sys.stdlib_module_names)
            compiled = {"numba", "llvmlite"} if module.name.startswith("bpcli.core.compiled") else set[str]()
            assert tops <= {"numpy", "bpcli", "threadpoolctl", "cupy"} | compiled, module.name
