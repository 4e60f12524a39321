"""`${vars.width}`, `${env:NAME}` and `${env:NAME:-default}`: values used in several places, without code.

A value that is one reference takes over the type of what it refers to; a reference inside text gives
text. `$${` stands for `${` itself. References do not nest, and vars may refer to the environment only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from bpcli.errors import closest
from bpcli.spec.nodes import Node, Path, Place, Problems
from bpcli.spec.scalars import Scalar, clip, plain_scalar

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_ENV = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)

#: What all substitutions together may add: values, and characters of text.
MAX_ADDED = 200_000


class _Bad(Exception):
    """A reference that cannot be resolved: message, and hint."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class References:
    """Substitutes the references of one tree in place; `vars` is taken out of it."""

    def __init__(self, problems: Problems, environment: Mapping[str, str] | None = None) -> None:
        self.problems = problems
        self.environment = os.environ if environment is None else environment
        self.vars: Node | None = None
        self.added = 0

    def substitute(self, root: Node) -> None:
        if not isinstance(root.value, dict):
            return
        given = root.value.pop("vars", None)
        if given is not None and not given.broken and given.value is not None:
            if isinstance(given.value, dict):
                self.walk(given, ("vars",))
                self.vars = given
            else:
                self.problems.add(
                    "expected a mapping of names to values", given.place, ("vars",), code="BP218"
                )
        self.walk(root, ())

    def walk(self, node: Node, path: Path) -> None:
        if isinstance(node.value, dict):
            for key, child in node.value.items():
                self.walk(child, (*path, key))
        elif isinstance(node.value, list):
            for index, child in enumerate(node.value):
                self.walk(child, (*path, index))
        elif isinstance(node.value, str) and "${" in node.value:
            try:
                self.resolve(node, node.value, path)
            except _Bad as bad:
                self.problems.add(str(bad), node.place, path, hint=bad.hint, code="BP218")
                node.value, node.broken = None, True

    def resolve(self, node: Node, text: str, path: Path) -> None:
        whole = _REFERENCE.fullmatch(text)
        if whole and whole[1] is not None:
            found = self.look_up(whole[1], path)
            note = f"from {clip(whole[1].split(':-')[0])}"
            if isinstance(found, Node):
                self.spend(sum(1 for _ in _every(found)), node, path)
                twin = found.copy()
                for part in _every(twin):
                    part.place, part.key = _noted(node.place, note), None
                node.value, node.broken, node.quoted = twin.value, twin.broken, twin.quoted
            else:
                node.value, node.quoted = self.scalar(found), False
            node.place = _noted(node.place, note)
            return
        pieces, end = list[str](), 0
        for match in _REFERENCE.finditer(text):
            pieces.append(text[end : match.start()])
            pieces.append("${" if match[0] == "$${" else self.as_text(match[1], path))
            end = match.end()
        node.value = "".join([*pieces, text[end:]])
        node.quoted = True  # it is text, whatever it looks like
        self.spend(len(node.value), node, path)

    def as_text(self, inside: str | None, path: Path) -> str:
        if inside is None:
            raise _Bad(
                "a reference is not closed, or holds another one",
                "write ${vars.name}; $${ stands for ${ itself",
            )
        found = self.look_up(inside, path)
        if isinstance(found, str):
            return found
        if isinstance(found.value, (dict, list)):
            raise _Bad(f"${{{clip(inside)}}} is not a single value, so it cannot be part of a text")
        value = found.value
        return (
            {True: "true", False: "false"}[value]
            if isinstance(value, bool)
            else ""
            if value is None
            else str(value)
        )

    def look_up(self, inside: str, path: Path) -> Node | str:
        """The node of a variable, or the text of an environment variable."""
        if found := _ENV.fullmatch(inside):
            name, default = found[1], found[2]
            value = self.environment.get(name)
            if value or (value is not None and default is None):
                return value
            if default is not None:
                return default
            raise _Bad(
                f"the environment variable {clip(name)} is not set",
                f"set it, or write ${{env:{clip(name)}:-default}}",
            )
        if not inside.startswith("vars."):
            near = inside if self.vars and self.vars.child(inside.split(".")[0]) else None
            hint = (
                f"did you mean ${{vars.{clip(near)}}}?"
                if near
                else "write ${vars.name} or ${env:NAME}; $${ stands for ${ itself"
            )
            raise _Bad(f"${{{clip(inside)}}} refers to nothing", hint)
        if path[:1] == ("vars",):
            raise _Bad("a variable cannot refer to another variable", "vars may use ${env:NAME} only")
        node = self.vars
        for depth, name in enumerate(inside.split(".")[1:], start=1):
            known = node.value if node is not None and isinstance(node.value, dict) else {}
            if name not in known:
                near = closest(name, known)
                scope = ".".join(inside.split(".")[:depth])
                hint = (
                    f"did you mean '{clip(near)}'?"
                    if near
                    else f"known in {clip(scope)}: {clip(', '.join(known)) or 'nothing'}"
                )
                raise _Bad(f"there is no variable {clip(inside)}", hint)
            node = known[name]
        assert node is not None  # the split has at least one name
        return node

    def scalar(self, text: str) -> Scalar:
        try:
            return plain_scalar(text)
        except ValueError as error:
            raise _Bad(str(error)) from None

    def spend(self, amount: int, node: Node, path: Path) -> None:
        """Counts what a reference adds; past the limit nothing more is read."""
        self.added += amount
        if self.added > MAX_ADDED:
            message = "the references together blow the config up to an unreasonable size"
            self.problems.add(message, node.place, path, code="BP218")
            self.problems.raise_all()


def _noted(place: Place, note: str) -> Place:
    return Place(place.file, place.line, place.column, f"{note}, {place.note}" if place.note else note)


def _every(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children():
        yield from _every(child)


def escape(text: str) -> str:
    """Text that reads back as itself: the inverse of `$${`."""
    return text.replace("${", "$${")
