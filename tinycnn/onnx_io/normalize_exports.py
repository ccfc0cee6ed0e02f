"""Export of ArgMax, LogSoftmax, LRN and PRelu."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinycnn.ir import Array, Node
from tinycnn.onnx_io.normalize_functions import ARG_MAX, LOG_SOFTMAX
from tinycnn.onnx_io.normalize_functions import LRN as LRN_FUNCTION
from tinycnn.onnx_io.softmax_function import DOMAIN
from tinycnn.onnx_io.writer import Writer
from tinycnn.ops import LRN, ArgMax, LogSoftmax, PRelu
from tinycnn.ops.softmax import exponentials


def arg_max(writer: Writer, node: Node, op: ArgMax) -> None:
    (x,), (output,) = node.inputs, node.outputs
    low = writer.initializer(output, "low", np.array(0 if writer.unsigned else -128, np.int32))
    writer.parameters(output)
    inputs, outputs = [writer.quantized(x), low], [writer.quantized(output)]
    writer.add(node, ARG_MAX, inputs, outputs, DOMAIN, axis=op.axis, select_last_index=int(op.last))


def log_softmax(writer: Writer, node: Node, op: LogSoftmax) -> None:
    (x,), (output,) = node.inputs, node.outputs
    source, destination = writer.quantization(x), writer.quantization(output)
    values: dict[str, Array] = {
        "exponentials": exponentials(source),
        "distances": op.distances(source, destination),
        "thresholds": op.thresholds(destination, writer.graph.tensors[x].shape[op.axis]),
        "axes": np.array([op.axis], np.int64),
    }
    extra = [writer.initializer(output, name, value) for name, value in values.items()]
    inputs = [*writer.with_parameters(x), *extra, *writer.parameters(output)]
    writer.add(node, LOG_SOFTMAX, inputs, [writer.quantized(output)], DOMAIN)


def lrn(writer: Writer, node: Node, op: LRN) -> None:
    (x,), (output,) = node.inputs, node.outputs
    table = op.multipliers(writer.quantization(x), writer.quantization(output))
    values: dict[str, Array] = {
        "band": lrn_band(op, writer.graph.tensors[x].shape),
        "multipliers": table.multipliers,
        "divisor": np.array(1 << table.bits, np.int32),
        "unit": np.array(2.0**-table.shift, np.float32),
    }
    extra = [writer.initializer(output, name, value) for name, value in values.items()]
    inputs = [*writer.with_parameters(x), *extra, *writer.parameters(output)]
    attributes = {"size": op.size, "alpha": op.alpha, "beta": op.beta, "bias": op.bias}
    writer.add(node, LRN_FUNCTION, inputs, [writer.quantized(output)], DOMAIN, **attributes)


def lrn_band(op: LRN, shape: tuple[int, ...]) -> Array:
    """Weights of ones for the channels around each, float32 [C, C, 1...]."""
    band = LRN(op.size, axis=0).window_sums(np.eye(shape[1], dtype=np.float32))
    return band.reshape(shape[1], shape[1], *(1,) * (len(shape) - 2))


def prelu(writer: Writer, node: Node, op: PRelu) -> None:
    rank = len(writer.graph.tensors[node.inputs[0]].shape)
    slopes = np.array(op.slopes, np.float32).reshape(-1, *(1,) * (rank - 1 - op.axis))
    writer.between_quantizers(node, "PRelu", writer.initializer(node.outputs[0], "slopes", slopes))


NORMALIZE_EXPORTS: dict[type, Callable[[Writer, Node, Any], None]] = {
    ArgMax: arg_max,
    LRN: lrn,
    LogSoftmax: log_softmax,
    PRelu: prelu,
}
