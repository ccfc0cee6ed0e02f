"""Commands about a model on a target: report, generate, verify, bench, targets."""

import sys
from dataclasses import asdict, replace
from pathlib import Path

import click
import numpy as np

import tinycnn_codegen
from tinycnn import engine, measure
from tinycnn.cli.common import (
    HTML_START,
    Bytes,
    console,
    inputs_option,
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
from tinycnn.errors import DataError
from tinycnn.imported import compare_with_file
from tinycnn.ir import Graph
from tinycnn.plan import plan, schedule_free_bound
from tinycnn.report.html import budget_html
from tinycnn.report.text import budget_text
from tinycnn.report.timeline import timeline_text
from tinycnn.runners import install_line, missing_tools
from tinycnn.target import Target, load_target, target_names
from tinycnn.verify import RunnerComparison
from tinycnn.verify import verify as verify_graph
from tinycnn_codegen.alternatives import alternatives

target_option = click.option(
    "--target",
    "target_name",
    required=True,
    metavar="T",
    help="A target's name (see `tinycnn targets`) or a .toml file.",
)
ram_option = click.option(
    "--ram",
    type=Bytes(),
    metavar="BYTES",
    help="Fit the plan into this much RAM instead of the target's; K and M may follow.",
)
push_option = click.option(
    "--push",
    is_flag=True,
    help="The input is pushed row by row, as a camera or microphone delivers it, and never stored as a whole.",
)
pull_option = click.option(
    "--pull",
    is_flag=True,
    help="The output is pulled row by row, as it becomes ready (segmentation), and never stored as a whole.",
)
flash_option = click.option("--flash", type=Bytes(), metavar="BYTES", help="The same for flash.")


def _target(name: str, ram: int | None, flash: int | None = None) -> Target:
    target = load_target(name)
    if flash is not None and target.flash_bytes is None:
        raise click.BadParameter(f"{name} has one memory for all; use --ram.", param_hint="--flash")
    return replace(
        target,
        ram_bytes=target.ram_bytes if ram is None else ram,
        flash_bytes=target.flash_bytes if flash is None else flash,
    )


@click.command()
@model_argument
@target_option
@ram_option
@push_option
@pull_option
@flash_option
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
    """The memory budget: does it fit, what takes how much, how fast is it about. Exit code 1 when it does not fit."""
    quiet_if_stdout(json_path)
    target = _target(target_name, ram, flash)
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


@click.command()
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
    """C99 files of a quantized model, ready to drop into firmware."""
    quiet_if_stdout(json_path)
    if (selftest is None) != (inputs is None):
        raise click.UsageError("--selftest N and --inputs DATA go together.")
    target = _target(target_name, ram)
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


@click.command()
@model_argument
@inputs_option
@click.option(
    "--on",
    "runners",
    default="onnxruntime,host",
    show_default=True,
    metavar="R,R,…",
    help="Where to run: onnxruntime, host, or targets with an emulator (names or .toml files).",
)
@ram_option
@push_option
@pull_option
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Compare on at most so many samples.",
)
@shape_option
@json_option
def verify(
    model: str,
    inputs: str,
    runners: str,
    ram: int | None,
    push: bool,
    pull: bool,
    limit: int,
    input_shapes: tuple[str, ...],
    json_path: str | None,
) -> None:
    """Compare every tensor with onnxruntime and with the generated C, byte for byte. Exit code 1 on a mismatch."""
    quiet_if_stdout(json_path)
    graph = load_quantized(model, input_shapes)
    samples = load_samples(graph, inputs, limit)
    with working("Comparing"):
        results = verify_graph(graph, samples, tuple(runners.split(",")), ram, pushed=push, pulled=pull)
        if "onnxruntime" in runners.split(","):
            results = (compare_with_file(model, graph, samples), *results)
    show_comparisons(f"{graph.name}: mismatches against the engine on {engine.sample_count(samples)} samples", results)
    mismatches = sum(result.mismatches for result in results)
    write_json(
        json_path,
        {
            "samples": engine.sample_count(samples),
            "mismatches": mismatches,
            "runners": [{**asdict(r), "mismatches": r.mismatches, "compared_bytes": r.compared_bytes} for r in results],
        },
    )
    sys.exit(1 if mismatches else 0)


def show_comparisons(title: str, results: tuple[RunnerComparison, ...]) -> None:
    """A row per runner, then each tensor that differs and each note."""
    show_table(
        title,
        ("runner", "tensors", "bytes compared", "mismatches"),
        [(r.name, len(r.tensors), r.compared_bytes, r.mismatches) for r in results],
    )
    for version in dict.fromkeys(result.version for result in results):
        console.print(f"by {version}", markup=False)
    for result in results:
        for tensor in result.tensors:
            if tensor.mismatches:
                console.print(
                    f"{result.name}: {tensor.name} differs in {tensor.mismatches:,} of {tensor.compared_bytes:,} bytes"
                )
        for note in result.notes:
            console.print(f"{result.name}: {note}")
        if result.stack_bytes is not None:
            console.print(f"{result.name}: the deepest stack was {result.stack_bytes:,} bytes")


@click.command()
@model_argument
@target_option
@inputs_option
@ram_option
@push_option
@pull_option
@shape_option
@json_option
def bench(
    model: str,
    target_name: str,
    inputs: str,
    ram: int | None,
    push: bool,
    pull: bool,
    input_shapes: tuple[str, ...],
    json_path: str | None,
) -> None:
    """Executed instructions per layer on an emulated target, with code, stack and arena.

    With --target all a line for every target that has an emulator.
    """
    quiet_if_stdout(json_path)
    graph = load_quantized(model, input_shapes)
    samples = load_samples(graph, inputs, 1)
    if target_name == "all":
        _bench_all(graph, samples, ram, push, pull, json_path)
        return
    target = load_target(target_name)
    with working("Counting"):
        found = measure.bench(graph, samples, target, ram, pushed=push, pulled=pull)
    show_table(
        f"{found.model} on {target.title}",
        ("layer", "instructions", "cycles", "MACs", "instructions per MAC", "cycles per MAC"),
        [
            *((layer.name, layer.instructions, layer.cycles, layer.macs, *_per_mac(layer)) for layer in found.layers),
            ("total", found.instructions, found.cycles, found.macs, *_per_mac(found)),
        ],
    )
    console.print(
        f"{'' if found.cycles_are_exact else 'about '}{found.milliseconds:.1f} ms at {target.clock_hz / 1e6:g} MHz"
        f" ({found.cycles:,} cycles, {'exact' if found.cycles_are_exact else 'estimated'})\n"
        f"arena {found.arena_bytes:,} B, stack {found.stack_bytes:,} B{_static(found)},"
        f" code {found.flash_code_bytes:,} B, constants {found.flash_constants_bytes:,} B,"
        f" start-up {found.flash_startup_bytes:,} B\n"
        f"library functions called: {', '.join(found.library_symbols) or 'none'}\nby {found.compiler}"
    )
    write_json(json_path, found)


def _static(found: measure.Benchmark) -> str:
    return f" (by the compiler's account {found.static_stack_bytes:,})" if found.static_stack_bytes else ""


def _per_mac(cost: measure.LayerCost | measure.Benchmark) -> tuple[str, str]:
    if not cost.macs:
        return "", ""
    return f"{cost.instructions / cost.macs:.2f}", f"{cost.cycles / cost.macs:.2f}"


def _bench_all(
    graph: Graph, samples: engine.Samples, ram: int | None, push: bool, pull: bool, json_path: str | None
) -> None:
    with working("Counting"):
        found, left_out = measure.bench_all(graph, samples, ram, pushed=push, pulled=pull)
    show_table(
        f"{graph.name}, one inference; flash and RAM in bytes; stack: measured, and by the compiler's account",
        ("target", "instructions", "", "cycles", "ms", "arena", "stack", "static", "code", "constants", "start-up"),
        [
            (
                *(b.target, b.instructions, "exact" if b.cycles_are_exact else "about", b.cycles),
                *(f"{b.milliseconds:.1f}", b.arena_bytes, b.stack_bytes, b.static_stack_bytes or ""),
                *(b.flash_code_bytes, b.flash_constants_bytes, b.flash_startup_bytes),
            )
            for b in found
        ],
    )
    for symbols in sorted({b.library_symbols for b in found}):
        names = ", ".join(b.target for b in found if b.library_symbols == symbols)
        console.print(f"{names}: calls {', '.join(symbols) or 'no library function'}", markup=False)
    for name, reason in left_out.items():
        console.print(f"{name}: {reason}", markup=False)
    write_json(json_path, {"benchmarks": found, "left_out": left_out})


def _runs(target: Target) -> str:
    """Whether code for a target runs on this machine, and if not, what is missing."""
    if target.emulator is None and target.name != "host":
        return ""
    missing = missing_tools(target)
    return f"needs {missing[0]}" if missing else "here"


@click.command()
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
