"""Layers that slide a window: convolutions of every kind and pools."""

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict, Unpack

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.nn.model import Array, Value, apply

Axes = int | Sequence[int]
"""One number for all spatial axes, or one for each."""
Padding = Literal["valid", "same", "full"] | Sequence[int]
"""No padding, as much as keeps the size at stride 1, as much as any tap can hang over, or ONNX's begins and ends."""


class Convolution(TypedDict):
    """What convolutions can be told by name; strides and dilations are 1, padding "valid" and groups 1 by default."""

    strides: NotRequired[Axes]
    padding: NotRequired[Padding]
    dilations: NotRequired[Axes]
    groups: NotRequired[int]
    name: NotRequired[str | None]


class Transposed(Convolution):
    """As for convolutions, and how much larger than the smallest that fits each axis of the output is."""

    output_padding: NotRequired[Sequence[int] | None]


def conv1d(x: Value, weights: Array, bias: Array | None = None, **options: Unpack[Convolution]) -> Value:
    """Convolution of a signal, weights [O, I / groups, taps]; as everywhere in the field the kernel is not flipped."""
    return _convolution("Conv", 1, x, weights, bias, **options)


def conv2d(x: Value, weights: Array, bias: Array | None = None, **options: Unpack[Convolution]) -> Value:
    """Convolution of an image, weights [O, I / groups, height, width]; the kernel is not flipped."""
    return _convolution("Conv", 2, x, weights, bias, **options)


def depthwise_conv2d(
    x: Value, weights: Array, bias: Array | None = None, *, multiplier: int = 1, **options: Unpack[Convolution]
) -> Value:
    """`multiplier` filters for each channel alone, weights [C * multiplier, 1, height, width]; not with groups."""
    groups, rest = divmod(len(np.asarray(weights)), multiplier)
    if rest:
        raise ModelError(f"{len(np.asarray(weights))} filters are not {multiplier} for each channel.")
    options["groups"] = groups
    return conv2d(x, weights, bias, **options)


def conv_transpose1d(x: Value, weights: Array, bias: Array | None = None, **options: Unpack[Transposed]) -> Value:
    """The transposed convolution of a signal, weights [I, O / groups, taps]."""
    return _convolution("ConvTranspose", 1, x, weights, bias, **options)


def conv_transpose2d(x: Value, weights: Array, bias: Array | None = None, **options: Unpack[Transposed]) -> Value:
    """The transposed convolution of an image, weights [I, O / groups, height, width]."""
    return _convolution("ConvTranspose", 2, x, weights, bias, **options)


def locally_connected2d(
    x: Value,
    weights: Array,
    bias: Array | None = None,
    *,
    strides: Axes = 1,
    padding: Sequence[int] = (0, 0, 0, 0),
    dilations: Axes = 1,
    name: str | None = None,
) -> Value:
    """Windows as in `conv2d` with filters of their own at every position.

    Weights [H, W, O, I, height, width] for an output of H x W, bias [H, W, O]; `padding` is top, left, bottom, right.
    The ONNX is Pad, two Gathers, a Conv with a group for each position, and Reshapes and Transposes between them.
    """
    array = np.asarray(weights, np.float32)
    if array.ndim != 6:
        raise ModelError(f"Weights of a locally connected layer have 6 axes, not shape {list(array.shape)}.")
    height, width, filters, channels, *kernel = array.shape
    pads = [0, 0, *padding[:2], 0, 0, *padding[2:]]
    taken = apply("Pad", x, np.array(pads, np.int64)) if any(padding) else x
    steps = zip((height, width), kernel, _each(strides, 2), _each(dilations, 2), strict=True)
    for axis, (size, taps, stride, dilation) in enumerate(steps, start=2):
        places = np.arange(size)[:, None] * stride + np.arange(taps) * dilation
        taken = apply("Gather", taken, places.reshape(-1), axis=axis)
    split = [0, channels, height, kernel[0], width, kernel[1]]
    windows = apply("Transpose", apply("Reshape", taken, np.array(split, np.int64)), perm=[0, 2, 4, 1, 3, 5])
    inputs, positions = channels * kernel[0] * kernel[1], height * width
    pixel = apply("Reshape", windows, np.array([0, positions * inputs, 1, 1], np.int64))
    constants = [array.reshape(positions * filters, inputs, 1, 1)]
    if bias is not None:
        constants.append(np.asarray(bias, np.float32).reshape(positions * filters))
    outputs = apply("Conv", pixel, *constants, group=positions)
    image = apply("Reshape", outputs, np.array([0, height, width, filters], np.int64))
    return apply("Transpose", image, name=name, perm=[0, 3, 1, 2])


def max_pool(
    x: Value,
    kernel: Sequence[int],
    *,
    strides: Axes | None = None,
    padding: Padding = "valid",
    dilations: Axes = 1,
    name: str | None = None,
) -> Value:
    """The largest under the window; strides are the kernel's size unless given. One axis or two, as `kernel` has."""
    return apply("MaxPool", x, name=name, **_window(kernel, padding, kernel if strides is None else strides, dilations))


def average_pool(
    x: Value,
    kernel: Sequence[int],
    *,
    strides: Axes | None = None,
    padding: Padding = "valid",
    count_include_pad: bool = False,
    name: str | None = None,
) -> Value:
    """The mean under the window; strides are the kernel's size unless given."""
    window = _window(kernel, padding, kernel if strides is None else strides, 1)
    return apply("AveragePool", x, name=name, **window, count_include_pad=1 if count_include_pad else None)


def lp_pool(
    x: Value,
    kernel: Sequence[int],
    *,
    p: int = 2,
    strides: Axes | None = None,
    padding: Padding = "valid",
    name: str | None = None,
) -> Value:
    """The p-norm under the window: by default L2 pooling."""
    return apply("LpPool", x, name=name, p=p, **_window(kernel, padding, kernel if strides is None else strides, 1))


def global_average_pool(x: Value, *, name: str | None = None) -> Value:
    """The mean of every channel, spatial axes of size 1 kept."""
    return apply("GlobalAveragePool", x, name=name)


def global_max_pool(x: Value, *, name: str | None = None) -> Value:
    """The largest of every channel, spatial axes of size 1 kept."""
    return apply("GlobalMaxPool", x, name=name)


def _each(axes: Axes, rank: int) -> list[int]:
    return [axes] * rank if isinstance(axes, int) else list(axes)


def _window(kernel: Sequence[int], padding: Padding, strides: Axes, dilations: Axes) -> dict[str, object]:
    """Attributes of everything that slides a window, those with ONNX's default values left out."""
    rank = len(kernel)
    found: dict[str, object] = {"kernel_shape": list(kernel)}
    if set(_each(strides, rank)) != {1}:
        found["strides"] = _each(strides, rank)
    if set(_each(dilations, rank)) != {1}:
        found["dilations"] = _each(dilations, rank)
    if padding == "same":
        found["auto_pad"] = "SAME_UPPER"
    elif padding == "full":
        found["pads"] = [(size - 1) * step for size, step in zip(kernel, _each(dilations, rank), strict=True)] * 2
    elif padding != "valid":
        found["pads"] = list(padding)
    return found


def _convolution(
    op_type: str, rank: int, x: Value, weights: Array, bias: Array | None, **options: Unpack[Transposed]
) -> Value:
    array = np.asarray(weights, np.float32)
    if array.ndim != rank + 2:
        raise ModelError(f"Weights of a {rank}-D convolution have {rank + 2} axes, not shape {list(array.shape)}.")
    steps = options.get("strides", 1), options.get("dilations", 1)
    attributes = _window(array.shape[2:], options.get("padding", "valid"), *steps)
    attributes["group"] = options.get("groups", 1) if options.get("groups", 1) != 1 else None
    attributes["output_padding"] = options.get("output_padding")
    constants = (array,) if bias is None else (array, bias)
    return apply(op_type, x, *constants, name=options.get("name"), **attributes)
