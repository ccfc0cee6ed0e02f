"""Sliding windows: what convolution and pooling share."""

from dataclasses import dataclass

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Shape


@dataclass(frozen=True, slots=True)
class Window:
    """A window over the spatial axes, one entry per axis; `pads` is the beginnings, then the ends, as in ONNX.

    With `ceil_mode` a last window that hangs over the end is kept if it starts inside the input or its begin pad.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]
    ceil_mode: bool = False

    @classmethod
    def of(
        cls,
        kernel: tuple[int, ...],
        strides: tuple[int, ...] | None = None,
        pads: tuple[int, ...] | None = None,
    ) -> "Window":
        """A window with ONNX's defaults: stride and dilation 1, no padding."""
        ones = (1,) * len(kernel)
        return cls(kernel, strides or ones, ones, pads or (0,) * (2 * len(kernel)))

    def __str__(self) -> str:
        return "x".join(map(str, self.kernel))

    @property
    def rank(self) -> int:
        return len(self.kernel)

    @property
    def extents(self) -> tuple[int, ...]:
        """Input elements from the first to the last tap of each axis."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    @property
    def taps(self) -> int:
        return int(np.prod(self.kernel))

    def output_sizes(self, sizes: Shape) -> Shape:
        """Spatial sizes of the output; ModelError when the window is larger than the padded input."""
        result = []
        for axis, size in enumerate(sizes):
            begin, end = self.pads[axis], self.pads[self.rank + axis]
            room = size + begin + end - self.extents[axis]
            if room < 0:
                raise ModelError(
                    f"A window of {self.extents[axis]} does not fit the input of {size} padded by {begin} and {end}."
                )
            count = -(-room // self.strides[axis]) + 1 if self.ceil_mode else room // self.strides[axis] + 1
            if self.ceil_mode and (count - 1) * self.strides[axis] >= size + begin:
                count -= 1
            result.append(count)
        return tuple(result)

    def input_rows(self, output_row: int) -> range:
        """Rows of the input under output row `output_row`, top to bottom; negative or too large means padding."""
        first = output_row * self.strides[0] - self.pads[0]
        return range(first, first + self.extents[0], self.dilations[0])

    def padded(self, x: Array, value: float) -> Array:
        """`x` [N, spatial..., C] with the padding around it, long enough for windows that hang over the end."""
        sizes = x.shape[1:-1]
        widths = [(0, 0)]
        for axis, (size, count) in enumerate(zip(sizes, self.output_sizes(sizes), strict=True)):
            begin = self.pads[axis]
            reach = (count - 1) * self.strides[axis] + self.extents[axis]
            widths.append((begin, max(reach - size - begin, self.pads[self.rank + axis])))
        widths.append((0, 0))
        return np.pad(x, widths, constant_values=value) if any(map(any, widths)) else x

    def view(self, padded: Array, sizes: Shape) -> Array:
        """All windows of a padded array as a view [N, output sizes..., C, kernel...]; `sizes` before padding."""
        axes = tuple(range(1, 1 + self.rank))
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.extents, axis=axes)
        counts = self.output_sizes(sizes)
        steps = tuple(slice(0, (n - 1) * s + 1, s) for n, s in zip(counts, self.strides, strict=True))
        taps = tuple(slice(None, None, d) for d in self.dilations)
        return windows[(slice(None), *steps, slice(None), *taps)]


def to_last(x: Array) -> Array:
    """N, C, spatial... to N, spatial..., C."""
    return np.moveaxis(x, 1, -1)


def to_first(x: Array) -> Array:
    """N, spatial..., C to N, C, spatial..."""
    return np.moveaxis(x, -1, 1)
