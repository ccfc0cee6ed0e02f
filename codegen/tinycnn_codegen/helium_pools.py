"""Pools for Helium: the largest element, and means of a window or of everything."""

import numpy as np

from tinycnn.ops import AveragePool, Call, GlobalAveragePool, MaxPool
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.helium_stream import factors_for
from tinycnn_codegen.lower_pools import lower_average_pool
from tinycnn_codegen.lowered import Fields, Lowered
from tinycnn_codegen.planar import Planar

MOST_ELEMENTS = 255
"""Under a window, so that their sum fits 16 bits."""


def lower(op: MaxPool | AveragePool | GlobalAveragePool, call: Call) -> Lowered | None:
    """None for means of many elements, and for those that onnxruntime computes in float32."""
    match op:
        case MaxPool():
            return _max_pool(op, call)
        case AveragePool():
            return _average_pool(op, call)
        case GlobalAveragePool():
            return _global_average_pool(op, call)


def _padded_width(window: Planar) -> int:
    """How many columns the windows of a row cover, and the padding before them at least."""
    reach = (window.kernel[1] - 1) * window.dilations[1]
    return max((window.output_width - 1) * window.strides[1] + reach + 1, window.pads[1])


def _max_pool(op: MaxPool, call: Call) -> Lowered:
    window = Planar.of(call, op.window)
    padded_width = _padded_width(window)
    layer: Fields = {**window.row_fields, "channels": window.channels, "padded_width": padded_width}
    scratch_bytes = padded_width * window.channels
    return Lowered("helium_max_pool", (layer,), "window", window.rows, -128, scratch_bytes)


def _average_pool(op: AveragePool, call: Call) -> Lowered | None:
    window = Planar.of(call, op.window)
    if op.float_zero_point is not None or int(np.prod(window.kernel)) > MOST_ELEMENTS:
        return None
    plain, factors = lower_average_pool(op, call), factors_for(op.accumulation(call))
    layer: Fields = {
        **{name: field for name, field in plain.layers[0].items() if name != "rescale"},
        "padded_width": _padded_width(window),
        "output_zero_point": call.output_quantization.zero_point,
        "is_float": factors.is_float,
        "factors": ConstantArray("int32_t", factors.values, len(factors.values)),
    }
    scratch_bytes = 2 * (_padded_width(window) * window.channels + 8)
    return Lowered(
        "helium_average_pool",
        (layer,),
        plain.reads,
        plain.window,
        plain.padding_value,
        scratch_bytes=scratch_bytes,
    )


def _global_average_pool(op: GlobalAveragePool, call: Call) -> Lowered:
    shape, factors = call.inputs[0].shape, factors_for(op.accumulation(call))
    layer: Fields = {
        "rows": shape[1],
        "row_positions": int(np.prod(shape[2:-1])),
        "channels": shape[-1],
        "input_zero_point": call.quantization(0).zero_point,
        "output_zero_point": call.output_quantization.zero_point,
        "factor": int(factors.values[0]),
        "is_float": factors.is_float,
    }
    return Lowered("helium_global_average_pool", (layer,), "summed rows")
