"""Commands that run a model's C on this machine or an emulator: verify, bench."""

import sys
from dataclasses import asdict

import click

from tinycnn import engine, measure
from tinycnn.cli.common import (
    console,
    inputs_option,
    json_option,
    load_quantized,
    load_samples,
    model_argument,
    quiet_if_stdout,
    shape_option,
    show_table,
    working,
    write_json,
)
from tinycnn.cli.target_options import (
    pull_option,
    push_option,
    ram_option,
    target_option,
)
from tinycnn.imported import compare_with_file
from tinycnn.ir import Graph
from tinycnn.report.names import shown
from tinycnn.target import load_target
from tinycnn.verify import RunnerComparison
from tinycnn.verify import verify as verify_graph


@click.command(short_help="Compare all bytes with onnxruntime and generated C.")
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
    """Compare every tensor of a quantized MODEL with onnxruntime and with the generated C, byte for byte.

    Exit code 1 on a mismatch.
    """
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


@click.command(short_help="Executed instructions per layer on a target.")
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
    """Executed instructions and cycles of each layer of a quantized MODEL on an emulated target, with code, stack and
    arena. The first of the inputs is run.

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
            *(
                (shown(layer.name), layer.instructions, layer.cycles, layer.macs, *_per_mac(layer))
                for layer in found.layers
            ),
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
