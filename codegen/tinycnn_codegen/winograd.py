"""Winograd's F(4 x 4, 3 x 3) in integers modulo 2^32: kernels/rv32im/tcn_riscv_winograd.h."""

import numpy as np

from tinycnn.ops import Call, Conv
from tinycnn.ops.base import Int64Array
from tinycnn.ops.linear import folded_bias
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.lowered import Lowered
from tinycnn_codegen.planar import Planar
from tinycnn_codegen.word32 import riscv_blocks
from tinycnn_codegen.words import word_outputs

TILE, READ = 4, 6
"""Outputs in a row of a tile, and inputs under them."""

WEIGHTS = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 12]], np.int64)
"""What a tile's six weights in a line are of the kernel's three."""

LARGEST_SUM = 2**31 // 64
"""Of products of weights and inputs: 64 times it must fit int32."""

PRODUCTS_BYTES = 4 * READ**2 * 8 * 2
HALF_BYTES = 4 * READ * TILE


def riscv(call: Call, *, whole: bool) -> Lowered | None:
    """3 x 3 with stride 1 where input and output lie in memory with all their rows; elsewhere blocks."""
    op = call.node.op
    if not isinstance(op, Conv) or op.groups != 1 or op.window.rank != 2:
        return None
    window, weights = Planar.of(call, op.window), call.constant(1)
    is_plain = window.kernel == (3, 3) and window.dilations == (1, 1) and window.strides == (1, 1)
    is_even = len(set(window.pads)) == 1 and window.pads[0] <= 1
    fits = 128 * np.abs(weights.astype(np.int64)).sum(axis=(1, 2, 3)).max() < LARGEST_SUM
    if not is_plain or not is_even or window.channels % 2 or len(weights) % 8 or not fits:
        return None
    if not whole:
        return riscv_blocks(call, whole=False)
    height, width = call.output.shape[1:3]
    tiles = 2 * -(-width // (2 * TILE))
    outputs = tiles * -(-height // TILE) * TILE**2
    return Lowered(
        "riscv_winograd",
        (
            {
                "input_height": window.input_sizes[0],
                "input_width": window.input_width,
                "input_channels": window.channels,
                "output_height": height,
                "output_width": width,
                "output_channels": len(weights),
                "pad": window.pads[0],
                "input_zero_point": call.quantization(0).zero_point,
                "weights": _weights(weights.astype(np.int64)),
                "outputs": word_outputs(call, folded_bias(call)),
            },
        ),
        "window",
        window.rows,
        call.quantization(0).zero_point,
        scratch_bytes=PRODUCTS_BYTES + HALF_BYTES + 2 * tiles * READ**2 * window.channels,
        all_rows_at_once=True,
        idle=outputs / (height * width),
        prepared_bytes=outputs // TILE**2 * READ**2 * window.channels,
    )


def _weights(weights: Int64Array) -> ConstantArray:
    """[O, 3, 3, C] as [O / 8][6][6][C][8]; the largest are 144 * 128."""
    outputs, channels = len(weights), weights.shape[-1]
    tiles = np.einsum("ka,oabc,jb->okjc", WEIGHTS, weights, WEIGHTS)
    blocks = tiles.reshape(outputs // 8, 8, READ, READ, channels).transpose(0, 2, 3, 4, 1)
    return ConstantArray("int16_t", blocks.reshape(-1).astype(np.int16), 16)
