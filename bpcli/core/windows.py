"""Windows that slide over an array: where they lie, and their values as the rows of a matrix.

With each window as a row, a convolution is a matrix product. Building that matrix (im2col) is a copy out of
a strided view, and only of a tile of the output at a time: one tile stays in the processor's cache, where
the whole matrix would be kernel height times width as large as the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from bpcli.core.backend import Backend

#: Numbers in one tile's matrix: two megabytes in float32. Smaller ones would stay in a core's own cache, but
#: threads get in each other's way where a tile's work is short.
TILE = 1 << 19
#: Rows of a tile's matrix at least, so that a product with a large weight matrix reads it seldom enough.
TILE_ROWS = 256
#: A copy of runs shorter than this is slower than one that goes along the image instead.
SHORT_RUN = 12

Padding = Literal["valid", "same", "causal"] | tuple[int, int]


@dataclass(frozen=True, slots=True)
class Axis:
    """How windows of `kernel` taps lie on one axis of `size` values, with zeros `before` and `after` it."""

    size: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    @property
    def span(self) -> int:
        """The values from a window's first tap to its last."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def padded(self) -> int:
        return self.before + self.size + self.after

    @property
    def out(self) -> int:
        """How many windows there are; none or fewer where the kernel does not fit."""
        return (self.padded - self.span) // self.stride + 1

    @property
    def inside(self) -> slice:
        """Where the values lie among the padded ones."""
        return slice(max(self.before, 0), self.padded - max(self.after, 0))

    @property
    def kept(self) -> slice:
        """The values that negative padding does not cut off."""
        return slice(max(-self.before, 0), self.size - max(-self.after, 0))

    def reach(self, tap: int, windows: slice | None = None) -> slice:
        """The padded values under one tap, for all windows or for some of them."""
        first, last = (0, self.out) if windows is None else (windows.start, windows.stop)
        start = tap * self.dilation + first * self.stride
        return slice(start, start + (last - first - 1) * self.stride + 1, self.stride)

    def pairs(self, tap: int) -> tuple[slice, slice]:
        """The windows whose tap lies on a value and not on padding, and those values, without padding."""
        offset = tap * self.dilation - self.before
        first = max(0, -(offset // self.stride))
        last = min(self.out, (self.size - 1 - offset) // self.stride + 1)
        if last <= first:
            return slice(0, 0), slice(0, 0)
        start = first * self.stride + offset
        return slice(first, last), slice(start, start + (last - first - 1) * self.stride + 1, self.stride)

    def flipped(self) -> Axis:
        """Where the windows lie on dy, for dx as a correlation of dy with the flipped kernel (stride 1)."""
        return Axis(
            self.out,
            self.kernel,
            dilation=self.dilation,
            before=self.span - 1 - self.before,
            after=self.size - self.out + self.before,
        )

    def onto(self, value: int) -> tuple[int, Axis]:
        """For dx at `value`, `value` + stride, …: the first of the taps that reach them, which are a stride
        apart, and where the windows lie on dy for a correlation with these taps reversed (dilation 1)."""
        window, tap = divmod(value + self.before, self.stride)
        taps = len(range(tap, self.kernel, self.stride))
        values = len(range(value, self.size, self.stride))
        return tap, Axis(self.out, taps, before=taps - 1 - window, after=values + window - self.out)


Axes = tuple[Axis, Axis]


def axis(size: int, kernel: int, stride: int, dilation: int, padding: Padding) -> Axis:
    """The axis for a padding by name or by numbers.

    "valid" is none; "same" gives ⌈size / stride⌉ windows, an odd zero going after the values (Keras and
    TensorFlow; PyTorch has it for stride 1 only); "causal" puts all zeros before them.
    """
    bare = Axis(size, kernel, stride, dilation)
    if padding == "valid":
        return bare
    if padding == "same":
        total = max((-(-size // stride) - 1) * stride + bare.span - size, 0)
        before, after = total // 2, total - total // 2
    elif padding == "causal":
        before, after = bare.span - 1, 0
    else:
        before, after = padding
    return Axis(size, kernel, stride, dilation, before, after)


def pad_size(axes: Axes, c: int) -> int:
    """Numbers in a padded image of c channels; none where nothing is padded."""
    h, w = axes
    return 0 if is_bare(axes) else h.padded * w.padded * c


def is_bare(axes: Axes) -> bool:
    """Whether there is no padding at all."""
    return all(a.before == a.after == 0 for a in axes)


def pad(x: Any, axes: Axes, scratch: Any) -> Any:
    """x (n, h, w, c) with zeros around it, in scratch (flat); negative padding cuts off instead."""
    if is_bare(axes):
        return x
    h, w = axes
    padded = framed(len(x), axes, x.shape[3], scratch)
    _zeros_around(padded, axes)
    padded[:, h.inside, w.inside] = x[:, h.kept, w.kept]
    return padded


def framed(n: int, axes: Axes, c: int, scratch: Any) -> Any:
    """The part of scratch (flat) that holds n padded images of c channels."""
    shape = (n, axes[0].padded, axes[1].padded, c)
    return scratch[: prod(shape)].reshape(shape)


def windows(x: Any, axes: Axes, xp: Any) -> Any:
    """All windows of a padded x (n, h, w, c), as a view (n, windows down, windows across, kh, kw, c)."""
    (n, _, _, c), (sn, sh, sw, sc) = x.shape, x.strides
    h, w = axes
    shape = (n, h.out, w.out, h.kernel, w.kernel, c)
    strides = (sn, sh * h.stride, sw * w.stride, sh * h.dilation, sw * w.dilation, sc)
    return xp.lib.stride_tricks.as_strided(x, shape, strides)


class Sliding:
    """The windows of some images of x (n, h, w, c) at a time: of a padded copy, or of a bare x itself.

    What does not depend on the images is made once: the view of all windows, and the zeros around the copy.
    `border` (flat) has room for `images` padded images.
    """

    def __init__(self, x: Any, axes: Axes, images: int, border: Any, xp: Any) -> None:
        h, w = axes
        self._inner: Any = None
        if is_bare(axes):
            self._view = windows(x, axes, xp)
            return
        padded = framed(images, axes, x.shape[3], border)
        _zeros_around(padded, axes)
        self._x, self._inner = x[:, h.kept, w.kept], padded[:, h.inside, w.inside]
        self._view = windows(padded, axes, xp)

    def of(self, some: slice) -> Any:
        """The windows (n, windows down, windows across, kh, kw, c) of these images; valid until the next."""
        if self._inner is None:
            return self._view[some]
        n = some.stop - some.start
        self._inner[:n] = self._x[some]
        return self._view[:n]


def _zeros_around(padded: Any, axes: Axes) -> None:
    h, w = axes
    padded[:, : h.inside.start] = 0
    padded[:, h.inside.stop :] = 0
    padded[:, :, : w.inside.start] = 0
    padded[:, :, w.inside.stop :] = 0


def rows(view: Any, groups: int, scratch: Any, backend: Backend) -> Any:
    """Windows (n, a, b, kh, kw, c) copied into scratch (flat) as matrices (groups, n·a·b, kh·kw·c/groups)."""
    n, a, b, kh, kw, c = view.shape
    split = view.reshape(n, a, b, kh, kw, groups, c // groups)  # still a view
    m, k = n * a * b, kh * kw * (c // groups)
    run = kw * c if groups == 1 else c // groups
    if run < min(SHORT_RUN, b):  # few channels: each tap's values of all windows in a row, then transposed
        by_tap = split.transpose(5, 3, 4, 6, 0, 1, 2)
        held = scratch[: view.size].reshape(by_tap.shape)
        held[...] = by_tap
        return held.reshape(groups, k, m).swapaxes(1, 2)
    if groups == 1 and view.strides[4:] == (c * view.itemsize, view.itemsize):  # taps side by side
        held = scratch[: view.size].reshape(n, a, b, kh, run)
        backend.copy_runs(view.reshape(held.shape), held)
        return held.reshape(1, m, k)
    by_window = split.transpose(5, 0, 1, 2, 3, 4, 6)
    held = scratch[: view.size].reshape(by_window.shape)
    held[...] = by_window
    return held.reshape(groups, m, k)


def batches(block: slice, images: int) -> Iterator[slice]:
    """A block of images, so many at a time."""
    for start in range(block.start, block.stop, images):
        yield slice(start, min(start + images, block.stop))


@dataclass(frozen=True, slots=True)
class Tiling:
    """Windows (n, down, across) cut into tiles: whole images, or some lines of one image.

    The cut does not depend on the batch size, so neither do the buffers.
    """

    images: int
    lines: int
    down: int
    across: int

    @classmethod
    def of(cls, axes: Axes, k: int) -> Tiling:
        """Tiles with about TILE numbers in their matrix of k columns."""
        down, across = axes[0].out, axes[1].out
        target = max(TILE // k, TILE_ROWS)
        images = max(1, target // (down * across))
        return cls(images, down if images > 1 else max(1, min(down, target // across)), down, across)

    @property
    def rows(self) -> int:
        """Windows in the largest tile."""
        return self.images * self.lines * self.across

    def batches(self, block: slice) -> Iterator[slice]:
        """The images of a block, as many at a time as go into a tile."""
        return batches(block, self.images)

    def bands(self) -> Iterator[slice]:
        """The lines of the output, as many at a time as go into a tile."""
        for start in range(0, self.down, self.lines):
            yield slice(start, min(start + self.lines, self.down))
