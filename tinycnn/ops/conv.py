"""Convolution: any number of spatial axes in float, two of them on int8."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Shape
from tinycnn.ops.base import Accumulation, Call, Int8Array, Int8Kernel
from tinycnn.ops.depthwise import depthwise_sums
from tinycnn.ops.linear import exact_dtype, linear_accumulation, linear_rescaler
from tinycnn.ops.matrix import banded_sums, matrix_sums
from tinycnn.ops.scratch import scratch
from tinycnn.ops.sums import Sums
from tinycnn.ops.window import Window, to_first, to_last

BLOCK_BYTES = 2**20
"""A kernel takes as many samples at once as need about this much in between, so that it stays in the cache.

With an eighth of it MobileNet takes a fifth longer, for NumPy's calls.
"""


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
            raise ModelError(f"Conv: input {list(x)} and weights {list(w)} do not fit a window {self.window}.")
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
        sums = self._sums(w, x.shape[1:-1], 0.0, banded=False)
        y = np.empty((len(x), *self.window.output_sizes(x.shape[1:-1]), len(w)), x.dtype)
        for part in _blocks(len(x), sums):
            sums.run(x[part], y[part])
        if len(inputs) > 2:
            y += inputs[2]
        return (y if self.channels_last else to_first(y),)

    def is_depthwise(self, weights: Shape) -> bool:
        """One input channel per group, for weights [O, kernel..., C/groups]."""
        return self.groups > 1 and weights[-1] == 1

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return self.window.input_rows(output_row)

    def accumulation(self, call: Call) -> Accumulation:
        return linear_accumulation(call)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        weights = call.constant(1).astype(exact_dtype(call))
        sums = self._sums(weights, call.inputs[0].shape[1:-1], call.quantization(0).zero_point, banded=True)
        rescale, shape = linear_rescaler(call), call.output.shape[1:]

        def kernel(x: Int8Array) -> Int8Array:
            out = np.empty((len(x), *shape), np.int8)
            for part in _blocks(len(x), sums):
                exact = scratch("sums", out[part].shape, weights.dtype)
                sums.run(x[part], exact)
                rescale(exact, out[part])
            return out

        return kernel

    def _sums(self, w: Array, sizes: Shape, pad_value: float, banded: bool) -> Sums:
        """The way to compute a convolution channels-last; `banded` is worth while where it runs more than once."""
        if self.is_depthwise(w.shape):
            return depthwise_sums(w, self.window, self.groups, sizes, pad_value)
        if self.groups == 1 and banded:
            return banded_sums(w, self.window, sizes, pad_value)
        return matrix_sums(w, self.window, self.groups, sizes, pad_value)


def _blocks(samples: int, sums: Sums) -> Iterator[slice]:
    """Slices of the batch that need about `BLOCK_BYTES` each."""
    step = max(1, BLOCK_BYTES // sums.sample_bytes)
    for start in range(0, samples, step):
        yield slice(start, start + step)
