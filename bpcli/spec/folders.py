"""A data path that a base config names lies in the base's folder, whoever extends it."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import TYPE_CHECKING, cast

from bpcli.files import Files
from bpcli.spec.nodes import Node
from bpcli.spec.registry import family

if TYPE_CHECKING:
    from bpcli.data.sources.base import Source

_SOURCES = ("source", "val_source", "test_source")


def move_paths(root: Node, folder: FilePath) -> None:
    """Rewrites, in place, the data paths that come from a base in another folder, to be read from `folder`.

    What is written in the config itself, or on the command line, stays; so does what is not in the base's
    folder but where any config may find it: the working directory, or the data that bpcli ships.
    """
    data = root.child("data")
    for name in _SOURCES if data is not None else ():
        source = data.child(name) if data is not None else None
        kind = source.child("type") if source is not None else None
        if source is None or kind is None or not isinstance(kind.value, str):
            continue
        try:
            cls = cast("type[Source]", family("sources")[kind.value])
        except KeyError:
            continue  # the schema says so
        for key in cls.paths:
            node = source.child(key)
            if (
                node is not None
                and isinstance(node.value, str)
                and node.place.file not in (None, root.place.file)
            ):
                node.value = _moved(node.value, FilePath(str(node.place.file)).parent, folder)


def _moved(path: str, base: FilePath, folder: FilePath) -> str:
    given = FilePath(path).expanduser()
    if given.is_absolute() or base == folder:
        return path
    own = base / given
    try:
        if not own.exists() and any(place.exists() for place in Files(folder).candidates(path)):
            return path
    except (OSError, ValueError):
        return path
    # By its names, not through links: `..` behind a link leads elsewhere. A base is named from `folder` on.
    return str(own.relative_to(folder) if own.is_relative_to(folder) else own.absolute())
