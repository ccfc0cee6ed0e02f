"""Compare every tensor of an int8 graph, byte for byte: the engine against onnxruntime and against C where it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinycnn import engine, referee
from tinycnn.errors import TargetError
from tinycnn.ir import Array, Graph
from tinycnn.onnx_io import FORMATS, Format, export
from tinycnn.ops import Transpose
from tinycnn.passes import EXPORT_PASSES, run_passes
from tinycnn.passes.int8_draft import SUFFIX
from tinycnn.plan import is_view, plan
from tinycnn.runners import onnxruntime as ort
from tinycnn.runners import run_emulated, run_on_host
from tinycnn.runners.emulated import emulator_of
from tinycnn.runners.toolchain import emulator_version, host_compiler, version
from tinycnn.target import load_target, target_names
from tinycnn_codegen.alternatives import alternatives
from tinycnn_codegen.network import generate


@dataclass(frozen=True, slots=True)
class TensorComparison:
    """One tensor over all samples: bytes compared and how many differ."""

    name: str
    mismatches: int
    compared_bytes: int


@dataclass(frozen=True, slots=True)
class RunnerComparison:
    """One runner. `version` names what ran; `notes` are facts a reader should know, such as operators left in float."""

    name: str
    version: str
    tensors: tuple[TensorComparison, ...]
    notes: tuple[str, ...] = ()
    stack_bytes: int | None = None

    @property
    def mismatches(self) -> int:
        return sum(tensor.mismatches for tensor in self.tensors)

    @property
    def compared_bytes(self) -> int:
        return sum(tensor.compared_bytes for tensor in self.tensors)


def runner_names() -> tuple[str, ...]:
    """What `verify` can run on: onnxruntime here and on an older processor, host, every target that has an emulator."""
    return (
        "onnxruntime",
        "host",
        ort.OLDER_PROCESSOR,
        *(name for name in target_names() if load_target(name).emulator is not None),
    )


def verify(
    graph: Graph,
    samples: engine.Samples,
    runners: Sequence[str] = ("onnxruntime", "host"),
    ram_bytes: int | None = None,
    *,
    pushed: bool = False,
    pulled: bool = False,
) -> tuple[RunnerComparison, ...]:
    """Run an int8 graph on float32 `samples` [N, ...] (ONNX's axes) everywhere and compare all tensors;
    a graph with several inputs takes samples by name.

    The C is that of the plan that fits `ram_bytes`, with `pushed` one whose input is pushed row by row, with `pulled`
    one whose output is pulled so. Each runner gives one comparison, onnxruntime one per export format. Raises
    TargetError for an unknown runner and ToolError where a compiler or emulator is missing or fails.
    """
    known = runner_names()
    for name in runners:
        if name not in known and not name.endswith(".toml"):
            raise TargetError(f"Nothing is called {name!r} to run on; there are {', '.join(known)}.")
    named = engine.named_samples(graph, samples)
    stored = engine.stored_samples(graph, named)
    expected = engine.trace(graph, stored)
    results: list[RunnerComparison] = []
    for name in runners:
        if name == "onnxruntime":
            results += [_compare_onnxruntime(graph, named, expected, format) for format in FORMATS]
        elif name == ort.OLDER_PROCESSOR:
            results += [_compare_onnxruntime(graph, named, expected, format, name) for format in FORMATS]
        else:
            results.append(_compare_c(graph, stored, expected, name, ram_bytes, pushed, pulled))
    return tuple(results)


def _compare_onnxruntime(
    graph: Graph,
    samples: Mapping[str, Array],
    expected: Mapping[str, Array],
    format: Format,
    runner: str = "onnxruntime",
) -> RunnerComparison:
    wanted = _with_onnx_axes(graph, expected)
    run = ort.run_on_older_processor if runner == ort.OLDER_PROCESSOR else ort.run_session
    result = run(export(graph, format), samples, [name + SUFFIX for name in wanted])
    notes = tuple(f"left in float: {operator}" for operator in result.left_in_float)
    theirs = {name: as_int8(result.tensors[name + SUFFIX]) for name in wanted}
    tensors = [_compare(name, wanted[name], theirs[name]) for name in wanted]
    computed = {node.outputs[0] for node in graph.nodes if not is_view(node)}  # a view's bytes have another order there
    stored = {name: _stored(graph, name, value) for name, value in theirs.items() if name in computed}
    notes += _judged(graph, expected, stored, "onnxruntime")
    return RunnerComparison(f"{runner} {format}", ort.version(), tuple(tensors), notes)


def _judged(graph: Graph, expected: Mapping[str, Array], theirs: Mapping[str, Array], them: str) -> tuple[str, ...]:
    """Who is off where bytes differ first, as the int64 reference has it."""
    text = referee.first_verdict(graph, expected, theirs, them)
    return (text,) if text else ()


def _stored(graph: Graph, name: str, value: Array) -> Array:
    """A tensor of an exported file in the engine's layout."""
    return np.moveaxis(value, 1, -1) if graph.tensors[name].channels_last else value


def _with_onnx_axes(graph: Graph, expected: Mapping[str, Array]) -> dict[str, Array]:
    """The engine's tensors as the exported file has them: what only moves bytes is made again, in ONNX's order."""
    exported = run_passes(graph, EXPORT_PASSES)
    values: dict[str, Array] = {}
    for name in exported.inputs:
        values[name] = _moved(graph, name, expected[name])
    for node in exported.nodes:
        source, (name,) = node.inputs[0], node.outputs
        if source in values and (is_view(node) or isinstance(node.op, Transpose)):
            (values[name],) = node.op.run_float(values[source])
        elif name in expected:
            values[name] = _moved(graph, name, expected[name])
    return values


def _moved(graph: Graph, name: str, value: Array) -> Array:
    return np.moveaxis(value, -1, 1) if graph.tensors[name].channels_last else value


def as_int8(value: Array) -> Array:
    """A tensor of onnxruntime's as the graph has it: uint8 is int8 plus 128."""
    return (value.astype(np.int16) - 128).astype(np.int8) if value.dtype == np.uint8 else value


def _compare_c(
    graph: Graph,
    stored: Mapping[str, Array],
    expected: Mapping[str, Array],
    runner: str,
    ram_bytes: int | None,
    pushed: bool,
    pulled: bool,
) -> RunnerComparison:
    target = load_target(runner)
    if ram_bytes is None and runner != "host":
        ram_bytes = target.ram_bytes
    planned = plan(graph, ram_bytes, alternatives(graph, target), pushed=pushed, pulled=pulled)
    generated = generate(planned, "network", target_name=target.name)
    inputs, count = list(stored.values()), engine.sample_count(stored)
    if runner == "host":
        ran_by = version(host_compiler())
        result = run_on_host(generated, inputs)
    else:
        result = run_emulated(generated, inputs, target)
        compiler, emulator = emulator_of(target)
        ran_by = f"{version(compiler.command)}, {emulator_version(emulator)}"
    found = [
        *result.tensors.items(),
        *((f"{name} (in the arena)", value) for name, value in result.outputs.items()),
    ]
    tensors = [
        _compare(name, expected[name.removesuffix(" (in the arena)")].reshape(count, -1), value)
        for name, value in found
    ]
    theirs = {
        name: value.reshape(expected[name].shape)
        for name, value in result.tensors.items()
        if value.size == expected[name].size
    }
    notes = _judged(graph, expected, theirs, f"the C on {runner}")
    return RunnerComparison(runner, ran_by, tuple(tensors), notes, result.stack_bytes)


def _compare(name: str, expected: Array, actual: Array) -> TensorComparison:
    if expected.shape != actual.shape or actual.dtype != np.int8:
        return TensorComparison(name, max(expected.size, 1), expected.size)
    return TensorComparison(name, int(np.count_nonzero(expected != actual)), expected.size)
