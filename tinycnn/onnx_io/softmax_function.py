"""The int8 Softmax as an ONNX function of integer operators, so that onnxruntime gives the same bytes everywhere."""

from onnx import FunctionProto, NodeProto, TensorProto, helper

from tinycnn.ops.softmax import EXP_ONE

DOMAIN = "tinycnn"
NAME = "IntegerSoftmax"


def integer_softmax_function(opset: int) -> FunctionProto:
    """IntegerSoftmax(x, exponentials, low, axes): `tinycnn.ops.Softmax` on int8 or uint8.

    exponentials int32 [256] by distance from the largest x; low int32 is the lowest value of x's type; axes int64 [1].
    With terms e: y = min((256 e + sum(e) / 2) / sum(e), 255) + low.
    """
    node = helper.make_node
    body = [
        node("Cast", ["x"], ["value"], to=TensorProto.INT32),
        node("ReduceMax", ["value", "axes"], ["largest"], keepdims=1),
        _constant("two", 2),
        _constant("steps", 256),
        _constant("highest", 255),
        node("Sub", ["largest", "value"], ["distance"]),
        node("Gather", ["exponentials", "distance"], ["term"]),
        node("ReduceSum", ["term", "axes"], ["total"], keepdims=1),
        node("Div", ["total", "two"], ["half"]),
        node("Mul", ["term", "steps"], ["scaled"]),
        node("Add", ["scaled", "half"], ["rounded"]),
        node("Div", ["rounded", "total"], ["quotient"]),
        node("Min", ["quotient", "highest"], ["saturated"]),
        node("Add", ["saturated", "low"], ["shifted"]),
        node("CastLike", ["shifted", "x"], ["y"]),
    ]
    return helper.make_function(
        DOMAIN,
        NAME,
        ["x", "exponentials", "low", "axes"],
        ["y"],
        body,
        [helper.make_opsetid("", opset)],
        doc_string=f"Softmax in integers: exponentials are scaled so that exp(0) is {EXP_ONE}.",
    )


def _constant(name: str, value: int) -> NodeProto:
    tensor = helper.make_tensor(name, TensorProto.INT32, [], [value])
    return helper.make_node("Constant", [], [name], value=tensor)
