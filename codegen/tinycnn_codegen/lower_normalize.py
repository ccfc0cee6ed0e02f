"""ArgMax, LogSoftmax and LRN, which look at all channels of a position, as kernels."""

from collections.abc import Callable, Mapping
from typing import Any

from tinycnn.ops import LRN, ArgMax, Call, LogSoftmax, row_bytes
from tinycnn.ops.softmax import exponentials
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.lowered import Fields, Lowered


def lower_arg_max(op: ArgMax, call: Call) -> Lowered:
    length = call.inputs[0].shape[-1]
    vectors = row_bytes(call.inputs[0].shape) // length
    return Lowered("arg_max", ({"vectors": vectors, "length": length, "is_last": int(op.last)},), "rows")


def lower_log_softmax(op: LogSoftmax, call: Call) -> Lowered:
    length, source, destination = call.output.shape[-1], call.quantization(0), call.output_quantization
    thresholds = op.thresholds(destination, length)
    layer: Fields = {
        "vectors": row_bytes(call.output.shape) // length,
        "length": length,
        "output_zero_point": destination.zero_point,
        "levels": len(thresholds),
        "exponentials": ConstantArray("int32_t", exponentials(source), 16),
        "distances": ConstantArray("int32_t", op.distances(source, destination), 16),
        "thresholds": ConstantArray("int32_t", thresholds, 16),
    }
    return Lowered("log_softmax", (layer,), "rows")


def lower_lrn(op: LRN, call: Call) -> Lowered:
    channels, source, destination = call.output.shape[-1], call.quantization(0), call.output_quantization
    table = op.multipliers(source, destination)
    layer: Fields = {
        "positions": row_bytes(call.output.shape) // channels,
        "channels": channels,
        "before": (op.size - 1) // 2,
        "behind": op.size // 2,
        "input_zero_point": source.zero_point,
        "output_zero_point": destination.zero_point,
        "bits": table.bits,
        "shift": table.shift,
        "multipliers": ConstantArray("int32_t", table.multipliers, 16),
    }
    return Lowered("lrn", (layer,), "rows")


NORMALIZE_LOWERINGS: Mapping[type, Callable[[Any, Call], Lowered]] = {
    ArgMax: lower_arg_max,
    LRN: lower_lrn,
    LogSoftmax: lower_log_softmax,
}
