"""onnxruntime as the oracle of the contract: QLinearConv, QGemm, average pools, QLinearAdd, byte for byte."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tinycnn.fixedpoint import (
    AddParameters,
    add_table,
    agreeing_add_scale,
    nudge_weight_scales,
    reachable,
    requantize,
    requantize_integer,
    rescale,
    rescale_mean,
)
from tinycnn.fixedpoint.add import evaluation_orders

INPUTS = np.arange(-128, 128)
A, B = (grid.ravel() for grid in np.meshgrid(INPUTS, INPUTS, indexing="ij"))


def run(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, NDArray[Any]],
    constants: dict[str, Any],
    dtype: type[np.generic] = np.int8,
    optimize: bool = True,
) -> NDArray[Any]:
    """Run nodes whose last output is "y", of `dtype`, on one thread."""
    graph = helper.make_graph(
        nodes,
        "test",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in inputs.items()
        ],
        [helper.make_tensor_value_info("y", helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (result,) = session.run(None, inputs)
    return result


def random_linear(seed: int) -> dict[str, Any]:
    """Inputs and constants of a layer whose outputs cover the int8 range, often beyond."""
    rng = np.random.default_rng(seed)
    taps, channels = int(rng.integers(1, 300)), int(rng.integers(1, 40))
    x_scale, w_scale = (
        np.float32(rng.uniform(0.001, 0.1)),
        rng.uniform(1e-4, 1e-2, channels).astype(np.float32),
    )
    spread = np.sqrt(taps) * 74 * 74 * float(x_scale) * float(w_scale.mean())
    return {
        "x": rng.integers(-128, 128, (900, taps), dtype=np.int8),
        "w": rng.integers(-127, 128, (channels, taps), dtype=np.int8),
        "bias": rng.integers(-20_000, 20_000, channels, dtype=np.int32),
        "x_scale": x_scale,
        "x_zero_point": np.int8(rng.integers(-128, 128)),
        "w_scale": w_scale,
        "y_scale": np.float32(spread / 60 * 2.0 ** rng.uniform(-2, 2)),
        "y_zero_point": np.int8(rng.integers(-128, 128)),
    }


def accumulators_of(layer: dict[str, Any]) -> NDArray[np.int64]:
    inputs = layer["x"].astype(np.int64) - int(layer["x_zero_point"])
    return inputs @ layer["w"].T.astype(np.int64) + layer["bias"]


def qlinear_conv(layer: dict[str, Any]) -> NDArray[np.int8]:
    """The layer as a 1x1 convolution of a 30x30 image; the rows of x are its pixels."""
    names = [
        "x",
        "x_scale",
        "x_zero_point",
        "w",
        "w_scale",
        "w_zero_point",
        "y_scale",
        "y_zero_point",
        "bias",
    ]
    constants = {name: layer[name] for name in names if name in layer and name != "x"}
    constants["w"] = layer["w"][:, :, None, None]
    constants["w_zero_point"] = np.zeros(len(layer["w"]), np.int8)
    image = np.ascontiguousarray(layer["x"].reshape(30, 30, -1).transpose(2, 0, 1)[None])
    result = run([helper.make_node("QLinearConv", names, ["y"])], {"x": image}, constants)
    return result[0].transpose(1, 2, 0).reshape(900, -1)


@pytest.mark.parametrize("seed", range(25))
def test_requantize_is_qlinear_conv(seed):
    layer = random_linear(seed)
    scale = rescale(layer["x_scale"], layer["w_scale"], layer["y_scale"])
    expected = requantize(accumulators_of(layer), scale, int(layer["y_zero_point"]))
    np.testing.assert_array_equal(qlinear_conv(layer), expected)
    assert np.unique(expected).size > 50


@pytest.mark.parametrize("seed", range(25))
def test_requantize_is_qgemm(seed):
    layer = random_linear(1_000 + seed)
    names = [
        "x",
        "x_scale",
        "x_zero_point",
        "w",
        "w_scale",
        "w_zero_point",
        "bias",
        "y_scale",
        "y_zero_point",
    ]
    constants = {name: layer[name] for name in names if name in layer and name != "x"}
    constants["w_zero_point"] = np.zeros(len(layer["w"]), np.int8)
    node = helper.make_node("QGemm", names, ["y"], domain="com.microsoft", transB=1)
    scale = rescale(layer["x_scale"], layer["w_scale"], layer["y_scale"])
    expected = requantize(accumulators_of(layer), scale, int(layer["y_zero_point"]))
    np.testing.assert_array_equal(run([node], {"x": layer["x"]}, constants), expected)


@pytest.mark.parametrize("seed", range(6))
def test_nudged_layer_gives_the_same_bytes_in_integers_and_in_onnxruntime(seed):
    layer = random_linear(2_000 + seed)
    zero_points = int(layer["x_zero_point"]), int(layer["y_zero_point"])
    bias = np.random.default_rng(seed).normal(0, 1, len(layer["w"]))
    nudged = nudge_weight_scales(
        layer["w"], bias, layer["x_scale"], zero_points[0], layer["w_scale"], layer["y_scale"], zero_points[1]
    )
    moved_layer = layer | {"w_scale": nudged.w_scale, "bias": nudged.bias}
    accumulators = accumulators_of(moved_layer)
    reach = reachable(layer["w"], zero_points[0], nudged.bias)
    assert ((accumulators >= reach.low) & (accumulators <= reach.high)).all()
    assert nudged.proof.is_integer.all()
    expected = requantize_integer(accumulators, nudged.proof.form, zero_points[1])
    np.testing.assert_array_equal(qlinear_conv(moved_layer), expected)


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("operator", ["QLinearAveragePool", "QLinearGlobalAveragePool"])
def test_requantize_is_the_mean_of_pools(seed, operator):
    rng = np.random.default_rng(seed)
    height, width = (int(value) for value in rng.integers(1, 6, 2))
    x_scale = np.float32(rng.uniform(0.01, 0.1))
    y_scale = np.float32(x_scale * 2.0 ** rng.uniform(-2, 0.5))
    x_zero_point, y_zero_point = rng.integers(-128, 128, 2).astype(np.int8)
    whole = operator == "QLinearGlobalAveragePool"
    shape = (1, 400, height, width) if whole else (1, 16, 5 * height, 5 * width)
    x = rng.integers(-128, 128, shape, dtype=np.int8)
    attributes = {} if whole else {"kernel_shape": [height, width], "strides": [height, width]}
    node = helper.make_node(
        operator,
        ["x", "x_scale", "x_zero_point", "y_scale", "y_zero_point"],
        ["y"],
        domain="com.microsoft",
        **attributes,
    )
    constants = {
        "x_scale": x_scale,
        "x_zero_point": x_zero_point,
        "y_scale": y_scale,
        "y_zero_point": y_zero_point,
    }
    windows = x.reshape(1, shape[1], shape[2] // height, height, shape[3] // width, width).astype(np.int64)
    sums = (windows - int(x_zero_point)).sum(axis=(3, 5))
    scale = rescale_mean(x_scale, y_scale, height * width)
    expected = requantize(sums, scale, int(y_zero_point))
    np.testing.assert_array_equal(run([node], {"x": x}, constants), expected)


def random_add(seed: int) -> AddParameters:
    rng = np.random.default_rng(seed)
    a_scale, b_scale = (np.float32(2.0 ** rng.uniform(-8, -2)) for _ in range(2))
    y_scale = np.float32((a_scale + b_scale) * 2.0 ** rng.uniform(-1, 0.6))
    a_zero_point, b_zero_point, y_zero_point = (int(value) for value in rng.integers(-128, 128, 3))
    return AddParameters(a_scale, a_zero_point, b_scale, b_zero_point, y_scale, y_zero_point)


def add_constants(p: AddParameters, offset: int) -> dict[str, Any]:
    dtype = np.uint8 if offset else np.int8
    values = p._asdict().items()
    return {name: dtype(value + offset) if name.endswith("point") else value for name, value in values}


def qlinear_add(p: AddParameters, a: NDArray[Any], b: NDArray[Any], offset: int) -> NDArray[np.int64]:
    dtype = np.uint8 if offset else np.int8
    names = ["a", "a_scale", "a_zero_point", "b", "b_scale", "b_zero_point", "y_scale", "y_zero_point"]
    node = helper.make_node("QLinearAdd", names, ["y"], domain="com.microsoft")
    inputs = {"a": (a + offset).astype(dtype), "b": (b + offset).astype(dtype)}
    return run([node], inputs, add_constants(p, offset), dtype).astype(np.int64) - offset


def qdq_add(p: AddParameters, a: NDArray[Any], b: NDArray[Any], offset: int, optimize: bool) -> NDArray[np.int64]:
    dtype = np.uint8 if offset else np.int8
    nodes = [
        helper.make_node("DequantizeLinear", ["a", "a_scale", "a_zero_point"], ["a_real"]),
        helper.make_node("DequantizeLinear", ["b", "b_scale", "b_zero_point"], ["b_real"]),
        helper.make_node("Add", ["a_real", "b_real"], ["y_real"]),
        helper.make_node("QuantizeLinear", ["y_real", "y_scale", "y_zero_point"], ["y"]),
    ]
    inputs = {"a": (a + offset).astype(dtype), "b": (b + offset).astype(dtype)}
    return run(nodes, inputs, add_constants(p, offset), dtype, optimize).astype(np.int64) - offset


@pytest.mark.parametrize("seed", range(100))
def test_agreeing_add_is_the_same_in_every_form_of_onnxruntime(seed):
    """All 65,536 pairs as QLinearAdd and as QDQ in a default session, int8 and uint8; a broadcast scalar."""
    p = random_add(seed)
    found = agreeing_add_scale(p)
    assert found is not None
    p = p._replace(y_scale=found.y_scale)
    expected = add_table(p).ravel()
    np.testing.assert_array_equal(found.form.table().ravel(), expected)
    for offset in (0, 128):
        np.testing.assert_array_equal(qlinear_add(p, A, B, offset), expected)
        np.testing.assert_array_equal(qdq_add(p, A, B, offset, optimize=True), expected)
        for scalar in (-128, seed, 127):
            row = expected.reshape(256, 256)[:, scalar + 128]
            np.testing.assert_array_equal(qlinear_add(p, INPUTS, np.array([scalar]), offset), row)
            column = expected.reshape(256, 256)[scalar + 128]
            np.testing.assert_array_equal(qlinear_add(p, np.array([scalar]), INPUTS, offset), column)


@pytest.mark.parametrize("seed", range(40))
def test_the_rule_for_imported_additions_is_onnxruntimes_without_fusion(seed):
    """Any scales: dequantize, add, quantize as three operators is `add_table`."""
    p = random_add(3_000 + seed)
    np.testing.assert_array_equal(qdq_add(p, A, B, 0, optimize=False), add_table(p).ravel())


def test_every_qlinear_add_is_one_of_the_orders():
    """The orders contain what this processor computes, also for scales on which they do not all agree."""
    for seed in range(40):
        p = random_add(4_000 + seed)
        for offset in (0, 128):
            computed = qlinear_add(p, A, B, offset)
            assert any(np.array_equal(computed, outputs) for outputs in evaluation_orders(p, A, B)), seed
