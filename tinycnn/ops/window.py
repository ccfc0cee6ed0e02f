"""Sliding windows: what convolution and pooling share."""

from collections.abc import Callable
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

    def without_ceil_mode(self, sizes: Shape) -> "Window":
        """The same windows over an input of `sizes`, the last ones by padding at the end."""
        if not self.ceil_mode:
            return self
        begins, ends = self.pads[: self.rank], []
        for axis, count in enumerate(self.output_sizes(sizes)):
            ends.append(max((count - 1) * self.strides[axis] + self.extents[axis] - begins[axis] - sizes[axis], 0))
        return Window(self.kernel, self.strides, self.dilations, (*begins, *ends))

    def input_rows(self, output_row: int) -> range:
        """Rows of the input under output row `output_row`, top to bottom; negative or too large means padding."""
        first = output_row * self.strides[0] - self.pads[0]
        return range(first, first + self.extents[0], self.dilations[0])

    def padding(self, sizes: Shape, value: float) -> Callable[[Array], Array]:
        """A function that puts padding around x [N, sizes..., C], as much as the windows reach; C-contiguous."""
        begins = self.pads[: self.rank]
        steps = zip(self.output_sizes(sizes), self.strides, self.extents, strict=True)
        reaches = [(count - 1) * stride + extent for count, stride, extent in steps]
        widths = tuple(max(b + size, reach) for b, size, reach in zip(begins, sizes, reaches, strict=True))
        if widths == sizes:
            return np.ascontiguousarray
        inside = (slice(None), *(slice(b, b + size) for b, size in zip(begins, sizes, strict=True)))

        def pad(x: Array) -> Array:
            result = np.empty((len(x), *widths, x.shape[-1]), x.dtype)
            result.fill(value)
            result[inside] = x
            return result

        return pad

    def views(self, sizes: Shape) -> Callable[[Array], Array]:
        """A function that shows all windows of a padded input of `sizes`: [N, output sizes..., kernel..., C]."""
        shape = (*self.output_sizes(sizes), *self.kernel)
        axes = (*range(1, 1 + self.rank),) * 2
        factors = self.strides + self.dilations

        def view(padded: Array) -> Array:
            old = padded.strides
            strides = (old[0], *(old[axis] * factor for axis, factor in zip(axes, factors, strict=True)), old[-1])
            return np.ndarray((len(padded), *shape, padded.shape[-1]), padded.dtype, padded, 0, strides)

        return view


def to_last(x: Array) -> Array:
    """N, C, spatial... to N, spatial..., C."""
    return np.moveaxis(x, 1, -1)


def to_first(x: Array) -> Array:
    """N, spatial..., C to N, C, spatial..."""
    return np.moveaxis(x, -1, 1)
