"""A disk whose power can fail: remembers what was written and what was synced, and lists what may be left.

The model is the weak one that POSIX allows. A file's bytes and its name are separate things: bytes last after
an fsync of the file, names (new, renamed, removed) after an fsync of the folder. Of what is not synced, any
part may have reached the disk: for each folder any subset of its changes of names, for each file a prefix of
its writes, half of one, or the right size with zeros in it. A single rename is all or nothing.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bpcli.runs import durable

#: A state of the disk: path -> bytes of a file, None for a folder, text for a link.
Tree = dict[str, bytes | str | None]


class Inode:
    """A file's bytes: those that last, and the writes since."""

    def __init__(self) -> None:
        self.lasting = b""
        self.pending: list[bytes | int] = []  # bytes added, or a length cut to

    def after(self, changes: int) -> bytes:
        data = self.lasting
        for change in self.pending[:changes]:
            data = data[:change] if isinstance(change, int) else data + change
        return data

    def variants(self) -> list[bytes]:
        found = [self.after(count) for count in range(len(self.pending) + 1)]
        full = found[-1]
        if len(full) > len(self.lasting):
            middle = (len(self.lasting) + len(full)) // 2
            found += [full[:middle], self.lasting + bytes(len(full) - len(self.lasting))]
        return list(dict.fromkeys(reversed(found)))


class Folder:
    """A folder's names: those that last, and the changes since."""

    def __init__(self) -> None:
        self.lasting: dict[str, Any] = {}
        self.pending: list[dict[str, Any]] = []  # name -> node, or None for a name that goes

    def after(self, chosen: list[bool]) -> dict[str, Any]:
        names = dict(self.lasting)
        for change, taken in zip(self.pending, chosen, strict=True):
            if taken:
                for name, node in change.items():
                    if node is None:
                        names.pop(name, None)
                    else:
                        names[name] = node
        return names


class PowerOs:
    """Looks like `os` to durable.py, does what it is asked, and keeps the model beside it."""

    def __init__(self, root: Path, ignore: str | None = None) -> None:
        self.root = root
        self.tree = Folder()
        self.sites: set[str] = set()  # the places in durable.py that call fsync
        self._seen: dict[frozenset[tuple[str, Any]], Tree] = {}  # what a power cut may have left so far
        self._ignore = ignore
        self._open: dict[int, Any] = {}
        self._random = random.Random(7)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def folder(self, path: Path) -> Folder:
        node: Any = self.tree
        for part in Path(path).relative_to(self.root).parts:
            node = _now(node)[part]
        return node

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = os.open(path, flags, mode)
        if os.path.isdir(path):
            self._open[descriptor] = self.folder(path)
            return descriptor
        parent = self.folder(path.parent)
        node = _now(parent).get(path.name)
        if node is None:
            node = Inode()
            parent.pending.append({path.name: node})
            self.moment()
        self._open[descriptor] = node
        return descriptor

    def close(self, descriptor: int) -> None:
        self._open.pop(descriptor, None)
        os.close(descriptor)

    def write(self, descriptor: int, data: bytes) -> int:
        self._open[descriptor].pending.append(bytes(data))
        self.moment()
        return os.write(descriptor, data)

    def ftruncate(self, descriptor: int, length: int) -> None:
        self._open[descriptor].pending.append(length)
        self.moment()
        os.ftruncate(descriptor, length)

    def fsync(self, descriptor: int) -> None:
        site = _site()
        self.sites.add(site)
        if site == self._ignore:
            return
        node = self._open[descriptor]
        if isinstance(node, Inode):
            node.lasting = node.after(len(node.pending))
        else:
            node.lasting = _now(node)
        node.pending = []
        self.moment()

    def mkdir(self, path: Path) -> None:
        os.mkdir(path)
        self.folder(path.parent).pending.append({path.name: Folder()})
        self.moment()

    def symlink(self, target: str, path: Path, **options: Any) -> None:
        os.symlink(target, path, **options)
        self.folder(path.parent).pending.append({path.name: target})
        self.moment()

    def replace(self, path: Path, to: Path) -> None:
        os.replace(path, to)
        parent = self.folder(to.parent)  # all renames stay within a folder
        parent.pending.append({to.name: _now(parent)[path.name], path.name: None})
        self.moment()

    def unlink(self, path: Path) -> None:
        os.unlink(path)
        self.folder(path.parent).pending.append({path.name: None})
        self.moment()

    def take(self) -> list[Tree]:
        """The states since the last call of this, each once; the present one also begins the next list."""
        states = list(self._seen.values())
        self._seen.clear()
        self.moment()
        return states

    def moment(self) -> None:
        """Notes the states that a power cut may leave now: the extremes, one change lost, some at random."""
        changes = sum(1 for _ in _changes(self.tree))
        plans = [[False] * changes, [True] * changes]
        plans += [[at != lost for at in range(changes)] for lost in range(changes)]
        plans += [[self._random.random() < 0.5 for _ in range(changes)] for _ in range(4)]
        for plan in plans:
            for variant in range(4):
                tree: Tree = {}
                _grow(self.tree, "", iter(plan), variant, tree)
                self._seen[frozenset(tree.items())] = tree


def _now(folder: Folder) -> dict[str, Any]:
    return folder.after([True] * len(folder.pending))


def _changes(folder: Folder) -> Iterator[dict[str, Any]]:
    yield from folder.pending
    for node in _now(folder).values():
        if isinstance(node, Folder):
            yield from _changes(node)


def _grow(folder: Folder, path: str, plan: Iterator[bool], variant: int, tree: Tree) -> None:
    names = folder.after([next(plan, True) for _ in folder.pending])
    for name, node in sorted(names.items()):
        place = f"{path}/{name}" if path else name
        if isinstance(node, Folder):
            tree[place] = None
            _grow(node, place, plan, variant, tree)
        elif isinstance(node, str):
            tree[place] = node
        else:
            variants = node.variants()
            tree[place] = variants[min(variant, len(variants) - 1)]


def _site() -> str:
    """The functions of durable.py on the way to this fsync, the innermost last: 'replace > _sync_folder'."""
    names: list[str] = []
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename == durable.__file__:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return " > ".join(reversed(names))


def build(tree: Tree, root: Path) -> None:
    """Puts a state on a real disk."""
    for name, value in tree.items():
        path = root / name
        if value is None:
            path.mkdir()
        elif isinstance(value, str):
            path.symlink_to(value)
        else:
            path.write_bytes(value)
