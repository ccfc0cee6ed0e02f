"""Locally connected layers: windows like those of a convolution, but weights of their own at every position."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Shape
from tinycnn.ops.base import Accumulation, Call, Int8Array, Int8Kernel
from tinycnn.ops.linear import exact_dtype, linear_accumulation, linear_rescaler
from tinycnn.ops.window import Window, to_first, to_last


@dataclass(frozen=True, slots=True)
class LocallyConnected:
    """y[n, o, p] = bias[p, o] + sum over taps t and channels c of x[n, c, p*stride + t*dilation - pad] * w[p, o, c, t].

    Inputs x as in Conv, w [P * O, C, kernel...] and an optional bias [P * O]: O filters at each of the P positions, row
    after row; with `channels_last` w is [P * O, kernel..., C]. ONNX has no such operator: a file has it as Gather,
    Reshape, Transpose and a Conv with a group for each position (passes.locally_connected).
    """

    window: Window
    channels_last: bool = False
    output_scale: ClassVar[Literal["free"]] = "free"

    @property
    def label(self) -> str:
        return f"LocallyConnected {self.window}"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        x, w = inputs[0], inputs[1]
        if len(x) != self.window.rank + 2 or len(w) != len(x):
            raise ModelError(f"LocallyConnected: {list(x)} and weights {list(w)} do not fit a window {self.window}.")
        last = self.channels_last
        channels, sizes, kernel = (x[-1], x[1:-1], w[1:-1]) if last else (x[1], x[2:], w[2:])
        outputs = self.window.output_sizes(sizes)
        filters, rest = divmod(w[0], int(np.prod(outputs)))
        if rest or kernel != self.window.kernel or channels != (w[-1] if last else w[1]):
            raise ModelError(f"LocallyConnected: weights {list(w)} do not fit {list(x)} and positions {list(outputs)}.")
        if len(inputs) > 2 and inputs[2] != w[:1]:
            raise ModelError(f"LocallyConnected: the bias is {list(inputs[2])}, expected [{w[0]}].")
        return ((x[0], *outputs, filters) if last else (x[0], filters, *outputs),)

    def macs(self, *inputs: Shape) -> int:
        return inputs[0][0] * int(np.prod(inputs[1]))

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, w = inputs[0], inputs[1]
        if not self.channels_last:
            x, w = to_last(x), to_last(w)
        y = self._sums(w, x.shape[1:-1], 0.0)(x)
        if len(inputs) > 2:
            y += inputs[2].reshape(y.shape[1:])
        return (y if self.channels_last else to_first(y),)

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return self.window.input_rows(output_row)

    def accumulation(self, call: Call) -> Accumulation:
        return linear_accumulation(call)

    def int8_kernel(self, call: Call) -> Int8Kernel:
        weights = call.constant(1).astype(exact_dtype(call))
        sums = self._sums(weights, call.inputs[0].shape[1:-1], call.quantization(0).zero_point)
        rescale = linear_rescaler(call)

        def kernel(x: Int8Array) -> Int8Array:
            exact = sums(x)
            out = np.empty(exact.shape, np.int8)
            rescale(exact, out)
            return out

        return kernel

    def _sums(self, w: Array, sizes: Shape, pad_value: float) -> Callable[[Array], Array]:
        """The sums of w [P * O, kernel..., C] over inputs [N, sizes..., C], of w's dtype: a product per position."""
        outputs = self.window.output_sizes(sizes)
        positions = int(np.prod(outputs))
        matrices = np.ascontiguousarray(w.reshape(positions, len(w) // positions, -1).swapaxes(1, 2))
        pad, view = self.window.padding(sizes, pad_value), self.window.views(sizes)

        def sums(x: Array) -> Array:
            windows = view(pad(x)).reshape(len(x), positions, -1).astype(w.dtype)
            products = windows.swapaxes(0, 1) @ matrices
            return np.ascontiguousarray(products.swapaxes(0, 1)).reshape(len(x), *outputs, -1)

        return sums
