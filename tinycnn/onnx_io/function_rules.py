"""Import of the model-local functions that `export` writes for what onnxruntime has no exact form of on int8.

Their parameters follow from scales and shapes: anything else than what `export` would write is refused.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from tinycnn import fixedpoint
from tinycnn.ir import Array
from tinycnn.onnx_io.float_resize_function import FLOAT_RESIZES, float_resize
from tinycnn.onnx_io.node import Builder, OnnxNode, RefusalError
from tinycnn.onnx_io.normalize_exports import lrn_band
from tinycnn.onnx_io.normalize_functions import ARG_MAX, LOG_SOFTMAX
from tinycnn.onnx_io.normalize_functions import LRN as LRN_FUNCTION
from tinycnn.onnx_io.quantized_rules import activation, expect, finish, quantization_from
from tinycnn.onnx_io.sum_exports import pool_factors
from tinycnn.onnx_io.sum_functions import POOL, REDUCTIONS, RESIZES, resize_matrix, taps_from
from tinycnn.onnx_io.tie_functions import MULTIPLY, POOLS
from tinycnn.onnx_io.windows import pool_window_of, window_of
from tinycnn.ops import LRN, ArgMax, AveragePool, LogSoftmax, Multiply, Reduce, ResizeLinear
from tinycnn.ops.normalize import MAX_WINDOW
from tinycnn.ops.softmax import exponentials


def qlinear_reduce(builder: Builder, node: OnnxNode, function: str) -> None:
    """A model-local function that `export` writes; see onnx_io.sum_functions."""
    axes = tuple(builder.constant_value(node, 3, "axes").reshape(-1).tolist())
    op = Reduce(function, axes)
    op.output_shapes(builder.shape(node))
    count = math.prod(builder.shape(node)[axis] for axis in axes)
    y_scale = quantization_from(builder, node, 5).scale[0]
    factor = op.factor(quantization_from(builder, node, 1), y_scale, count)
    _expect_equal(builder.constant_value(node, 4, "factor"), factor)
    finish(builder, node, op, (activation(builder, node, 0),), 5, as_written=True)


def summed_average_pool(builder: Builder, node: OnnxNode) -> None:
    """The model-local function that `export` writes for pools that onnxruntime has not; see onnx_io.sum_functions."""
    sizes, channels = builder.spatial_shape(node), builder.shape(node)[1]
    ones = builder.constant_value(node, 3, "ones")
    window = window_of(node, sizes, ones.shape[2:])
    window = replace(window, ceil_mode=bool(node.integer("ceil_mode", 0)))
    op = AveragePool(window, bool(node.integer("count_include_pad", 0)))
    source, destination = quantization_from(builder, node, 1), quantization_from(builder, node, 5)
    _expect_equal(builder.constant_value(node, 4, "factor"), pool_factors(op, sizes, source, destination))
    if ones.shape[:2] != (channels, 1) or (ones != 1).any():
        raise RefusalError("its parameters are not those that tinycnn writes")
    _expect_equal(np.array(node.integers("sum_pads")), np.array(window.without_ceil_mode(sizes).pads))
    finish(builder, node, op, (activation(builder, node, 0),), 5, as_written=True)


def multiply(builder: Builder, node: OnnxNode) -> None:
    """The model-local function that `export` writes where onnxruntime's would round a tie the other way."""
    a, b, y = (quantization_from(builder, node, index) for index in (1, 4, 8))
    _expect_equal(builder.constant_value(node, 6, "factor"), fixedpoint.rescale(a.scale[0], b.scale[0], y.scale[0])[0])
    before = builder.constant_value(node, 7, "number before rounding")
    if before not in (0, *(y.zero_point + offset for offset in (-128, 0, 128))):
        raise RefusalError("its parameters are not those that tinycnn writes")
    operands = activation(builder, node, 0), activation(builder, node, 3)
    finish(builder, node, Multiply(int(before)), operands, 8, as_written=True)


def average_pool_of(builder: Builder, node: OnnxNode, dtype: str) -> None:
    """The model-local function that computes onnxruntime's pool in the other type of 8 bits than the file's."""
    x = expect(builder.tensor(node, 0), "uint8" if dtype == "int8" else "int8")
    window = pool_window_of(node, builder.spatial_shape(node))
    zero_point = quantization_from(builder, node, 3, x).zero_point + (128 if dtype == "uint8" else -128)
    op = AveragePool(window, bool(node.integer("count_include_pad", 0)), float_zero_point=zero_point)
    finish(builder, node, op, (activation(builder, node, 0),), 3, as_written=True)


def _expect_equal(value: Array, expected: Array) -> None:
    if not np.array_equal(value, expected):
        raise RefusalError("its parameters are not those that tinycnn writes")


def linear_resize(builder: Builder, node: OnnxNode, rank: int) -> None:
    """A model-local function that `export` writes for an int8 linear Resize; see onnx_io.sum_functions."""
    x = expect(builder.tensor(node, 0), "int8", "uint8")
    matrices = [builder.constant_value(node, index, "matrix") for index in range(1, rank - 1)]
    if len(x.shape) != rank or any(matrix.ndim != 2 or not matrix.any() for matrix in matrices):
        raise RefusalError("its matrices do not fit its input")
    matrices[-1] = matrices[-1].T
    axes = tuple(taps_from(matrix) for matrix in matrices)
    for taps, matrix, size in zip(axes, matrices, x.shape[2:], strict=True):
        if matrix.shape[1] != size or (taps is not None and max(taps[1][0]) >= size):
            raise RefusalError("its matrices do not fit its input")
        _expect_equal(matrix, resize_matrix(taps, size))
    builder.emit(node, ResizeLinear((None, None, *axes)), node.inputs[:1])


def arg_max(builder: Builder, node: OnnxNode) -> None:
    x = expect(builder.tensor(node, 0), "int8", "uint8")
    axis, rank = node.integer("axis", 0), len(x.shape)
    if not 0 <= axis < rank or builder.scalar(node, 1, "low") != (0 if x.dtype == "uint8" else -128):
        raise RefusalError(f"its input has no axis {axis}, or its indices do not begin at the lowest value")
    builder.emit(node, ArgMax(axis, True, bool(node.integer("select_last_index", 0))), node.inputs[:1])


def log_softmax(builder: Builder, node: OnnxNode) -> None:
    (axis,) = builder.constant_value(node, 6, "axes").reshape(-1).tolist()
    shape = builder.shape(node)
    if not 0 <= axis < len(shape):
        raise RefusalError(f"its input has no axis {axis}")
    op, source, destination = LogSoftmax(axis), quantization_from(builder, node, 1), quantization_from(builder, node, 7)
    _expect_equal(builder.constant_value(node, 3, "exponentials"), exponentials(source))
    _expect_equal(builder.constant_value(node, 4, "distances"), op.distances(source, destination))
    _expect_equal(builder.constant_value(node, 5, "thresholds"), op.thresholds(destination, shape[axis]))
    finish(builder, node, op, (activation(builder, node, 0),), 7, as_written=True)


def lrn(builder: Builder, node: OnnxNode) -> None:
    op = LRN(node.integer("size", 1), node.number("alpha", 1.0), node.number("beta", 1.0), node.number("bias", 1.0))
    if not (op.size > 0 and op.bias > 0 and 0 <= op.alpha < np.inf and abs(op.beta) < np.inf):
        raise RefusalError("its size, alpha, beta or bias cannot be")
    x = expect(builder.tensor(node, 0), "int8", "uint8")
    builder.spatial_shape(node)
    offset = 128 if x.dtype == "uint8" else 0
    source, destination = quantization_from(builder, node, 1), quantization_from(builder, node, 7)
    table = op.multipliers(replace(source, zero_point=source.zero_point - offset), destination)
    band = builder.constant_value(node, 3, "band")
    if op.size > MAX_WINDOW or band.shape[:2] != (x.shape[1], x.shape[1]):  # before as much is made
        raise RefusalError("its parameters are not those that tinycnn writes")
    _expect_equal(band, lrn_band(op, x.shape))
    _expect_equal(builder.constant_value(node, 4, "multipliers"), table.multipliers)
    _expect_equal(builder.constant_value(node, 5, "divisor"), np.array(1 << table.bits))
    _expect_equal(builder.constant_value(node, 6, "unit"), np.array(2.0**-table.shift))
    finish(builder, node, op, (activation(builder, node, 0),), 7, as_written=True)


FUNCTION_RULES: dict[str, Callable[[Builder, OnnxNode], None]] = {
    f"tinycnn.{ARG_MAX}": arg_max,
    f"tinycnn.{LOG_SOFTMAX}": log_softmax,
    f"tinycnn.{LRN_FUNCTION}": lrn,
    **dict.fromkeys((f"tinycnn.{name}" for name in FLOAT_RESIZES), float_resize),
    f"tinycnn.{MULTIPLY}": multiply,
    **{f"tinycnn.{name}": partial(average_pool_of, dtype=dtype) for dtype, name in POOLS.items()},
    f"tinycnn.{POOL}": summed_average_pool,
    **{f"tinycnn.{name}": partial(qlinear_reduce, function=function) for function, name in REDUCTIONS.items()},
    **{f"tinycnn.{name}": partial(linear_resize, rank=rank) for rank, name in RESIZES.items()},
}
"""Name of the function, with its domain, to what imports a call of it."""
