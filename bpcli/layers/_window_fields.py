"""The fields of layers with windows (size, stride, padding), and the axes that they give."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, NonNegativeInt, PositiveInt
from pydantic_core import PydanticCustomError

from bpcli.core.store import Decl
from bpcli.core.windows import Axes, Axis, axis
from bpcli.errors import closest
from bpcli.layers.base import Layer, Shape


class Reader:
    """Reads lists as tuples, and says in one phrase what a field takes where a value is something else."""

    def __init__(self, words: str, *names: str, least: int = 0, sides: bool = False) -> None:
        self.words, self.names, self.least, self.sides = words, names, least, sides

    def __call__(self, value: Any) -> Any:
        read = _tuples(value)
        if not (read in self.names if isinstance(read, str) else self._fits(read)):
            near = closest(read, self.names) if isinstance(read, str) else None
            hint = f"did you mean '{near}'?" if near else None
            raise PydanticCustomError("window", "expected {words}", {"words": self.words, "hint": hint})
        return read

    def _fits(self, value: Any) -> bool:
        parts = pair(value)
        if len(parts) == 2 and self.sides and all(isinstance(part, tuple) for part in parts):
            return all(map(self._is_pair, parts))
        return self._is_pair(parts)

    def _is_pair(self, value: Any) -> bool:
        return len(value) == 2 and all(type(number) is int and number >= self.least for number in value)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in cast("list[Any]", value)) if isinstance(value, list) else value


_SIDES = "a whole number, [height, width] or [[top, bottom], [left, right]]"
_ENDS = "a whole number or [before, after]"
_SIZE = Reader("a positive whole number or [height, width]", least=1)
_EXTRA = Reader("a whole number or [height, width]")
_BORDER = Reader(_SIDES, sides=True)
_PADDING_2D = Reader(f"'valid', 'same', {_SIDES}", "valid", "same", sides=True)
_PADDING_1D = Reader(f"'valid', 'same', 'causal', {_ENDS}", "valid", "same", "causal")
_POOL_1D = Reader(f"'valid', 'same', {_ENDS}", "valid", "same")

Name = Literal["valid", "same"]
Pair = tuple[PositiveInt, PositiveInt]
Ends = tuple[NonNegativeInt, NonNegativeInt]
Sides = tuple[Ends, Ends]
#: One number for both axes, or one for each.
Size2d = Annotated[PositiveInt | Pair, BeforeValidator(_SIZE)]
Extra2d = Annotated[NonNegativeInt | Ends, BeforeValidator(_EXTRA)]
#: How many zeros: by name, as many on all sides, as many on opposite sides, or each side for itself.
Padding2d = Annotated[Name | NonNegativeInt | Ends | Sides, BeforeValidator(_PADDING_2D)]
Border2d = Annotated[NonNegativeInt | Ends | Sides, BeforeValidator(_BORDER)]
#: By name, as many at both ends, or each end for itself.
Padding1d = Annotated[Name | Literal["causal"] | NonNegativeInt | Ends, BeforeValidator(_PADDING_1D)]
PoolPadding1d = Annotated[Name | NonNegativeInt | Ends, BeforeValidator(_POOL_1D)]


def pair(size: Any) -> tuple[int, int]:
    """(height, width) of a field that may be one number."""
    return cast("tuple[int, int]", size) if isinstance(size, tuple) else (size, size)


def ends(padding: Any) -> Any:
    """The padding of one axis: a name, or (before, after)."""
    return padding if isinstance(padding, str) else pair(padding)


def sides(padding: Any) -> tuple[Any, Any]:
    """The padding of each of the two axes of an image."""
    down, across = pair(padding)
    return ends(down), ends(across)


def axes_2d(shape: Shape, kernel: Any, stride: Any = 1, dilation: Any = 1, padding: Any = "valid") -> Axes:
    """The two axes of an image (..., h, w, c), from a layer's fields."""
    fields = zip(shape[-3:-1], pair(kernel), pair(stride), pair(dilation), sides(padding), strict=True)
    down, across = (axis(*each) for each in fields)
    return down, across


def axis_1d(shape: Shape, kernel: int, stride: int = 1, dilation: int = 1, padding: Any = "valid") -> Axis:
    """The axis of a sequence (..., t, c), from a layer's fields."""
    return axis(shape[-2], kernel, stride, dilation, ends(padding))


def check_shape(decl: Decl, layer: Layer, shape: Shape, axes: str) -> None:
    """An error unless the input has these axes, "tc" or "hwc"."""
    if len(shape) != len(axes) or not all(shape):
        wanted = f"({', '.join(axes)})"
        raise decl.error(
            f"{layer.type} takes inputs of shape {wanted}, got {tuple(shape)}",
            "the channels come last; a reshape layer before it can give the shape",
        )


def check_windows(decl: Decl, layer: Layer, axes: tuple[Axis, ...]) -> None:
    """An error unless there is at least one window."""
    for a in axes:
        if a.out < 1:
            raise decl.error(
                f"a window of {layer.type} spans {a.span} values, and there are only {a.padded} with padding",
                "make the window smaller, pad, or have fewer strides and pools before it",
            )


def check_between(decl: Decl, layer: Layer, shape: Shape) -> None:
    """An error unless there are axes between batch and channels, with values on them."""
    if len(shape) < 2 or not all(shape):
        raise decl.error(
            f"{layer.type} takes inputs of shape (t, c) or (h, w, c), got {tuple(shape)}",
            "it goes between the convolutions and the dense layers",
        )
