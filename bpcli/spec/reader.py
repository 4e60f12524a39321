"""Text of a config file -> tree of nodes with places.

PyYAML's scanner and parser give events; the tree is built here, without recursion, so that what YAML
can do and a config must not (anchors, aliases, merge keys, tags, several documents, keys that are not
text, the same key twice) is refused with its place, and values follow YAML 1.2 (spec/scalars.py). The
pure Python parser is used on purpose: the C one crashes on deep nesting.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path as FilePath
from typing import Any

from bpcli.errors import ConfigError, Problem
from bpcli.spec.nodes import MAX_DEPTH, MAX_VALUES, Node, Path, Place, Problems
from bpcli.spec.scalars import clip, plain_scalar, show
from bpcli.spec.syntax import sentence

MAX_BYTES = 1 << 20

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_UNUSABLE = re.compile("[\x00\ud800-\udfff]")


def read_config(file: FilePath) -> str:
    """The text of a config file, less a byte order mark. ConfigError unless it is UTF-8 of a sane size."""
    try:
        with open(file, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"the config cannot be read: {reason}", file=str(file)) from None
    if len(data) > MAX_BYTES:
        raise ConfigError("the file is larger than 1 MiB, too large for a config", file=str(file))
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ConfigError(
            "the file is UTF-16 text", hint="save it as UTF-8", file=str(file), line=1, column=1
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise ConfigError(
            f"byte 0x{data[error.start]:02x} is not UTF-8 text",
            hint="save the file as UTF-8",
            file=str(file),
            line=before.count(b"\n") + 1,
            column=len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1,
        ) from None


def parse(text: str, file: str | None, problems: Problems, note: str = "") -> Node | None:
    """The tree of one YAML document, or None if there is nothing in it.

    A syntax error is raised alone, as what follows it means nothing; everything else that is refused goes
    to `problems`, and reading continues.
    """
    if found := _UNPRINTABLE.search(text):
        before = text[: found.start()].splitlines() or [""]
        column = len(before[-1]) + 1 if not text[: found.start()].endswith(("\n", "\r")) else 1
        line = text.count("\n", 0, found.start()) + 1
        what = "a NUL character" if found[0] == "\0" else f"the control character U+{ord(found[0]):04X}"
        hint = "it may be a binary file, or UTF-16 text" if found[0] == "\0" else "remove it"
        problems.found.clear()
        problems.add(f"the text contains {what}", _place(file, line, column, note), hint=hint, code="BP211")
        problems.raise_all()
    return _Reader(text, file, problems, note).read()


def _place(file: str | None, line: int, column: int, note: str) -> Place:
    return Place(None, None, None, note) if note else Place(file, line, column)


class _Open:
    """A list or mapping whose end has not come yet."""

    def __init__(self, node: Node, path: Path) -> None:
        self.node = node
        self.path = path
        self.key: str | None = None  # the key that waits for its value
        self.key_place: Place | None = None
        self.expects_key = isinstance(node.value, dict)
        self.drop = False  # the value that follows belongs to a refused key


class _Reader:
    def __init__(self, text: str, file: str | None, problems: Problems, note: str) -> None:
        self.text, self.file, self.problems, self.note = text, file, problems, note
        self.stack: list[_Open] = []
        self.root: Node | None = None
        self.values = 0

    def read(self) -> Node | None:
        # Here, and not above: `import bpcli.spec.load` need not pay for yaml.
        from yaml.error import MarkedYAMLError, YAMLError
        from yaml.parser import Parser
        from yaml.reader import Reader
        from yaml.scanner import Scanner

        class Events(Reader, Scanner, Parser):
            def __init__(self, text: str) -> None:
                Reader.__init__(self, text)
                Scanner.__init__(self)
                Parser.__init__(self)

        stream: Any = Events(self.text)
        try:
            while (event := stream.get_event()) is not None:
                if not self.take(event):
                    break
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            index, line, column = (mark.index, mark.line, mark.column) if mark else (0, 0, 0)
            if error.context and "quoted" in error.context and error.context_mark:
                line, column = error.context_mark.line, error.context_mark.column  # where it was opened
            message, hint = sentence(error.context, error.problem, self.text[max(0, index - 2) : index])
            if "is not closed" in message and error.context_mark:
                message += f" (opened in line {error.context_mark.line + 1})"
            self.fail(message, line + 1, column + 1, hint)
        except (
            YAMLError,
            ValueError,
            IndexError,
            KeyError,
            AttributeError,
            OverflowError,
            RecursionError,
        ) as error:
            # PyYAML lets some of Python's own errors through, for example for "\U00110000".
            self.fail(
                f"this is not valid YAML ({clip(str(error)) or type(error).__name__})",
                stream.line + 1,
                stream.column + 1,
                None,
            )
        return self.root

    def fail(self, message: str, line: int, column: int, hint: str | None) -> None:
        place = _place(self.file, line, column, self.note)
        raise ConfigError(
            Problem(
                f"{message} ({place.note})" if place.note else message,
                place.file, place.line, place.column, None, hint, "BP211",
            )
        ) from None  # fmt: skip

    # -- events ------------------------------------------------------------------------------------------

    def take(self, event: Any) -> bool:
        """Adds one event to the tree; false when nothing after it can be read."""
        kind = type(event).__name__
        mark = event.start_mark
        place = _place(self.file, mark.line + 1, mark.column + 1, self.note) if mark else Place()
        if kind == "DocumentStartEvent":
            if self.root is not None:
                self.refuse(
                    "a second document begins here", place, hint="a config is one document; remove '---'"
                )
                return False
            if event.version or event.tags:
                self.refuse("directives (%YAML, %TAG) are not part of the config language", place)
        elif kind == "ScalarEvent":
            self.scalar(event, place)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            self.decorations(event, place)
            node = Node({} if kind == "MappingStartEvent" else [], place, broken=event.tag is not None)
            self.open(node)
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self.close(self.stack.pop().node)
        elif kind == "AliasEvent":
            self.refuse(
                f"aliases (*{clip(event.anchor)}) are not part of the config language", place,
                hint="repeat the value, or use vars and ${vars.name}; quote text that begins with *",
            )  # fmt: skip
            self.close(Node(None, place, broken=True))
        return True

    def decorations(self, event: Any, place: Place) -> None:
        if event.anchor is not None:
            self.refuse(
                f"anchors (&{clip(event.anchor)}) are not part of the config language", place,
                hint="use vars and ${vars.name}; quote text that begins with &",
            )  # fmt: skip
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.refuse(
                f"tags ({clip(tag)}) are not part of the config language", place,
                hint="quotes make text; unquoted numbers and true, false, null are what they look like",
            )  # fmt: skip

    def scalar(self, event: Any, place: Place) -> None:
        self.decorations(event, place)
        quoted = event.style is not None
        node = Node(event.value, place, quoted=quoted)
        if event.tag is not None:
            node = Node(None, place, broken=True)
        elif not quoted:
            try:
                node.value = plain_scalar(event.value)
            except ValueError as error:
                self.refuse(str(error), place, code="BP213")
                node = Node(None, place, broken=True)
        if isinstance(node.value, str) and (found := _UNUSABLE.search(node.value)):
            what = "a NUL character" if found[0] == "\0" else "half of a surrogate pair"
            self.refuse(f"the text contains {what}", place)
            node = Node(None, place, broken=True)
        node.quoted = quoted
        self.close(node)

    # -- tree --------------------------------------------------------------------------------------------

    def here(self) -> Path:
        if not self.stack:
            return ()
        top = self.stack[-1]
        if isinstance(top.node.value, list):
            return (*top.path, len(top.node.value))
        return top.path if top.key is None else (*top.path, top.key)

    def open(self, node: Node) -> None:
        if len(self.stack) >= MAX_DEPTH:
            self.fail(
                f"lists and mappings are nested more than {MAX_DEPTH} deep",
                node.place.line or 1, node.place.column or 1, None,
            )  # fmt: skip
        self.stack.append(_Open(node, self.here()))

    def close(self, node: Node) -> None:
        """Puts a finished node into what is around it."""
        self.values += 1
        if self.values > MAX_VALUES:
            message = f"the file holds more than {MAX_VALUES:,} values, too many for a config"
            self.fail(message, node.place.line or 1, node.place.column or 1, None)
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        inside = top.node.value
        if isinstance(inside, list):
            inside.append(node)
        elif top.expects_key:
            self.take_key(top, node)
        elif isinstance(inside, dict):
            if not top.drop and top.key is not None:
                node.key = top.key_place
                inside[top.key] = node
            top.key, top.drop, top.expects_key = None, False, True

    def take_key(self, top: _Open, node: Node) -> None:
        top.expects_key, top.key_place = False, node.place
        inside = top.node.value
        value = node.value
        if node.broken:
            top.drop = True
        elif value == "<<" and not node.quoted:
            self.refuse("merge keys (<<) are not part of the config language", node.place, hint="use extends")
            top.drop = top.node.partial = True
        elif not isinstance(value, str):
            word = "an empty key" if value is None else show(value)
            simple = not isinstance(value, (dict, list)) and value is not None
            hint = f'write "{show(value)}"' if simple else None
            self.refuse(f"{word} cannot be a key: keys are text", node.place, hint=hint)
            top.drop = True
        elif isinstance(inside, dict) and value in inside:
            first = inside[value].key
            where = f", first in line {first.line}" if first and first.line else ""
            self.refuse(
                f"the key {clip(value)!r} is given twice{where}", node.place, hint="remove one", code="BP215"
            )
            top.drop = True
        else:
            top.key = value

    def refuse(self, message: str, place: Place, *, hint: str | None = None, code: str = "BP211") -> None:
        path = self.here()
        self.problems.add(message, place, path, hint=hint, code=code)
