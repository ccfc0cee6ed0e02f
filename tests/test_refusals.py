"""What of a model is refused, each with a sentence, and all of it at once."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from models import (
    model,
    node,
    save,
    small_model,
)
from onnx import ModelProto, SparseTensorProto, TensorProto, helper, numpy_helper
from tensors import f, i, n

from tinycnn.errors import ModelError, TinycnnError
from tinycnn.ir import Array
from tinycnn.onnx_io import load
from tinycnn.onnx_io.load import import_model

RNG = np.random.default_rng(0)


def relu(**shapes: object) -> ModelProto:
    return model([node("Relu", "x", "y")], shapes or {"x": [2, 3]})


def refusal(proto: ModelProto, source: str = "net.onnx", **options: object) -> str:
    with pytest.raises(TinycnnError) as caught:
        import_model(proto, source, **options)
    return str(caught.value)


def test_all_unsupported_operators_are_listed_at_once():
    nodes = [
        node("Conv", "x w", "a", name="conv", group=3),
        node("Det", "a", "b", name="erf"),
        node("LSTM", "b w w", "c"),
        node("Magic", "c", "d", name="m", domain="acme"),
        node("Add", "d d", "e", name="follower"),
        node("BatchNormalization", "x s s s s", "f", name="bn", training_mode=1),
        node("Conv", "x x", "y", name="dynamic"),
    ]
    proto = model(nodes, {"x": [1, 2, 5, 5]}, {"w": f(3, 2, 3, 3), "s": f(2)})
    assert refusal(proto) == (
        "net.onnx has 6 things that tinycnn cannot take:\n"
        "  - node 'conv' (Conv): Conv: 2 input channels, 3 groups and weights [3, 2, 3, 3] do not fit together\n"
        "  - node 'erf': operator Det is not supported\n"
        "  - node 'LSTM_2': operator LSTM is not supported: tinycnn takes convolutional networks; a temporal"
        " convolution (Conv of one axis with dilations) may do\n"
        "  - node 'm': operator acme.Magic is not supported\n"
        "  - node 'bn' (BatchNormalization): training mode is not supported; export the model for inference\n"
        "  - node 'dynamic' (Conv): its weights ('x') must be constant; export the model with its weights in the file"
    )


def test_what_might_have_been_constant_behind_a_refused_operator_is_not_judged():
    nodes = [
        node("LayerNormalization", "x s", "a", name="norm"),
        node("Shape", "a", "b"),
        node("Range", "zero b one", "c"),
        node("Reshape", "a c", "y"),
    ]
    constants = {"s": f(5), "zero": np.array(0), "one": np.array(1)}
    assert refusal(model(nodes, {"x": [1, 2, 5, 5]}, constants, opset=17)) == (
        "net.onnx has 1 thing that tinycnn cannot take:\n"
        "  - node 'norm': operator LayerNormalization is not supported: its mean and variance are taken of each image"
        " anew; BatchNormalization folds into the layer before it"
    )


def one(nodes: list[onnx.NodeProto] | onnx.NodeProto, constants: dict[str, Array] | None = None, **options) -> Callable:
    """A model for the table below: x is [1, 2, 4, 4] unless `shape` says otherwise."""
    nodes = nodes if isinstance(nodes, list) else [nodes]
    shape = options.pop("shape", (1, 2, 4, 4))
    return lambda: model(nodes, {"x": shape}, constants, **options)


def tensor(data_type: int, dims: list[int], raw: bytes) -> TensorProto:
    return TensorProto(name="w", data_type=data_type, dims=dims, raw_data=raw)


def with_initializer(initializer: TensorProto) -> ModelProto:
    proto = model([node("MatMul", "x w", "y")], {"x": [1, 4]})
    proto.graph.initializer.append(initializer)
    return proto


def with_input_type(data_type: int) -> ModelProto:
    proto = relu()
    proto.graph.input[0].type.tensor_type.elem_type = data_type
    return proto


def with_sparse() -> ModelProto:
    proto = model([node("MatMul", "x w", "y")], {"x": [1, 4]})
    sparse = SparseTensorProto(dims=[4, 4])
    sparse.values.CopyFrom(numpy_helper.from_array(f(2), "w"))
    sparse.indices.CopyFrom(numpy_helper.from_array(i(0, 1), "w_indices"))
    proto.graph.sparse_initializer.append(sparse)
    return proto


def with_subgraph() -> ModelProto:
    branch = helper.make_graph(
        [node("Relu", "x", "b")], "branch", [], [helper.make_tensor_value_info("b", TensorProto.FLOAT, [2, 3])]
    )
    conditional = node("If", "c", "y", name="choice", then_branch=branch, else_branch=branch)
    return model([conditional], {"x": [2, 3]}, {"c": np.True_})


def with_function(domain: str, name: str) -> ModelProto:
    function = helper.make_function(domain, name, ["x"], ["y"], [node("Neg", "x", "y")], [helper.make_opsetid("", 17)])
    return model([node(name, "x", "y", name="call", domain=domain)], {"x": [2, 3]}, functions=[function])


def with_external_constant() -> ModelProto:
    value = TensorProto(data_type=TensorProto.FLOAT, dims=[3], data_location=TensorProto.EXTERNAL)
    value.external_data.add(key="location", value="/etc/passwd")
    return model([node("Constant", "", "c", name="c", value=value), node("Add", "x c", "y")], {"x": [2, 3]})


def with_cycle() -> ModelProto:
    return model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "a", "y")], {"x": [2, 3]})


def quantized(name: str, inputs: str, **attributes: object) -> ModelProto:
    constants = {
        "s": n(0.1), "z": np.int8(0), "u": np.uint8(0), "w": np.ones((4, 4), np.int8), "b": np.zeros(4, np.int32),
        "s4": np.full(4, 0.1, np.float32), "bad": n(-1), "nan": n(np.nan), "z4": np.arange(4).astype(np.int8),
        "s0": n(0), "s44": np.ones((4, 4), np.float32),
    }  # fmt: skip
    domain = "com.microsoft" if name.startswith("Q") and name[1:] not in ("LinearConv", "uantizeLinear") else ""
    nodes = [node("QuantizeLinear", "x s z", "q"), node(name, inputs, "y", name="n", domain=domain, **attributes)]
    return model(nodes, {"x": [1, 4]}, constants, opset=21)


REFUSED: dict[str, tuple[Callable[[], ModelProto], str]] = {
    "opset 5": (one(node("Relu", "x", "y"), opset=5), "net.onnx uses ONNX operator set 5; tinycnn reads 6 to 28."),
    "opset 29": (one(node("Relu", "x", "y"), opset=29), "net.onnx uses ONNX operator set 29; tinycnn reads 6 to 28."),
    "training BatchNormalization": (
        one(node("BatchNormalization", "x s s s s", "y m v", training_mode=1), {"s": f(2)}),
        "training mode is not supported",
    ),
    "negative variance": (
        one(node("BatchNormalization", "x s s s s", "y"), {"s": np.array([1, -1], np.float32)}),
        "its variance is negative or its factors are not finite",
    ),
    "wrong statistics": (
        one(node("BatchNormalization", "x s s s s", "y"), {"s": f(3)}),
        "statistics do not have the 2 channels of [1, 2, 4, 4]",
    ),
    "training Dropout": (
        one(node("Dropout", "x r t", "y"), {"r": n(0.5), "t": np.True_}),
        "training mode is not supported",
    ),
    "Dropout mask": (one(node("Dropout", "x", "y mask"), outputs="y mask"), "the output of a mask is not supported"),
    "dynamic weights": (one(node("Conv", "x x", "y")), "its weights ('x') must be constant"),
    "dynamic bias": (
        one([node("Relu", "x", "r"), node("Conv", "x w r", "y")], {"w": f(1, 2, 1, 1)}),
        "its bias ('r') must be constant",
    ),
    "dynamic Gemm": (one(node("Gemm", "x x", "y"), shape=(3, 3)), "its weights ('x') must be constant"),
    "MatMul by another stack": (
        one(node("MatMul", "x w", "y"), {"w": f(3, 4, 4)}),
        "MatMul: [1, 2, 4, 4] and [3, 4, 4] cannot be multiplied",
    ),
    "Gemm of a stack": (one(node("Gemm", "x w", "y"), {"w": f(4, 4)}), "its factors must be matrices"),
    "Gemm bias of other rows": (
        one(node("Gemm", "x w b", "y"), {"w": f(4, 4), "b": f(2, 4)}, shape=(3, 4)),
        "[3, 4] and [2, 4] cannot be combined",
    ),
    "Gemm bias of another length": (
        one(node("Gemm", "x w b", "y"), {"w": f(4, 4), "b": f(5)}, shape=(1, 4)),
        "its bias [5] is not one number for each of the 4 outputs",
    ),
    "Dense of another length": (
        one(node("MatMul", "x w", "y"), {"w": f(5, 4)}, shape=(1, 4)),
        "Dense: input [1, 4] does not fit the weights [4, 5]",
    ),
    "Clip by an array": (
        one(node("Clip", "x low", "y"), {"low": f(2)}),
        "its minimum must be one number, not [",
    ),
    "Clip by NaN": (one(node("Clip", "x low", "y"), {"low": n(np.nan)}), "its minimum must be one number, not nan"),
    "Clip by a tensor": (one(node("Clip", "x x", "y")), "its minimum ('x') must be constant"),
    "pool of vectors": (one(node("MaxPool", "x", "y", kernel_shape=[1]), shape=(1, 4)), "has no spatial axes: [1, 4]"),
    "global pool of vectors": (one(node("GlobalAveragePool", "x", "y"), shape=(1, 4)), "[1, 4] has no spatial axes"),
    "pool of another rank": (
        one(node("MaxPool", "x", "y", kernel_shape=[2])),
        "its kernel [2], strides [1, 1], dilations [1, 1] and pads [0, 0, 0, 0] do not fit 2 spatial axes",
    ),
    "wrong pads": (one(node("MaxPool", "x", "y", kernel_shape=[2, 2], pads=[1, 1])), "do not fit 2 spatial axes"),
    "no stride": (
        one(node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[0, 1])),
        "kernel, strides and dilations must be at least 1 and pads at least 0",
    ),
    "window too large": (
        one(node("MaxPool", "x", "y", kernel_shape=[5, 2])),
        "A window of 5 does not fit the input of 4 padded by 0 and 0",
    ),
    "pads that hold a window": (
        one(node("AveragePool", "x", "y", kernel_shape=[1, 2], pads=[1, 0, 0, 0])),
        "its pads [1, 0, 0, 0] are as large as its window 1x2",
    ),
    "unknown auto_pad": (
        one(node("MaxPool", "x", "y", kernel_shape=[2, 2], auto_pad="SOME")),
        "auto_pad 'SOME' is unknown",
    ),
    "Conv groups": (
        one(node("Conv", "x w", "y", group=0), {"w": f(2, 2, 1, 1)}),
        "2 input channels, 0 groups and weights [2, 2, 1, 1] do not fit together",
    ),
    "Conv bias": (one(node("Conv", "x w b", "y"), {"w": f(2, 2, 1, 1), "b": f(3)}), "the bias is [3], expected [2]"),
    "Conv kernel": (
        one(node("Conv", "x w", "y", kernel_shape=[2, 2]), {"w": f(2, 2, 1, 1)}),
        "weights [2, 2, 1, 1] do not have the kernel 2x2",
    ),
    "Conv weights of another rank": (
        one(node("Conv", "x w", "y"), {"w": f(2, 2)}),
        "do not fit 2 spatial axes",
    ),
    "Reshape to another size": (
        one(node("Reshape", "x s", "y"), {"s": i(3, -1)}),
        "[1, 2, 4, 4] cannot become [3, -1]",
    ),
    "Reshape with two open axes": (one(node("Reshape", "x s", "y"), {"s": i(-1, -1)}), "cannot become [-1, -1]"),
    "Reshape by a tensor": (
        one([node("Relu", "x", "s"), node("Reshape", "x s", "y")]),
        "its shape ('s') must be constant",
    ),
    "Reshape to nothing": (
        one(node("Reshape", "x s", "y", allowzero=1), {"s": i(0, 5)}),
        "allowzero=1: [1, 2, 4, 4] cannot become [0, 5]",
    ),
    "Flatten axis": (one(node("Flatten", "x", "y", axis=5)), "it has no axis 5 to flatten at"),
    "Softmax axis": (one(node("Softmax", "x", "y", axis=4)), "its input has no axis 4"),
    "Transpose": (one(node("Transpose", "x", "y", perm=[0, 1])), "[0, 1] is no permutation of the axes"),
    "shapes that do not add": (one(node("Add", "x c", "y"), {"c": f(3)}), "[1, 2, 4, 4] and [3] cannot be combined"),
    "Add of int64": (
        one(node("Add", "x c", "y"), {"c": i(1)}),
        "its inputs are float32 and int64, which do not go together",
    ),
    "Constant of text": (
        one([node("Constant", "", "c", value_string="six"), node("Relu", "x", "y")]),
        "only constants of numbers are supported",
    ),
    "Constant elsewhere": (
        with_external_constant,
        "node 'c' (Constant): it keeps its value in another file, which only initializers may",
    ),
    "everything constant": (one(node("Conv", "c w", "y"), {"c": f(1, 2, 3, 3), "w": f(2, 2, 1, 1)}), "are constant"),
    "float16 input": (lambda: with_input_type(TensorProto.FLOAT16), "its input 'x' is float16, not float32"),
    "bfloat16 input": (
        lambda: with_input_type(TensorProto.BFLOAT16),
        "input 'x': it is bfloat16; tinycnn takes float32, int8, uint8, int32, int64, bool, float16, float64, int16,",
    ),
    "input of an unknown type": (lambda: with_input_type(99), "input 'x': it is of the unknown type 99; tinycnn"),
    "int8 input to Relu": (lambda: with_input_type(TensorProto.INT8), "its input 'x' is int8, not float32"),
    "bfloat16 weights": (
        lambda: with_initializer(tensor(TensorProto.BFLOAT16, [4, 4], bytes(32))),
        "initializer 'w': it is bfloat16; tinycnn takes float32, int8, uint8, int32, int64, bool, float16",
    ),
    "text weights": (
        lambda: with_initializer(TensorProto(name="w", data_type=TensorProto.STRING, dims=[1], string_data=[b"w"])),
        "initializer 'w': it is string; tinycnn takes float32",
    ),
    "too little data": (
        lambda: with_initializer(tensor(TensorProto.FLOAT, [4, 4], bytes(60))),
        "initializer 'w': the file is damaged: its data does not fill its shape",
    ),
    "too much data": (
        lambda: with_initializer(tensor(TensorProto.FLOAT, [4, 4], bytes(68))),
        "initializer 'w': the file is damaged: its data does not fill its shape",
    ),
    "huge shape": (
        lambda: with_initializer(tensor(TensorProto.FLOAT, [2**40, 4], bytes(64))),
        "initializer 'w': the file is damaged: its data does not fill its shape",
    ),
    "sparse weights": (with_sparse, "initializer 'w': sparse tensors are not supported"),
    "If": (with_subgraph, "node 'choice': operator If is not supported: export the model"),
    "local function": (lambda: with_function("acme", "Magic"), "node 'call': operator acme.Magic is not supported"),
    "redefined operator": (lambda: with_function("", "Relu"), "function Relu: it redefines an operator"),
    "redefined Softmax": (
        lambda: with_function("tinycnn", "IntegerSoftmax"),
        "function tinycnn.IntegerSoftmax: it redefines an operator",
    ),
    "output is an input": (
        lambda: model([], {"x": [1, 2]}, outputs="x"),
        "net.onnx computes nothing for its output 'x': it is the input 'x' itself.",
    ),
    "output is constant": (
        lambda: model([], {"x": [1, 2]}, {"w": f(3)}, outputs="w"),
        "net.onnx computes nothing for its output 'w': it is constant.",
    ),
    "output twice": (one(node("Relu", "x", "y"), outputs="y y"), "Output 'y' is listed 2 times."),
    "no output": (one(node("Relu", "x", "y"), outputs=""), "net.onnx has no output."),
    "no input": (
        lambda: model([node("Relu", "c", "y")], {}, {"c": f(3)}),
        "net.onnx has no input: everything in it is constant.",
    ),
    "weights without scale": (
        lambda: quantized("QGemm", "q s z w s z b"), "it gives float output; give it an output scale",
    ),
    "QGemm with few inputs": (lambda: quantized("QGemm", "q", transB=1), "it gives float output"),
    "QGemm without weights": (lambda: quantized("QGemm", "q s z - s z b s z", transB=1), "it lacks its input 3"),
    "QGemm attribute": (lambda: quantized("QGemm", "q s z w s z b s z", transB="s"), "attribute transB has the wrong"),
    "QLinearAdd without scale": (lambda: quantized("QLinearAdd", "q s z q s z"), "it lacks its input 6"),
    "QLinearAdd of float": (lambda: quantized("QLinearAdd", "x s z q s z s z"), "its input 'x' is float32, not int8"),
    "channels_last": (
        lambda: quantized("QLinearGlobalAveragePool", "q s z s z", channels_last=1),
        "channels_last=1 is not supported",
    ),
    "negative scale": (lambda: quantized("DequantizeLinear", "q bad z"), "scale is not a positive float32 number"),
    "scale of zero": (lambda: quantized("DequantizeLinear", "q s0 z"), "scale is not a positive float32 number"),
    "scale of NaN": (lambda: quantized("DequantizeLinear", "q nan z"), "scale is not a positive float32 number"),
    "zero point of another type": (lambda: quantized("DequantizeLinear", "q s u"), "its zero point is uint8, but"),
    "scales of an activation": (lambda: quantized("DequantizeLinear", "q s4 z", axis=1), "neither one nor one per"),
    "zero points that differ": (lambda: quantized("DequantizeLinear", "q s4 z4", axis=1), "differs between channels"),
    "blocks": (lambda: quantized("DequantizeLinear", "w s44", axis=1, block_size=1), "quantization by blocks"),
    "int16 activations": (
        lambda: quantized("QuantizeLinear", "x s", output_dtype=TensorProto.INT16),
        "activations are int8 or uint8 only",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_taken_gets_a_sentence(case):
    make, sentence = REFUSED[case]
    text = refusal(make())
    assert sentence in text
    assert text.count("\n") <= 1 or case == "redefined Softmax"  # one thing; there its caller is wrong too


INVALID: dict[str, tuple[Callable[[], ModelProto], str]] = {
    "cycle": (with_cycle, "must be topologically sorted, however input 'b' of node: name: OpType: Add"),
    "name made twice": (one([node("Relu", "x", "y"), node("Relu", "x", "y")]), "'y' has been used as output names"),
    "no node": (lambda: model([], {"x": [1, 2]}, outputs="y"), "Graph output 'y' is not an output of any node"),
    "attribute": (one(node("Softmax", "x", "y", axis=1.5)), "Mismatched attribute type"),
    "missing input": (one(node("Relu", "-", "y")), "input 0 is marked single but has an empty string"),
    "unknown operator": (one(node("Rleu", "x", "y")), "No Op registered for Rleu with domain_version of 17"),
    "future file format": (lambda: ModelProto(ir_version=99, **_fields(relu())), "ir_version 99 is higher"),
    "duplicate initializer": (lambda: _twice(), "c initializer name is not unique"),
}  # fmt: skip


def _fields(proto: ModelProto) -> dict[str, object]:
    return {"graph": proto.graph, "opset_import": proto.opset_import}


def _twice() -> ModelProto:
    proto = model([node("Add", "x c", "y")], {"x": [2, 3]}, {"c": f(3)})
    proto.graph.initializer.append(proto.graph.initializer[0])
    return proto


@pytest.mark.parametrize("case", INVALID)
def test_invalid_onnx_is_refused_with_the_checkers_reason(tmp_path, case):
    make, reason = INVALID[case]
    path = save(make(), tmp_path / "net.onnx")
    with pytest.raises(ModelError) as caught:
        load(path)
    text = str(caught.value)
    assert text.startswith(f"{path} is not a valid ONNX model: ")
    assert reason in text
    assert "\n" not in text


def test_names_that_are_not_utf8(tmp_path):
    content = small_model().SerializeToString().replace(b"relu_2", b"rel\xff_2")
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(ModelError):
        load(tmp_path / "net.onnx")
