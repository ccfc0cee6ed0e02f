"""The window of a convolution or pool from ONNX attributes."""

import math

from tinycnn.ir import Shape
from tinycnn.onnx_io.node import MAX_TENSOR_BYTES, OnnxNode, RefusalError
from tinycnn.ops import Window
from tinycnn.ops.conv_transpose import spread_sizes

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


def transposed_window_of(node: OnnxNode, sizes: Shape, kernel: Shape) -> tuple[Window, Shape]:
    """The window of a ConvTranspose over its input spread by its strides, and those strides.

    With `output_shape`, or auto_pad SAME, the pads are what is too much; where it is too little, zeros follow.
    """
    rank = len(sizes)
    kernel = node.integers("kernel_shape") or kernel
    strides = node.integers("strides") or (1,) * rank
    dilations = node.integers("dilations") or (1,) * rank
    pads = node.integers("pads") or (0,) * (2 * rank)
    extra = node.integers("output_padding") or (0,) * rank
    wanted = node.integers("output_shape")
    mode = node.text("auto_pad", "NOTSET")
    if not len(kernel) == len(strides) == len(dilations) == len(extra) == rank or len(pads) != 2 * rank:
        raise RefusalError(f"its kernel, strides, dilations, pads and output_padding do not fit {rank} spatial axes")
    if min(*kernel, *strides, *dilations) < 1 or min(*pads, *extra) < 0:
        raise RefusalError("kernel, strides and dilations must be at least 1 and pads at least 0")
    if max(*kernel, *strides, *dilations, *pads, *extra) >= MAX_WINDOW:
        raise RefusalError(f"kernel, strides, dilations and pads must be less than {MAX_WINDOW:,}")
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise RefusalError(f"auto_pad {mode!r} is unknown")
    if mode.startswith("SAME") and wanted is None:
        wanted = tuple(size * stride for size, stride in zip(sizes, strides, strict=True))
    extents = Window(kernel, strides, dilations, pads).extents
    spread = spread_sizes(sizes, strides)
    if wanted is not None:
        wanted = wanted[-rank:]
        if len(wanted) != rank or min(wanted) < 1 or max(wanted) > MAX_TENSOR_BYTES:
            raise RefusalError(f"its output_shape {list(wanted)} does not fit {rank} spatial axes")
        full = [size + extent - 1 + more for size, extent, more in zip(spread, extents, extra, strict=True)]
        totals = [whole - size for whole, size in zip(full, wanted, strict=True)]
        begins = [max(total, 0) // 2 if mode == "SAME_UPPER" else (max(total, 0) + 1) // 2 for total in totals]
        pads = (*begins, *(total - begin for total, begin in zip(totals, begins, strict=True)))
    elif mode == "VALID":
        pads = (0,) * (2 * rank)
    around = tuple(
        (extents[axis % rank] - 1) - pad + (extra[axis % rank] if axis >= rank else 0) for axis, pad in enumerate(pads)
    )
    if min(around) < 0:
        raise RefusalError(f"its pads {list(pads)} cut off more than its kernel {list(kernel)} adds")
    padded = [size + around[axis] + around[rank + axis] for axis, size in enumerate(spread)]
    if 4 * math.prod(padded) > MAX_TENSOR_BYTES or max(around) >= MAX_WINDOW:
        raise RefusalError(f"its padded input {padded} is too large")
    return Window(kernel, (1,) * rank, dilations, around), strides


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
