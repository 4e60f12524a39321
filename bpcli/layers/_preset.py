"""A preset: a name for a tree of visible layers."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal

from bpcli.core.ctx import Ctx
from bpcli.core.store import Decl, Tree
from bpcli.layers.base import Layer, Shape
from bpcli.layers.sequential import Sequential


class Preset(Layer):
    """Has no maths of its own: `expand` gives the layers, and only they are built and run."""

    head: Literal["auto", "none"] = "auto"

    @abstractmethod
    def layers_of(self) -> list[dict[str, Any] | Layer | str]:
        """The layers that the preset stands for, as a config would write them."""

    def expand(self) -> Layer:
        fields = {"layers": self.layers_of(), "head": self.head, "name": self.name, "from": self.from_}
        return Sequential.model_validate(fields).expand()

    def build(self, shape: Shape, decl: Decl) -> Shape:
        raise TypeError(f"{self.type} is a preset: expand() it before it is built")

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        raise TypeError(f"{self.type} is a preset: expand() it before it is run")

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        raise TypeError(f"{self.type} is a preset: expand() it before it is run")
