"""Mul and AveragePool of files that came quantized, for an export in another type than theirs, as ONNX functions.

onnxruntime rounds after it has added the zero point of the type at hand, so that a tie may go the other way.
"""

from onnx import FunctionProto, NodeProto, TensorProto, helper

from tinycnn.onnx_io.softmax_function import DOMAIN

MULTIPLY = "QLinearMul"
POOLS = {"int8": "QLinearAveragePoolOfInt8", "uint8": "QLinearAveragePoolOfUint8"}
"""By the type in which it computes; it stands in a file of the other."""
POOL_ATTRIBUTES = {
    "kernel_shape": "INTS",
    "strides": "INTS",
    "pads": "INTS",
    "ceil_mode": "INT",
    "count_include_pad": "INT",
}


def _cast(source: str, output: str, to: int) -> NodeProto:
    return helper.make_node("Cast", [source], [output], to=to)


def multiply_function(opset: int) -> FunctionProto:
    """(a, a_scale, a_zero, b, b_scale, b_zero, factor, before, y_scale, y_zero): `tinycnn.ops.Multiply`.

    The product of the distances from the zero points, times `factor`; `before` is what is added before rounding and
    taken off behind it. All are float32 operations on single elements, which IEEE 754 defines.
    """
    node = helper.make_node
    body = [_cast(name, f"{name}_float", TensorProto.FLOAT) for name in ("a", "a_zero", "b", "b_zero")]
    body += [
        node("Sub", ["a_float", "a_zero_float"], ["a_distance"]),
        node("Sub", ["b_float", "b_zero_float"], ["b_distance"]),
        node("Mul", ["a_distance", "b_distance"], ["product"]),
        node("Mul", ["product", "factor"], ["scaled"]),
        node("Add", ["scaled", "before"], ["moved"]),
        node("Round", ["moved"], ["rounded"]),
        node("Sub", ["rounded", "before"], ["steps"]),
        node("Constant", [], ["one"], value=helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])),
        node("QuantizeLinear", ["steps", "one", "y_zero"], ["y"]),
    ]
    inputs = ["a", "a_scale", "a_zero", "b", "b_scale", "b_zero", "factor", "before", "y_scale", "y_zero"]
    return helper.make_function(DOMAIN, MULTIPLY, inputs, ["y"], body, [helper.make_opsetid("", opset)])


def pool_function(name: str, opset: int) -> FunctionProto:
    """(x, x_scale, x_zero, y_scale, y_zero): onnxruntime's QLinearAveragePool in the other type of 8 bits."""
    to, back = (TensorProto.INT8, TensorProto.UINT8) if name == POOLS["int8"] else (TensorProto.UINT8, TensorProto.INT8)
    offset = helper.make_tensor("offset", TensorProto.INT32, [], [-128 if to == TensorProto.INT8 else 128])
    body = [helper.make_node("Constant", [], ["offset"], value=offset)]
    for source in ("x", "x_zero", "y_zero"):
        body += [
            _cast(source, f"{source}_wide", TensorProto.INT32),
            helper.make_node("Add", [f"{source}_wide", "offset"], [f"{source}_moved"]),
            _cast(f"{source}_moved", f"{source}_other", to),
        ]
    inputs = ["x_other", "x_scale", "x_zero_other", "y_scale", "y_zero_other"]
    pool = helper.make_node("QLinearAveragePool", inputs, ["y_other"], domain="com.microsoft")
    for attribute_name, kind in POOL_ATTRIBUTES.items():
        attribute = pool.attribute.add()
        attribute.name, attribute.ref_attr_name = attribute_name, attribute_name
        attribute.type = attribute.INTS if kind == "INTS" else attribute.INT
    body += [
        pool,
        _cast("y_other", "y_wide", TensorProto.INT32),
        helper.make_node("Sub", ["y_wide", "offset"], ["y_moved"]),
        _cast("y_moved", "y", back),
    ]
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_function(
        DOMAIN, name, ["x", "x_scale", "x_zero", "y_scale", "y_zero"], ["y"], body, opsets, list(POOL_ATTRIBUTES)
    )
