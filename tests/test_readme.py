"""README says only what is true: its Python and C run, its commands exist, its report is what the command prints."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from needs import needs

import tinycnn
from tinycnn.cli import COMMANDS
from tinycnn.cli.demo import examples_folder
from tinycnn_codegen.alternatives import alternatives

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


@pytest.fixture(scope="module")
def lenet5() -> tinycnn.Graph:
    """The int8 LeNet-5 of the commands shown."""
    graph = tinycnn.load(examples_folder() / "lenet5/lenet5.onnx")
    sample = tinycnn.load_array(f"{examples_folder() / 'mnist_sample/mnist_sample.npz'}:calibration_images")
    images = tinycnn.as_samples(sample, graph.tensors[graph.inputs[0]].shape, "sample")
    return tinycnn.quantize(graph, images)


def test_the_networks_at_the_top_are_those_of_the_examples():
    """Parameters and accuracy as the training wrote them, bytes as examples/why_not_linear states them."""
    stated = (ROOT / "examples/why_not_linear/README.md").read_text(encoding="utf-8")
    for title, name in (("perceptron 784-256-256-256-10", "perceptron"), ("LeNet-5", "lenet5")):
        facts = json.loads((ROOT / f"examples/{name}/accuracy.json").read_text(encoding="utf-8"))
        (row,) = re.findall(rf"^\| {title} \|(.*)\|$", README, re.M)
        parameters, float32, _, verdict = (cell.strip() for cell in row.split("|"))
        assert parameters == f"{facts['parameters']:,}"
        assert float32 == f"{100 * facts['accuracy']:.2f} %"
        (left,) = re.findall(rf"^\| {name} \|.*\| (over by [\d,]+|[\d,]+ left) \|", stated, re.M)
        assert verdict.replace(" B", "") == left


def test_every_command_exists():
    names = {command.name for command in COMMANDS}
    used = set(re.findall(r"^tinycnn (\w+)", "\n".join(blocks("sh")), re.M))
    assert used
    assert used <= names


def test_every_make_target_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"^make ([\w-]+)", "\n".join(blocks("sh")), re.M)):
        assert re.search(rf"^{target}:.* ## ", makefile, re.M), target


def test_the_python_runs(tmp_path, monkeypatch):
    needs("gcc")
    (tmp_path / "examples").symlink_to(examples_folder())
    monkeypatch.chdir(tmp_path)
    code = "\n".join(blocks("python"))
    assert "tinycnn.verify" in code
    exec(compile(code, "README.md", "exec"), {})


def test_the_c_compiles_with_the_generated_header(tmp_path):
    needs("gcc")
    graph = tinycnn.load(examples_folder() / "lenet5/lenet5.onnx")
    sample = tinycnn.load_array(examples_folder() / "mnist_sample/mnist_sample.npz")
    images = tinycnn.as_samples(sample, graph.tensors[graph.inputs[0]].shape, "sample")
    plan = tinycnn.plan(tinycnn.quantize(graph, images))
    tinycnn.write(tinycnn.generate(plan, "lenet5", target_name="host"), tmp_path)
    source = blocks("c")[-1]
    (tmp_path / "firmware.c").write_text(source)
    flags = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-c"]
    subprocess.run(["gcc", *flags, "firmware.c", "lenet5.c"], cwd=tmp_path, check=True)


def test_with_less_ram_the_arena_is_what_it_says(lenet5):
    target = tinycnn.load_target("stm32f446")
    stated = re.search(r"With `--ram 4K`.*?takes ([\d,]+) bytes .*?`--ram 1500` it takes ([\d,]*\d)", README, re.S)
    assert stated is not None
    for number, ram_bytes in zip(stated.groups(), (4096, 1500), strict=True):
        plan = tinycnn.plan(lenet5, ram_bytes, alternatives(lenet5, target))
        assert f"{plan.arena_bytes:,}" == number


def test_the_report_is_what_the_command_prints(tmp_path, capsys, lenet5):
    needs("gcc")
    from tinycnn.cli import main

    commands = re.findall(r"^tinycnn report (\S+) --target (\S+)\n((?:.+\n|\n)*?)(?=^```)", README, re.M)
    if not commands:
        pytest.fail("README shows no report.")
    tinycnn.save(lenet5, tmp_path / "lenet5_int8.onnx")
    shown = commands[0]
    with pytest.raises(SystemExit):
        main(["report", str(tmp_path / "lenet5_int8.onnx"), "--target", shown[1]])
    printed = capsys.readouterr().out
    machine = r"(code +)\S.*|(  code +)[\d,]+ B|(  stack +)[\d,]+ B|(  left +)[\d,]+ B|[\d,]+ bytes are left"

    def comparable(text: str) -> list[str]:
        """Without what depends on the version of the compiler at hand."""
        return [re.sub(machine, "…", line.rstrip()) for line in text.strip().splitlines()]

    assert comparable(printed) == comparable(shown[2])
