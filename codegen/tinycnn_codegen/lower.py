"""Operators to kernels, one function each. To add one: its kernel, a function here and its line in `LOWERINGS`."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinycnn.errors import UnsupportedError
from tinycnn.ops import (
    Call,
    Conv,
    ConvTranspose,
    Dense,
    LocallyConnected,
    Softmax,
    Window,
    is_elementwise,
    row_bytes,
)
from tinycnn.ops.linear import bias_of
from tinycnn.ops.softmax import exponentials, float_exponentials, float_shares
from tinycnn_codegen.alternatives import INSTRUCTION_SETS, PORTABLE
from tinycnn_codegen.ctext import ConstantArray
from tinycnn_codegen.elementwise import ELEMENTWISE_LOWERINGS, lower_elementwise
from tinycnn_codegen.lower_movement import MOVEMENT_LOWERINGS
from tinycnn_codegen.lower_normalize import NORMALIZE_LOWERINGS
from tinycnn_codegen.lower_pools import POOL_LOWERINGS
from tinycnn_codegen.lower_sums import SUM_LOWERINGS
from tinycnn_codegen.lowered import Fields, Lowered, RowWindow
from tinycnn_codegen.planar import Planar, as_image
from tinycnn_codegen.weights import LANES, linear_layers


def lower(call: Call, kernels: str = PORTABLE, *, whole: bool = False) -> Lowered:
    """The kernel and the structs for a node of an int8 graph that is no view; UnsupportedError when there is none.

    `kernels` is `PORTABLE` or an instruction set that has a kernel for this node (`alternatives`). With `whole` the
    node's tensors are held with all rows.
    """
    op = call.node.op
    if kernels != PORTABLE:
        found = INSTRUCTION_SETS[kernels].lower(call, whole=whole)
        if found is not None:
            return found
    if type(op) in LOWERINGS:
        return LOWERINGS[type(op)](op, call)
    if is_elementwise(op):
        return lower_elementwise(op, call)
    raise UnsupportedError(f"Node {call.name!r}", [f"{op.label} has no C kernel yet."])


def lower_conv(op: Conv, call: Call) -> Lowered:
    """Per group, and per array of weights, a struct."""
    weights = call.constant(1)
    window = Planar.of(call, op.window)
    if op.is_depthwise(weights.shape):
        return _lower_depthwise_conv(op, call, window)
    inputs = weights.shape[-1]
    linear = linear_layers(call, op.groups, unit=LANES, lanes=LANES, line=LANES * inputs * window.kernel[1])
    layers = tuple(
        {
            **window.row_fields,
            "input_channels": window.channels,
            "output_channels": weights.shape[0],
            "input_zero_point": call.quantization(0).zero_point,
            "first_input": group * inputs,
            "inputs": inputs,
            **fields,
        }
        for group, fields in linear
    )
    return Lowered("conv2d", layers, "window", window.rows, call.quantization(0).zero_point)


def _lower_depthwise_conv(op: Conv, call: Call, window: "Planar") -> Lowered:
    """Per array of weights a struct. Neighbouring channels go together when each has an input channel of its own."""
    multiplier = call.constant(1).shape[0] // op.groups
    lanes = LANES if multiplier == 1 else 1
    unit = LANES if multiplier == 1 else multiplier
    linear = linear_layers(call, 1, unit=unit, lanes=lanes, line=lanes * window.kernel[1])
    layers = tuple(
        {
            **window.row_fields,
            "input_channels": window.channels,
            "multiplier": multiplier,
            "input_zero_point": call.quantization(0).zero_point,
            **fields,
        }
        for _, fields in linear
    )
    return Lowered("depthwise_conv2d", layers, "window", window.rows, call.quantization(0).zero_point)


def lower_conv_transpose(op: ConvTranspose, call: Call) -> Lowered:
    """Per group, and per array of weights, a struct. Inserted zeros are not read, so no zero point is in the bias."""
    weights, bias = call.constant(1), bias_of(call)
    window = Planar.of(call, op.taps)
    strides = (*op.strides, 1)
    inputs = weights.shape[-1]
    linear = linear_layers(call, op.groups, unit=LANES, lanes=LANES, line=LANES * inputs * window.kernel[1])
    layers = []
    for group, fields in linear:
        (first, outputs) = (fields["first_output"], fields["outputs"])
        assert isinstance(first, int)
        assert isinstance(outputs, int)
        layers.append(
            {
                **window.row_fields,
                "stride": strides[1],
                "input_channels": window.channels,
                "output_channels": weights.shape[0],
                "input_zero_point": call.quantization(0).zero_point,
                "first_input": group * inputs,
                "inputs": inputs,
                **fields,
                "bias": ConstantArray("int32_t", bias[first : first + outputs], outputs),
            }
        )
    rows = RowWindow(window.kernel[0], strides[0], window.pads[0], window.dilations[0], "spread_window")
    return Lowered("conv_transpose2d", tuple(layers), "window", rows)


def lower_locally_connected(op: LocallyConnected, call: Call) -> Lowered:
    """Per array of weights a struct; an output element is what a channel is elsewhere."""
    weights, window = call.constant(1), Planar.of(call, op.window)
    filters = call.output.shape[-1]
    lanes = LANES if filters % LANES == 0 else 1
    linear = linear_layers(call, 1, unit=lanes, lanes=lanes, line=lanes * int(np.prod(weights.shape[1:])))
    layers = tuple(
        {
            **window.row_fields,
            "channels": window.channels,
            "filters": filters,
            "input_zero_point": call.quantization(0).zero_point,
            "lanes": lanes,
            **fields,
        }
        for _, fields in linear
    )
    return Lowered("locally_connected", layers, "counted window", window.rows, call.quantization(0).zero_point)


def lower_dense(op: Dense, call: Call) -> Lowered:
    """Per array of weights a struct. Several vectors in a row are the pixels of a 1x1 convolution."""
    if len(call.inputs[0].shape) > 3:
        return lower_conv(Conv(Window.of((1, 1)), channels_last=True), as_image(call))
    inputs = call.constant(1).shape[1]
    linear = linear_layers(call, 1, unit=LANES, lanes=LANES, line=LANES * inputs)
    return Lowered("dense", tuple({"inputs": inputs, **fields} for _, fields in linear), "rows")


def lower_softmax(op: Softmax, call: Call) -> Lowered:
    """Exponentials that round to 0 are not stored."""
    shape = call.inputs[0].shape
    if op.as_onnxruntime:
        return _lower_qlinear_softmax(call)
    powers = np.trim_zeros(exponentials(call.quantization(0)), "b")
    layer: Fields = {
        "vectors": row_bytes(shape) // shape[-1],
        "length": shape[-1],
        "distances": len(powers),
        "exponentials": ConstantArray("int32_t", powers, len(powers)),
    }
    return Lowered("softmax", (layer,), "rows")


def _lower_qlinear_softmax(call: Call) -> Lowered:
    """Shares below a quarter of the smallest sum become 0 and are not stored, nor are exponentials that are 0."""
    shape = call.inputs[0].shape
    powers = float_exponentials(call.quantization(0), shape[-1])
    shares = float_shares(powers, call.output_quantization)
    shares = shares[shares >= powers[0] / 4]
    powers = powers[powers > 0]
    layer: Fields = {
        "vectors": row_bytes(shape) // shape[-1],
        "length": shape[-1],
        "output_zero_point": call.output_quantization.zero_point,
        "distances": len(powers),
        "exponentials": ConstantArray("uint32_t", powers.view(np.uint32), len(powers)),
        "divided": len(shares),
        "shares": ConstantArray("uint32_t", shares.view(np.uint32), len(shares)),
    }
    return Lowered("qlinear_softmax", (layer,), "rows")


LOWERINGS: Mapping[type, Callable[[Any, Call], Lowered]] = {
    Conv: lower_conv,
    ConvTranspose: lower_conv_transpose,
    Dense: lower_dense,
    LocallyConnected: lower_locally_connected,
    Softmax: lower_softmax,
    **MOVEMENT_LOWERINGS,
    **ELEMENTWISE_LOWERINGS,
    **POOL_LOWERINGS,
    **SUM_LOWERINGS,
    **NORMALIZE_LOWERINGS,
}
"""The operators with a kernel of their own. Elementwise operators share one, and views (plan.is_view) need none."""
