"""Commands about a model on a target of which nothing is run: report, generate, targets."""

import sys
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

import tinycnn_codegen
from tinycnn import engine, measure
from tinycnn.cli.common import (
    HTML_START,
    console,
    json_option,
    load_model,
    load_quantized,
    load_samples,
    model_argument,
    quiet_if_stdout,
    shape_option,
    show_table,
    working,
    write_json,
    write_text,
)
from tinycnn.cli.target_options import (
    flash_option,
    memory_option,
    pull_option,
    push_option,
    ram_option,
    target_option,
    target_with,
)
from tinycnn.errors import DataError
from tinycnn.plan import plan, schedule_free_bound
from tinycnn.report.html import budget_html
from tinycnn.report.text import budget_text
from tinycnn.report.timeline import timeline_text
from tinycnn.runners import install_line, missing_tools
from tinycnn.target import Target, load_target, target_names
from tinycnn_codegen.alternatives import alternatives


@click.command(short_help="The memory budget: does it fit, how fast is it about.")
@model_argument
@target_option
@memory_option
@flash_option
@push_option
@pull_option
@click.option("--timeline", is_flag=True, help="Show what occupies the arena from row to row.")
@click.option("--html", "html_path", metavar="FILE", help="Write the report as an HTML page with pictures too.")
@shape_option
@json_option
def report(
    model: str,
    target_name: str,
    ram: int | None,
    push: bool,
    pull: bool,
    flash: int | None,
    timeline: bool,
    html_path: str | None,
    input_shapes: tuple[str, ...],
    json_path: str | None,
) -> None:
    """The memory budget of MODEL, an ONNX file, float or quantized: does it fit, what takes how much, how fast is it
    about. Exit code 1 when it does not fit.
    """
    quiet_if_stdout(json_path)
    target = target_with(target_name, ram, flash)
    graph = load_model(model, input_shapes)
    with working("Measuring"):
        found = measure.report(graph, target, pushed=push, pulled=pull)
    console.print(budget_text(found, target, is_float=not graph.is_quantized), markup=False)
    if timeline:
        console.print("\n" + timeline_text(found), markup=False)
    if html_path:
        write_text(html_path, budget_html(found, target), HTML_START)
    write_json(json_path, found)
    sys.exit(0 if found.fits else 1)


@click.command(short_help="C99 files of a quantized model, for firmware.")
@model_argument
@target_option
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="DIR",
    help="Folder for the C files; files that are not ours stay.",
)
@click.option("--name", help="Prefix of every C name and file; by default the model's file name.")
@click.option(
    "--selftest",
    type=click.IntRange(1),
    metavar="N",
    help="Also write NAME_selftest.c: N real inputs and the bytes to expect.",
)
@click.option("--inputs", metavar="DATA", help="Samples for --selftest.")
@click.option(
    "--input",
    "input_type",
    type=click.Choice(("int8", "uint8")),
    default="int8",
    show_default=True,
    help="uint8: the network takes sensor bytes 0..255 as they come.",
)
@ram_option
@push_option
@pull_option
@shape_option
@json_option
def generate(
    model: str,
    target_name: str,
    output: str,
    name: str | None,
    selftest: int | None,
    inputs: str | None,
    input_type: str,
    ram: int | None,
    push: bool,
    pull: bool,
    input_shapes: tuple[str, ...],
    json_path: str | None,
) -> None:
    """C99 files of a quantized MODEL, an ONNX file, ready to drop into firmware."""
    quiet_if_stdout(json_path)
    if (selftest is None) != (inputs is None):
        raise click.UsageError("--selftest N and --inputs DATA go together.")
    target = target_with(target_name, ram)
    graph = load_quantized(model, input_shapes)
    ways = alternatives(graph, target)
    planned = plan(graph, target.ram_bytes, ways, pushed=push, pulled=pull)
    least = schedule_free_bound(graph, ways, pushed=push, pulled=pull)
    cases = None
    if selftest is not None and inputs is not None:
        samples = load_samples(graph, inputs, selftest)
        count = engine.sample_count(samples)
        if count < selftest:
            raise DataError(f"{inputs} holds {count} samples; --selftest asks for {selftest}.")
        stored = engine.stored_samples(graph, samples)
        expected = tuple(engine.run(graph, stored)[name] for name in graph.outputs)
        given = tuple(
            (array.astype(np.int16) + 128).astype(np.uint8) if input_type == "uint8" else array
            for array in stored.values()
        )
        cases = tinycnn_codegen.Selftest(given, expected)
    generated = tinycnn_codegen.generate(
        planned,
        name or tinycnn_codegen.name_from(Path(model).stem),
        target_name=target.name,
        selftest=cases,
        uint8_input=input_type == "uint8",
    )
    tinycnn_codegen.write(generated, output)
    sizes = {file: len(text.encode()) for file, text in generated.files.items()}
    show_table(
        f"{output}: {generated.name}, an arena of {generated.arena_bytes:,} bytes",
        ("file", "bytes of text"),
        sizes.items(),
    )
    console.print(
        f"In this order of work {planned.lower_bound_bytes:,} bytes of the arena are alive at once, a gap of"
        f" {planned.gap_percent:g} %; no order can do with less than {least:,} bytes.",
        markup=False,
    )
    write_json(
        json_path,
        {
            "name": generated.name,
            "target": target.name,
            "arena_bytes": generated.arena_bytes,
            "arena_lower_bound_bytes": planned.lower_bound_bytes,
            "schedule_free_bound_bytes": least,
            "files_bytes": sizes,
        },
    )


def _runs(target: Target) -> str:
    """Whether code for a target runs on this machine, and if not, what is missing."""
    if target.emulator is None and target.name != "host":
        return ""
    missing = missing_tools(target)
    return f"needs {missing[0]}" if missing else "here"


@click.command(short_help="The machines that tinycnn knows, or one of them.")
@click.argument("name", required=False)
@json_option
def targets(name: str | None, json_path: str | None) -> None:
    """The machines that tinycnn knows; with a NAME, all about that one."""
    quiet_if_stdout(json_path)
    found = [load_target(n) for n in ((name,) if name else target_names())]
    show_table(
        "Targets",
        ("name", "machine", "clock MHz", "RAM bytes", "flash bytes", "runs"),
        [
            (
                t.name,
                t.title,
                f"{t.clock_hz / 1e6:g}",
                t.ram_bytes,
                t.flash_bytes if t.flash_bytes is not None else "in RAM",
                _runs(t),
            )
            for t in found
        ],
    )
    if name:
        target = found[0]
        if line := install_line(target):
            console.print(f"to run it here: {line}", markup=False)
        if target.compiler:
            stand_in = ", a stand-in" if target.compiler.stand_in else ""
            console.print(f"compiler: {target.compiler.command} {' '.join(target.compiler.flags)}{stand_in}")
        if target.emulator:
            console.print(f"emulator: {target.emulator.command} {' '.join(target.emulator.arguments)}")
        for key, value in asdict(target.estimate).items():
            console.print(f"estimate: {key} {value:g}")
    write_json(
        json_path,
        {"targets": [{k: str(v) if k in ("compiler", "emulator") else v for k, v in asdict(t).items()} for t in found]},
    )
