"""Convolution as a matrix product: each row of the matrix holds the input under one window, or under several."""

import numpy as np

from tinycnn.ir import Array, Shape
from tinycnn.ops.scratch import scratch
from tinycnn.ops.sums import Sums
from tinycnn.ops.window import Window


def matrix_sums(w: Array, window: Window, groups: int, sizes: Shape, pad_value: float) -> Sums:
    """Sums of w [O, kernel..., C/groups] over inputs [N, sizes..., C]; the dtype is that of w.

    One copy fills the matrix and converts: a row of taps with its channels lies side by side in the input.
    """
    outputs = window.output_sizes(sizes)
    matrices = [np.ascontiguousarray(part.reshape(len(part), -1).T) for part in np.split(w, groups)]
    depth, filters = matrices[0].shape
    channels = w.shape[-1]
    pad, view = window.padding(sizes, pad_value), window.views(sizes)

    def run(x: Array, out: Array) -> None:
        windows = view(pad(x))
        rows = scratch("rows", (*windows.shape[:-1], channels), w.dtype)
        flat = out.reshape(-1, groups * filters)
        for group, matrix in enumerate(matrices):
            np.copyto(rows, windows[..., group * channels : (group + 1) * channels])
            np.matmul(rows.reshape(-1, depth), matrix, out=flat[:, group * filters : (group + 1) * filters])

    return Sums(run, int(np.prod(outputs)) * (depth + groups * filters) * w.itemsize)


def banded_sums(w: Array, window: Window, sizes: Shape, pad_value: float) -> Sums:
    """`matrix_sums` of one group with several neighbouring outputs of a row in one row of the matrix.

    They are the channels of one filter that is wider, has zeros where an output does not look, and takes longer
    strides. For few channels the zeros cost less than they save: rows to copy are fewer and longer, and the product
    has more columns. LeNet's first layer, 16 images: 0.16 ms with 7 or 14 outputs a row, 0.57 ms with one.
    """
    outputs = window.output_sizes(sizes)
    count = min((n for n in range(1, outputs[-1] + 1) if outputs[-1] % n == 0), key=lambda n: _cost(w, window, n))
    return matrix_sums(*(_widened(w, window, count) if count > 1 else (w, window)), 1, sizes, pad_value)


def _cost(w: Array, window: Window, count: int) -> float:
    """Roughly the time per output in units of 0.013 ns, fitted to OpenBLAS and NumPy on one core with AVX-512.

    A product costs as if it had 14 more columns, an element to copy as much as 7 columns, and each run of elements
    4.5 ns on top.
    """
    width = (count - 1) * window.strides[-1] + window.extents[-1] if count > 1 else window.kernel[-1]
    runs = int(np.prod(window.kernel[:-1])) * (window.kernel[-1] if count == 1 and window.dilations[-1] > 1 else 1)
    depth = int(np.prod(window.kernel[:-1])) * width * int(w.shape[-1])
    return (depth * (count * len(w) + 21) + 350 * runs) / count


def _widened(w: Array, window: Window, count: int) -> tuple[Array, Window]:
    """Filters [count * O, kernel..., C] and window of the convolution that gives `count` outputs of a row as one."""
    stride, extent = window.strides[-1], window.extents[-1]
    width = (count - 1) * stride + extent
    wide = np.zeros((count, *w.shape[:-2], width, w.shape[-1]), w.dtype)
    for position, start in enumerate(range(0, count * stride, stride)):
        wide[position, ..., start : start + extent : window.dilations[-1], :] = w
    wide_window = Window(
        (*window.kernel[:-1], width),
        (*window.strides[:-1], count * stride),
        (*window.dilations[:-1], 1),
        window.pads,
    )
    return wide.reshape(-1, *wide.shape[2:]), wide_window
