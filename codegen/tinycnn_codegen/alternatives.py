"""Kernels per instruction set: which there are for a target, and what each way to compute a node costs.

To add an instruction set: a module with a function like `helium.lower`, its line in `INSTRUCTION_SETS`, and its
kernels in a folder kernels/<name>/, whose files have names of their own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tinycnn.ir import Graph, Node
from tinycnn.ops import Call, Conv, Dense, GlobalAveragePool, call_of
from tinycnn.plan import Alternative, is_view
from tinycnn.plan.pairs import joined, pairs
from tinycnn.target import Estimate, Target
from tinycnn_codegen import armv6_m, armv7_m, armv7e_m, helium, winograd, word32
from tinycnn_codegen.lowered import Lowered

PORTABLE = "portable"


@dataclass(frozen=True, slots=True)
class InstructionSet:
    """Kernels for the targets that `suits` names; `lower(call, whole=...)` is None where none of them fits.

    `least_gain` is how many instructions of an inference each byte by which weights grow must save. With `whole` it
    is for nodes whose tensors are held with all rows; where those of a plan are not, another kernel takes its place.
    One that is `paired` computes two layers at once (`tinycnn.plan.pairs`).
    """

    suits: Callable[[Target], bool]
    lower: Callable[..., Lowered | None]
    least_gain: float = -np.inf
    whole: bool = False
    paired: bool = False


def _has_dsp(target: Target) -> bool:
    return "dsp" in target.extensions


def _has_plain_dsp(target: Target) -> bool:
    return _has_dsp(target) and not _has_helium(target)


def _has_long_multiply(target: Target) -> bool:
    return target.architecture in ("armv7-m", "armv8-m.main") and not target.extensions


def _has_short_multiply(target: Target) -> bool:
    return target.architecture == "armv6-m"


def _has_riscv(target: Target) -> bool:
    return target.architecture == "rv32imc"


def _has_words(target: Target) -> bool:
    """32-bit registers, and none of those above: all blocks of a network are of one form."""
    if target.int_bits < 32 or target.architecture == "native" or target.extensions:
        return False
    return not any(other(target) for other in (_has_long_multiply, _has_short_multiply, _has_riscv))


def _loads_bytes(target: Target) -> bool:
    return _has_words(target) and target.architecture != "xtensa"


def _extends_bytes(target: Target) -> bool:
    """A signed byte takes several instructions to load."""
    return _has_words(target) and not _loads_bytes(target)


def _has_helium(target: Target) -> bool:
    return "mve" in target.extensions


HELIUM = "helium"
"""Where it has a kernel, those of the DSP extension are looked at only if they take less scratch."""
HELIUM_LEAN = "helium lean"

INSTRUCTION_SETS: Mapping[str, InstructionSet] = {
    HELIUM: InstructionSet(_has_helium, helium.lower),
    HELIUM_LEAN: InstructionSet(_has_helium, helium.lean),
    "armv7e_m": InstructionSet(_has_dsp, armv7e_m.compact),
    "armv7e_m lean": InstructionSet(_has_dsp, armv7e_m.lean),
    "armv7e_m wide": InstructionSet(_has_dsp, armv7e_m.wide),
    "armv7e_m planar": InstructionSet(_has_dsp, armv7e_m.planar),
    "armv7e_m winograd": InstructionSet(_has_dsp, armv7e_m.winograd),
    "armv7e_m pair": InstructionSet(_has_plain_dsp, armv7e_m.pair, paired=True),
    "armv7_m": InstructionSet(_has_long_multiply, armv7_m.alternative),
    "armv7_m depthwise": InstructionSet(_has_long_multiply, armv7_m.depthwise),
    "armv6_m": InstructionSet(_has_short_multiply, armv6_m.alternative),
    "armv6_m depthwise": InstructionSet(_has_short_multiply, armv6_m.depthwise),
    "rv32im": InstructionSet(_has_riscv, word32.riscv_blocks),
    "rv32im winograd": InstructionSet(_has_riscv, winograd.riscv, least_gain=1.0, whole=True),
    "word32": InstructionSet(_loads_bytes, word32.blocks),
    "word32 pairs": InstructionSet(_extends_bytes, word32.pair_blocks),
    "rv32im depthwise": InstructionSet(_has_riscv, word32.riscv_depthwise),
    "word32 depthwise": InstructionSet(_has_words, word32.depthwise),
}

COSTS: Mapping[tuple[str, str], tuple[float, float, float]] = {
    ("armv7e_m", "dsp_conv2d"): (0.735, 5.8, 2.7),
    ("armv7e_m lean", "dsp_conv2d"): (0.78, 12.3, 7.7),
    ("armv7e_m wide", "dsp_conv2d"): (0.71, 4.4, 2.8),
    ("armv7e_m winograd", "dsp_winograd"): (0.468, 11.5, 11.5),
    ("armv7e_m", "dsp_depthwise"): (5.98, 0.7, 0.0),
    ("armv7e_m planar", "dsp_planar"): (1.6, 0.2, 2.2),
    ("armv7e_m", "dsp_add"): (0.0, 7.5, 0.0),
    ("armv7e_m", "dsp_max_pool"): (0.0, 16.0, 0.0),
    ("armv7e_m", "dsp_mean"): (0.0, 41.0, 4.6),
    ("armv7e_m", "dsp_dense"): (0.86, 7.1, 2.6),
    ("armv7e_m wide", "dsp_dense"): (0.71, 5.5, 2.4),
    (HELIUM, "helium_conv2d"): (0.135, 3.5, 0.0),
    (HELIUM, "helium_conv_transpose2d"): (0.2, 6.0, 0.0),
    (HELIUM, "helium_depthwise_square"): (0.0, 5.6, 0.6),
    (HELIUM, "helium_depthwise"): (0.86, 0.5, 0.0),
    (HELIUM_LEAN, "helium_depthwise"): (0.86, 0.5, 0.0),
    (HELIUM_LEAN, "helium_depthwise_any"): (0.9, 3.0, 0.0),
    (HELIUM, "helium_depthwise_any"): (0.9, 3.0, 0.0),
    (HELIUM, "helium_dense"): (0.142, 4.0, 0.0),
    (HELIUM, "helium_add"): (0.0, 2.6, 0.0),
    (HELIUM, "helium_global_average_pool"): (0.0, 36.0, 0.0),
    (HELIUM, "helium_average_pool"): (0.0, 8.0, 0.0),
    (HELIUM, "helium_max_pool"): (0.0, 2.5, 0.0),
    (HELIUM, "helium_lookup"): (0.0, 0.4, 0.0),
    (HELIUM, "helium_concat"): (0.0, 0.5, 0.0),
    (HELIUM, "helium_take"): (0.0, 1.2, 0.0),
    ("armv7_m", "block_conv2d"): (1.0, 17.0, 0.0),
    ("armv7_m", "block_dense"): (1.0, 20.0, 0.0),
    ("armv7_m depthwise", "word_depthwise"): (2.4, 9.0, 0.0),
    ("armv6_m", "block_conv2d"): (2.6, 75.0, 0.0),
    ("armv6_m", "short_dense"): (2.3, 50.0, 0.0),
    ("armv6_m depthwise", "word_depthwise"): (5.0, 28.0, 0.0),
    ("rv32im", "block_conv2d"): (1.95, 18.0, 0.0),
    ("rv32im", "block_dense"): (2.1, 20.0, 0.0),
    ("rv32im winograd", "riscv_winograd"): (0.7, 36.0, 13.5),
    ("rv32im", "riscv_add"): (0.0, 12.0, 0.0),
    ("rv32im depthwise", "word_depthwise"): (3.0, 10.0, 0.0),
    ("word32 depthwise", "word_depthwise"): (4.5, 12.0, 0.0),
}
"""Instructions per multiply-accumulate, per output and per byte that is brought into another order first, fitted to
what `tinycnn bench` counted on the Cortex-M4, M3, M0 and RV32IMC for the layers of MLPerf Tiny's networks."""


LAST_COLUMN = 0.45
"""By how much a column by itself takes longer than one of two on the Cortex-M4."""

BLOCK_SHARE = 0.8
"""Of the instructions of portable C without blocks, which the target file has, what those of `word32` take. They run on
processors as different as the i486 and the LX106."""

NOTES: Mapping[str, Callable[[Call], str]] = {"mve": helium.note, "dsp": armv7e_m.note}
"""By extension, the strongest first, what keeps a node from the fastest kernel, or nothing."""

PORTABLE_MEAN = 12.0
"""Instructions per input of the portable mean over all positions on the Cortex-M4."""

PORTABLE_SHARE = 1.25
"""Constants that exceed those of portable C by less than this are no reason to take portable C."""

SMALL_BYTES = 1024
"""So much more flash than the smallest way a layer may take in any case: a last dense layer filled up to eights."""

CHANNEL_BYTES = 16
"""What a channel takes beside its weights, about."""


def alternatives(graph: Graph, target: Target) -> Mapping[str, tuple[Alternative, ...]]:
    """For `tinycnn.plan.plan`: the ways to compute each node for which the target has more than portable C.

    Ways that take more flash than the smallest are left out where they save less than their `least_gain`, or their
    constants would not fit half of the target's flash: those that save the fewest instructions per byte first.
    """
    suited = {name: found for name, found in INSTRUCTION_SETS.items() if found.suits(target)}
    sets = {name: found for name, found in suited.items() if not found.paired}
    ways: dict[str, dict[str, Alternative]] = {}
    constants: dict[str, dict[str, int]] = {}
    for node in graph.nodes:
        if is_view(node) or not sets:
            continue
        call = call_of(graph, node)
        macs, outputs = graph.macs(node), int(np.prod(call.output.shape))
        lowered = {name: found.lower(call, whole=found.whole) for name, found in sets.items()}
        kernels = {name: kernel for name, kernel in lowered.items() if kernel is not None}
        if HELIUM in kernels:
            most = kernels[HELIUM].scratch_bytes
            kernels = {
                name: kernel for name, kernel in kernels.items() if name == HELIUM or kernel.scratch_bytes < most
            }
        if kernels:
            (output,) = node.outputs
            ways[output] = {
                name: Alternative(
                    name,
                    _kernel_instructions(_cost(name, kernel, target.estimate), kernel, macs, outputs),
                    kernel.scratch_bytes,
                    kernel.keeps_scratch,
                    sets[name].whole,
                    makes_padding=kernel.makes_padding,
                )
                for name, kernel in kernels.items()
            }
            portable = Alternative(PORTABLE, _portable_instructions(call, target.estimate, macs, outputs))
            ways[output] = {PORTABLE: portable, **ways[output]}
            constants[output] = {name: kernel.constants_bytes for name, kernel in kernels.items()}
            constants[output][PORTABLE] = _portable_constants_bytes(call)
    too_large = set(_too_large(ways, constants, (target.flash_bytes or 0) // 2))
    found = {
        output: tuple(way for name, way in named.items() if (output, name) not in too_large)
        for output, named in ways.items()
    }
    for output, way in _pair_ways(graph, found, [name for name, each in suited.items() if each.paired]):
        found[output] += (way,)
    return found


def _pair_ways(
    graph: Graph, ways: Mapping[str, tuple[Alternative, ...]], names: Sequence[str]
) -> Iterator[tuple[str, Alternative]]:
    """The pairs of layers that are estimated to be faster than both one by one, by the output of the second."""
    for first, second in pairs(graph):
        if not {first.outputs[0], second.outputs[0]} <= ways.keys():
            continue
        call = call_of(graph, joined(graph, first, second))
        instructions = _pair_instructions(graph, first, second)
        one_by_one = sum(min(way.instructions for way in ways[node.outputs[0]]) for node in (first, second))
        for name in names:
            kernel = INSTRUCTION_SETS[name].lower(call, whole=False)
            if kernel is not None and instructions < one_by_one:
                scratch = (kernel.scratch_bytes, kernel.keeps_scratch)
                yield second.outputs[0], Alternative(name, instructions, *scratch, paired=True)


def kernel_notes(graph: Graph, target: Target) -> Mapping[str, str]:
    """By output what keeps a node from a faster kernel of the target's instruction sets, where something does."""
    notes = {
        node.outputs[0]: "; ".join(filter(None, (note(call_of(graph, node)) for note in found)))
        for found in [[note for extension, note in NOTES.items() if extension in target.extensions][:1]]
        for node in graph.nodes
        if not is_view(node)
    }
    return {output: note for output, note in notes.items() if note}


def _too_large(
    ways: Mapping[str, Mapping[str, Alternative]], constants: Mapping[str, Mapping[str, int]], flash_bytes: int
) -> Iterator[tuple[str, str]]:
    """By output and name the ways for whose constants there is no room beside those of the smallest ways."""
    smallest = {output: min(sizes, key=lambda name: sizes[name]) for output, sizes in constants.items()}
    room = flash_bytes - sum(constants[output][name] for output, name in smallest.items())

    small = SMALL_BYTES if flash_bytes else 0

    def gain(way: tuple[str, str]) -> float:
        output, name = way
        saved = ways[output][smallest[output]].instructions - ways[output][name].instructions
        return saved / (constants[output][name] - constants[output][smallest[output]] + 1)

    larger = [(output, name) for output, sizes in constants.items() for name in sizes if name != smallest[output]]
    for output, name in sorted(larger, key=gain, reverse=True):
        more = constants[output][name] - constants[output][smallest[output]]
        least_gain = INSTRUCTION_SETS[name].least_gain if name != PORTABLE else 0.0
        if name != PORTABLE and more > 0 and (more > max(room, small) or gain((output, name)) < least_gain):
            yield output, name
        else:
            room -= more


def _cost(name: str, kernel: Lowered, estimate: Estimate) -> tuple[float, float, float]:
    if (name, kernel.kernel) in COSTS:
        return COSTS[name, kernel.kernel]
    is_dense = kernel.kernel == "block_dense"
    per_mac = estimate.dense_instructions_per_mac if is_dense else estimate.convolution_instructions_per_mac
    return (BLOCK_SHARE * per_mac, 30.0, 0.0)


def _kernel_instructions(cost: tuple[float, float, float], kernel: Lowered, macs: int, outputs: int) -> int:
    return int((cost[0] * macs + cost[1] * outputs) * kernel.idle + cost[2] * kernel.prepared_bytes)


def _pair_instructions(graph: Graph, first: Node, second: Node) -> int:
    """What both layers take one by one, without bringing the rows between them into another order.

    Pairs are computed row by row, so that of an odd width a column is left each time.
    """
    product, depthwise = COSTS["armv7e_m", "dsp_conv2d"], COSTS["armv7e_m planar", "dsp_planar"]
    (x, between, y) = graph.shapes((first.inputs[0], first.outputs[0], second.outputs[0]))
    columns = between[2] + LAST_COLUMN * (between[2] % 2)
    products = product[0] * graph.macs(first) + product[1] * np.prod(between) + product[2] * np.prod(x)
    taps = depthwise[0] * graph.macs(second) + depthwise[1] * np.prod(y)
    return int(products * columns / between[2] + taps)


def _portable_constants_bytes(call: Call) -> int:
    if not isinstance(call.node.op, (Conv, Dense)):
        return CHANNEL_BYTES
    weights = call.constant(1)
    return int(PORTABLE_SHARE * weights.size) + CHANNEL_BYTES * len(weights)


def _portable_instructions(call: Call, estimate: Estimate, macs: int, outputs: int) -> int:
    op = call.node.op
    per_mac = estimate.convolution_instructions_per_mac
    if isinstance(op, GlobalAveragePool):
        return int(PORTABLE_MEAN * np.prod(call.inputs[0].shape))
    if isinstance(op, Dense):
        per_mac = estimate.dense_instructions_per_mac
    elif isinstance(op, Conv) and op.is_depthwise(call.constant(1).shape):
        per_mac = estimate.depthwise_instructions_per_mac
    return int(per_mac * macs + estimate.instructions_per_output * outputs)
