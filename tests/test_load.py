"""Reading ONNX: every operator means what it means to onnxruntime."""

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from models import (
    EXAMPLES,
    assert_like_onnxruntime,
    floats,
    model,
    node,
    run_float,
    run_onnxruntime,
)
from models import example as example_model
from onnx import TensorProto, numpy_helper
from tensors import f, i, n

from tinycnn.ir import Array
from tinycnn.onnx_io.elementwise_rules import ELEMENTWISE_RULES
from tinycnn.onnx_io.load import import_model
from tinycnn.onnx_io.movement_rules import MOVEMENT_RULES
from tinycnn.onnx_io.rules import RULES

TRIED_OPSETS = (13, 17, 21, 24, 26)
RNG = np.random.default_rng(0)


# Per case: nodes, the shape of x, constants. A batch of 2 where the operator allows one.
CASES: dict[str, tuple[list[onnx.NodeProto], tuple[int, ...], dict[str, Array]]] = {
    "Conv": ([node("Conv", "x w b", "y")], (2, 3, 7, 6), {"w": f(4, 3, 3, 2), "b": f(4)}),
    "Conv without bias": ([node("Conv", "x w", "y", kernel_shape=[3, 3])], (2, 3, 7, 6), {"w": f(4, 3, 3, 3)}),
    "Conv asymmetric pads": ([node("Conv", "x w", "y", pads=[1, 0, 2, 3])], (2, 2, 5, 5), {"w": f(3, 2, 3, 3)}),
    "Conv strides": ([node("Conv", "x w", "y", strides=[2, 3])], (2, 2, 9, 10), {"w": f(3, 2, 3, 2)}),
    "Conv dilations": ([node("Conv", "x w", "y", dilations=[2, 3])], (2, 2, 9, 10), {"w": f(3, 2, 3, 3)}),
    "Conv groups": ([node("Conv", "x w b", "y", group=2)], (2, 4, 5, 5), {"w": f(6, 2, 3, 3), "b": f(6)}),
    "Conv depthwise": ([node("Conv", "x w", "y", group=4)], (2, 4, 5, 5), {"w": f(4, 1, 3, 3)}),
    "Conv depthwise multiplier": ([node("Conv", "x w", "y", group=3)], (2, 3, 5, 5), {"w": f(6, 1, 3, 3)}),
    "Conv 1-D": ([node("Conv", "x w b", "y", pads=[1, 2])], (2, 3, 11), {"w": f(4, 3, 3), "b": f(4)}),
    "Conv 3-D": ([node("Conv", "x w", "y")], (2, 2, 4, 5, 4), {"w": f(3, 2, 2, 3, 2)}),
    "Conv SAME_UPPER": (
        [node("Conv", "x w", "y", auto_pad="SAME_UPPER", strides=[2, 2])],
        (2, 2, 7, 8),
        {"w": f(3, 2, 4, 3)},
    ),
    "Conv SAME_LOWER": (
        [node("Conv", "x w", "y", auto_pad="SAME_LOWER", strides=[2, 3])],
        (2, 2, 7, 8),
        {"w": f(3, 2, 4, 3)},
    ),
    "Conv VALID": ([node("Conv", "x w", "y", auto_pad="VALID")], (2, 2, 7, 8), {"w": f(3, 2, 4, 3)}),
    "Gemm": ([node("Gemm", "x w b", "y")], (2, 5), {"w": f(5, 3), "b": f(3)}),
    "Gemm transB": ([node("Gemm", "x w b", "y", transB=1)], (2, 5), {"w": f(3, 5), "b": f(3)}),
    "Gemm alpha beta": ([node("Gemm", "x w b", "y", alpha=0.5, beta=2.0)], (2, 5), {"w": f(5, 3), "b": f(3)}),
    "Gemm alpha transB": ([node("Gemm", "x w b", "y", alpha=-2.0, transB=1)], (2, 5), {"w": f(3, 5), "b": f(3)}),
    "Gemm scalar bias": ([node("Gemm", "x w b", "y")], (2, 5), {"w": f(5, 3), "b": n(0.7)}),
    "Gemm bias [1]": ([node("Gemm", "x w b", "y")], (2, 5), {"w": f(5, 3), "b": f(1)}),
    "Gemm bias [1, O]": ([node("Gemm", "x w b", "y", beta=0.5)], (2, 5), {"w": f(5, 3), "b": f(1, 3)}),
    "Gemm without bias": ([node("Gemm", "x w", "y")], (2, 5), {"w": f(5, 3)}),
    "MatMul": ([node("MatMul", "x w", "y")], (2, 5), {"w": f(5, 3)}),
    "MatMul 3-D": ([node("MatMul", "x w", "y")], (2, 4, 5), {"w": f(5, 3)}),
    "MatMul Add": ([node("MatMul", "x w", "a"), node("Add", "b a", "y")], (2, 5), {"w": f(5, 3), "b": f(3)}),
    "Add constant": ([node("Add", "x c", "y")], (2, 3, 4, 4), {"c": f(3, 1, 1)}),
    "Add itself": ([node("Add", "x x", "y")], (2, 3, 4), {}),
    "Add broadcast": ([node("GlobalAveragePool", "x", "a"), node("Add", "x a", "y")], (2, 3, 4, 4), {}),
    "MaxPool": ([node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[2, 2])], (2, 3, 7, 6), {}),
    "MaxPool pads": ([node("MaxPool", "x", "y", kernel_shape=[3, 2], pads=[1, 0, 2, 1])], (2, 3, 7, 6), {}),
    "MaxPool dilations": ([node("MaxPool", "x", "y", kernel_shape=[3, 2], dilations=[2, 3])], (2, 3, 9, 8), {}),
    "MaxPool ceil": (
        [node("MaxPool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)],
        (2, 3, 8, 6),
        {},
    ),
    "MaxPool ceil pads": (
        [node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[3, 2], pads=[1, 1, 1, 1], ceil_mode=1)],
        (2, 3, 8, 7),
        {},
    ),
    "MaxPool SAME_UPPER": (
        [node("MaxPool", "x", "y", kernel_shape=[3, 2], strides=[2, 2], auto_pad="SAME_UPPER")],
        (2, 3, 8, 7),
        {},
    ),
    "MaxPool 1-D": ([node("MaxPool", "x", "y", kernel_shape=[3])], (2, 3, 8), {}),
    "AveragePool": ([node("AveragePool", "x", "y", kernel_shape=[2, 3], strides=[2, 1])], (2, 3, 7, 6), {}),
    "AveragePool pads": ([node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1, 0, 1, 2])], (2, 3, 7, 6), {}),
    "AveragePool include pads": (
        [node("AveragePool", "x", "y", kernel_shape=[3, 3], pads=[1, 0, 1, 2], count_include_pad=1)],
        (2, 3, 7, 6),
        {},
    ),
    "AveragePool ceil": (
        [node("AveragePool", "x", "y", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)],
        (2, 3, 8, 6),
        {},
    ),
    "AveragePool SAME_LOWER": (
        [node("AveragePool", "x", "y", kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_LOWER")],
        (2, 3, 7, 7),
        {},
    ),
    "GlobalAveragePool": ([node("GlobalAveragePool", "x", "y")], (2, 3, 5, 4), {}),
    "GlobalAveragePool 1-D": ([node("GlobalAveragePool", "x", "y")], (2, 3, 5), {}),
    "Relu": ([node("Relu", "x", "y")], (2, 3, 4), {}),
    "Clip": ([node("Clip", "x low high", "y")], (2, 9), {"low": n(-0.5), "high": n(0.75)}),
    "Clip without minimum": ([node("Clip", "x - high", "y")], (2, 9), {"high": n(0.75)}),
    "Clip without maximum": ([node("Clip", "x low", "y")], (2, 9), {"low": n(-0.5)}),
    "Clip without both": ([node("Clip", "x", "y")], (2, 9), {}),
    "Clip crossed": ([node("Clip", "x low high", "y")], (2, 9), {"low": n(0.5), "high": n(-0.5)}),
    "BatchNormalization": (
        [node("BatchNormalization", "x a b m v", "y", epsilon=0.01)],
        (2, 3, 4, 4),
        {"a": f(3), "b": f(3), "m": f(3), "v": np.abs(f(3))},
    ),
    "BatchNormalization of vectors": (
        [node("BatchNormalization", "x a b m v", "y")],
        (2, 3),
        {"a": f(3), "b": f(3), "m": f(3), "v": np.abs(f(3)) + 1},
    ),
    "Flatten": ([node("Flatten", "x", "y")], (2, 3, 4, 5), {}),
    "Flatten axis 0": ([node("Flatten", "x", "y", axis=0)], (1, 3, 4, 5), {}),
    "Flatten axis 2": ([node("Flatten", "x", "y", axis=2)], (2, 3, 4, 5), {}),
    "Flatten axis -1": ([node("Flatten", "x", "y", axis=-1)], (2, 3, 4, 5), {}),
    "Flatten axis rank": ([node("Flatten", "x", "y", axis=3)], (2, 3, 4), {}),
    "Reshape": ([node("Reshape", "x s", "y")], (2, 3, 4), {"s": i(2, 4, 3)}),
    "Reshape 0 -1": ([node("Reshape", "x s", "y")], (2, 3, 4), {"s": i(0, -1)}),
    "Reshape -1 first": ([node("Reshape", "x s", "y")], (2, 3, 4), {"s": i(-1, 12)}),
    "Reshape mixes the batch": ([node("Reshape", "x s", "y")], (2, 3, 4), {"s": i(3, 8)}),
    "Reshape allowzero without zeros": ([node("Reshape", "x s", "y", allowzero=1)], (2, 3, 4), {"s": i(2, -1)}),
    "GlobalLpPool": ([node("GlobalLpPool", "x", "y")], (2, 3, 4, 5), {}),
    "LpPool": ([node("LpPool", "x", "y", kernel_shape=[2, 3], pads=[1, 0, 0, 2], strides=[1, 2])], (2, 3, 5, 7), {}),
    "LpPool of power 1": ([node("LpPool", "x", "y", kernel_shape=[3], p=1, auto_pad="SAME_LOWER")], (2, 3, 8), {}),
    "LpPool of power 3": ([node("LpPool", "x", "y", kernel_shape=[3], p=3)], (2, 3, 8), {}),
    "ConvTranspose": (
        [node("ConvTranspose", "x w b", "y", group=2, strides=[2, 3], pads=[0, 1, 1, 0], output_padding=[1, 0])],
        (2, 4, 5, 4),
        {"w": f(4, 3, 3, 2), "b": f(6)},
    ),
    "ConvTranspose dilations": ([node("ConvTranspose", "x w", "y", dilations=[2])], (2, 3, 5), {"w": f(3, 4, 3)}),
    "ConvTranspose same, upper": (
        [node("ConvTranspose", "x w", "y", auto_pad="SAME_UPPER", strides=[2, 2])],
        (1, 3, 5, 4),
        {"w": f(3, 4, 3, 4)},
    ),
    "ConvTranspose same, lower": (
        [node("ConvTranspose", "x w", "y", auto_pad="SAME_LOWER", strides=[2, 2])],
        (1, 3, 5, 4),
        {"w": f(3, 4, 3, 4)},
    ),
    "ConvTranspose output shape": (
        [node("ConvTranspose", "x w", "y", output_shape=[10, 8], strides=[3, 2])],
        (1, 3, 3, 3),
        {"w": f(3, 4, 3, 3)},
    ),
    "ConvTranspose of three axes": (
        [node("ConvTranspose", "x w", "y", strides=[2, 1, 2])],
        (1, 2, 3, 2, 3),
        {"w": f(2, 3, 2, 2, 3)},
    ),
    "GlobalMaxPool": ([node("GlobalMaxPool", "x", "y")], (2, 3, 4, 5), {}),
    "Softmax": ([node("Softmax", "x", "y")], (2, 3, 4), {}),
    "Softmax axis 1": ([node("Softmax", "x", "y", axis=1)], (2, 3, 4), {}),
    "Softmax axis -3": ([node("Softmax", "x", "y", axis=-3)], (2, 3, 4), {}),
    "Transpose": ([node("Transpose", "x", "y", perm=[0, 2, 3, 1])], (2, 3, 4, 5), {}),
    "Transpose reverses": ([node("Transpose", "x", "y")], (2, 3, 4), {}),
    "Dropout": ([node("Dropout", "x", "a"), node("Relu", "a", "y")], (2, 3), {}),
    "Dropout ratio": ([node("Dropout", "x r t", "a"), node("Relu", "a", "y")], (2, 3), {"r": n(0.5), "t": np.False_}),
    "Identity": (
        [node("Identity", "x", "a"), node("Relu", "a", "b"), node("Identity", "b", "c"), node("Identity", "c", "y")],
        (2, 3),
        {},
    ),
    "Identity of weights": ([node("Identity", "w", "v"), node("MatMul", "x v", "y")], (2, 3), {"w": f(3, 4)}),
    "Constant": (
        [node("Constant", "", "c", value=numpy_helper.from_array(f(3, 1))), node("Add", "x c", "y")],
        (2, 3, 4),
        {},
    ),
    "Constant value_float": ([node("Constant", "", "c", value_float=6.0), node("Clip", "x - c", "y")], (2, 3), {}),
    "Constant value_floats": (
        [node("Constant", "", "c", value_floats=[1.0, 2.0, 3.0]), node("Add", "x c", "y")],
        (2, 3),
        {},
    ),
    "Constant value_ints": (
        [node("Constant", "", "s", value_ints=[0, -1]), node("Reshape", "x s", "y")],
        (2, 3, 4),
        {},
    ),
    "constant arithmetic": (
        [
            node("Transpose", "w", "wt", perm=[1, 0]),
            node("Reshape", "c s", "b"),
            node("Add", "b b", "bb"),
            node("Gemm", "x wt bb", "y", transB=1),
        ],
        (2, 3),
        {"w": f(3, 4), "c": f(2, 2), "s": i(4)},
    ),
    "names like ours": (
        [node("MatMul", "x w", "w_rows"), node("Relu", "w_rows", "w_rows_2"), node("Add", "w_rows w_rows_2", "y")],
        (2, 3),
        {"w": f(3, 4)},
    ),
    "dead nodes": ([node("Relu", "x", "dead"), node("Relu", "dead", "dead2"), node("Clip", "x", "y")], (2, 3), {}),
    "Gemm transA": ([node("Gemm", "x w b", "y", transA=1)], (5, 2), {"w": f(5, 3), "b": f(3)}),
    "LRN": ([node("LRN", "x", "y", size=3, alpha=0.1, beta=0.6, bias=1.5)], (2, 7, 4, 5), {}),
    "LRN wider than the channels": ([node("LRN", "x", "y", size=5)], (2, 3, 4, 2), {}),
    "LogSoftmax": ([node("LogSoftmax", "x", "y", axis=1)], (2, 3, 4), {}),
    "Cast": ([node("Cast", "x", "r", to=TensorProto.FLOAT), node("Relu", "r", "y")], (2, 3, 4), {}),
    "ReduceMean": ([node("ReduceMean", "x axes", "y")], (2, 3, 4, 5), {"axes": i(2, -1)}),
    "ReduceMean keepdims 0": ([node("ReduceMean", "x axes", "y", keepdims=0)], (2, 3, 4, 5), {"axes": i(3, 2)}),
    "ReduceMax": ([node("ReduceMax", "x axes", "y", keepdims=0)], (2, 3, 4), {"axes": i(2)}),
    "Sum": ([node("Relu", "x", "r"), node("Sum", "x c r", "y")], (2, 3, 4), {"c": f(4)}),
    "Sum of one": ([node("Sum", "x", "r"), node("Relu", "r", "y")], (2, 3, 4), {}),
    "ConstantOfShape": (
        [node("ConstantOfShape", "s", "w", value=numpy_helper.from_array(f(1))), node("MatMul", "x w", "y")],
        (2, 3),
        {"s": i(3, 4)},
    ),
    "QuantizeLinear": (
        [node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")],
        (2, 3, 4),
        {"s": n(0.02), "z": np.uint8(130)},
    ),
    "DequantizeLinear per channel": (
        [node("DequantizeLinear", "w s z", "r", axis=0), node("Conv", "x r", "y")],
        (2, 3, 5, 5),
        {"w": RNG.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8), "s": f(4) ** 2 / 100, "z": np.zeros(4, np.int8)},
    ),
}


WITHOUT_KERNEL = {"GlobalLpPool": 22}
"""The operator sets from which on onnxruntime has no kernel for a case."""
LATER = {"ReduceMean": 18, "ReduceMean keepdims 0": 18, "ReduceMax": 18, "Reshape allowzero without zeros": 14}
"""The operator sets in which some cases became possible."""


@pytest.mark.parametrize(
    ("case", "opset"),
    [
        (case, opset)
        for case in CASES
        for opset in TRIED_OPSETS
        if LATER.get(case, 0) <= opset < WITHOUT_KERNEL.get(case, 99)
    ],
)
def test_operator_gives_what_onnxruntime_gives(case, opset):
    nodes, shape, constants = CASES[case]
    assert_like_onnxruntime(model(nodes, {"x": shape}, constants, opset=opset), {"x": floats(RNG, *shape)})


def test_every_float_rule_has_a_case():
    tested = {proto.op_type for nodes, _, _ in CASES.values() for proto in nodes}
    quantized = {"QLinearConv", "QLinearMatMul"} | {name for name in RULES if "." in name}
    # those are in test_export and test_imported_quantized, test_unary, test_elementwise and test_movement
    elsewhere = ELEMENTWISE_RULES.keys() | MOVEMENT_RULES.keys()
    assert tested - elsewhere == RULES.keys() - quantized - elsewhere


@st.composite
def windows(draw) -> tuple[str, dict[str, object], tuple[int, ...]]:
    """A Conv, MaxPool or AveragePool with any window that fits, and the shape of its input."""
    rank = draw(st.sampled_from([1, 2, 2, 2]))
    op = draw(st.sampled_from(["Conv", "MaxPool", "AveragePool"]))

    def each(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank))

    kernel, strides, dilations = each(1, 4), each(1, 3), each(1, 2) if op != "AveragePool" else [1] * rank
    attributes: dict[str, object] = {"kernel_shape": kernel, "strides": strides}
    if op != "AveragePool":
        attributes["dilations"] = dilations
    sizes = [(k - 1) * d + 1 + more for k, d, more in zip(kernel, dilations, each(0, 6), strict=True)]
    mode = draw(st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    if mode == "NOTSET":
        attributes["pads"] = [draw(st.integers(0, k - 1)) for k in kernel * 2]
    elif set(dilations) == {1}:
        assume(mode == "VALID" or all(k >= stride for k, stride in zip(kernel, strides, strict=True)))
        attributes["auto_pad"] = mode  # onnxruntime computes negative pads for smaller kernels
    if op == "AveragePool":
        attributes["count_include_pad"] = draw(st.integers(0, 1))
    if op == "MaxPool":
        attributes["ceil_mode"] = draw(st.integers(0, 1))
    return op, attributes, (2, 2, *sizes)


@settings(max_examples=150, deadline=None)
@given(windows())
def test_any_window_gives_what_onnxruntime_gives(case):
    op, attributes, shape = case
    constants = {"w": f(3, 2, *attributes["kernel_shape"])} if op == "Conv" else {}
    proto = model([node(op, "x w" if constants else "x", "y", **attributes)], {"x": shape}, constants)
    assert_like_onnxruntime(proto, {"x": floats(RNG, *shape)})


@pytest.mark.parametrize("name", ["lenet5", "perceptron"])
def test_trained_models_give_what_onnxruntime_gives(name):
    images = np.load(EXAMPLES / "mnist_sample/mnist_sample.npz")["test_images"][:100, None].astype(np.float32)
    graph = import_model(example_model(name), name)
    expected = run_onnxruntime(example_model(name), {"image": images})["logits"]
    np.testing.assert_allclose(run_float(graph, {"image": images})["logits"], expected, rtol=1e-4, atol=1e-4)
    assert graph.inputs == ("image",)
    assert graph.total_parameters == {"lenet5": 61_706, "perceptron": 335_114}[name]
