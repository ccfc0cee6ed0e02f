"""Rescaled integer sums and interpolations as ONNX functions of operators whose results are exact everywhere.

onnxruntime has no int8 form of these operators, or one of floats in an order of its own.
"""

import numpy as np
from onnx import FunctionProto, NodeProto, TensorProto, helper

from tinycnn.ir import Array
from tinycnn.onnx_io.softmax_function import DOMAIN
from tinycnn.ops.float_resize import Taps
from tinycnn.ops.resize import ONE, WEIGHT_BITS, along, taps_of

REDUCTIONS = {"ReduceMean": "QLinearReduceMean", "ReduceSum": "QLinearReduceSum"}
POOL = "QLinearAveragePool"
POOL_ATTRIBUTES = {"strides": "INTS", "dilations": "INTS", "sum_pads": "INTS", "group": "INT"}
POOL_NOTES = ("pads", "ceil_mode", "count_include_pad")
"""Attributes that only say what the pool was; `factors` and `sum_pads` follow from them."""
RESIZES = {3: "LinearResizeOfSignal", 4: "LinearResizeOfImage"}


def _cast(source: str, output: str, to: int) -> NodeProto:
    return helper.make_node("Cast", [source], [output], to=to)


def _float(name: str, value: float, kind: int = TensorProto.FLOAT) -> NodeProto:
    return helper.make_node("Constant", [], [name], value=helper.make_tensor(name, kind, [], [value]))


def _requantized() -> list[NodeProto]:
    """From `sum`, integers in float32, by `factor` to `y`, as fixedpoint.requantize does: rint, then the zero point."""
    return [
        helper.make_node("Mul", ["sum", "factor"], ["scaled"]),
        helper.make_node("Round", ["scaled"], ["rounded"]),
        _float("one", 1.0),
        helper.make_node("QuantizeLinear", ["rounded", "one", "y_zero"], ["y"]),
    ]


def reduce_function(name: str, opset: int) -> FunctionProto:
    """(x, x_scale, x_zero, axes, factor, y_scale, y_zero): the int32 sum of x - x_zero along axes, times factor."""
    body = [
        _cast("x", "value", TensorProto.INT32),
        _cast("x_zero", "zero", TensorProto.INT32),
        helper.make_node("Sub", ["value", "zero"], ["term"]),
        helper.make_node("ReduceSum", ["term", "axes"], ["total"], keepdims=1),
        _cast("total", "sum", TensorProto.FLOAT),
        *_requantized(),
    ]
    inputs = ["x", "x_scale", "x_zero", "axes", "factor", "y_scale", "y_zero"]
    return helper.make_function(DOMAIN, name, inputs, ["y"], body, [helper.make_opsetid("", opset)])


def pool_function(opset: int) -> FunctionProto:
    """(x, x_scale, x_zero, ones, factor, y_scale, y_zero): `tinycnn.ops.AveragePool` on int8 or uint8.

    A depthwise Conv with weights `ones` float32 [C, 1, kernel...] adds up integers below 2**24, which float32 does
    exactly in any order; factor float32 [1, 1, sizes...] has the rescale of each position.
    """
    convolution = helper.make_node("Conv", ["term", "ones"], ["sum"])
    for name, kind in POOL_ATTRIBUTES.items():
        attribute = convolution.attribute.add()
        attribute.name, attribute.ref_attr_name = name.removeprefix("sum_"), name
        attribute.type = attribute.INTS if kind == "INTS" else attribute.INT
    body = [
        _cast("x", "value", TensorProto.FLOAT),
        _cast("x_zero", "zero", TensorProto.FLOAT),
        helper.make_node("Sub", ["value", "zero"], ["term"]),
        convolution,
        *_requantized(),
    ]
    inputs = ["x", "x_scale", "x_zero", "ones", "factor", "y_scale", "y_zero"]
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_function(DOMAIN, POOL, inputs, ["y"], body, opsets, [*POOL_ATTRIBUTES, *POOL_NOTES])


def resize_function(rank: int, opset: int) -> FunctionProto:
    """(x, columns) for [N, C, L], (x, rows, columns) for [N, C, H, W]: `tinycnn.ops.ResizeLinear` on int8 or uint8.

    Products of whole numbers in float64, exact in any order; the matrices are float32. Then floor(sum / one + 1 / 2),
    where one is 2048 for each axis.
    """
    node = helper.make_node
    products = [_cast("columns", "right", TensorProto.DOUBLE)]
    if rank == 4:
        products += [_cast("rows", "left", TensorProto.DOUBLE), node("MatMul", ["left", "value"], ["lines"])]
    products.append(node("MatMul", ["lines" if rank == 4 else "value", "right"], ["sum"]))
    body = [
        _cast("x", "value", TensorProto.DOUBLE),
        *products,
        _float("unit", 2.0 ** (-WEIGHT_BITS * (rank - 2)), TensorProto.DOUBLE),
        _float("half", 0.5, TensorProto.DOUBLE),
        node("Mul", ["sum", "unit"], ["scaled"]),
        node("Add", ["scaled", "half"], ["shifted"]),
        node("Floor", ["shifted"], ["whole"]),
        node("CastLike", ["whole", "x"], ["y"]),
    ]
    inputs = ["x", *(["rows"] if rank == 4 else []), "columns"]
    return helper.make_function(DOMAIN, RESIZES[rank], inputs, ["y"], body, [helper.make_opsetid("", opset)])


def resize_matrix(taps: Taps | None, size: int) -> Array:
    """The weights of every input element for every output element, times 2048, float32 [outputs, size]."""
    low, upper = along(taps, size)
    outputs = np.arange(len(low))
    matrix = np.zeros((len(low), size), np.float32)
    np.add.at(matrix, (outputs, low), ONE - upper)
    np.add.at(matrix, (outputs, low + (upper > 0)), upper)
    return matrix


def taps_from(matrix: Array) -> Taps | None:
    """The inverse of `resize_matrix`; None for one that changes nothing."""
    if matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, resize_matrix(None, len(matrix))):
        return None
    low = (matrix != 0).argmax(axis=1)
    return taps_of(low, ONE - matrix[np.arange(len(matrix)), low].astype(np.int64))
