"""Batch normalization with constant statistics; `passes.fold_batchnorm` folds it into the layer before it."""

from dataclasses import dataclass

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Array, Shape


@dataclass(frozen=True, slots=True)
class BatchNormalization:
    """y = (x - mean) / sqrt(variance + epsilon) * gain + bias per channel; inputs x, gain, bias, mean, variance."""

    epsilon: float = 1e-5
    channels_last: bool = False

    @property
    def label(self) -> str:
        return "BatchNormalization"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        x = inputs[0]
        channels = x[-1] if self.channels_last else x[1] if len(x) > 1 else 1
        if any(shape != (channels,) for shape in inputs[1:]):
            raise ModelError(f"BatchNormalization: statistics do not have the {channels} channels of {list(x)}.")
        return (x,)

    def macs(self, *inputs: Shape) -> int:
        return int(np.prod(inputs[0]))

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        x, gain, bias, mean, variance = inputs
        factor, offset = affine(gain, bias, mean, variance, self.epsilon)
        if not self.channels_last:
            shape = (-1,) + (1,) * (x.ndim - 2)
            factor, offset = factor.reshape(shape), offset.reshape(shape)
        return ((x * factor + offset).astype(x.dtype),)


def affine(gain: Array, bias: Array, mean: Array, variance: Array, epsilon: float) -> tuple[Array, Array]:
    """The factor and offset per channel, float64 [C], that the normalization comes down to."""
    factor = gain.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    return factor, bias - mean * factor
