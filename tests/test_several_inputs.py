"""Models with several inputs and outputs, from Python and from the command line."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from exactness import assert_exact
from models import floats, model, node
from onnx import ModelProto

import tinycnn
from tinycnn import engine
from tinycnn.cli import main
from tinycnn.errors import DataError

RNG = np.random.default_rng(5)
SAMPLES = {"image": floats(RNG, 12, 2, 6, 6), "map": floats(RNG, 12, 3, 6, 6), "facts": floats(RNG, 12, 4)}


def two_branches() -> ModelProto:
    """Two images that are convolved and added, and a vector of its own: outputs `scores` and `hint`."""
    nodes = [
        node("Conv", "image wi bi", "a", pads=[1, 1, 1, 1]),
        node("Conv", "map wm", "b"),
        node("Add", "a b", "sum"),
        node("Relu", "sum", "r"),
        node("GlobalAveragePool", "r", "p"),
        node("Flatten", "p", "f"),
        node("Gemm", "f wf", "scores", transB=1),
        node("Gemm", "facts wh", "hint", transB=1),
    ]
    rng = np.random.default_rng(6)
    shapes = {"wi": (4, 2, 3, 3), "bi": (4,), "wm": (4, 3, 1, 1), "wf": (5, 4), "wh": (3, 4)}
    constants = {name: floats(rng, *shape) for name, shape in shapes.items()}
    inputs = {name: ("batch", *array.shape[1:]) for name, array in SAMPLES.items()}
    return model(nodes, inputs, constants, "scores hint")


def test_the_same_bytes_everywhere(tmp_path):
    assert_exact(two_branches(), SAMPLES, tmp_path)


def test_every_command_takes_them(tmp_path, capsys):
    source, quantized, data = tmp_path / "net.onnx", tmp_path / "int8.onnx", tmp_path / "data.npz"
    onnx.save(two_branches(), source)
    np.savez(data, labels=np.zeros(12, np.int64), **{**SAMPLES, "image": np.moveaxis(SAMPLES["image"], 1, -1)})

    def run(*arguments: object) -> str:
        code: object = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
        assert not code, capsys.readouterr()
        return capsys.readouterr().out

    run("quantize", source, "--calibration", data, "-o", quantized)
    run("verify", quantized, "--inputs", data, "--on", "onnxruntime")
    run("evaluate", quantized, "--inputs", data, "--labels", f"{data}:labels", "--against", source)
    run("report", source, "--target", "cortex-m4")
    folder = tmp_path / "c"
    run("generate", quantized, "--target", "cortex-m4", "-o", folder, "--selftest", 2, "--inputs", data)
    assert "facts" in (folder / "int8.h").read_text()
    out = run("run", source, "--inputs", data, "-o", tmp_path / "out.npz")
    assert "scores, float32 [12, 5]" in out
    assert "hint, float32 [12, 3]" in out
    graph = tinycnn.load(source)
    wanted = engine.run(graph, SAMPLES)
    with np.load(tmp_path / "out.npz") as found:
        assert {name: found[name].tolist() for name in found} == {name: v.tolist() for name, v in wanted.items()}


def wrong_data(case: str, folder: Path) -> Path:
    given = dict(SAMPLES)
    if case == "missing":
        del given["map"]
    elif case == "fewer":
        given["map"] = given["map"][:5]
    path = folder / "data.npz"
    np.savez(path, **given)
    return path


@pytest.mark.parametrize(
    ("case", "sentence"),
    [("missing", "has no array 'map'"), ("fewer", "a different number of samples for each input")],
)
def test_data_that_does_not_fit_gets_a_sentence(case, sentence, tmp_path, capsys):
    source = tmp_path / "net.onnx"
    onnx.save(two_branches(), source)
    with pytest.raises(SystemExit):
        main(["run", str(source), "--inputs", str(wrong_data(case, tmp_path)), "-o", str(tmp_path / "y.npz")])
    assert sentence in capsys.readouterr().err


def test_one_array_does_not_serve_several_inputs(tmp_path):
    onnx.save(two_branches(), tmp_path / "net.onnx")
    with pytest.raises(DataError, match="The model's inputs are image, map, facts"):
        tinycnn.quantize(tinycnn.load(tmp_path / "net.onnx"), SAMPLES["image"])
