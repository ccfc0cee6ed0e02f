"""Depthwise convolution: every channel has filters of its own, so that there is no matrix product."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tinycnn.ir import Array, Shape
from tinycnn.ops.scratch import scratch
from tinycnn.ops.sums import Sums
from tinycnn.ops.window import Window


def depthwise_sums(w: Array, window: Window, groups: int, sizes: Shape, pad_value: float) -> Sums:
    """Sums of w [O, kernel..., 1], O a multiple of `groups`, over inputs [N, sizes..., groups]; the dtype is that of w.

    `einsum` multiplies and adds a whole row of outputs, all its channels side by side, for one tap after the other:
    1.2 ns per output of a 3x3 window, where a product and a sum of NumPy for each tap took 4 to 6.
    """
    *heights, width = outputs = window.output_sizes(sizes)
    rank, multiplier, channels = window.rank, len(w) // groups, len(w)
    taps = np.tile(np.moveaxis(w[..., 0], 0, -1), width)
    kernel_axes = list(range(rank, 2 * rank))
    axes, tap_axes, output_axes = [*range(2 * rank + 1)], [*kernel_axes, 2 * rank], [*range(rank), 2 * rank]

    pad = window.padding(sizes, pad_value)

    def run(x: Array, out: Array) -> None:
        rows = _rows(pad(np.repeat(x, multiplier, axis=-1) if multiplier > 1 else x), window, width, w.dtype)
        sample, *steps, tap, element = rows.strides
        strides = (
            sample,
            *(step * stride for step, stride in zip(steps, window.strides, strict=False)),
            *(step * dilation for step, dilation in zip(steps, window.dilations, strict=False)),
            tap,
            element,
        )
        view = as_strided(rows, (len(rows), *heights, *window.kernel, width * channels), strides)
        np.einsum(view, axes, taps, tap_axes, output_axes, out=out.reshape(len(rows), *heights, -1))

    return Sums(run, (int(np.prod(sizes)) * groups * multiplier + int(np.prod(outputs)) * channels) * w.itemsize)


def _rows(padded: Array, window: Window, width: int, dtype: np.dtype) -> Array:
    """The input under each tap of a row of the window, [N, rows..., taps, outputs of a row * C], of `dtype`.

    With stride 1 these are overlapping parts of the input's own rows.
    """
    *steps, pixel, element = padded.strides
    stride, dilation, taps, channels = window.strides[-1], window.dilations[-1], window.kernel[-1], padded.shape[-1]
    if stride == 1:
        converted = scratch("rows", padded.shape, dtype)
        np.copyto(converted, padded)
        *steps, pixel, element = converted.strides
        shape = (*padded.shape[:-2], taps, width * channels)
        return as_strided(converted, shape, (*steps, dilation * pixel, element))
    shape = (*padded.shape[:-2], taps, width, channels)
    rows = scratch("rows", shape, dtype)
    strides = (*steps, dilation * pixel, stride * pixel, element)
    np.copyto(rows, as_strided(padded, shape, strides))
    return rows.reshape(*shape[:-2], width * channels)
