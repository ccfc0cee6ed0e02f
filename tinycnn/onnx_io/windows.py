"""The window of a convolution or pool from ONNX attributes."""

from tinycnn.ir import Shape
from tinycnn.onnx_io.node import OnnxNode, Refusal
from tinycnn.ops import Window


def window_of(node: OnnxNode, sizes: Shape, kernel: Shape | None = None) -> Window:
    """Kernel, strides, dilations and pads of a node over input axes of `sizes`, auto_pad resolved."""
    kernel = node.integers("kernel_shape") or kernel
    if not kernel or len(kernel) != len(sizes):
        raise Refusal(f"its kernel {list(kernel or ())} does not fit {len(sizes)} spatial axes")
    ones = (1,) * len(kernel)
    strides = node.integers("strides") or ones
    dilations = node.integers("dilations") or ones
    pads = node.integers("pads") or (0,) * (2 * len(kernel))
    if min(*kernel, *strides, *dilations) < 1 or min(pads) < 0:
        raise Refusal("kernel, strides and dilations must be at least 1 and pads at least 0")
    mode = node.attributes.get("auto_pad", b"NOTSET")
    mode = mode.decode() if isinstance(mode, bytes) else mode
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        pads = _same_pads(sizes, kernel, strides, dilations, upper=mode == "SAME_UPPER")
    elif mode not in ("NOTSET", "VALID"):
        raise Refusal(f"auto_pad {mode!r} is unknown")
    elif mode == "VALID":
        pads = (0,) * len(pads)
    return Window(kernel, strides, dilations, pads, bool(node.attributes.get("ceil_mode", 0)))


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
