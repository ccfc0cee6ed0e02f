"""Pooling as kernels."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinycnn.ops import AveragePool, Call, GlobalAveragePool, LpPool, MaxPool
from tinycnn.ops.float_means import quantized_means
from tinycnn.ops.float_steps import least_places
from tinycnn.ops.unary import all_inputs
from tinycnn_codegen.ctext import ConstantArray, Field
from tinycnn_codegen.lowered import Fields, Lowered
from tinycnn_codegen.planar import Planar
from tinycnn_codegen.rescaling import proof_of, rescale_fields


def lower_max_pool(op: MaxPool, call: Call) -> Lowered:
    """Padding rows are -128, which never wins."""
    window = Planar.of(call, op.window)
    layer: Fields = {**window.row_fields, "channels": window.channels}
    return Lowered("max_pool", (layer,), "window", window.rows, padding_value=-128)


def lower_lp_pool(op: LpPool, call: Call) -> Lowered:
    """The least sum of each output; padding is zero points."""
    window, thresholds = Planar.of(call, op.window), op.thresholds(call)
    zero_point = call.quantization(0).zero_point
    layer: Fields = {
        **window.row_fields,
        "channels": window.channels,
        "input_zero_point": zero_point,
        "output_zero_point": call.output_quantization.zero_point,
        "power": op.power,
        "levels": len(thresholds),
        "thresholds": ConstantArray("int32_t", thresholds, 8) if len(thresholds) else None,
    }
    return Lowered("lp_pool", (layer,), "window", window.rows, zero_point)


def lower_average_pool(op: AveragePool, call: Call) -> Lowered:
    """Windows that hang over an edge may average fewer elements: an entry of the rescale for each number."""
    window = Planar.of(call, op.window)
    counts = np.unique(op.counts(call.inputs[0].shape[1:-1]))
    zero_point = call.quantization(0).zero_point

    def axis(index: int) -> Fields:
        begin, end = (window.pads[index], window.pads[2 + index]) if op.count_include_pad else (0, 0)
        return {
            "taps": window.kernel[index],
            "stride": window.strides[index],
            "pad": window.pads[index],
            "dilation": window.dilations[index],
            "counted_from": -begin,
            "counted_to": window.input_sizes[index] + end,
        }

    layer: dict[str, Field] = {
        "input_width": window.input_width,
        "output_width": window.output_width,
        "channels": window.channels,
        "input_zero_point": zero_point,
        "vertical": axis(0),
        "horizontal": axis(1),
        "counts": ConstantArray("int32_t", counts, len(counts)),
    }
    if op.float_zero_point is not None:
        destination, zero = call.output_quantization, op.float_zero_point
        steps = least_places(lambda sums: quantized_means(sums, counts[:, None], destination, zero), len(counts))
        del layer["input_zero_point"]
        layer |= {
            "values": ConstantArray("uint32_t", all_inputs(call.quantization(0)).view(np.uint32), 8),
            "steps": ConstantArray("int32_t", steps.reshape(-1), 8),
        }
        return Lowered("average_pool_float", (layer,), "counted window", window.rows, zero_point)
    rescale = rescale_fields(proof_of(op.accumulation(call)), call.output_quantization.zero_point, slice(None))
    return Lowered("average_pool", ({**layer, "rescale": rescale},), "counted window", window.rows, zero_point)


def lower_global_average_pool(op: GlobalAveragePool, call: Call) -> Lowered:
    """One sum of all positions per channel, a row at each turn."""
    shape = call.inputs[0].shape
    layer: Fields = {
        "rows": shape[1],
        "row_positions": int(np.prod(shape[2:-1])),
        "channels": shape[-1],
        "input_zero_point": call.quantization(0).zero_point,
        "rescale": rescale_fields(proof_of(op.accumulation(call)), call.output_quantization.zero_point, slice(None)),
    }
    return Lowered("global_average_pool", (layer,), "summed rows")


POOL_LOWERINGS: Mapping[type, Callable[[Any, Call], Lowered]] = {
    MaxPool: lower_max_pool,
    LpPool: lower_lp_pool,
    AveragePool: lower_average_pool,
    GlobalAveragePool: lower_global_average_pool,
}
