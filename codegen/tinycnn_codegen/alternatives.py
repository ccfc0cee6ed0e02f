"""Kernels per instruction set: which there are for a target, and what each way to compute a node costs.

To add an instruction set: a module with a function like `armv7e_m.alternative`, its line in `INSTRUCTION_SETS`, and its
kernels in a folder kernels/<name>/, whose files have names of their own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tinycnn.ir import Graph
from tinycnn.ops import Call, Conv, Dense, call_of
from tinycnn.plan import Alternative, is_view
from tinycnn.target import Estimate, Target
from tinycnn_codegen import armv7e_m
from tinycnn_codegen.lowered import Lowered

PORTABLE = "portable"


@dataclass(frozen=True, slots=True)
class InstructionSet:
    """Kernels for targets with `extension`; `lower(call, whole=...)` is None where none of them fits."""

    extension: str
    lower: Callable[..., Lowered | None]


INSTRUCTION_SETS: Mapping[str, InstructionSet] = {"armv7e_m": InstructionSet("dsp", armv7e_m.alternative)}

COSTS: Mapping[str, tuple[float, float]] = {
    "dsp_conv2d": (0.85, 10.0),
    "dsp_depthwise": (3.3, 14.0),
    "dsp_dense": (1.0, 14.0),
}
"""Instructions per multiply-accumulate and per output, fitted to what `tinycnn bench` counted on the Cortex-M4."""


def alternatives(graph: Graph, target: Target) -> Mapping[str, tuple[Alternative, ...]]:
    """For `tinycnn.plan.plan`: the ways to compute each node for which the target has more than portable C."""
    sets = {name: found for name, found in INSTRUCTION_SETS.items() if found.extension in target.extensions}
    ways: dict[str, tuple[Alternative, ...]] = {}
    for node in graph.nodes:
        if is_view(node) or not sets:
            continue
        call = call_of(graph, node)
        macs, outputs = graph.macs(node), int(np.prod(call.output.shape))
        portable = Alternative(PORTABLE, _instructions(_portable_cost(call, target.estimate), macs, outputs))
        lowered = {name: found.lower(call, whole=False) for name, found in sets.items()}
        faster = [
            Alternative(name, _instructions(COSTS[kernel.kernel], macs, outputs), kernel.scratch_bytes)
            for name, kernel in lowered.items()
            if kernel is not None
        ]
        if faster:
            ways[node.outputs[0]] = (portable, *faster)
    return ways


def _instructions(cost: tuple[float, float], macs: int, outputs: int) -> int:
    return int(cost[0] * macs + cost[1] * outputs)


def _portable_cost(call: Call, estimate: Estimate) -> tuple[float, float]:
    op = call.node.op
    per_mac = estimate.convolution_instructions_per_mac
    if isinstance(op, Dense):
        per_mac = estimate.dense_instructions_per_mac
    elif isinstance(op, Conv) and op.is_depthwise(call.constant(1).shape):
        per_mac = estimate.depthwise_instructions_per_mac
    return per_mac, estimate.instructions_per_output
