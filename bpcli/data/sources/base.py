"""A data source reads a file once, whole, and gives named columns."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from bpcli.spec.base import Component

if TYPE_CHECKING:
    from bpcli.data.records import Records
    from bpcli.files import Files


@dataclass(frozen=True, slots=True)
class Layout:
    """What the training file looked like: name -> kind of its columns, its targets, its width if unnamed.

    `weight` is the column of sample weights, where there was one.
    """

    kinds: Mapping[str, str]
    targets: tuple[str, ...] = ()
    width: int = 0
    weight: str = ""

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(name for name in self.kinds if name not in self.targets)


class Source(Component):
    """Where rows come from. Errors name the file, the row and the column."""

    #: The fields that hold the path of a file or folder.
    paths: ClassVar[tuple[str, ...]] = ("path",)

    @abstractmethod
    def read(self, files: Files, *, target: bool = True) -> Records:
        """All rows, in the file's order. With `target=False` (predict) the target may be absent."""

    @abstractmethod
    def at(self, path: str) -> Source:
        """The same source over another file, for `evaluate --data` and `predict --data`."""

    def read_like(self, files: Files, layout: Layout, *, target: bool = True) -> Records:
        """Rows for a net that was trained on another file.

        A source whose kinds depend on the content (the text "1" or the number 1) overrides this.
        """
        return self.read(files, target=target)
