"""Helium's kernels for operators that choose bytes, move them or look them up: kernels/helium/."""

from dataclasses import replace

from tinycnn.ops import Call, Concat, MaxPool, Take, is_elementwise
from tinycnn_codegen.elementwise import ELEMENTWISE_LOWERINGS, lower_elementwise
from tinycnn_codegen.lower_movement import lower_concat, lower_take
from tinycnn_codegen.lowered import Fields, Lowered
from tinycnn_codegen.planar import Planar

LIKE_PORTABLE = {"add", "concat", "lookup"}
"""Kernels with the same struct as the portable one of that name."""


def lower(call: Call) -> Lowered | None:
    """The kernel for a node, or None."""
    op = call.node.op
    match op:
        case MaxPool():
            return _max_pool(op, call)
        case Take():
            return _take(op, call)
        case Concat():
            plain = lower_concat(op, call)
        case _ if type(op) in ELEMENTWISE_LOWERINGS:
            plain = ELEMENTWISE_LOWERINGS[type(op)](op, call)
        case _ if is_elementwise(op):
            plain = lower_elementwise(op, call)
        case _:
            return None
    return replace(plain, kernel=f"helium_{plain.kernel}") if plain.kernel in LIKE_PORTABLE else None


def _max_pool(op: MaxPool, call: Call) -> Lowered:
    window = Planar.of(call, op.window)
    reach = (window.kernel[1] - 1) * window.dilations[1]
    padded_width = max((window.output_width - 1) * window.strides[1] + reach + 1, window.pads[1])
    layer: Fields = {**window.row_fields, "channels": window.channels, "padded_width": padded_width}
    scratch_bytes = padded_width * window.channels
    return Lowered("helium_max_pool", (layer,), "window", window.rows, -128, scratch_bytes)


def _take(op: Take, call: Call) -> Lowered | None:
    """None where channels are chosen."""
    if op.tables[-1] is not None:
        return None
    plain = lower_take(op, call)
    fields = {
        name: field for name, field in plain.layers[0].items() if name not in ("input_channels", "channel_indices")
    }
    return Lowered("helium_take", (fields,), plain.reads)
