"""Alternatives for cores with Helium, the vector extension of Armv8.1-M (Cortex-M55, M85): kernels/helium/.

`lower` returns None where no kernel fits the layer; then one of the DSP extension or the portable one is taken. Where
the rescale in integers is not proved exact, these cores do it in float32 as it is defined.
"""

from dataclasses import dataclass

import numpy as np

from tinycnn.ops import Call, Conv, Dense, GlobalAveragePool, Window
from tinycnn.ops.linear import folded_bias
from tinycnn_codegen import helium_bytes, helium_depthwise
from tinycnn_codegen.helium_stream import VECTOR, factors_of, stream_of
from tinycnn_codegen.lowered import Fields, Lowered
from tinycnn_codegen.planar import Planar, as_image
from tinycnn_codegen.rescaling import proof_of, rescale_fields

MOST_VECTORS = 8
"""Of a piece: TCN_HELIUM_VECTORS."""
MOST_PIECES = 16
"""Of a window: TCN_HELIUM_PIECES."""
COPIED_BYTES = 1024
"""Scratch for windows that are copied; two are copied even where they are longer."""


def lower(call: Call, *, whole: bool) -> Lowered | None:
    """The kernel for a node; with `whole` its input and output lie in memory with all their rows."""
    match call.node.op:
        case Conv() as op if op.is_depthwise(call.constant(1).shape):
            return helium_depthwise.lower(op, call)
        case Conv() as op:
            return _conv(op, call, whole)
        case Dense() if len(call.inputs[0].shape) > 3:
            return _conv(Conv(Window.of((1, 1)), channels_last=True), as_image(call), whole)
        case Dense():
            return _dense(call)
        case GlobalAveragePool() as op:
            return _global_average_pool(op, call)
    return helium_bytes.lower(call)


def note(call: Call) -> str:
    """What keeps a layer with weights from the fastest kernels, or nothing."""
    op = call.node.op
    if not isinstance(op, Conv | Dense):
        return ""
    if lower(call, whole=False) is None:
        if isinstance(op, Conv) and op.is_depthwise(call.constant(1).shape):
            return "several channels read the same one, or products of two taps may overflow 16 bits"
        return "groups or dilation"
    return "rescaled in float32, as integers are not proved" if factors_of(call).is_float else ""


@dataclass(frozen=True, slots=True)
class _Pieces:
    """How the bytes under a window are read: `count` pieces per kernel row, or of the gathered window."""

    is_gathered: bool
    count: int
    vectors: int
    rest: int


def _conv(op: Conv, call: Call, whole: bool) -> Lowered | None:
    weights, planar, factors = call.constant(1), Planar.of(call, op.window), factors_of(call)
    outputs, more = len(weights), -len(weights) % 4
    if op.groups != 1 or planar.dilations[1] != 1:
        return None
    pieces = _pieces(planar.kernel[0], planar.kernel[1] * planar.channels, outputs + more)
    if pieces is None:
        return None
    rows = weights.reshape(outputs, 1 if pieces.is_gathered else planar.kernel[0], -1)
    padded = pieces.count * pieces.vectors * VECTOR
    filled = np.pad(rows, ((0, more), (0, 0), (0, padded - rows.shape[2])))
    fours = filled.reshape((outputs + more) // 4, 4, -1, VECTOR).transpose(0, 2, 1, 3)
    bias, factor = (np.pad(values, (0, more)).reshape(-1, 4) for values in (folded_bias(call), factors.values))
    stream = stream_of(fours, bias, factor)
    at_once = whole and planar.is_pointwise and not more
    pixels = call.output.shape[1] if at_once else 1
    window_bytes = rows.shape[1] * (padded if pieces.is_gathered else rows.shape[2])
    window_bytes += -window_bytes % VECTOR
    output_width = planar.output_width * pixels
    padded_columns = _fitting(outputs + more, output_width) if more else 0
    columns = _fitting(window_bytes, padded_columns or output_width) if pieces.is_gathered else 2
    layer: Fields = {
        "input_width": planar.input_width * pixels,
        "input_channels": planar.channels,
        "output_width": output_width,
        "output_channels": outputs,
        "padded_channels": outputs + more,
        "kernel_height": planar.kernel[0],
        "kernel_width": planar.kernel[1],
        "stride": planar.strides[1],
        "pad": planar.pads[1],
        "input_zero_point": call.quantization(0).zero_point,
        "output_zero_point": call.output_quantization.zero_point,
        "is_gathered": int(pieces.is_gathered),
        "window_bytes": window_bytes,
        "copied_columns": columns,
        "padded_columns": padded_columns,
        "pieces": pieces.count,
        "vectors": pieces.vectors,
        "rest": pieces.rest,
        "is_float": factors.is_float,
        "weights": stream,
    }
    is_copied = pieces.is_gathered or planar.pads[1] or planar.pads[3] or more
    return Lowered(
        "helium_conv2d",
        (layer,),
        "window",
        planar.rows,
        call.quantization(0).zero_point,
        scratch_bytes=columns * window_bytes + padded_columns * (outputs + more) if is_copied else VECTOR,
        all_rows_at_once=at_once,
    )


def _fitting(column_bytes: int, columns: int) -> int:
    """How many of `columns` fit the scratch, rounded to an even number."""
    return min(max(COPIED_BYTES // column_bytes // 2 * 2, 2), columns + columns % 2)


def _pieces(height: int, row_bytes: int, outputs: int) -> _Pieces | None:
    """Reading kernel rows in place, or the window from a copy: what takes fewer instructions. None if it is too long.

    Only a window of one piece may end within a vector.
    """
    row_vectors, vectors = -(-row_bytes // VECTOR), -(-height * row_bytes // VECTOR)
    found = {}
    count = -(-vectors // MOST_VECTORS)
    if count <= MOST_PIECES:
        copying = 2 * height * (6 * row_vectors + 1) + 20
        pieces = _Pieces(True, count, -(-vectors // count), VECTOR)
        found[pieces] = outputs // 4 * count * (14 * pieces.vectors + 3) + copying
    last = row_bytes - VECTOR * (row_vectors - 1)
    for count in range(1, MOST_PIECES // height + 1):
        fits = row_vectors % count == 0 and row_vectors <= count * MOST_VECTORS
        if fits and (count * height == 1 or last == VECTOR):
            pieces = _Pieces(False, count, row_vectors // count, last)
            found[pieces] = outputs // 4 * height * count * (14 * pieces.vectors + 3)
    return min(found, key=lambda pieces: found[pieces]) if found else None


def _dense(call: Call) -> Lowered:
    weights, factors = call.constant(1), factors_of(call)
    outputs, inputs = weights.shape
    vectors, more = -(-inputs // VECTOR), -outputs % 8
    order = np.array([0, 2, 4, 6, 1, 3, 5, 7])
    filled = np.pad(weights, ((0, more), (0, vectors * VECTOR - inputs)))
    eights = filled.reshape(-1, 8, vectors, VECTOR)[:, order].transpose(0, 2, 1, 3)
    bias, factor = (
        np.pad(values, (0, more)).reshape(-1, 8)[:, order] for values in (folded_bias(call), factors.values)
    )
    layer: Fields = {
        "outputs": outputs,
        "output_zero_point": call.output_quantization.zero_point,
        "vectors": vectors,
        "rest": inputs - VECTOR * (vectors - 1),
        "weights": stream_of(eights, bias, factor),
        "is_float": factors.is_float,
    }
    return Lowered("helium_dense", (layer,), "rows")


def _global_average_pool(op: GlobalAveragePool, call: Call) -> Lowered:
    shape = call.inputs[0].shape
    layer: Fields = {
        "rows": shape[1],
        "row_positions": int(np.prod(shape[2:-1])),
        "channels": shape[-1],
        "input_zero_point": call.quantization(0).zero_point,
        "rescale": rescale_fields(proof_of(op.accumulation(call)), call.output_quantization.zero_point, slice(None)),
    }
    return Lowered("helium_global_average_pool", (layer,), "summed rows")
