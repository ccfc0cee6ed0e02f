"""The int8 L1 and L2 pool as ONNX functions of operators whose results are exact everywhere."""

from onnx import FunctionProto, NodeProto, TensorProto, helper

from tinycnn.onnx_io.softmax_function import DOMAIN

NAMES = {1: "QLinearL1Pool", 2: "QLinearL2Pool"}
ATTRIBUTES = {"strides": "INTS", "pads": "INTS", "dilations": "INTS", "group": "INT"}


def lp_pool_function(power: int, opset: int) -> FunctionProto:
    """(x, x_scale, x_zero, ones, y_scale, y_zero): `tinycnn.ops.LpPool` on int8 or uint8.

    A depthwise Conv with weights `ones` float32 [C, 1, kernel...] adds up integers below 2**24, which float32 does
    exactly in any order. The rest is in float64, whose every operation IEEE 754 defines to the last bit.
    """
    node = helper.make_node
    convolution = node("Conv", ["term", "ones"], ["sum"])
    for name, kind in ATTRIBUTES.items():
        attribute = convolution.attribute.add()
        attribute.name, attribute.ref_attr_name = name, name
        attribute.type = attribute.INTS if kind == "INTS" else attribute.INT
    body = [
        _cast("x", "value", TensorProto.FLOAT),
        _cast("x_zero", "zero", TensorProto.FLOAT),
        node("Sub", ["value", "zero"], ["difference"]),
        node("Mul", ["difference", "difference"], ["term"]) if power == 2 else node("Abs", ["difference"], ["term"]),
        convolution,
        _cast("sum", "wide", TensorProto.DOUBLE),
        node("Sqrt", ["wide"], ["root"]) if power == 2 else node("Identity", ["wide"], ["root"]),
        _cast("x_scale", "source", TensorProto.DOUBLE),
        _cast("y_scale", "destination", TensorProto.DOUBLE),
        node("Div", ["source", "destination"], ["factor"]),
        node("Mul", ["root", "factor"], ["scaled"]),
        node("Round", ["scaled"], ["rounded"]),
        _cast("rounded", "steps", TensorProto.FLOAT),
        node("Constant", [], ["one"], value=helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])),
        node("QuantizeLinear", ["steps", "one", "y_zero"], ["y"]),
    ]
    inputs = ["x", "x_scale", "x_zero", "ones", "y_scale", "y_zero"]
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_function(DOMAIN, NAMES[power], inputs, ["y"], body, opsets, list(ATTRIBUTES))


def _cast(source: str, output: str, to: int) -> NodeProto:
    return helper.make_node("Cast", [source], [output], to=to)
