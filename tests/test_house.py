"""House rules that a reader relies on: who writes files, who prints, how long a file may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_imports import ROOT, Module, modules, walk

#: Modules that may open files for writing, and why.
WRITERS = {
    "bpcli.runs.durable": "the one module that writes under runs/",
    "bpcli.runs.checkpoint": "opens by number, for reading, so that no link is followed",
    "bpcli.cli.rows": "predictions go to a file that the user names",
    "bpcli.cli.output": "sends what is left to nowhere, once the reader of a pipe has gone",
}
#: Functions of os and shutil that change what is on the disk.
CHANGES = {
    "rename", "replace", "remove", "unlink", "rmdir", "mkdir", "makedirs", "symlink", "link", "truncate",
    "ftruncate", "rmtree", "copy", "copyfile", "move",
}  # fmt: skip


def mode(call: ast.Call, is_method: bool) -> str:
    """The mode that a call of open is given: the second argument of the function, the first of the method."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    at = 0 if is_method else 1
    given = named or call.args[at : at + 1]
    if not given:
        return "r"
    return given[0].value if isinstance(given[0], ast.Constant) and isinstance(given[0].value, str) else "?"


def is_write(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id == "open" and bool(set(mode(call, False)) & set("wax+?"))
    if not isinstance(function, ast.Attribute):
        return False
    name = function.attr
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    if name == "open" and owner == "os":
        return "O_RDONLY" not in ast.unparse(call)
    if name == "open":
        return bool(set(mode(call, True)) & set("wax+"))
    if owner in {"os", "shutil"}:
        return name in CHANGES
    if owner in {"json", "pickle", "np"}:
        return name in {"dump", "save", "savez", "savez_compressed", "savetxt"}
    return name in {"write_text", "write_bytes", "touch", "tofile"} and owner != "folder"


def writes(module: Module) -> Iterator[tuple[int, str]]:
    """(line, code) of every call that may change a file. A run's `folder` goes through durable."""
    for node in walk(module.tree):
        if isinstance(node, ast.Call) and is_write(node):
            yield node.lineno, ast.unparse(node)


def test_one_module_writes() -> None:
    wrong = [
        f"{module.name}:{line} {text}"
        for module in modules()
        if module.name not in WRITERS
        for line, text in writes(module)
    ]
    assert wrong == []


def test_the_exceptions_are_still_needed() -> None:
    for module in modules():
        if module.name in WRITERS:
            assert list(writes(module)), f"{module.name} writes nothing any more"


def test_what_writes_is_seen() -> None:
    """The detector itself: each of these would be found."""
    for text in (
        "open('a', 'w')", "open(path, mode='ab')", "path.open('x')", "path.write_text('')",
        "p.write_bytes(b)",
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
