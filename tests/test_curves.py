"""Activation functions written out in steps, as exporters do, become the function."""

import numpy as np
import pytest
from models import assert_like_onnxruntime, floats, model, node

from tinycnn.ops import Clip, Unary

RNG = np.random.default_rng(8)
NUMBERS = {
    "zero": 0.0,
    "one": 1.0,
    "two": 2.0,
    "three": 3.0,
    "six": 6.0,
    "sixth": 1 / 6,
    "half": 0.5,
    "root2": 2**0.5,
    "cubic": 0.044715,
    "root2pi": (2 / np.pi) ** 0.5,
    "tenth": 0.1,
    "twenty": 20.0,
}
# Nodes from x to y, and the one operator that they are.
WRITTEN_OUT = {
    "hard-sigmoid of PyTorch": (
        [node("Add", "x three", "a"), node("Clip", "a zero six", "c"), node("Div", "c six", "y")],
        Unary("HardSigmoid", (float(np.float32(1 / 6)), 0.5)),
    ),
    "hard-swish of PyTorch": (
        [
            node("Add", "x three", "a"),
            node("Clip", "a zero six", "c"),
            node("Mul", "x c", "m"),
            node("Div", "m six", "y"),
        ],
        Unary("HardSwish"),
    ),
    "hard-swish of tf2onnx": (
        [
            node("Add", "three x", "a"),
            node("Relu", "a", "r"),
            node("Min", "r six", "c"),
            node("Mul", "c sixth", "m"),
            node("Mul", "m x", "y"),
        ],
        Unary("HardSwish"),
    ),
    "hard-swish by a hard-sigmoid": (
        [node("HardSigmoid", "x", "g", alpha=1 / 6, beta=0.5), node("Mul", "x g", "y")],
        Unary("HardSwish"),
    ),
    "GELU of PyTorch": (
        [
            node("Div", "x root2", "d"),
            node("Erf", "d", "e"),
            node("Add", "e one", "a"),
            node("Mul", "x a", "m"),
            node("Mul", "m half", "y"),
        ],
        Unary("Gelu"),
    ),
    "GELU by tanh": (
        [
            node("Pow", "x three", "p"),
            node("Mul", "p cubic", "m"),
            node("Add", "x m", "a"),
            node("Mul", "a root2pi", "b"),
            node("Tanh", "b", "t"),
            node("Add", "t one", "u"),
            node("Mul", "x u", "v"),
            node("Mul", "half v", "y"),
        ],
        Unary("Gelu tanh"),
    ),
    "SiLU": ([node("Sigmoid", "x", "s"), node("Mul", "s x", "y")], Unary("Swish", (1.0,))),
    "Mish": ([node("Softplus", "x", "s"), node("Tanh", "s", "t"), node("Mul", "x t", "y")], Unary("Mish")),
    "Mish in full": (
        [
            node("Exp", "x", "e"),
            node("Add", "e one", "a"),
            node("Log", "a", "l"),
            node("Tanh", "l", "t"),
            node("Mul", "x t", "y"),
        ],
        Unary("Mish"),
    ),
    "sigmoid": (
        [node("Neg", "x", "n"), node("Exp", "n", "e"), node("Add", "one e", "a"), node("Div", "one a", "y")],
        Unary("Sigmoid"),
    ),
    "softplus of PyTorch": (
        [node("Softplus", "x", "s"), node("Greater", "x twenty", "g"), node("Where", "g x s", "y")],
        Unary("Softplus"),
    ),
    "softsign": ([node("Abs", "x", "a"), node("Add", "a one", "b"), node("Div", "x b", "y")], Unary("Softsign")),
    "ELU chosen by its sign": (
        [
            node("Exp", "x", "e"),
            node("Sub", "e one", "s"),
            node("LessOrEqual", "x zero", "g"),
            node("Where", "g s x", "y"),
        ],
        Unary("Elu", (1.0,)),
    ),
    "leaky ReLU as the larger": (
        [node("Mul", "x tenth", "m"), node("Max", "x m", "y")],
        Unary("LeakyRelu", (float(np.float32(0.1)),)),
    ),
    "leaky ReLU of Keras's PReLU": (
        [
            node("Relu", "x", "r"),
            node("Neg", "x", "n"),
            node("Relu", "n", "o"),
            node("Mul", "o tenth", "m"),
            node("Sub", "r m", "y"),
        ],
        Unary("LeakyRelu", (float(np.float32(0.1)),)),
    ),
    "ReLU6 of two": ([node("Relu", "x", "r"), node("Min", "r six", "y")], Clip(0.0, 6.0)),
}


@pytest.mark.parametrize("case", WRITTEN_OUT)
def test_a_function_written_out_is_one_operator(case):
    nodes, op = WRITTEN_OUT[case]
    constants = {name: np.array(value, np.float32) for name, value in NUMBERS.items()}
    x = (3 * floats(RNG, 2, 3, 50)).astype(np.float32)
    graph = assert_like_onnxruntime(model(nodes, {"x": x.shape}, constants, opset=17), {"x": x})
    assert [found.op for found in graph.nodes] == [op]


def test_a_step_that_something_else_reads_stays():
    nodes = [node("Sigmoid", "x", "s"), node("Mul", "s x", "y")]
    x = floats(RNG, 2, 30)
    graph = assert_like_onnxruntime(model(nodes, {"x": x.shape}, {}, "y s", opset=17), {"x": x})
    assert {found.op for found in graph.nodes} == {Unary("Sigmoid"), Unary("Swish", (1.0,))}


def test_what_only_resembles_a_function_is_left_alone():
    nodes = [node("Add", "x three", "a"), node("Clip", "a zero six", "y")]
    constants = {name: np.array(NUMBERS[name], np.float32) for name in ("zero", "three", "six")}
    x = floats(RNG, 2, 30)
    graph = assert_like_onnxruntime(model(nodes, {"x": x.shape}, constants, opset=17), {"x": x})
    assert len(graph.nodes) == len(nodes)
