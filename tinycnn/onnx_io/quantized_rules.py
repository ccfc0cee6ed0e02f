"""Import of quantized operators: each becomes its float form between DequantizeLinear and QuantizeLinear.

That is what onnxruntime defines them to mean; `passes.fuse_qdq` then recovers the int8 operator, so that QOperator and
QDQ files take one path.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from onnx import TensorProto

from tinycnn.ir import DType, Operator, Quantization, Tensor
from tinycnn.onnx_io.insert_zeros_function import PARAMETERS, insert_zeros_parameters
from tinycnn.onnx_io.lp_pool_function import NAMES as LP_POOLS
from tinycnn.onnx_io.node import MAX_TENSOR_BYTES, Builder, OnnxNode, RefusalError
from tinycnn.onnx_io.windows import pool_window_of, window_of
from tinycnn.ops import (
    Add,
    AveragePool,
    Concat,
    Conv,
    ConvTranspose,
    Dense,
    DequantizeLinear,
    GlobalAveragePool,
    InsertZeros,
    LpPool,
    MatrixProduct,
    Multiply,
    QuantizeLinear,
    Softmax,
    Unary,
)


def quantization_from(
    builder: Builder, node: OnnxNode, scale: int, values: Tensor | None = None, axis: int | None = None
) -> Quantization:
    """The quantization in inputs `scale` and `scale` + 1, the zero point, of a node.

    It has one scale or, with an `axis`, one per index of that axis of the tensor `values`. The zero point must have
    the type of `values`.
    """
    scales = builder.constant_value(node, scale, "scale")
    if scales.dtype != np.float32 or not np.isfinite(scales).all() or (scales <= 0).any():
        raise RefusalError("its scale is not a positive float32 number")
    zero_points = np.zeros(1, np.int64)
    if node.has_input(scale + 1):
        zero_points = builder.constant_value(node, scale + 1, "zero point")
        if values is not None and zero_points.dtype != values.dtype:
            raise RefusalError(f"its zero point is {zero_points.dtype}, but {values.name!r} is {values.dtype}")
        if len(np.unique(zero_points)) != 1:
            raise RefusalError("its zero point differs between channels")
    per_axis = values is not None and axis is not None and scales.shape == values.shape[axis : axis + 1] != ()
    if scales.size != 1 and not per_axis:
        raise RefusalError(f"its scales {list(scales.shape)} are neither one nor one per channel")
    numbers = tuple(scales.reshape(-1).tolist())
    return Quantization(numbers, int(zero_points.reshape(-1)[0]), axis if per_axis else None)


def _activation_type(builder: Builder, node: OnnxNode, zero_point: int, default: DType) -> DType:
    """int8 or uint8, as the zero point of an output tells, or `default` without one."""
    if not node.has_input(zero_point):
        return default
    dtype = builder.tensor(node, zero_point).dtype
    if dtype not in ("int8", "uint8"):
        raise RefusalError("activations are int8 or uint8 only")
    return dtype


def expect(tensor: Tensor, *dtypes: DType) -> Tensor:
    if tensor.dtype not in dtypes:
        raise RefusalError(f"its input {tensor.name!r} is {tensor.dtype}, not {' or '.join(dtypes)}")
    return tensor


def quantize_linear(builder: Builder, node: OnnxNode) -> None:
    expect(builder.tensor(node, 0), "float32")
    if node.integer("block_size", 0):
        raise RefusalError("quantization by blocks is not supported")
    wanted = node.integer("output_dtype", 0)
    if wanted not in (0, TensorProto.UINT8, TensorProto.INT8):
        raise RefusalError("activations are int8 or uint8 only")
    dtype = _activation_type(builder, node, 2, "int8" if wanted == TensorProto.INT8 else "uint8")
    builder.emit(node, QuantizeLinear(quantization_from(builder, node, 1), dtype), node.inputs[:1], dtype)


def _centered(builder: Builder, node: OnnxNode, index: int, axis: int) -> OnnxNode:
    """The node whose constant weights in input `index`, scale and zero points behind, have a zero point for each index
    of `axis`: then their distances from it, which are int16, around zero point 0."""
    if not node.has_input(index + 2) or not builder.is_constant(node, index):
        return node
    zero_points = builder.constant_value(node, index + 2, "zero point")
    value = builder.constant_value(node, index, "weights")
    if len(np.unique(zero_points)) < 2 or zero_points.shape != value.shape[axis : axis + 1]:
        return node
    if value.dtype not in (np.int8, np.uint8) or zero_points.dtype != value.dtype:
        return node
    along = [1] * value.ndim
    along[axis] = -1
    distances = value.astype(np.int16) - zero_points.astype(np.int16).reshape(along)
    name = builder.add_constant(f"{node.inputs[index]}_centered", distances)
    return replace(node, inputs=(*node.inputs[:index], name, node.inputs[index + 1], "", *node.inputs[index + 3 :]))


def dequantize_linear(builder: Builder, node: OnnxNode) -> None:
    x = expect(builder.tensor(node, 0), "int8", "uint8", "int32")
    node = _centered(builder, node, 0, node.integer("axis", 1) % max(len(x.shape), 1))
    if node.integer("block_size", 0):
        raise RefusalError("quantization by blocks is not supported")
    axis = node.integer("axis", 1) % max(len(x.shape), 1) if builder.is_constant(node, 0) else None
    quantization = quantization_from(builder, node, 1, x, axis)
    builder.emit(node, DequantizeLinear(quantization), node.inputs[:1], "float32")


def _real(builder: Builder, node: OnnxNode, index: int, quantization: Quantization) -> str:
    """Emit DequantizeLinear behind input `index` of a quantized operator; returns the float tensor."""
    output = builder.unused(f"{node.inputs[index]}_real")
    part = OnnxNode(f"{node.name}_input{index}", "DequantizeLinear", (), (output,), {}, node.origins)
    builder.emit(part, DequantizeLinear(quantization), (node.inputs[index],), "float32", output)
    return output


def activation(builder: Builder, node: OnnxNode, index: int) -> str:
    """`_real` for an activation whose scale and zero point are the next two inputs."""
    x = expect(builder.tensor(node, index), "int8", "uint8")
    return _real(builder, node, index, quantization_from(builder, node, index + 1, x))


def _linear_inputs(builder: Builder, node: OnnxNode, bias: int) -> tuple[str, ...]:
    """Float forms of the inputs x (0), weights (3) and `bias` of QLinearConv and QGemm."""
    expect(builder.tensor(node, 3), "int8", "uint8")
    builder.constant_value(node, 3, "weights")
    node = _centered(builder, node, 3, 0)
    w = builder.tensor(node, 3)
    x_quantization, w_quantization = quantization_from(builder, node, 1), quantization_from(builder, node, 4, w, 0)
    inputs = (activation(builder, node, 0), _real(builder, node, 3, w_quantization))
    if not node.has_input(bias):
        return inputs
    expect(builder.tensor(node, bias), "int32")
    builder.constant_value(node, bias, "bias")
    products = np.float32(x_quantization.scale[0]) * w_quantization.scales
    b_quantization = Quantization(tuple(products.tolist()), 0, w_quantization.axis)
    return (*inputs, _real(builder, node, bias, b_quantization))


def finish(
    builder: Builder,
    node: OnnxNode,
    op: Operator,
    inputs: tuple[str, ...],
    scale: int,
    *,
    like: int = 0,
    as_written: bool = False,
) -> None:
    """Emit the float operator and QuantizeLinear with the output's scale and zero point in inputs `scale`, +1."""
    quantization = quantization_from(builder, node, scale)
    dtype = _activation_type(builder, node, scale + 1, builder.tensor(node, like).dtype)
    real = builder.unused(f"{node.outputs[0]}_real")
    builder.emit(node, op, inputs, "float32", real)
    part = OnnxNode(f"{node.name}_output", "QuantizeLinear", (), node.outputs, {}, node.origins)
    builder.emit(part, QuantizeLinear(quantization, dtype, as_written), (real,), dtype)


def insert_zeros(builder: Builder, node: OnnxNode) -> None:
    """The model-local function that `export` writes before a transposed convolution."""
    x = expect(builder.tensor(node, 0), "int8", "uint8")
    sizes = builder.spatial_shape(node)
    given = {
        name: builder.constant_value(node, index, name).astype(np.int64) for index, name in enumerate(PARAMETERS, 2)
    }
    together = given["together"].reshape(-1)[2:].tolist()
    if len(together) != len(sizes) or not all(0 < size <= MAX_TENSOR_BYTES for size in together):
        raise RefusalError("its sizes do not fit its input")
    strides = tuple(spread // size for spread, size in zip(together, sizes, strict=True))
    expected = insert_zeros_parameters(x.shape, strides)
    if not all(np.array_equal(given[name], value) for name, value in expected.items()):
        raise RefusalError("its parameters are not those that tinycnn writes")
    builder.emit(node, InsertZeros(strides, int(builder.scalar(node, 1, "zero"))), node.inputs[:1])


def conv_of(builder: Builder, node: OnnxNode, weights: int) -> tuple[OnnxNode, Conv | ConvTranspose]:
    """The convolution that a node is, transposed where `insert_zeros` is its input; then it reads what that reads."""
    window = window_of(node, builder.spatial_shape(node), builder.shape(node, weights)[2:])
    groups = node.integer("group", 1)
    real = builder.producers.get(builder.tensor(node, 0).name)
    zeros = builder.producers.get(real.inputs[0]) if real and isinstance(real.op, DequantizeLinear) else real
    if real is None or zeros is None or not isinstance(zeros.op, InsertZeros) or set(window.strides) != {1}:
        return node, Conv(window, groups)
    source = zeros.inputs[0]
    if isinstance(real.op, DequantizeLinear):
        zero_point = real.op.quantization.zero_point
        source = _real(builder, replace(node, inputs=(source,)), 0, real.op.quantization)
    else:
        zero_point = quantization_from(builder, node, 1).zero_point
    if zero_point != zeros.op.value:
        raise RefusalError("what is inserted between its inputs is not their zero point")
    return replace(node, inputs=(source, *node.inputs[1:])), ConvTranspose(window, zeros.op.strides, groups)


def qlinear_conv(builder: Builder, node: OnnxNode) -> None:
    node, op = conv_of(builder, node, 3)
    finish(builder, node, op, _linear_inputs(builder, node, 8), 6)


def qgemm(builder: Builder, node: OnnxNode) -> None:
    """com.microsoft.QGemm: A, scale, zero, B, scale, zero, C, y scale, y zero."""
    if node.number("alpha", 1.0) != 1.0 or node.integer("transA", 0):
        raise RefusalError("alpha other than 1 and transA are not supported")
    if not node.has_input(7):
        raise RefusalError("it gives float output; give it an output scale")
    if not node.integer("transB", 0):
        node = _with_weight_rows(builder, node)
    finish(builder, node, Dense(), _linear_inputs(builder, node, 6), 7)


def qlinear_matmul(builder: Builder, node: OnnxNode) -> None:
    """A, scale, zero, B, scale, zero, y scale, y zero; a constant B [I, O] makes it a Dense."""
    if not builder.is_constant(node, 3):
        finish(builder, node, MatrixProduct(), (activation(builder, node, 0), activation(builder, node, 3)), 6)
        return
    if len(builder.shape(node)) < 2 or len(builder.shape(node, 3)) != 2:
        raise RefusalError("its second factor must be a matrix")
    finish(builder, node, Dense(), _linear_inputs(builder, _with_weight_rows(builder, node), 8), 6)


def _with_weight_rows(builder: Builder, node: OnnxNode) -> OnnxNode:
    """The node with its weights [I, O] in input 3 as the [O, I] of Dense."""
    rows = np.ascontiguousarray(builder.constant_value(node, 3, "weights").T)
    name = builder.add_constant(f"{node.inputs[3]}_rows", rows)
    return replace(node, inputs=(*node.inputs[:3], name, *node.inputs[4:]))


def qlinear_add(builder: Builder, node: OnnxNode) -> None:
    finish(builder, node, Add(), (activation(builder, node, 0), activation(builder, node, 3)), 6)


def qlinear_concat(builder: Builder, node: OnnxNode) -> None:
    """com.microsoft.QLinearConcat: y scale, y zero, then each input with scale and zero."""
    count = (len(node.inputs) - 2) // 3
    inputs = tuple(activation(builder, node, 2 + 3 * index) for index in range(count))
    rank, axis = len(builder.shape(node, 2)), node.integer("axis", 0)
    if len(node.inputs) != 2 + 3 * count or not -rank <= axis < rank:
        raise RefusalError(f"its inputs do not come with scale and zero point each, or have no axis {axis}")
    finish(builder, node, Concat(axis % rank), inputs, 0, like=2)


def qlinear_multiply(builder: Builder, node: OnnxNode) -> None:
    finish(builder, node, Multiply(), (activation(builder, node, 0), activation(builder, node, 3)), 6)


def qlinear_sigmoid(builder: Builder, node: OnnxNode) -> None:
    finish(builder, node, Unary("Sigmoid"), (activation(builder, node, 0),), 3)


def qlinear_leaky_relu(builder: Builder, node: OnnxNode) -> None:
    op = Unary("LeakyRelu", (node.number("alpha", 0.01),))
    finish(builder, node, op, (activation(builder, node, 0),), 3)


def _channels_first(node: OnnxNode) -> None:
    if node.integer("channels_last", 0):
        raise RefusalError("channels_last=1 is not supported")


def qlinear_average_pool(builder: Builder, node: OnnxNode) -> None:
    _channels_first(node)
    window = pool_window_of(node, builder.spatial_shape(node))
    op = AveragePool(window, bool(node.integer("count_include_pad", 0)))
    finish(builder, node, op, (activation(builder, node, 0),), 3)


def qlinear_global_average_pool(builder: Builder, node: OnnxNode) -> None:
    _channels_first(node)
    finish(builder, node, GlobalAveragePool(), (activation(builder, node, 0),), 3)


def qlinear_softmax(builder: Builder, node: OnnxNode) -> None:
    """com.microsoft.QLinearSoftmax: x, scale, zero, y scale, y zero; `opset` says what its axis means."""
    rank, opset = len(builder.shape(node)), node.integer("opset", 13)
    axis = node.integer("axis", -1 if opset >= 13 else 1)
    if not -rank <= axis < rank:
        raise RefusalError(f"its input has no axis {axis}")
    if opset < 13 and axis % rank != rank - 1:
        raise RefusalError("its opset is below 13, where it runs over several axes at once")
    finish(builder, node, Softmax(axis % rank), (activation(builder, node, 0),), 3)


def qlinear_lp_pool(builder: Builder, node: OnnxNode, power: int) -> None:
    """A model-local function that `export` writes for an int8 LpPool; see onnx_io.lp_pool_function."""
    ones, channels = builder.constant_value(node, 3, "ones"), builder.shape(node)[1]
    window = window_of(node, builder.spatial_shape(node), ones.shape[2:])
    if ones.shape != (channels, 1, *window.kernel) or (ones != 1).any() or node.integer("group", 1) != channels:
        raise RefusalError("its parameters are not those that tinycnn writes")
    finish(builder, node, LpPool(window, power), (activation(builder, node, 0),), 4)


def integer_softmax(builder: Builder, node: OnnxNode) -> None:
    """The model-local function that `export` writes for an int8 Softmax; see onnx_io.softmax_function."""
    x = expect(builder.tensor(node, 0), "int8", "uint8")
    axis = int(builder.scalar(node, 3, "axis"))
    if not -len(x.shape) <= axis < len(x.shape):
        raise RefusalError(f"its input has no axis {axis}")
    builder.emit(node, Softmax(axis % len(x.shape)), node.inputs[:1])


Rule = Callable[[Builder, OnnxNode], None]
QUANTIZED_RULES: dict[str, Rule] = {
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
    "QLinearConv": qlinear_conv,
    "QLinearMatMul": qlinear_matmul,
    "com.microsoft.QGemm": qgemm,
    "com.microsoft.QLinearAdd": qlinear_add,
    "com.microsoft.QLinearConcat": qlinear_concat,
    "com.microsoft.QLinearLeakyRelu": qlinear_leaky_relu,
    "com.microsoft.QLinearMul": qlinear_multiply,
    "com.microsoft.QLinearSigmoid": qlinear_sigmoid,
    "com.microsoft.QLinearAveragePool": qlinear_average_pool,
    "com.microsoft.QLinearGlobalAveragePool": qlinear_global_average_pool,
    "tinycnn.InsertZeros": insert_zeros,
    "com.microsoft.QLinearSoftmax": qlinear_softmax,
    **{f"tinycnn.{name}": partial(qlinear_lp_pool, power=power) for power, name in LP_POOLS.items()},
    "tinycnn.IntegerSoftmax": integer_softmax,
}
