"""Helium's kernels for operators that move bytes or look them up: kernels/helium/."""

from dataclasses import replace

from tinycnn.ops import Call, Concat, Take, is_elementwise
from tinycnn_codegen.elementwise import ELEMENTWISE_LOWERINGS, lower_elementwise
from tinycnn_codegen.lower_movement import lower_concat, lower_take
from tinycnn_codegen.lowered import Lowered

LIKE_PORTABLE = {"add", "concat", "lookup"}
"""Kernels with the same struct as the portable one of that name."""


def lower(call: Call) -> Lowered | None:
    """The kernel for a node, or None."""
    op = call.node.op
    match op:
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


def _take(op: Take, call: Call) -> Lowered | None:
    """None where channels are chosen."""
    if op.tables[-1] is not None:
        return None
    plain = lower_take(op, call)
    fields = {
        name: field for name, field in plain.layers[0].items() if name not in ("input_channels", "channel_indices")
    }
    return Lowered("helium_take", (fields,), plain.reads)
