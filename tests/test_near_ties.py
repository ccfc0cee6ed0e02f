"""Files that came quantized with scales that make ties: where onnxruntime's float32 decides, we give its bytes."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from exactness import assert_same_c
from models import model, node
from onnx import ModelProto

from tinycnn import engine, referee
from tinycnn.float_bounds import limited_may_differ, may_differ
from tinycnn.imported import compare_with_file
from tinycnn.ir import Array, Graph
from tinycnn.onnx_io import FORMATS, export, load

TYPES = {"int8": 0, "uint8": 128}
"""Types of activations, and what their values are more than int8."""
ALL_PAIRS = {
    "a": np.repeat(np.arange(-128, 128, dtype=np.int8), 256),
    "b": np.tile(np.arange(-128, 128, dtype=np.int8), 256),
}


def parameters(dtype: str, **quantizations: tuple[float, int]) -> dict[str, Array]:
    """Initializers `<name>s` and `<name>z` with the scale and the int8 zero point of each tensor."""
    made: dict[str, Array] = {}
    for name, (scale, zero_point) in quantizations.items():
        made[f"{name}s"] = np.float32(scale)
        made[f"{name}z"] = np.array(zero_point + TYPES[dtype], dtype)
    return made


def between_quantizers(inputs: str, operator: str, **attributes: object) -> list[onnx.NodeProto]:
    """Inputs a, b, .. quantized and dequantized, one operator, and its output y quantized and dequantized."""
    nodes = []
    for name in inputs:
        nodes.append(node("QuantizeLinear", f"{name} {name}s {name}z", f"{name}q"))
        nodes.append(node("DequantizeLinear", f"{name}q {name}s {name}z", f"{name}r"))
    nodes.append(node(operator, " ".join(f"{name}r" for name in inputs), "f", **attributes))
    return [*nodes, node("QuantizeLinear", "f ys yz", "yq"), node("DequantizeLinear", "yq ys yz", "y")]


def assert_like_the_file(proto: ModelProto, stored: dict[str, Array], folder: Path, *, few: int = 4) -> Graph:
    """The file's bytes for all samples; the exports' too, and those of C for some."""
    onnx.save(proto, folder / "file.onnx")
    graph = load(folder / "file.onnx")
    samples = {name: engine.to_real(graph.tensors[name], values) for name, values in stored.items()}
    result = compare_with_file(folder / "file.onnx", graph, samples)
    assert result.mismatches == 0
    found = engine.run(graph, stored)["y"]
    for format in FORMATS:
        onnx.save(export(graph, format), folder / f"{format}.onnx")
        again = load(folder / f"{format}.onnx")
        assert compare_with_file(folder / f"{format}.onnx", again, samples).mismatches == 0
        np.testing.assert_array_equal(engine.run(again, stored)["y"], found)
    assert_same_c(graph, engine.first_samples(stored, few), folder)
    return graph


@pytest.mark.parametrize(("y_scale", "dtype"), [(2.0, "int8"), (0.5, "uint8"), (2.1357, "uint8")])
def test_products(y_scale: float, dtype: str, tmp_path: Path) -> None:
    """Scales that are powers of two make ties; onnxruntime adds the zero point, here an odd one, before it rounds."""
    constants = parameters(dtype, a=(0.25, 3), b=(0.5, -5), y=(y_scale, 7))
    proto = model(between_quantizers("ab", "Mul"), {"a": ["n", 4096], "b": ["n", 4096]}, constants)
    stored = {name: values.reshape(-1, 4096) for name, values in ALL_PAIRS.items()}
    graph = assert_like_the_file(proto, stored, tmp_path, few=16)
    assert bool(graph.nodes[0].op.added_before) == (y_scale != 2.1357)


@pytest.mark.parametrize(("dtype", "ratio"), [("int8", 1.0), ("uint8", 0.5)])
def test_means(ratio: float, dtype: str, tmp_path: Path) -> None:
    """onnxruntime adds floats up; with scales of a simple ratio every second mean or so lies on a tie."""
    constants = parameters(dtype, x=(0.0371, -9), y=(0.0371 * ratio, 5))
    attributes = {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]}
    proto = model(between_quantizers("x", "AveragePool", **attributes), {"x": ["n", 3, 8, 10]}, constants)
    stored = {"x": np.random.default_rng(0).integers(-128, 128, (60, 8, 10, 3)).astype(np.int8)}
    graph = assert_like_the_file(proto, stored, tmp_path)
    np.testing.assert_array_equal(engine.run(graph, stored)["y"], referee.trace(graph, stored)["y"])


def test_means_that_count_what_hangs_over_the_end(tmp_path: Path) -> None:
    constants = parameters("uint8", x=(0.0371, -9), y=(0.02, 5))
    attributes = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4, "ceil_mode": 1, "count_include_pad": 1}
    proto = model(between_quantizers("x", "AveragePool", **attributes), {"x": ["n", 3, 8, 10]}, constants)
    stored = {"x": np.random.default_rng(0).integers(-128, 128, (20, 8, 10, 3)).astype(np.int8)}
    assert_like_the_file(proto, stored, tmp_path)


def test_differences(tmp_path: Path) -> None:
    """No Add of ours is a Sub of theirs, which they compute in float: only the file's own bytes are equal."""
    constants = parameters("int8", a=(0.03, 3), b=(0.03, -128), y=(0.06, 1))
    proto = model(between_quantizers("ab", "Sub"), {"a": ["n", 4096], "b": ["n", 4096]}, constants)
    stored = {name: values.reshape(-1, 4096) for name, values in ALL_PAIRS.items()}
    onnx.save(proto, tmp_path / "file.onnx")
    graph = load(tmp_path / "file.onnx")
    samples = {name: engine.to_real(graph.tensors[name], values) for name, values in stored.items()}
    result = compare_with_file(tmp_path / "file.onnx", graph, samples)
    assert (result.mismatches, len(result.tensors)) == (0, 1)


@pytest.mark.parametrize("axes", [[2, 3], [1]])
def test_sums_whose_order_onnxruntime_chooses_may_differ_next_to_ties_alone(axes: list[int], tmp_path: Path) -> None:
    constants = parameters("uint8", x=(0.0371, -9), y=(0.0371, 5))
    proto = model(between_quantizers("x", "ReduceMean", axes=axes), {"x": ["n", 4, 8, 7]}, constants)
    onnx.save(proto, tmp_path / "file.onnx")
    graph = load(tmp_path / "file.onnx")
    stored = np.random.default_rng(0).integers(-128, 128, (200, *graph.tensors["x"].shape[1:])).astype(np.int8)
    result = compare_with_file(tmp_path / "file.onnx", graph, engine.to_real(graph.tensors["x"], stored))
    assert result.mismatches == 0
    assert ["differ by 1, as its docstring allows" in note for note in result.notes] == [True]
    node, ours = graph.nodes[0], engine.trace(graph, stored)[graph.nodes[0].outputs[0]]
    near = may_differ(graph, node, [stored], ours, ours + np.int8(1))
    assert 0 < near.mean() < 0.3  # of 56 elements every 56th sum, of 4 every fourth
    assert not may_differ(graph, node, [stored], ours, ours + np.int8(2))[(ours < 126)].any()


def test_quotients(tmp_path: Path) -> None:
    constants = parameters("uint8", a=(0.03, 3), b=(0.03, -5), y=(0.03125, 1))
    proto = model(between_quantizers("ab", "Div"), {"a": ["n", 4096], "b": ["n", 4096]}, constants)
    assert_like_the_file(
        proto, {name: values.reshape(-1, 4096) for name, values in ALL_PAIRS.items()}, tmp_path, few=16
    )


@pytest.mark.parametrize(("dtype", "ratio", "mode"), [("int8", 1.0, "half_pixel"), ("uint8", 0.7, "align_corners")])
def test_interpolation_between_quantizers(dtype: str, ratio: float, mode: str, tmp_path: Path) -> None:
    constants = parameters(dtype, x=(0.0371, -9), y=(0.0371 * ratio, 5))
    constants["sizes"] = np.array([1, 3, 12, 17])
    nodes = between_quantizers("x", "Resize", mode="linear", coordinate_transformation_mode=mode)
    next(n for n in nodes if n.op_type == "Resize").input.extend(["", "", "sizes"])
    proto = model(nodes, {"x": [1, 3, 6, 7]}, constants)
    stored = {"x": np.random.default_rng(0).integers(-128, 128, (20, 6, 7, 3)).astype(np.int8)}
    assert_like_the_file(proto, stored, tmp_path)


@pytest.mark.parametrize("dtype", TYPES)
def test_interpolation_of_bytes(dtype: str, tmp_path: Path) -> None:
    """onnxruntime cuts the sums off towards 0, of int8 as of uint8."""
    constants = parameters(dtype, x=(0.0371, -9)) | {"scales": np.array([1, 1, 2.3, 1], np.float32)}
    nodes = [
        node("QuantizeLinear", "x xs xz", "xq"),
        node("Resize", "xq - scales", "yq", mode="linear"),
        node("DequantizeLinear", "yq xs xz", "y"),
    ]
    proto = model(nodes, {"x": [1, 3, 6, 7]}, constants)
    stored = {"x": np.random.default_rng(0).integers(-128, 128, (20, 6, 7, 3)).astype(np.int8)}
    assert_like_the_file(proto, stored, tmp_path)


@pytest.mark.parametrize("operator", ["Mul", "Add", "Sub", "Div", "Max"])
def test_constants_that_came_quantized(operator: str, tmp_path: Path) -> None:
    """One number, as in a hard-swish that is written out, and one for each channel."""
    random = np.random.default_rng(3)
    constants = parameters("uint8", x=(0.05, 3), y=(0.05, -7), z=(0.05, -7), k=(0.01, 4), c=(0.02, 4))
    constants["kq"] = np.array(211, np.uint8)
    constants["cq"] = random.integers(0, 256, (3, 1, 1)).astype(np.uint8)
    nodes = [
        node("DequantizeLinear", "kq ks kz", "kr"),
        node("DequantizeLinear", "cq cs cz", "cr"),
        node("QuantizeLinear", "x xs xz", "xq"),
        node("MaxPool", "xq", "mq", kernel_shape=[2, 2]),
        node("DequantizeLinear", "mq xs xz", "mr"),
        node(operator, "mr kr", "f"),
        node("QuantizeLinear", "f zs zz", "zq"),
        node("DequantizeLinear", "zq zs zz", "zr"),
        node(operator, "cr zr", "g"),
        node("QuantizeLinear", "g ys yz", "yq"),
        node("DequantizeLinear", "yq ys yz", "y"),
    ]
    onnx.save(model(nodes, {"x": ["n", 3, 8, 7]}, constants), tmp_path / "file.onnx")
    graph = load(tmp_path / "file.onnx")
    stored = random.integers(-128, 128, (60, 8, 7, 3)).astype(np.int8)
    samples = engine.to_real(graph.tensors["x"], stored)
    result = compare_with_file(tmp_path / "file.onnx", graph, samples)
    assert (result.mismatches, len(result.tensors)) == (0, 3)
    for format in FORMATS:
        onnx.save(export(graph, format), tmp_path / f"{format}.onnx")
        again = load(tmp_path / f"{format}.onnx")
        np.testing.assert_array_equal(engine.run(again, stored)["y"], engine.run(graph, stored)["y"])
    assert_same_c(graph, {"x": stored[:4]}, tmp_path)


@pytest.mark.parametrize("operator", ["Mul", "AveragePool"])
def test_what_onnxruntime_leaves_in_float_before_a_clip_may_differ_next_to_ties_alone(operator: str, tmp_path: Path):
    inputs, attributes = ("ab", {}) if operator == "Mul" else ("a", {"kernel_shape": [2, 2]})
    scales = parameters("uint8", a=(0.05, 3), b=(0.05, 3), y=(0.05, -128))
    constants = {name: value for name, value in scales.items() if name[0] in f"{inputs}y"}
    nodes = between_quantizers(inputs, operator, **attributes)
    place = next(index for index, n in enumerate(nodes) if n.op_type == operator)
    nodes[place].output[0] = "unlimited"
    nodes.insert(place + 1, node("Clip", "unlimited low high", "f"))
    limits = {"low": np.float32(0), "high": np.float32(3)}
    onnx.save(model(nodes, {n: ["n", 3, 8, 8] for n in inputs}, constants | limits), tmp_path / "file.onnx")
    graph = load(tmp_path / "file.onnx")
    stored = {n: np.random.default_rng(ord(n)).integers(-128, 128, (50, *graph.tensors[n].shape[1:])) for n in inputs}
    stored = {name: values.astype(np.int8) for name, values in stored.items()}
    samples = {name: engine.to_real(graph.tensors[name], values) for name, values in stored.items()}
    result = compare_with_file(tmp_path / "file.onnx", graph, samples)
    assert result.mismatches == 0
    assert any("differ by 1, as its docstring allows" in note for note in result.notes)
    clip = graph.nodes[-1]
    values = engine.trace(graph, stored)
    near = limited_may_differ(graph, clip, values, values["y"], values["y"] + np.int8(1))
    assert 0 < near.mean() < 0.4


BETWEEN = {
    "Max": ("ab", {}),
    "Add": ("ab", {}),
    "LeakyRelu": ("x", {"alpha": 0.5}),
    "HardSwish": ("x", {}),
    "Sigmoid": ("x", {}),
    "Abs": ("x", {}),
    "LRN": ("x", {"size": 3, "alpha": 0.5}),
    "GlobalAveragePool": ("x", {}),
    "GlobalMaxPool": ("x", {}),
    "LpPool": ("x", {"kernel_shape": [2, 2]}),
    "DepthToSpace": ("x", {"blocksize": 2}),
    "AveragePool": ("x", {"kernel_shape": [5, 4], "strides": [1, 2], "ceil_mode": 1}),
}
"""Operators between quantizers, with their inputs and attributes."""


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("operator", BETWEEN)
def test_the_file_is_met_within_the_stated_bounds(operator: str, dtype: str, tmp_path: Path) -> None:
    inputs, attributes = BETWEEN[operator]
    for ratio in (1.0, 0.5, 0.7213):
        scales = parameters(dtype, a=(0.0371, -9), b=(0.0371, 4), x=(0.0371, -9), y=(0.0371 * ratio, 5))
        constants = {name: value for name, value in scales.items() if name[0] in f"{inputs}y"}
        shapes = {name: ["n", 4, 8, 6] for name in inputs}
        onnx.save(model(between_quantizers(inputs, operator, **attributes), shapes, constants), tmp_path / "file.onnx")
        graph = load(tmp_path / "file.onnx")
        random = np.random.default_rng(0)
        stored = {n: random.integers(-128, 128, (50, *graph.tensors[n].shape[1:])).astype(np.int8) for n in inputs}
        samples = {name: engine.to_real(graph.tensors[name], values) for name, values in stored.items()}
        assert compare_with_file(tmp_path / "file.onnx", graph, samples).mismatches == 0
