"""The command line as people use it: what it prints, writes and exits with; bad input gets a sentence."""

import json
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from needs import needs
from onnx import TensorProto, helper

from tinycnn.cli import main
from tinycnn.cli.demo import examples_folder

EXAMPLES = examples_folder()
LENET5 = EXAMPLES / "lenet5/lenet5.onnx"
PERCEPTRON = EXAMPLES / "perceptron/perceptron.onnx"
SAMPLE = f"{EXAMPLES / 'mnist_sample/mnist_sample.npz'}"


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def tinycnn(capsys):
    """Run the command line in this process."""

    def run(*arguments) -> Result:
        try:
            main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as request:
            code = int(request.code or 0)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="module")
def int8(tmp_path_factory) -> Path:
    """LeNet-5 as the command line quantizes it."""
    path = tmp_path_factory.mktemp("models") / "lenet5_int8.onnx"
    main(["quantize", str(LENET5), "--calibration", f"{SAMPLE}:calibration_images", "-o", str(path)])
    return path


def facts(path: Path) -> dict:
    return json.loads(path.read_text())


def test_help_lists_every_command_in_the_order_of_use(tinycnn):
    result = tinycnn("--help")
    commands = ["demo", "inspect", "quantize", "evaluate", "report", "generate", "verify", "bench", "run", "targets"]
    positions = [result.out.index(f"\n  {command} ") for command in commands]
    assert result.code == 0
    assert positions == sorted(positions)


def test_inspect_tells_the_lecture_s_parameters(tinycnn, tmp_path):
    result = tinycnn("inspect", PERCEPTRON, "--json", tmp_path / "facts.json")
    found = facts(tmp_path / "facts.json")
    assert result.code == 0
    assert found["parameters"] == 335_114
    assert [layer["parameters"] for layer in found["layers"] if layer["parameters"]] == [200_960, 65_792, 65_792, 2_570]
    assert "335,114 parameters" in result.out


def test_inspect_lenet5(tinycnn):
    result = tinycnn("inspect", LENET5, "--json", "-")
    found = json.loads(result.out)
    assert (found["parameters"], found["macs"]) == (61_706, 416_520)
    conv2 = next(layer for layer in found["layers"] if layer["name"] == "conv2")
    assert conv2["receptive_field"] == [14, 14]
    assert conv2["output_shape"] == [1, 16, 10, 10]
    assert "61,706 parameters" in result.err


def test_report_of_the_perceptron_does_not_fit_and_says_by_how_much(tinycnn, tmp_path):
    result = tinycnn("report", PERCEPTRON, "--target", "dsp32c-486", "--json", tmp_path / "facts.json")
    found = facts(tmp_path / "facts.json")
    assert result.code == 1
    assert not found["fits"]
    assert found["parameters"] == 335_114
    assert found["fp32_bytes"] == 4 * 335_114
    used = sum(
        found[key] or 0 for key in ("constants_bytes", "arena_bytes", "code_bytes", "stack_bytes", "startup_bytes")
    )
    assert found["memory_left_bytes"] == 262_144 - used < 0
    assert f"over by {-found['memory_left_bytes']:,} bytes as int8" in result.out
    assert f"does not fit, over by {-found['fp32_left_bytes']:,} B" in result.out


def test_report_of_lenet5_fits(tinycnn, int8, tmp_path):
    result = tinycnn("report", int8, "--target", "dsp32c-486", "--json", tmp_path / "facts.json")
    found = facts(tmp_path / "facts.json")
    assert result.code == 0
    assert found["fits"]
    assert found["memory_left_bytes"] > 128 * 1024
    assert found["arena_lower_bound_bytes"] <= found["arena_bytes"] <= 1.1 * found["arena_lower_bound_bytes"]
    whole = [choice["arena_bytes"] for choice in found["pareto"] if not choice["is_pushed"]]
    assert whole == sorted(whole, reverse=True)
    assert (whole[0], whole[-1]) == (found["arena_bytes"], 1_456)
    assert found["schedule_free_bound_bytes"] <= 1_456
    assert {proof["name"]: sum(proof["ways"].values()) for proof in found["proofs"]} == {
        "conv1": 6,
        "conv2": 16,
        "fc3": 120,
        "fc4": 84,
        "fc5": 10,
    }


def test_report_judges_by_the_given_memory(tinycnn, int8):
    needs("arm-none-eabi-gcc")  # else there is no stack to count
    assert tinycnn("report", int8, "--target", "stm32f446", "--ram", "8K").code == 0
    assert tinycnn("report", int8, "--target", "stm32f446", "--ram", "2K").code == 0
    assert tinycnn("report", int8, "--target", "stm32f446", "--ram", "1500").code == 1
    assert tinycnn("report", int8, "--target", "stm32f446", "--flash", "60K").code == 1
    refused = tinycnn("report", int8, "--target", "dsp32c-486", "--flash", "60K")
    assert (refused.code, "--ram" in refused.err) == (2, True)


def test_evaluate_against_float(tinycnn, int8, tmp_path):
    images, labels = f"{SAMPLE}:test_images", f"{SAMPLE}:test_labels"
    result = tinycnn(
        "evaluate", int8, "--inputs", images, "--labels", labels, "--against", LENET5, "--json", tmp_path / "f.json"
    )
    found = facts(tmp_path / "f.json")
    assert result.code == 0
    assert found["samples"] == 1000
    assert found["accuracy"] >= 0.99
    assert abs(found["accuracy"] - found["accuracy_float"]) <= 0.002
    assert min(tensor["signal_to_noise_db"] or 99 for tensor in found["tensors"]) > 30


@pytest.mark.parametrize("element", ["int8", "uint8"])
def test_generate_with_a_selftest_that_passes_and_one_that_fails(tinycnn, int8, tmp_path, element):
    needs("gcc")
    result = tinycnn(
        "generate", int8, "--target", "host", "-o", tmp_path / "c", "--name", "digits", "--selftest", "3",
        "--inputs", f"{SAMPLE}:test_images", "--input", element,
    )  # fmt: skip
    assert result.code == 0, result.err
    assert f"{element}_t *digits_input(" in (tmp_path / "c/digits.h").read_text()
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["digits.c", "digits.h", "digits_selftest.c"]
    build = ["gcc", "-std=c99", "-DDIGITS_SELFTEST_MAIN", "digits.c", "digits_selftest.c", "-o", "selftest"]
    subprocess.run(build, cwd=tmp_path / "c", check=True)
    assert subprocess.run(["./selftest"], cwd=tmp_path / "c").returncode == 0
    source = (tmp_path / "c/digits.c").read_text()
    start = source.index("conv1_bias[6] = {") + len("conv1_bias[6] = {")
    digit = next(index for index in range(start, len(source)) if source[index] in "123456789")
    broken = source[:digit] + ("7" if source[digit] != "7" else "3") + source[digit + 1 :]
    (tmp_path / "c/digits.c").write_text(broken)
    subprocess.run(build, cwd=tmp_path / "c", check=True)
    assert subprocess.run(["./selftest"], cwd=tmp_path / "c").returncode == 1


def test_generate_keeps_files_that_are_not_ours(tinycnn, int8, tmp_path):
    (tmp_path / "lenet5_int8.c").write_text("int mine;\n")
    (tmp_path / "notes.txt").write_text("keep me\n")
    result = tinycnn("generate", int8, "--target", "host", "-o", tmp_path)
    assert result.code == 2
    assert "lenet5_int8.c" in result.err
    assert (tmp_path / "lenet5_int8.c").read_text() == "int mine;\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lenet5_int8.c", "notes.txt"]


def test_generate_refuses_a_target_without_room(tinycnn, int8, tmp_path):
    result = tinycnn("generate", int8, "--target", "host", "--ram", "1400", "-o", tmp_path / "c")
    assert result.code == 1
    assert "1,456 bytes at least" in result.err
    assert not (tmp_path / "c").exists()


def test_verify_finds_no_mismatch(tinycnn, int8, tmp_path):
    needs("gcc")
    result = tinycnn(
        "verify", int8, "--inputs", f"{SAMPLE}:test_images", "--limit", "20", "--json", tmp_path / "facts.json"
    )
    found = facts(tmp_path / "facts.json")
    assert result.code == 0, result.err
    assert found["mismatches"] == 0
    assert [runner["name"] for runner in found["runners"]] == [
        "onnxruntime on the file itself",
        "onnxruntime qoperator",
        "onnxruntime qdq",
        "host",
    ]
    assert all(runner["compared_bytes"] > 20 * 8_000 and not runner["notes"] for runner in found["runners"])


def test_verify_and_bench_on_the_emulated_cortex_m4(tinycnn, int8, tmp_path):
    needs("arm-none-eabi-gcc", "qemu-system-arm")
    inputs = ("--inputs", f"{SAMPLE}:test_images")
    verified = tinycnn("verify", int8, *inputs, "--limit", "5", "--on", "cortex-m4", "--json", tmp_path / "v.json")
    assert verified.code == 0, verified.err
    (runner,) = facts(tmp_path / "v.json")["runners"]
    assert runner["mismatches"] == 0
    assert 0 < runner["stack_bytes"] <= 512
    for name in ("first.json", "second.json"):
        assert tinycnn("bench", int8, "--target", "cortex-m4", *inputs, "--json", tmp_path / name).code == 0
    first, second = facts(tmp_path / "first.json"), facts(tmp_path / "second.json")
    assert first == second
    assert sum(layer["instructions"] for layer in first["layers"]) == first["instructions"]


def test_run_gives_what_onnxruntime_gives(tinycnn, int8, tmp_path):
    result = tinycnn("run", int8, "--inputs", f"{SAMPLE}:test_images", "-o", tmp_path / "y.npy")
    assert result.code == 0
    images = np.load(SAMPLE)["test_images"].reshape(-1, 1, 28, 28).astype(np.float32)
    session = onnxruntime.InferenceSession(str(int8), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), session.run(None, {"image": images})[0])
    again = tinycnn("run", int8, "--inputs", f"{SAMPLE}:test_images", "-o", tmp_path / "y.npy")
    assert (again.code, "exists" in again.err) == (2, True)


def test_targets(tinycnn):
    result = tinycnn("targets", "--json", "-")
    assert {target["name"] for target in json.loads(result.out)["targets"]} >= {
        "dsp32c-486", "host", "cortex-m4", "nrf52840", "stm32f446", "rp2040", "atmega2560", "esp32-c3",
    }  # fmt: skip
    assert "stand-in" in tinycnn("targets", "dsp32c-486").out


def test_targets_that_cannot_run_here_name_what_installs_the_rest(tinycnn, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = tinycnn("targets", "powerpc").out
    assert "needs powerpc-linux-gnu-gcc" in " ".join(found.split())
    assert "apt-get install gcc-powerpc-linux-gnu qemu-user" in found


def unsupported_model(path: Path) -> Path:
    nodes = [
        helper.make_node("Einsum", ["x"], ["a"], name="first", equation="ij->ij"),
        helper.make_node("Relu", ["a"], ["b"], name="fine"),
        helper.make_node("Det", ["b"], ["y"], name="second"),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 2]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "bad", values[:1], values[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_all_unsupported_operators_are_named_at_once(tinycnn, tmp_path):
    result = tinycnn("inspect", unsupported_model(tmp_path / "bad.onnx"))
    assert result.code == 2
    assert all(word in result.err for word in ("'first'", "Einsum", "'second'", "Det"))
    assert "fine" not in result.err


def test_bad_input_gets_one_sentence(tinycnn, int8, tmp_path):
    garbage, truncated, nan = tmp_path / "garbage.onnx", tmp_path / "cut.onnx", tmp_path / "nan.npy"
    garbage.write_bytes(b"\x00this is not a model\xff" * 10)
    truncated.write_bytes(LENET5.read_bytes()[:100_000])
    values = np.zeros((2, 1, 28, 28), np.float32)
    values[1, 0, 3, 3] = np.nan
    np.save(nan, values)
    np.save(tmp_path / "wrong.npy", np.zeros((3, 5, 5), np.float32))
    calibrate = ("quantize", LENET5, "-o", tmp_path / "out.onnx", "--calibration")
    cases = [
        (("inspect", tmp_path / "none.onnx"), "no model file"),
        (("inspect", tmp_path), "is a folder"),
        (("inspect", garbage), "not an ONNX model"),
        (("inspect", truncated), "cut short"),
        ((*calibrate, nan), "not finite"),
        ((*calibrate, tmp_path / "wrong.npy"), "[1, 28, 28]"),
        ((*calibrate, tmp_path / "none.npy"), "no data file"),
        ((*calibrate, f"{SAMPLE}:nothing"), "no array 'nothing'"),
        (("report", LENET5, "--target", "dsp32c-487"), "did you mean dsp32c-486?"),
        (("verify", LENET5, "--inputs", SAMPLE), "quantize it first"),
        (("verify", int8, "--inputs", SAMPLE, "--on", "abacus"), "abacus"),
        (("generate", int8, "--target", "host", "-o", tmp_path / "c", "--name", "a/b"), "a/b"),
        (("generate", int8, "--target", "host", "-o", tmp_path / "c", "--selftest", "2"), "--inputs"),
        (("inspect", LENET5, "--input-shape", "image=1,1,30,28"), "contradicts"),
        (("inspect", LENET5, "--input-shape", "picture=1,1,28,28"), "no input 'picture'"),
        (("inspect", LENET5, "--input-shape", "image"), "NAME="),
        (("nonsense",), "nonsense"),
    ]
    for arguments, expected in cases:
        result = tinycnn(*arguments)
        assert result.code == 2, (arguments, result.out, result.err)
        assert expected in result.err, (arguments, result.err)
        assert "Traceback" not in result.err
    assert not (tmp_path / "out.onnx").exists()


def test_open_dimensions_are_fixed_by_every_command(tinycnn, tmp_path):
    weights = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["photo", "w"], ["y"], name="conv")]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "height", "width"])
        for name, channels in (("photo", 3), ("y", 4))
    ]
    graph = helper.make_graph(nodes, "net", values[:1], values[1:], [onnx.numpy_helper.from_array(weights, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "n.onnx")
    np.save(tmp_path / "x.npy", np.random.default_rng(1).normal(size=(5, 3, 6, 9)).astype(np.float32))
    model, fixed = tmp_path / "n.onnx", ("--input-shape", "photo=1,3,6,9")
    refused = tinycnn("inspect", model)
    assert refused.code == 2
    assert "is open at axis 2, 3; fix it with --input-shape photo=1,3,?,?" in refused.err
    assert tinycnn("inspect", model, *fixed, "--json", tmp_path / "facts.json").code == 0
    assert facts(tmp_path / "facts.json")["layers"][0]["output_shape"] == [1, 4, 4, 7]
    assert tinycnn("report", model, *fixed, "--target", "host").code == 0
    assert tinycnn("run", model, *fixed, "--inputs", tmp_path / "x.npy", "-o", tmp_path / "y.npy").code == 0
    assert np.load(tmp_path / "y.npy").shape == (5, 4, 4, 7)
    int8 = tmp_path / "int8.onnx"
    assert tinycnn("quantize", model, *fixed, "--calibration", tmp_path / "x.npy", "-o", int8).code == 0
    assert tinycnn("inspect", int8).code == 0  # its shape is fixed in the file
    wrong = tinycnn("inspect", model, "--input-shape", "photo=1,4,6,9")
    assert wrong.code == 2
    assert "the given shape [1, 4, 6, 9] contradicts the file's [n, 3, height, width]" in wrong.err


def test_the_float_model_is_never_overwritten(tinycnn, tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(LENET5.read_bytes())
    result = tinycnn("quantize", model, "--calibration", SAMPLE, "-o", model)
    assert result.code == 2
    assert model.read_bytes() == LENET5.read_bytes()
    (tmp_path / "notes.json").write_text('{"mine": 1}')
    assert tinycnn("inspect", model, "--json", tmp_path / "notes.json").code == 2
    assert (tmp_path / "notes.json").read_text() == '{"mine": 1}'
