"""The window of a convolution or pool from ONNX attributes."""

import math

from tinycnn.ir import Shape
from tinycnn.onnx_io.node import MAX_TENSOR_BYTES, OnnxNode, RefusalError
from tinycnn.ops import Window

MAX_WINDOW = 2**15
"""Kernels, strides, dilations and pads are smaller: they fit a 16-bit int of the generated C."""


def window_of(node: OnnxNode, sizes: Shape, kernel: Shape | None = None) -> Window:
    """Kernel, strides, dilations and pads of a node over input axes of `sizes`, auto_pad resolved."""
    kernel = node.integers("kernel_shape") or kernel or ()
    rank = len(sizes)
    strides = node.integers("strides") or (1,) * rank
    dilations = node.integers("dilations") or (1,) * rank
    pads = node.integers("pads") or (0,) * (2 * rank)
    if not len(kernel) == len(strides) == len(dilations) == rank or len(pads) != 2 * rank:
        raise RefusalError(
            f"its kernel {list(kernel)}, strides {list(strides)}, dilations {list(dilations)} and pads {list(pads)}"
            f" do not fit {rank} spatial axes"
        )
    if min(*kernel, *strides, *dilations) < 1 or min(pads) < 0:
        raise RefusalError("kernel, strides and dilations must be at least 1 and pads at least 0")
    if max(*kernel, *strides, *dilations, *pads) >= MAX_WINDOW:
        raise RefusalError(f"kernel, strides, dilations and pads must be less than {MAX_WINDOW:,}")
    mode = node.text("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        pads = _same_pads(sizes, kernel, strides, dilations, upper=mode == "SAME_UPPER")
    elif mode == "VALID":
        pads = (0,) * len(pads)
    elif mode != "NOTSET":
        raise RefusalError(f"auto_pad {mode!r} is unknown")
    padded = [size + begin + end for size, begin, end in zip(sizes, pads[:rank], pads[rank:], strict=True)]
    if 4 * math.prod(padded) > MAX_TENSOR_BYTES:
        raise RefusalError(f"its padded input {padded} is too large")
    return Window(kernel, strides, dilations, pads, bool(node.integer("ceil_mode", 0)))


def pool_window_of(node: OnnxNode, sizes: Shape) -> Window:
    """`window_of` a pool, whose every window must hold an element of the input."""
    window = window_of(node, sizes)
    if any(pad >= extent for pad, extent in zip(window.pads, window.extents * 2, strict=True)):
        raise RefusalError(f"its pads {list(window.pads)} are as large as its window {window}")
    return window


def global_window(sizes: Shape) -> Window:
    """The window over all of an input of `sizes`."""
    if max(sizes) >= MAX_WINDOW:
        raise RefusalError(f"the axes of its image {list(sizes)} must be less than {MAX_WINDOW:,}")
    return Window.of(sizes)


def _same_pads(sizes: Shape, kernel: Shape, strides: Shape, dilations: Shape, *, upper: bool) -> Shape:
    """Pads that give ceil(size / stride) outputs; an odd element goes to the end when `upper`."""
    begins, ends = [], []
    for size, k, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        reach = (-(-size // stride) - 1) * stride + (k - 1) * dilation + 1
        total = max(reach - size, 0)
        small, large = total // 2, total - total // 2
        begins.append(small if upper else large)
        ends.append(large if upper else small)
    return (*begins, *ends)
