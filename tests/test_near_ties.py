"""Where onnxruntime's float32 decides a tie in a file that came quantized: counted, and our byte is the tie's."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from models import model, node

from tinycnn import engine, referee
from tinycnn.imported import compare_with_file
from tinycnn.onnx_io import load


@pytest.mark.parametrize("y_scale", [2.0, 2.1234567])
def test_products_on_a_tie_are_counted(y_scale: float, tmp_path: Path) -> None:
    """Scales that are powers of two make ties; onnxruntime adds the zero point, here an odd one, before it rounds."""
    constants = {
        "s": np.float32(0.25), "z": np.int8(3), "t": np.float32(0.5), "u": np.int8(-5),
        "v": np.float32(y_scale), "w": np.int8(7),
    }  # fmt: skip
    nodes = [
        node("QuantizeLinear", "a s z", "aq"),
        node("QuantizeLinear", "b t u", "bq"),
        node("QLinearMul", "aq s z bq t u v w", "yq", domain="com.microsoft"),
        node("DequantizeLinear", "yq v w", "y"),
    ]
    onnx.save(model(nodes, {"a": ["n", 16], "b": ["n", 16]}, constants), tmp_path / "product.onnx")
    graph = load(tmp_path / "product.onnx")
    pairs = np.arange(65_536)
    stored = {"a": (pairs // 256 - 128).astype(np.int8), "b": (pairs % 256 - 128).astype(np.int8)}
    stored = {name: values.reshape(-1, 16) for name, values in stored.items()}
    samples = {name: engine.to_real(graph.tensors[name], values) for name, values in stored.items()}
    result = compare_with_file(tmp_path / "product.onnx", graph, samples)
    assert result.mismatches == 0
    assert [note.split(":")[0] for note in result.notes] == ["y"]
    np.testing.assert_array_equal(engine.run(graph, stored)["y"], referee.trace(graph, stored)["y"])


def test_means_on_a_tie_are_counted(tmp_path: Path) -> None:
    scale = np.float32(0.0371)
    constants = {"s": scale, "z": np.int8(-9)}
    nodes = [
        node("QuantizeLinear", "x s z", "xq"),
        node("DequantizeLinear", "xq s z", "xr"),
        node("AveragePool", "xr", "m", kernel_shape=[2, 2], strides=[2, 2]),
        node("QuantizeLinear", "m s z", "yq"),
        node("DequantizeLinear", "yq s z", "y"),
    ]
    onnx.save(model(nodes, {"x": ["n", 3, 8, 10]}, constants), tmp_path / "mean.onnx")
    graph = load(tmp_path / "mean.onnx")
    stored = np.random.default_rng(0).integers(-128, 128, (60, 8, 10, 3)).astype(np.int8)
    result = compare_with_file(tmp_path / "mean.onnx", graph, engine.to_real(graph.tensors["x"], stored))
    assert result.mismatches == 0
    assert any("lie on a tie" in note for note in result.notes)
    np.testing.assert_array_equal(engine.run(graph, stored)["y"], referee.trace(graph, {"x": stored})["y"])
