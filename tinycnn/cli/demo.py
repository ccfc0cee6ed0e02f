"""The main job on a real model and real images."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import click

import tinycnn_codegen
from tinycnn import measure
from tinycnn.cli.common import console, json_option, quiet_if_stdout, write_json
from tinycnn.cli.execute import show_comparisons
from tinycnn.data import as_labels, as_samples, load_array
from tinycnn.errors import ModelError
from tinycnn.evaluate import evaluate
from tinycnn.ir import Graph
from tinycnn.onnx_io import FORMATS, load, save
from tinycnn.plan import plan
from tinycnn.quantize import quantize
from tinycnn.report.text import budget_text
from tinycnn.runners import install_line, missing_tools
from tinycnn.target import load_target
from tinycnn.verify import verify

MACHINE = "dsp32c-486"
EMULATED = "cortex-m4"
VERIFIED_IMAGES = 100


def examples_folder() -> Path:
    """The folder of examples: inside an installed package, else beside it in a checkout."""
    packaged = Path(str(resources.files("tinycnn") / "_examples"))
    folder = packaged if packaged.is_dir() else Path(__file__).resolve().parents[2] / "examples"
    if not folder.is_dir():
        raise ModelError("The example models are missing from this installation: install tinycnn again.")
    return folder


@click.command(short_help="A trained LeNet-5 and MNIST, from float to C.")
@click.option(
    "-o",
    "--output",
    default="tinycnn-demo",
    show_default=True,
    metavar="DIR",
    help="Folder for the models and the C.",
)
@json_option
def demo(output: str, json_path: str | None) -> None:
    """The main job end to end on a trained LeNet-5 and real MNIST images, in about a minute.

    Exit code 1 if any byte differs anywhere, or a verdict is not the expected one.
    """
    quiet_if_stdout(json_path)
    folder, examples = Path(output), examples_folder()
    machine = load_target(MACHINE)
    with _stage("A LeNet-5 trained on MNIST, and 500 images to calibrate it"):
        lenet5, perceptron = (
            load(examples / "lenet5/lenet5.onnx"),
            load(examples / "perceptron/perceptron.onnx"),
        )
        shape = lenet5.tensors[lenet5.inputs[0]].shape
        sample = str(examples / "mnist_sample/mnist_sample.npz")
        calibration = as_samples(load_array(f"{sample}:calibration_images"), shape, sample)
        images = as_samples(load_array(f"{sample}:test_images"), shape, sample)
        labels = as_labels(load_array(f"{sample}:test_labels"), len(images), sample)
    with _stage(f"Quantized to int8, written as ONNX and as C to {folder}"):
        int8 = quantize(lenet5, calibration)
        tinycnn_codegen.write(_generated(int8), folder)
        for format in FORMATS:
            save(int8, folder / f"lenet5_int8_{format}.onnx", format)
    with _stage(f"Accuracy on {len(images):,} test images"):
        accuracy = evaluate(int8, images, labels, lenet5)
        console.print(f"  float32 {100 * (accuracy.accuracy_float or 0):.1f} %, int8 {100 * accuracy.accuracy:.1f} %")
    runners, missing = ["onnxruntime", "host"], missing_tools(load_target(EMULATED))
    runners += [] if missing else [EMULATED]
    with _stage(f"Every tensor of {VERIFIED_IMAGES} images in numpy against {', '.join(runners)}"):
        results = verify(int8, images[:VERIFIED_IMAGES], runners)
        show_comparisons("Mismatching bytes", results)
        if missing:
            console.print(
                f"{EMULATED} was left out: {', '.join(missing)} missing. Install: {install_line(load_target(EMULATED))}"
            )
    mismatches = sum(result.mismatches for result in results)
    with _stage(f"Memory budgets: {machine.title}, {machine.ram_bytes:,} bytes"):
        fits, fits_not = (
            measure.report(int8, machine),
            measure.report(quantize(perceptron, calibration), machine),
        )
        for budget in (fits, fits_not):
            console.print(budget_text(budget, machine, is_float=False) + "\n", markup=False)
    good = mismatches == 0 and fits.fits and not fits_not.fits
    console.print(
        f"{mismatches} mismatching bytes in {sum(r.compared_bytes for r in results):,} compared;"
        f" LeNet-5 {'fits' if fits.fits else 'does not fit'}, the perceptron {'fits' if fits_not.fits else 'does not'}."
    )
    write_json(json_path, {"mismatches": mismatches, "accuracy": accuracy, "budgets": [fits, fits_not]})
    sys.exit(0 if good else 1)


def _generated(graph: Graph) -> tinycnn_codegen.Generated:
    return tinycnn_codegen.generate(plan(graph), "lenet5", target_name=MACHINE)


@contextmanager
def _stage(title: str) -> Iterator[None]:
    console.print(f"[bold]{title}[/bold]")
    start = time.perf_counter()
    yield
    console.print(f"  [dim]{time.perf_counter() - start:.1f} s[/dim]")
