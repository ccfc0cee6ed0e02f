"""Convolutions and transposed ones for Helium: products of columns with four channels, kernels/helium/."""

from dataclasses import dataclass

import numpy as np

from tinycnn.ops import Call, Conv, ConvTranspose
from tinycnn.ops.base import Int8Array
from tinycnn.ops.linear import bias_of
from tinycnn_codegen.helium_stream import VECTOR, factors_of, stream_of
from tinycnn_codegen.lowered import Fields, Lowered, RowWindow
from tinycnn_codegen.planar import Planar

MOST_VECTORS = 8
"""Of a piece: TCN_HELIUM_VECTORS."""
MOST_PIECES = 14
"""Of a window: TCN_HELIUM_PIECES."""
COPIED_BYTES = 1024
"""Scratch for windows that are copied; two are copied even where they are longer."""
RUNS = {"tcn_helium_conv2d_copy.h": "tcn_helium_conv2d_copy_runs.h"}
"""What copies windows where kernel rows are not one run of bytes; it takes more instructions for the others."""
MOST_PHASE_ROWS = 4
"""Of the kernel under an output row of a transposed convolution: TCN_HELIUM_PHASE_ROWS."""


@dataclass(frozen=True, slots=True)
class _Sizes:
    """A convolution with weights [O, H, W, C]; `output_step` is from a column's outputs to the next one's.

    Of a group `outputs` are its channels among those of the layer, and `inputs` how many the layer has.
    """

    weights: Int8Array
    inputs: int
    outputs: slice
    dilation: int
    input_width: int
    output_width: int
    output_step: int
    stride: int
    pad: int
    is_padded: bool


@dataclass(frozen=True, slots=True)
class _Pieces:
    """How the bytes under a window are read: `count` pieces per kernel row, or of the gathered window."""

    is_gathered: bool
    count: int
    vectors: int
    rest: int


def lower(op: Conv, call: Call, *, whole: bool) -> Lowered | None:
    """A struct for each group; None where windows are too long."""
    planar = Planar.of(call, op.window)
    weights = call.constant(1)
    at_once = whole and planar.is_pointwise and len(weights) % 4 == 0 and op.groups == 1
    pixels = call.output.shape[1] if at_once else 1
    group = len(weights) // op.groups
    products = [
        _product(
            call,
            _Sizes(
                weights[first : first + group].reshape(group, *planar.kernel, -1),
                planar.channels,
                slice(first, first + group),
                planar.dilations[1],
                planar.input_width * pixels,
                planar.output_width * pixels,
                len(weights),
                planar.strides[1],
                planar.pads[1],
                bool(planar.pads[1] or planar.pads[3]),
            ),
        )
        for first in range(0, len(weights), group)
    ]
    found = [product for product in products if product is not None]
    if len(found) < len(products):
        return None
    return Lowered(
        "helium_conv2d",
        tuple(fields for fields, _ in found),
        "window",
        planar.rows,
        call.quantization(0).zero_point,
        scratch_bytes=found[0][1],
        all_rows_at_once=at_once,
        stand_ins=RUNS if any(fields["runs"] != 1 for fields, _ in found) else {},
    )


def lower_transposed(op: ConvTranspose, call: Call) -> Lowered | None:
    """A convolution for each place that an output can have between inputs, of the taps that stand on inputs there.

    None with groups or dilation, where outputs have no such tap, and where windows are too long.
    """
    planar = Planar.of(call, op.taps)
    if op.groups != 1 or planar.dilations != (1, 1):
        return None
    weights = call.constant(1).reshape(len(call.constant(1)), *planar.kernel, -1)
    strides = (*op.strides, 1)[:2]
    layers: list[Fields] = []
    scratch_bytes = 0
    for row in range(strides[0]):
        first_row = (planar.pads[0] - row) % strides[0]
        for column in range(min(strides[1], planar.output_width)):
            first = (planar.pads[1] - column) % strides[1]
            sizes = _Sizes(
                weights[:, first_row :: strides[0], first :: strides[1]],
                planar.channels,
                slice(0, len(weights)),
                1,
                planar.input_width,
                -(-(planar.output_width - column) // strides[1]),
                strides[1] * len(weights),
                1,
                (planar.pads[1] - column - first) // strides[1],
                True,
            )
            found = _product(call, sizes) if 0 not in sizes.weights.shape else None
            if found is None or sizes.weights.shape[1] > MOST_PHASE_ROWS:
                return None
            fields, product_bytes = found
            scratch_bytes = max(scratch_bytes, product_bytes)
            layers.append(
                {
                    "stride": strides[0],
                    "phase": row,
                    "first_row": first_row,
                    "first_column": column * len(weights),
                    "conv": fields,
                }
            )
    row_bytes = planar.input_width * planar.channels
    layers = [{**fields, "scratch_bytes": scratch_bytes} for fields in layers]
    window = RowWindow(planar.kernel[0], strides[0], planar.pads[0], 1, "spread_window")
    return Lowered(
        "helium_conv_transpose2d",
        tuple(layers),
        "counted window",
        window,
        scratch_bytes=scratch_bytes + row_bytes,
    )


def _product(call: Call, sizes: _Sizes) -> tuple[Fields, int] | None:
    """The fields of a tcn_helium_conv2d_t, and the bytes of scratch; None where windows are too long."""
    weights, factors, zero_point = sizes.weights, factors_of(call), call.quantization(0).zero_point
    outputs, height, width, channels = weights.shape
    more, chosen = -outputs % 4, sizes.outputs
    runs = 1 if width == 1 or (channels == sizes.inputs and sizes.dilation == 1) else width
    pieces = _pieces(height, width * channels, outputs + more, is_gathered=runs > 1)
    if pieces is None:
        return None
    rows = weights.reshape(outputs, 1 if pieces.is_gathered else height, -1)
    padded = pieces.count * pieces.vectors * VECTOR
    filled = np.pad(rows, ((0, more), (0, 0), (0, padded - rows.shape[2])))
    fours = filled.reshape((outputs + more) // 4, 4, -1, VECTOR).transpose(0, 2, 1, 3)
    sums = bias_of(call)[chosen] - zero_point * weights.sum(axis=(1, 2, 3), dtype=np.int64)
    bias, factor = (np.pad(values, (0, more)).reshape(-1, 4) for values in (sums, factors.values[chosen]))
    window_bytes = rows.shape[1] * (padded if pieces.is_gathered else rows.shape[2])
    window_bytes += -window_bytes % VECTOR
    padded_columns = _fitting(outputs + more, sizes.output_width) if more else 0
    columns = _fitting(window_bytes, padded_columns or sizes.output_width) if pieces.is_gathered else 2
    fields: Fields = {
        "input_width": sizes.input_width,
        "input_channels": sizes.inputs,
        "output_width": sizes.output_width,
        "output_channels": outputs,
        "output_step": sizes.output_step,
        "padded_channels": outputs + more,
        "kernel_height": height,
        "runs": runs,
        "run_bytes": width * channels // runs,
        "dilation": sizes.dilation,
        "extent": (width - 1) * sizes.dilation + 1,
        "first_input": 0 if channels == sizes.inputs else chosen.start // outputs * channels,
        "first_output": chosen.start,
        "stride": sizes.stride,
        "pad": sizes.pad,
        "input_zero_point": zero_point,
        "output_zero_point": call.output_quantization.zero_point,
        "is_gathered": int(pieces.is_gathered),
        "window_bytes": window_bytes,
        "copied_columns": columns,
        "padded_columns": padded_columns,
        "pieces": pieces.count,
        "vectors": pieces.vectors,
        "rest": pieces.rest,
        "is_float": factors.is_float,
        "weights": stream_of(fours, bias, factor),
    }
    is_copied = pieces.is_gathered or sizes.is_padded or more
    return fields, columns * window_bytes + padded_columns * (outputs + more) if is_copied else VECTOR


def _fitting(column_bytes: int, columns: int) -> int:
    """How many of `columns` fit the scratch, rounded to an even number."""
    return min(max(COPIED_BYTES // column_bytes // 2 * 2, 2), columns + columns % 2)


def _pieces(height: int, row_bytes: int, outputs: int, *, is_gathered: bool) -> _Pieces | None:
    """Reading kernel rows in place, or the window from a copy: what takes fewer instructions, unless it must be copied.

    None if it is too long.

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
    for count in range(1, 1 if is_gathered else MOST_PIECES // height + 1):
        fits = row_vectors % count == 0 and row_vectors <= count * MOST_VECTORS
        if fits and (count * height == 1 or last == VECTOR):
            pieces = _Pieces(False, count, row_vectors // count, last)
            found[pieces] = outputs // 4 * height * count * (14 * pieces.vectors + 3)
    return min(found, key=lambda pieces: found[pieces]) if found else None
