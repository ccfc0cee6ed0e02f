"""QuantizeLinear and DequantizeLinear, as files carry them; `passes.fuse_qdq` turns them into an int8 graph."""

from dataclasses import dataclass

import numpy as np

from tinycnn.ir import Array, DType, Quantization, Shape


def _per_axis(values: Array, rank: int, axis: int | None) -> Array:
    if values.ndim == 0 or axis is None or rank == 0:
        return values
    shape = [1] * rank
    shape[axis] = -1
    return values.reshape(shape)


@dataclass(frozen=True, slots=True)
class QuantizeLinear:
    """rint(x / scale) + zero_point, saturated to `dtype` (int8 or uint8).

    `as_written` is for functions that tinycnn writes: the operator before it computes on int8 what it says, not what
    onnxruntime makes of it.
    """

    quantization: Quantization
    dtype: DType
    as_written: bool = False

    @property
    def label(self) -> str:
        return "QuantizeLinear"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (inputs[0],)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        limits = np.iinfo(self.dtype)
        scale = _scale(self.quantization, inputs[0].ndim)
        steps = np.rint(inputs[0] / scale) + self.quantization.zero_point
        return (np.clip(steps, limits.min, limits.max).astype(self.dtype),)


@dataclass(frozen=True, slots=True)
class DequantizeLinear:
    """(x - zero_point) * scale in float32."""

    quantization: Quantization

    @property
    def label(self) -> str:
        return "DequantizeLinear"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return (inputs[0],)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        steps = inputs[0].astype(np.int32) - self.quantization.zero_point
        return (steps.astype(np.float32) * _scale(self.quantization, inputs[0].ndim),)


def _scale(quantization: Quantization, rank: int) -> Array:
    scales = quantization.scales if quantization.axis is not None else quantization.scales[0]
    return _per_axis(np.asarray(scales), rank, quantization.axis)
