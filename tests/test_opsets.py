"""The forms that operators had in older operator sets against onnxruntime, and newer sets against onnx's reference."""

import numpy as np
import onnx
import pytest
from models import assert_like_onnxruntime, floats, model, node, run_float
from onnx.reference import ReferenceEvaluator

from tinycnn.errors import UnsupportedError
from tinycnn.onnx_io.load import import_model

RNG = np.random.default_rng(3)
STATISTICS = {"g": floats(RNG, 3), "b": floats(RNG, 3), "m": floats(RNG, 3), "v": floats(RNG, 3) ** 2 + 0.1}
CASES = {
    "Add": ([node("Add", "x c", "y")], {"c": floats(RNG, 3, 1, 1)}, range(7, 13)),
    "AveragePool": ([node("AveragePool", "x", "y", kernel_shape=[3, 2], pads=[1, 0, 1, 1])], {}, range(7, 13)),
    "BatchNormalization": ([node("BatchNormalization", "x g b m v", "y", epsilon=1e-3)], STATISTICS, range(7, 13)),
    "Clip with attributes": ([node("Clip", "x", "y", min=-0.5, max=0.25)], {}, range(7, 11)),
    "Clip with a minimum": ([node("Clip", "x", "y", min=-0.5)], {}, range(7, 11)),
    "Clip with inputs": ([node("Clip", "x low", "y")], {"low": np.float32(-0.5)}, range(11, 13)),
    "Conv": ([node("Conv", "x w", "y", auto_pad="SAME_LOWER")], {"w": floats(RNG, 4, 3, 2, 3)}, range(7, 13)),
    "Dropout": ([node("Relu", "x", "r"), node("Dropout", "r", "y", ratio=0.3)], {}, range(7, 12)),
    "Dropout with an unread mask": ([node("Relu", "x", "r"), node("Dropout", "r", "y mask")], {}, range(7, 13)),
    "Gemm": (
        [node("Flatten", "x", "f"), node("Gemm", "f w b", "y", transB=1)],
        {"w": floats(RNG, 5, 60), "b": floats(RNG, 5)},
        range(7, 13),
    ),
    "MaxPool": ([node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[2, 1])], {}, range(7, 13)),
    "ReduceMean": ([node("ReduceMean", "x", "y", axes=[2, 3], keepdims=0)], {}, range(7, 18)),
    "ReduceMax": ([node("ReduceMax", "x", "y", axes=[-1, -2])], {}, range(11, 18)),
    "Reshape": ([node("Reshape", "x s", "y")], {"s": np.array([0, -1, 2], np.int64)}, range(7, 13)),
    "Softmax over all axes": ([node("Softmax", "x", "y")], {}, range(7, 13)),
    "LogSoftmax over two axes": ([node("LogSoftmax", "x", "y", axis=2)], {}, range(7, 13)),
    "Softmax over two axes": ([node("Softmax", "x", "y", axis=2)], {}, range(7, 13)),
    "Softmax over the last axis": ([node("Softmax", "x", "y", axis=3)], {}, range(7, 13)),
    "Sum": ([node("Relu", "x", "r"), node("Sum", "x r x", "y")], {}, range(7, 13)),
}


@pytest.mark.parametrize(("case", "opset"), [(case, opset) for case in CASES for opset in CASES[case][2]])
def test_old_forms_give_what_onnxruntime_gives(case, opset):
    nodes, constants, _ = CASES[case]
    x = floats(RNG, 2, 3, 4, 5)
    assert_like_onnxruntime(model(nodes, {"x": x.shape}, constants, opset=opset), {"x": x})


@pytest.mark.parametrize("opset", [27, 28])
def test_sets_newer_than_onnxruntime_give_what_the_reference_gives(opset):
    nodes = [
        node("Conv", "x w", "c", pads=[1, 1, 1, 1]),
        node("Relu", "c", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "p", "f"),
        node("Softmax", "f", "y"),
    ]
    assert opset <= onnx.defs.onnx_opset_version()
    x = floats(RNG, 2, 3, 4, 4)
    proto = model(nodes, {"x": x.shape}, {"w": floats(RNG, 4, 3, 3, 3)}, opset=opset)
    (wanted,) = ReferenceEvaluator(proto).run(None, {"x": x})
    np.testing.assert_allclose(run_float(import_model(proto, "new.onnx"), {"x": x})["y"], wanted, 1e-5, 1e-6)


TRAINING = {
    "BatchNormalization in set 6": ([node("BatchNormalization", "x g b m v", "y")], STATISTICS, 6, "training mode"),
    "Dropout in set 6": ([node("Dropout", "x", "d"), node("Relu", "d", "y")], {}, 6, "training mode"),
    "BatchNormalization per position": (
        [node("BatchNormalization", "x g b m v", "y", spatial=0)],
        STATISTICS,
        7,
        "spatial=0, a mean for every position, is not supported",
    ),
}


@pytest.mark.parametrize("case", TRAINING)
def test_what_old_sets_mean_by_default_is_refused(case):
    nodes, constants, opset, sentence = TRAINING[case]
    with pytest.raises(UnsupportedError, match=sentence):
        import_model(model(nodes, {"x": [1, 3, 4, 5]}, constants, opset=opset), "old.onnx")
