"""Alternatives for cores with Helium, the vector extension of Armv8.1-M (Cortex-M55, M85): kernels/helium/.

`lower` returns None where no kernel fits the layer; then one of the DSP extension or the portable one is taken. Where
the rescale in integers is not proved exact, these cores do it in float32 as it is defined.
"""

import numpy as np

from tinycnn.ops import AveragePool, Call, Conv, ConvTranspose, Dense, GlobalAveragePool, MaxPool, Window
from tinycnn.ops.linear import folded_bias
from tinycnn_codegen import helium_bytes, helium_conv, helium_depthwise, helium_pools
from tinycnn_codegen.helium_stream import VECTOR, factors_of, stream_of
from tinycnn_codegen.lowered import Fields, Lowered
from tinycnn_codegen.planar import as_image


def lower(call: Call, *, whole: bool) -> Lowered | None:
    """The kernel for a node; with `whole` its input and output lie in memory with all their rows."""
    match call.node.op:
        case Conv() as op if op.is_depthwise(call.constant(1).shape):
            return helium_depthwise.lower(op, call)
        case Conv() as op:
            return helium_conv.lower(op, call, whole=whole)
        case Dense() if len(call.inputs[0].shape) > 3:
            return helium_conv.lower(Conv(Window.of((1, 1)), channels_last=True), as_image(call), whole=whole)
        case ConvTranspose() as op:
            return helium_conv.lower_transposed(op, call)
        case Dense():
            return _dense(call)
        case GlobalAveragePool() | AveragePool() | MaxPool() as op:
            return helium_pools.lower(op, call)
    return helium_bytes.lower(call)


def lean(call: Call, *, whole: bool) -> Lowered | None:
    """The kernel with less scratch than that of `lower`, for the layers that have such a one."""
    del whole
    op = call.node.op
    if isinstance(op, Conv) and op.is_depthwise(call.constant(1).shape):
        return helium_depthwise.lean(op, call)
    return None


def note(call: Call) -> str:
    """What keeps a layer with weights from the fastest kernels, or nothing."""
    op = call.node.op
    if not isinstance(op, Conv | Dense):
        return ""
    if lower(call, whole=False) is None:
        if isinstance(op, Conv) and op.is_depthwise(call.constant(1).shape):
            return "several channels read the same one, or products of two taps may overflow 16 bits"
        return "windows of more than 1,792 bytes"
    return "rescaled in float32, as integers are not proved" if factors_of(call).is_float else ""


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
