"""Commands about a model itself: inspect, quantize, evaluate, run."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import click
import numpy as np

from tinycnn import engine
from tinycnn.cli.common import (
    console,
    inputs_option,
    json_option,
    load_model,
    load_samples,
    model_argument,
    progress_bar,
    quiet_if_stdout,
    shape_option,
    show_table,
    working,
    write_json,
)
from tinycnn.data import as_labels, load_array
from tinycnn.errors import OutputError
from tinycnn.evaluate import evaluate as evaluate_model
from tinycnn.fixedpoint import WAYS
from tinycnn.ir import Array, unused_name
from tinycnn.onnx_io import FORMATS, Format, save
from tinycnn.quantize import METHODS, Method
from tinycnn.quantize import quantize as quantize_graph
from tinycnn.report.budget import proofs
from tinycnn.report.names import shown
from tinycnn.report.summary import summarize


@click.command(short_help="Layers, shapes, parameters, MACs, receptive fields.")
@model_argument
@shape_option
@json_option
def inspect(model: str, input_shapes: tuple[str, ...], json_path: str | None) -> None:
    """Layers, shapes, parameters, MACs and receptive fields of MODEL, an ONNX file; everything unsupported, at once."""
    quiet_if_stdout(json_path)
    graph = load_model(model, input_shapes)
    summary = summarize(graph)
    show_table(
        f"{summary.name}: {'int8' if graph.is_quantized else 'float32'}, {summary.parameters:,} parameters,"
        f" {summary.macs:,} MACs",
        ("layer", "operator", "output", "parameters", "MACs", "sees"),
        [
            (shown(layer.name), layer.op, layer.output_shape, layer.parameters, layer.macs, layer.receptive_field)
            for layer in summary.layers
        ],
    )
    parameters, macs = summary.convolution_shares()
    console.print(f"Convolutions: {100 * parameters:.1f} % of the parameters, {100 * macs:.1f} % of the MACs.")
    write_json(json_path, summary)


@click.command(short_help="Quantize a float model to int8, as ONNX.")
@model_argument
@click.option(
    "--calibration",
    required=True,
    metavar="DATA",
    help="Real samples, a few hundred: .npy, .npz[:name] or idx; for several inputs a .npz with an array of each name.",
)
@click.option("-o", "--output", required=True, metavar="OUT.onnx", help="The quantized model to write.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    default="qdq",
    show_default=True,
    help="How it is written.",
)
@click.option("--method", type=click.Choice(METHODS), default="minmax", show_default=True, help="How ranges are found.")
@click.option(
    "--percentile",
    type=click.FloatRange(50, 100),
    default=99.99,
    show_default=True,
    help="For --method percentile: how much of the values to keep.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="Calibrate on at most so many samples.",
)
@shape_option
@json_option
def quantize(
    model: str,
    calibration: str,
    output: str,
    format_name: Format,
    method: Method,
    percentile: float,
    limit: int,
    input_shapes: tuple[str, ...],
    json_path: str | None,
) -> None:
    """Quantize MODEL, a float ONNX file, to int8; the result is an ONNX file."""
    quiet_if_stdout(json_path)
    graph = load_model(model, input_shapes)
    if Path(output).exists() and Path(output).resolve() == Path(model).resolve():
        raise OutputError(f"{output} is the float model itself; write the quantized one to another file.")
    samples = load_samples(graph, calibration, limit)
    quantized = quantize_graph(
        graph, samples, method=method, percentile=percentile, progress=progress_bar("Calibrating")
    )
    save(quantized, output, format_name)
    found = proofs(quantized)
    show_table(
        f"{output}: {graph.name} as int8 ({format_name}), calibrated on {engine.sample_count(samples)} samples",
        ("layer", "channels", *WAYS),
        [(p.name, sum(p.ways.values()), *(p.ways[way] for way in WAYS)) for p in found],
    )
    console.print("How the integer rescaling of each channel is proved equal to onnxruntime's; float needs no proof.")
    write_json(
        json_path,
        {"output": output, "format": format_name, "samples": engine.sample_count(samples), "proofs": list(found)},
    )


@click.command(short_help="Accuracy, and where int8 departs from float.")
@model_argument
@inputs_option
@click.option("--labels", required=True, metavar="DATA", help="The right class of each sample.")
@click.option(
    "--against", metavar="FLOAT.onnx", help="The float model: its accuracy too, and the error of each tensor."
)
@shape_option
@json_option
def evaluate(
    model: str,
    inputs: str,
    labels: str,
    against: str | None,
    input_shapes: tuple[str, ...],
    json_path: str | None,
) -> None:
    """Accuracy of MODEL, float or quantized, on labelled samples, and where int8 departs from float."""
    quiet_if_stdout(json_path)
    graph = load_model(model, input_shapes)
    samples = load_samples(graph, inputs)
    wanted = as_labels(load_array(labels), engine.sample_count(samples), labels)
    floats = load_model(against, input_shapes) if against else None
    with working("Evaluating"):
        result = evaluate_model(graph, samples, wanted, floats)
    console.print(f"{result.model}: {100 * result.accuracy:.2f} % of {result.samples:,} samples right")
    if result.accuracy_float is not None:
        drop = 100 * (result.accuracy_float - result.accuracy)
        console.print(f"float:  {100 * result.accuracy_float:.2f} %, so int8 loses {drop:.2f} points")
        show_table(
            "Each tensor against float",
            ("tensor", "signal/noise dB", "largest error, steps"),
            [(t.name, f"{t.signal_to_noise_db:.1f}", f"{t.largest_error_steps:.1f}") for t in result.tensors],
        )
    write_json(json_path, result)


@click.command(short_help="Run a model and write its outputs as float32.")
@model_argument
@inputs_option
@click.option(
    "-o", "--output", required=True, metavar="Y.npy", help="Where the output goes, float32 [N, ...]; several in a .npz."
)
@shape_option
@json_option
def run(model: str, inputs: str, output: str, input_shapes: tuple[str, ...], json_path: str | None) -> None:
    """Run MODEL, float or quantized, and write its outputs as float32."""
    quiet_if_stdout(json_path)
    graph = load_model(model, input_shapes)
    samples = load_samples(graph, inputs)
    with working("Running"):
        values = engine.run(graph, engine.stored_samples(graph, samples))
    real = {name: engine.to_real(graph.tensors[name], value) for name, value in values.items()}
    try:
        with Path(output).open("xb") as file:
            if len(real) == 1:
                np.save(file, real[graph.outputs[0]])
            else:
                _save_all(file, real)
    except FileExistsError:
        raise OutputError(f"{output} exists; choose another name.") from None
    except OSError as error:
        raise OutputError(f"Cannot write {output}: {error.strerror}.") from None
    for name, value in real.items():
        console.print(f"{output}: {name}, float32 {list(value.shape)}", markup=False)
    tensors = [{"tensor": name, "shape": list(value.shape)} for name, value in real.items()]
    write_json(json_path, {"output": output, **(tensors[0] if len(tensors) == 1 else {"tensors": tensors})})


def _save_all(file: IO[bytes], arrays: Mapping[str, Array]) -> None:
    """A .npz with an array per name; what is not a letter, digit, dot or dash of a name becomes an underscore."""
    taken: list[str] = []
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            taken.append(unused_name(re.sub(r"[^\w.:-]|^\.+", "_", name), taken))
            with archive.open(f"{taken[-1]}.npy", "w") as member:
                np.lib.format.write_array(member, array)
