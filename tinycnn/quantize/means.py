"""AveragePool's scales: onnxruntime computes it in float32, so they are chosen where that cannot matter.

QLinearAveragePool dequantizes its inputs, adds them up one after the other, divides by their number and by the output's
scale, adds the zero point and rounds: near a tie that is not what rescaling the integer sum gives (237,178 of 11
million outputs differed, most of them where the scales had simple ratios; onnxruntime 1.31.1). When the input's scale
has few significant bits, the float32 sum is exact in any order, and each sum can be compared.
QLinearGlobalAveragePool does rescale the integer sum.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from tinycnn import fixedpoint
from tinycnn.errors import QuantizationError
from tinycnn.ir import Graph, Node, Quantization
from tinycnn.ops import AveragePool, GlobalAveragePool
from tinycnn.ops.float_means import sums_agree

FLOAT32_BITS = 24
"""Significant bits of a float32."""
LEAST_BITS = 4
"""Scales are not rounded to fewer bits (at most 12.5 %), which windows of more than 4,096 elements would need."""
MOST_ELEMENTS = 2 ** (FLOAT32_BITS - 8 - LEAST_BITS)
"""Elements whose float32 sum is exact in any order with a scale of `LEAST_BITS`."""
FARTHEST = 1 / 64
"""How much larger than wanted a scale may become, relative, so that it is the same everywhere."""


def counts_of(graph: Graph, node: Node) -> tuple[int, ...]:
    """How many elements the outputs of an AveragePool or GlobalAveragePool average."""
    sizes = graph.tensors[node.inputs[0]].shape[1:-1]
    if isinstance(node.op, AveragePool):
        return tuple(np.unique(node.op.counts(sizes)).tolist())
    return (math.prod(sizes),)


def scale_bits(graph: Graph) -> dict[str, int]:
    """Significant bits that the scale of a tensor may have, where an AveragePool averages it."""
    bits: dict[str, int] = {}
    for node in reversed(graph.nodes):
        if isinstance(node.op, AveragePool):
            most = FLOAT32_BITS - 8 - math.ceil(math.log2(max(counts_of(graph, node))))
            bits[node.inputs[0]] = max(min(most, bits.get(node.inputs[0], FLOAT32_BITS)), LEAST_BITS)
        elif getattr(node.op, "output_scale", "") == "input" and node.outputs[0] in bits:
            bits[node.inputs[0]] = min(bits[node.outputs[0]], bits.get(node.inputs[0], FLOAT32_BITS))
    return bits


def scales_from(scale: float, bits: int) -> Iterator[np.float32]:
    """`scale` and larger numbers that have `bits` significant bits: the next ones, then farther and farther apart."""
    unit = math.ldexp(1.0, math.frexp(scale)[1] - bits)
    first, step = math.ceil(scale / unit), 0
    while step <= max(8, first * FARTHEST):
        yield np.float32((first + step) * unit)
        step += 1 + step // 16


def agrees(x: Quantization, y_scale: np.float32, y_zero_point: int, counts: Sequence[int]) -> bool:
    """Whether onnxruntime's means of `counts` elements, of int8 or of uint8, are the rescaled sums."""
    y = Quantization((float(y_scale),), y_zero_point)
    return all(sums_agree(x, y, y_zero_point + offset, counts) for offset in (0, 128))


def provable(x: Quantization, y_scale: np.float32, y_zero_point: int, counts: Sequence[int]) -> bool:
    """Whether integer arithmetic is proved to give the rescaled sums."""
    factors = fixedpoint.rescale_mean(x.scale[0], y_scale, np.array(counts))
    reach = fixedpoint.pool_reach(np.array(counts), x.zero_point)
    return bool(fixedpoint.prove(factors, y_zero_point, reach, any_addend=False).is_integer.all())


def mean_scale(graph: Graph, node: Node, x: Quantization, wanted: Quantization, bits: int) -> np.float32:
    """The first scale from `wanted` on with which a pool gives the same bytes everywhere, and by integers.

    Where there is none by integers, the first of the others. QuantizationError when there is none at all, or when the
    sums of an AveragePool are too large to be exact in float32.
    """
    counts, found = counts_of(graph, node), None
    if isinstance(node.op, AveragePool) and max(counts) > MOST_ELEMENTS:
        raise QuantizationError(
            f"It averages {max(counts):,} elements, and float32 sums of more than {MOST_ELEMENTS:,} differ from machine"
            " to machine; make its window smaller, or the mean over the whole image (GlobalAveragePool)."
        )
    for scale in scales_from(wanted.scale[0], bits):
        if isinstance(node.op, GlobalAveragePool) or agrees(x, scale, wanted.zero_point, counts):
            if provable(x, scale, wanted.zero_point, counts):
                return scale
            found = found or scale
    if found is None:
        raise QuantizationError(
            f"No scale near {wanted.scale[0]:g} makes its means the same on every machine;"
            " try other calibration samples."
        )
    return found
