"""Operators that run in float only: sums of a whole row or of neighbouring channels, behind functions of floats."""

from dataclasses import dataclass

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Shape


@dataclass(frozen=True, slots=True)
class LRN:
    """y = x / (bias + alpha / size * sum of x^2 over `size` channels around) ^ beta, channels on axis 1.

    Local response normalization as in AlexNet (Krizhevsky, Sutskever, Hinton, 2012); of an even `size` the larger half
    lies behind.
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    bias: float = 1.0

    @property
    def label(self) -> str:
        return f"LRN {self.size}"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        if len(inputs[0]) < 2:
            raise ModelError(f"LRN: its input {list(inputs[0])} has no channels.")
        return (inputs[0],)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x = inputs[0]
        squares, channels = np.square(x), x.shape[1]
        sums = np.zeros_like(x)
        for channel in range(channels):
            first, last = channel - (self.size - 1) // 2, channel + self.size // 2
            sums[:, channel] = squares[:, max(first, 0) : last + 1].sum(axis=1)
        factor = np.float32(self.alpha / self.size)
        return (x / np.power(np.float32(self.bias) + factor * sums, np.float32(self.beta)),)


@dataclass(frozen=True, slots=True)
class LogSoftmax:
    """y = x - log(sum of exp(x)) over one axis."""

    axis: int

    @property
    def label(self) -> str:
        return "LogSoftmax"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (inputs[0],)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        below = inputs[0] - inputs[0].max(axis=self.axis, keepdims=True)
        return (below - np.log(np.exp(below).sum(axis=self.axis, keepdims=True)),)
