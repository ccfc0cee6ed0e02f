"""What is constant is computed at import: shape arithmetic as exporters write it, against onnxruntime."""

import numpy as np
import pytest
from models import assert_like_onnxruntime, floats, model, node
from onnx import TensorProto
from tensors import i

from tinycnn.errors import UnsupportedError
from tinycnn.onnx_io.load import import_model

RNG = np.random.default_rng(11)

# Each computes from the shape of x [2, 3, 4, 5], and from constants, a shape s that x is reshaped to.
SHAPES = {
    "PyTorch view": (
        [
            node("Shape", "x", "all"),
            node("Gather", "all zero", "first"),
            node("Unsqueeze", "first axis", "batch"),
            node("Concat", "batch rest", "s", axis=0),
        ],
        {"zero": np.array(0, np.int64), "axis": i(0), "rest": i(-1)},
    ),
    "PyTorch view by halves": (
        [
            node("Shape", "x", "all", start=1, end=2),
            node("Mul", "all two", "more"),
            node("Div", "all two", "fewer"),
            node("Sub", "more fewer", "channels"),
            node("Concat", "fewer channels rest", "s", axis=0),
        ],
        {"two": i(2), "rest": i(-1)},
    ),
    "tf2onnx flatten": (
        [
            node("Shape", "x", "all"),
            node("Cast", "all", "short", to=TensorProto.INT32),
            node("Slice", "short zero one axis", "batch"),
            node("Concat", "batch rest", "both", axis=0),
            node("Cast", "both", "s", to=TensorProto.INT64),
        ],
        {"zero": i(0), "one": i(1), "axis": i(0), "rest": np.array([-1], np.int32)},
    ),
    "Split, Squeeze, ReduceProd": (
        [
            node("Shape", "x", "all"),
            node("Split", "all sizes", "a b", axis=0),
            node("ReduceProd", "b", "p", keepdims=1),
            node("Squeeze", "p axis", "scalar"),
            node("Unsqueeze", "scalar axis", "q"),
            node("Concat", "a q", "s", axis=0),
        ],
        {"sizes": i(1, 3), "axis": i(0)},
    ),
    "Where, Equal, Expand": (
        [
            node("ConstantOfShape", "rank", "ones"),
            node("Equal", "wanted zero", "open"),
            node("Where", "open shape wanted", "s"),
        ],
        {"rank": i(3), "zero": i(0), "wanted": i(2, 0, 20), "shape": i(5, 3, 5)},
    ),
    "Range, Gather, Min, Max, Neg": (
        [
            node("Range", "start limit delta", "indices"),
            node("Shape", "x", "all"),
            node("Gather", "all indices", "turned"),
            node("Max", "turned ones", "at_least"),
            node("Min", "at_least hundred", "s"),
        ],
        {
            "start": np.array(3, np.int64),
            "limit": np.array(-1, np.int64),
            "delta": np.array(-1, np.int64),
            "ones": i(1),
            "hundred": i(100),
        },
    ),
    "Size, Floor, Ceil": (
        [
            node("Size", "x", "count"),
            node("Cast", "count", "real", to=TensorProto.FLOAT),
            node("Div", "real seven", "part"),
            node("Floor", "part", "low"),
            node("Ceil", "part", "high"),
            node("Sub", "high low", "one"),
            node("Cast", "one", "one_int", to=TensorProto.INT64),
            node("Reshape", "one_int vector", "first"),
            node("Concat", "first rest", "s", axis=0),
        ],
        {"seven": np.array(7, np.float32), "vector": i(1), "rest": i(-1)},
    ),
    "Slice backwards, Tile": (
        [
            node("Shape", "x", "all"),
            node("Slice", "all last before zero back", "turned"),
            node("Tile", "turned once", "s"),
        ],
        {"last": i(-1), "before": i(-(2**62)), "zero": i(0), "back": i(-1), "once": i(1)},
    ),
}


@pytest.mark.parametrize("case", SHAPES)
def test_shape_arithmetic_is_folded(case):
    nodes, constants = SHAPES[case]
    x = floats(RNG, 2, 3, 4, 5)
    proto = model([*nodes, node("Reshape", "x s", "y")], {"x": x.shape}, constants, opset=17)
    graph = assert_like_onnxruntime(proto, {"x": x})
    assert [found.op.label for found in graph.nodes] == ["Reshape"]


WEIGHTS = {
    "Transpose": [node("Transpose", "w", "v", perm=[1, 0])],
    "Mul, Sqrt": [node("Mul", "w w", "q"), node("Sqrt", "q", "r"), node("Transpose", "r", "v")],
    "Slice": [
        node("Concat", "w w", "both", axis=1),
        node("Slice", "both zero three one", "c"),
        node("Transpose", "c", "v"),
    ],
    "Pad": [node("Transpose", "w", "t"), node("Slice", "t zero three one", "c"), node("Pad", "c pads", "v")],
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_are_folded(case):
    constants = {"w": floats(RNG, 3, 5), "zero": i(0), "three": i(5 if case == "Slice" else 2), "one": i(1)}
    constants["pads"] = i(0, 0, 0, 1)
    x = floats(RNG, 2, 5)
    proto = model([*WEIGHTS[case], node("MatMul", "x v", "y")], {"x": x.shape}, constants, opset=17)
    graph = assert_like_onnxruntime(proto, {"x": x})
    assert [found.op.label for found in graph.nodes] == ["Dense"]


HOSTILE = {
    "Range": ([node("Range", "zero huge one", "s")], "is too large"),
    "Tile": ([node("Tile", "row many", "s")], "is too large"),
    "Pad": ([node("Pad", "row pads", "s")], "is too large"),
    "outer sum": ([node("Tile", "row thousands", "r"), node("Add", "r column", "s")], "is too large"),
    "Gather": ([node("Gather", "row far", "s")], "do not fit together"),
    "Div": ([node("Div", "row zeros", "s")], "it divides by 0"),
    "Cast": ([node("Cast", "row", "s", to=TensorProto.STRING)], "it casts to the type 8"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_would_be_huge_or_wrong_is_refused_before_it_is_computed(case):
    nodes, sentence = HOSTILE[case]
    constants = {
        "zero": np.array(0, np.int64),
        "one": np.array(1, np.int64),
        "huge": np.array(2**62, np.int64),
        "row": i(1, 2),
        "many": i(2**40),
        "thousands": i(50_000),
        "column": np.ones((100_000, 1), np.int64),
        "pads": i(0, 2**40),
        "far": i(7),
        "zeros": i(0, 0),
    }
    with pytest.raises(UnsupportedError, match=sentence):
        import_model(model([*nodes, node("Reshape", "x s", "y")], {"x": [1, 2]}, constants, opset=17), "hostile.onnx")
