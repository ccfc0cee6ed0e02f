"""Convolutions and dense layers in blocks of channels and columns: kernels/word32/, and armv7_m's way to multiply.

Each function returns None where the kernel does not fit the layer or a bound cannot be proved from the weights.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tinycnn.ops import Call, Conv, Dense, Window
from tinycnn.ops.base import Int64Array
from tinycnn.ops.linear import folded_bias
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.lowered import Fields, Lowered
from tinycnn_codegen.planar import Planar
from tinycnn_codegen.words import word_outputs, words

CHANNELS = 4
"""Channels of a block."""

SHORT_RUN = 16
"""Runs that are shorter cost more to begin than to gather."""


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Weights as words, and what each channel's sum is too large by, int64 [O]."""

    words: Int64Array
    excess: Int64Array


def block_files(file: str) -> Mapping[str, str]:
    """What stands in for others where `file` of kernels/ has the products of convolutions and of dense layers."""
    return {"tcn_block_product.h": file, "tcn_block_vector.h": file}


@dataclass(frozen=True, slots=True)
class BlockFormat:
    """How weights are stored: as bytes, or so that pairs of channels share a multiplication.

    `pack` takes weights [groups, channels of a group, runs, taps] and is None where a bound is not proved. `files` are
    those of kernels/ that stand in for others. A block has up to `columns` columns. Inputs are always gathered,
    those of a vector too, if `gathers`. `element` is the type of a weight, or of several that share a word.
    """

    pack: Callable[[Int64Array], Packed | None]
    files: Mapping[str, str]
    vector_channels: int = 8
    vector_kernel: str = "block_dense"
    gathers: bool = False
    columns: int = 2
    element: Literal["int8_t", "int32_t"] = "int32_t"


def block_conv(op: Conv, call: Call, whole: bool, form: BlockFormat) -> Lowered | None:
    weights = call.constant(1)
    if op.groups != 1:
        return None
    planar = Planar.of(call, op.window)
    outputs, (height, width) = weights.shape[0], planar.kernel
    run = width * planar.channels
    gathers = form.gathers or (run < SHORT_RUN and height > 1) or planar.dilations[1] != 1
    runs, taps = (1, height * run) if gathers else (height, run)
    packed = form.pack(_in_groups(weights.reshape(outputs, runs, taps), CHANNELS))
    at_once = whole and planar.is_pointwise
    rows = call.output.shape[1] if at_once else 1
    if packed is None:
        return None
    layer: Fields = {
        "input_width": planar.input_width * rows,
        "input_channels": planar.channels,
        "output_width": planar.output_width * rows,
        "output_channels": outputs,
        "kernel_height": height,
        "kernel_width": width,
        "stride": planar.strides[1],
        "pad": planar.pads[1],
        "dilation": planar.dilations[1],
        "input_zero_point": call.quantization(0).zero_point,
        "gathers": int(gathers),
        "runs": runs,
        "taps": taps,
        **_constants(call, packed, form),
    }
    return Lowered(
        "block_conv2d",
        (layer,),
        "window",
        planar.rows,
        call.quantization(0).zero_point,
        scratch_bytes=-(-form.columns * height * run // 4) * 4,
        all_rows_at_once=at_once,
        stand_ins=form.files,
    )


def block_dense(op: Dense, call: Call, whole: bool, form: BlockFormat) -> Lowered | None:
    if len(call.inputs[0].shape) > 3:
        return block_conv(Conv(Window.of((1, 1)), channels_last=True), call, whole, form)
    weights = call.constant(1)
    outputs, inputs = weights.shape
    packed = form.pack(_in_groups(weights.reshape(outputs, 1, inputs), form.vector_channels))
    if packed is None:
        return None
    layer: Fields = {"inputs": inputs, "channels": outputs, **_constants(call, packed, form)}
    scratch_bytes = -(-inputs // 4) * 4 if form.gathers else 0
    return Lowered(form.vector_kernel, (layer,), "rows", scratch_bytes=scratch_bytes, stand_ins=form.files)


def _in_groups(weights: np.ndarray[tuple[int, ...], np.dtype[np.int8]], channels: int) -> Int64Array:
    """[O, runs, taps] as [O / channels, rounded up][channels][runs][taps], zeros for channels that are not there."""
    padded = np.pad(weights.astype(np.int64), ((0, -len(weights) % channels), (0, 0), (0, 0)))
    return padded.reshape(-1, channels, *weights.shape[1:])


def _constants(call: Call, packed: Packed, form: BlockFormat) -> Fields:
    bias = folded_bias(call)
    is_byte = form.element == "int8_t"
    weights = ConstantArray("int8_t", packed.words.astype(np.int8), 16) if is_byte else words(packed.words, 2)
    return {"weights": weights, "outputs": word_outputs(call, bias - packed.excess[: len(bias)])}
