"""Convolution: any number of spatial axes in float, two of them on int8."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Shape
from tinycnn.ops.base import Accumulation, Call, Int8Array, Int8Kernel
from tinycnn.ops.linear import exact_dtype, linear_accumulation, linear_rescaler
from tinycnn.ops.window import Window, to_first, to_last


@dataclass(frozen=True, slots=True)
class Conv:
    """y[n, o, p] = bias[o] + sum over taps t and channels c of x[n, c, p*stride + t*dilation - pad] * w[o, c, t].

    Inputs x, w and an optional bias [O]. ONNX's axes: x [N, C, spatial...], w [O, C/groups, kernel...]; with
    `channels_last` x is [N, spatial..., C] and w [O, kernel..., C/groups]. `groups` == C is a depthwise convolution.
    """

    window: Window
    groups: int = 1
    channels_last: bool = False
    output_scale: ClassVar[Literal["free"]] = "free"

    @property
    def label(self) -> str:
        return f"Conv {self.window}"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        x, w = inputs[0], inputs[1]
        if len(x) != self.window.rank + 2 or len(w) != len(x):
            raise ModelError(
                f"Conv: input {list(x)} and weights {list(w)} do not fit a window {self.window}."
            )
        if self.channels_last:
            channels, sizes, group_channels, kernel = x[-1], x[1:-1], w[-1], w[1:-1]
        else:
            channels, sizes, group_channels, kernel = x[1], x[2:], w[1], w[2:]
        if kernel != self.window.kernel:
            raise ModelError(f"Conv: weights {list(w)} do not have the kernel {self.window}.")
        if channels != group_channels * self.groups or w[0] % self.groups:
            raise ModelError(
                f"Conv: {channels} input channels, {self.groups} groups and weights {list(w)} do not fit together."
            )
        if len(inputs) > 2 and inputs[2] != (w[0],):
            raise ModelError(f"Conv: the bias is {list(inputs[2])}, expected [{w[0]}].")
        out = self.window.output_sizes(sizes)
        return ((x[0], *out, w[0]) if self.channels_last else (x[0], w[0], *out),)

    def macs(self, *inputs: Shape) -> int:
        return int(np.prod(self.output_shapes(*inputs)[0])) * int(np.prod(inputs[1][1:]))

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, w = inputs[0], inputs[1]
        if not self.channels_last:
            x, w = to_last(x), to_last(w)
        y = convolve(x, w, self.window, self.groups, 0.0)
        if len(inputs) > 2:
            y = y + inputs[2]
        return (y if self.channels_last else to_first(y),)

    def is_depthwise(self, weights: Shape) -> bool:
        """One input channel per group, for weights [O, kernel..., C/groups]."""
        return self.groups > 1 and weights[-1] == 1

    def input_rows(self, output_row: int, input_shape: Shape) -> range:
        return self.window.input_rows(output_row)

    def accumulation(self, call: Call) -> Accumulation:
        return linear_accumulation(call)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        weights = call.constant(1).astype(exact_dtype(call))
        rescale = linear_rescaler(call)
        zero_point = call.quantization(0).zero_point

        def kernel(x: Int8Array) -> Int8Array:
            return rescale(convolve(x.astype(weights.dtype), weights, self.window, self.groups, zero_point))

        return kernel


def convolve(x: Array, w: Array, window: Window, groups: int, pad_value: float) -> Array:
    """Channels-last convolution without bias: x [N, spatial..., C], w [O, kernel..., C/groups] -> [N, out..., O]."""
    sizes = x.shape[1:-1]
    padded = window.padded(x, pad_value)
    if groups > 1 and w.shape[-1] == 1:
        return _depthwise(window.view(padded, sizes), w, groups)
    views = [window.view(part, sizes) for part in np.split(padded, groups, axis=-1)]
    outputs = [_product(v, part) for v, part in zip(views, np.split(w, groups, axis=0), strict=True)]
    return outputs[0] if groups == 1 else np.concatenate(outputs, axis=-1)


def _product(view: Array, w: Array) -> Array:
    """Windows [N, out..., C, kernel...] times weights [O, kernel..., C] as one matrix product."""
    rank = w.ndim - 2
    patches = np.moveaxis(view, 1 + rank, -1)
    columns = patches.reshape(-1, int(np.prod(w.shape[1:])))
    return (columns @ w.reshape(w.shape[0], -1).T).reshape(*view.shape[: 1 + rank], w.shape[0])


def _depthwise(view: Array, w: Array, groups: int) -> Array:
    """Windows [N, out..., C, kernel...] times one filter a channel: w [C*multiplier, kernel..., 1]."""
    rank = w.ndim - 2
    multiplier = w.shape[0] // groups
    taps = w[..., 0].reshape(groups, multiplier, -1)
    kernel = w.shape[1:-1]
    total = np.zeros((*view.shape[: 2 + rank], multiplier), view.dtype)
    for index, position in enumerate(np.ndindex(kernel)):
        total += view[(..., *position)][..., None] * taps[:, :, index]
    return total.reshape(*view.shape[: 1 + rank], w.shape[0])
