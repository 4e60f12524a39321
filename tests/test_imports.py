"""The house rules that a reader relies on: who may import whom, who writes files, how long a file may be.

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

import pytest

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
    """(module, line) of everything that it imports; `from bpcli.x import y` is bpcli.x.y where that is a module."""
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
        if name.split(".")[0] == "bpcli" and level(name) > level(module.name)
    ]
    assert wrong == []


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
            assert tops <= {"numpy", "bpcli", "threadpoolctl", "cupy"}, module.name


# --- who writes ----------------------------------------------------------------------------------------

#: Modules that may open files for writing, and why.
WRITERS = {
    "bpcli.runs.durable": "the one module that writes under runs/",
    "bpcli.cli.rows": "predictions go to a file that the user names",
    "bpcli.cli.output": "sends what is left to nowhere, once the reader of a pipe has gone",
}
#: Methods of RunFolder, which go through durable, called like those of Path.
THROUGH_DURABLE = {"bpcli.runs.folder", "bpcli.train.session"}
CHANGES = {
    "rename", "replace", "remove", "unlink", "rmdir", "mkdir", "makedirs", "symlink", "link", "truncate",
    "ftruncate", "rmtree", "copy", "copyfile", "move",
}  # fmt: skip


def writes(module: Module) -> Iterator[tuple[int, str]]:
    for node in walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        owner = (
            function.value.id
            if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
            else ""
        )
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        texts = [arg.value for arg in given if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        if (
            name == "open"
            and owner != "os"
            and any(set(text) <= set("rwaxbt+U") and set(text) & set("wax+") for text in texts)
        ):
            yield node.lineno, ast.unparse(node)
        elif (
            name == "open"
            and owner == "os"
            and any(word in ast.unparse(node) for word in ("O_WRONLY", "O_RDWR", "O_CREAT"))
        ):
            yield node.lineno, ast.unparse(node)
        elif name in {"write_text", "write_bytes", "touch", "tofile", "savez", "dump"} and owner not in {
            "durable"
        }:
            yield node.lineno, ast.unparse(node)
        elif owner in {"os", "shutil"} and name in CHANGES:
            yield node.lineno, ast.unparse(node)


def test_one_module_writes() -> None:
    wrong = [
        f"{module.name}:{line} {text}"
        for module in modules()
        if module.name not in WRITERS
        for line, text in writes(module)
        if not (module.name in THROUGH_DURABLE and "folder.write_text(" in text)
        and "dump("
        not in text.replace("model_dump(", "").replace("yaml.dump(", "").replace("write.dump(", "")[:5]
        and not text.startswith(("yaml.dump(", "dump("))
    ]
    assert wrong == []


def test_the_exceptions_are_still_needed() -> None:
    for module in modules():
        if module.name in WRITERS:
            assert list(writes(module)), f"{module.name} writes nothing any more"


def test_what_writes_is_seen() -> None:
    """The detector itself: each of these would be found."""
    for text in (
        "open('a', 'w')", "open(path, mode='ab')", "path.open('x')", "path.write_text('')", "p.write_bytes(b)",
        "os.open(p, os.O_WRONLY)", "os.replace(a, b)", "shutil.rmtree(a)", "np.savez(f, a=1)", "os.mkdir(p)",
    ):  # fmt: skip
        assert list(writes(Module("m", Path(), ast.parse(text)))), text
    for text in (
        "open('a')",
        "open(path, 'rb')",
        "path.open('r')",
        "os.open(p, os.O_RDONLY)",
        "a.replace('b', 'c')",
    ):
        assert not list(writes(Module("m", Path(), ast.parse(text)))), text


# --- size and manners ----------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["bpcli", "tests", "scripts", "benchmarks"])
def test_no_file_is_longer_than_300_lines(folder: str) -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in (ROOT / folder).rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 300
    }
    assert long == {}


def test_every_module_postpones_annotations_and_opens_with_what_it_is() -> None:
    for module in modules():
        if not module.tree.body:
            continue
        told = ast.get_docstring(module.tree)
        component = any(
            isinstance(node, ast.ClassDef) and ast.get_docstring(node) for node in module.tree.body
        )
        assert told or component, f"{module.path} does not say what it is"
        if module.path.name != "__init__.py":
            assert "from __future__ import annotations" in module.path.read_text(encoding="utf-8"), (
                module.path
            )


def test_nothing_prints_or_asks_outside_the_command_line() -> None:
    for module in modules():
        if module.name.startswith(("bpcli.cli", "bpcli.__main__")):
            continue
        for node in walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"print", "input", "exit", "eval", "exec", "breakpoint"}, (
                    f"{module.path}:{node.lineno}"
                )
