"""ArgMax, LogSoftmax and LRN on int8 as ONNX functions of operators whose results are exact everywhere."""

from onnx import AttributeProto, FunctionProto, NodeProto, TensorProto, helper

from tinycnn.onnx_io.softmax_function import DOMAIN

ARG_MAX, LOG_SOFTMAX, LRN = "QLinearArgMax", "IntegerLogSoftmax", "IntegerLRN"


def _constant(name: str, kind: int, value: float) -> NodeProto:
    return helper.make_node("Constant", [], [name], value=helper.make_tensor(name, kind, [], [value]))


def arg_max_function(opset: int) -> FunctionProto:
    """(x, low): the place along `axis` of the largest element, counted from `low`, the lowest value of x's type."""
    node = helper.make_node
    found = node("ArgMax", ["x"], ["place"], keepdims=1)
    for name in ("axis", "select_last_index"):
        found.attribute.append(AttributeProto(name=name, ref_attr_name=name, type=AttributeProto.INT))
    body = [
        found,
        node("Cast", ["place"], ["index"], to=TensorProto.INT32),
        node("Add", ["index", "low"], ["shifted"]),
        node("CastLike", ["shifted", "x"], ["y"]),
    ]
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_function(DOMAIN, ARG_MAX, ["x", "low"], ["y"], body, opsets, ["axis", "select_last_index"])


def log_softmax_function(opset: int) -> FunctionProto:
    """(x, x_scale, x_zero, exponentials, distances, thresholds, axes, y_scale, y_zero): `tinycnn.ops.LogSoftmax`."""
    node = helper.make_node
    body = [
        node("Cast", ["x"], ["value"], to=TensorProto.INT32),
        node("ReduceMax", ["value", "axes"], ["largest"], keepdims=1),
        node("Sub", ["largest", "value"], ["below"]),
        node("Gather", ["exponentials", "below"], ["term"]),
        node("ReduceSum", ["term", "axes"], ["total"], keepdims=1),
        node("Constant", [], ["last"], value=helper.make_tensor("last", TensorProto.INT64, [1], [-1])),
        node("Unsqueeze", ["total", "last"], ["apart"]),
        node("GreaterOrEqual", ["apart", "thresholds"], ["reached"]),
        node("Cast", ["reached"], ["ones"], to=TensorProto.INT32),
        node("ReduceSum", ["ones", "last"], ["logarithm"], keepdims=0),
        node("Gather", ["distances", "below"], ["distance"]),
        node("Add", ["distance", "logarithm"], ["quarters"]),
        _constant("two", TensorProto.INT32, 2),
        _constant("four", TensorProto.INT32, 4),
        node("Add", ["quarters", "two"], ["shifted"]),
        node("Div", ["shifted", "four"], ["steps"]),
        node("Neg", ["steps"], ["negative"]),
        node("Cast", ["negative"], ["real"], to=TensorProto.FLOAT),
        _constant("one", TensorProto.FLOAT, 1.0),
        node("QuantizeLinear", ["real", "one", "y_zero"], ["y"]),
    ]
    inputs = ["x", "x_scale", "x_zero", "exponentials", "distances", "thresholds", "axes", "y_scale", "y_zero"]
    return helper.make_function(DOMAIN, LOG_SOFTMAX, inputs, ["y"], body, [helper.make_opsetid("", opset)])


def lrn_function(opset: int) -> FunctionProto:
    """(x, x_scale, x_zero, band, multipliers, divisor, unit, y_scale, y_zero): `tinycnn.ops.LRN`.

    band float32 [C, C, 1...] adds up the squares of neighbouring channels; float32 is exact below 2**24 and float64
    for the products. multipliers int32, divisor int32 = 2 ** bits, unit float32 = 2 ** -shift. The attributes are those
    of the LRN.
    """
    node = helper.make_node
    body = [
        node("Cast", ["x"], ["value"], to=TensorProto.FLOAT),
        node("Cast", ["x_zero"], ["zero"], to=TensorProto.FLOAT),
        node("Sub", ["value", "zero"], ["distance"]),
        node("Mul", ["distance", "distance"], ["square"]),
        node("Conv", ["square", "band"], ["sum"]),
        node("Cast", ["sum"], ["whole"], to=TensorProto.INT32),
        node("Div", ["whole", "divisor"], ["index"]),
        node("Gather", ["multipliers", "index"], ["multiplier"]),
        node("Cast", ["multiplier"], ["wide"], to=TensorProto.DOUBLE),
        node("Cast", ["distance"], ["wide_distance"], to=TensorProto.DOUBLE),
        node("Mul", ["wide_distance", "wide"], ["product"]),
        node("Cast", ["unit"], ["wide_unit"], to=TensorProto.DOUBLE),
        node("Mul", ["product", "wide_unit"], ["scaled"]),
        _constant("half", TensorProto.DOUBLE, 0.5),
        node("Add", ["scaled", "half"], ["shifted"]),
        node("Floor", ["shifted"], ["steps"]),
        node("Cast", ["steps"], ["real"], to=TensorProto.FLOAT),
        _constant("one", TensorProto.FLOAT, 1.0),
        node("QuantizeLinear", ["real", "one", "y_zero"], ["y"]),
    ]
    inputs = ["x", "x_scale", "x_zero", "band", "multipliers", "divisor", "unit", "y_scale", "y_zero"]
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_function(DOMAIN, LRN, inputs, ["y"], body, opsets, ["size", "alpha", "beta", "bias"])
