"""Weights, biases and operands of a quantized file as constants of the int8 graph."""

from dataclasses import replace

import numpy as np

from tinycnn.ir import Node, Quantization, unused_name
from tinycnn.ops import Add, Conv, ConvTranspose, Dense, Take
from tinycnn.passes.int8_draft import Int8Draft

BIAS_SCALE_TOLERANCE = 1e-6
"""Relative; how far the scale of a bias may be from the product of the scales of input and weights."""


def quantized_constant(draft: Int8Draft, name: str, quantization: Quantization, is_operand: bool) -> str:
    """Record a quantized constant as int8 or int32; the name it has in the int8 graph.

    Weights are around zero point 0: only differences from the zero point count, so that taking it off is exact;
    where they do not fit int8 they become int16, which `in_parts` splits. What is added to an activation
    (`is_operand`) keeps its zero point, as activations do.
    """
    if is_operand and len(quantization.scale) == 1:
        quantization = replace(quantization, axis=None)
    key = (name, quantization, is_operand)
    if key not in draft.dequantized:
        value = draft.graph.constants[name]
        if value.dtype == np.uint8:
            value = (value.astype(np.int16) - 128).astype(np.int8)
        folded = quantization
        if quantization.zero_point != 0 and not is_operand:
            distances = value.astype(np.int64) - quantization.zero_point
            folded = replace(quantization, zero_point=0)
            value = distances.astype(value.dtype)
            if not np.array_equal(value, distances) and value.dtype == np.int32:
                draft.problems.append(f"constant {name!r} less its zero point does not fit int32")
            elif not np.array_equal(value, distances):
                value = distances.astype(np.int16)
        elif value.dtype == np.int16 and value.min() >= -128 and value.max() <= 127:
            value = value.astype(np.int8)
        draft.dequantized[key] = draft.declare_constant(draft.int8_name(name), value, folded)
    return draft.dequantized[key]


def transposed_constant(draft: Int8Draft, node: Node, name: str, permutation: tuple[int, ...]) -> None:
    quantization = draft.quantization(name)
    if quantization.axis is not None:
        quantization = replace(quantization, axis=permutation.index(quantization.axis))
    rows = np.ascontiguousarray(draft.constants[name].transpose(permutation))
    draft.real[node.outputs[0]] = draft.declare_constant(unused_name(f"{name}_rows", draft.tensors), rows, quantization)


def in_parts(draft: Int8Draft, node: Node, x: str, weights: str, *bias: str) -> tuple[str, ...]:
    """The inputs of a layer whose int16 weights become a sum of int8 ones: it reads each channel several times."""
    value = draft.constants.get(weights)
    if value is None or value.dtype != np.int16:
        return (x, weights, *bias)
    parts = []
    while value.any():
        parts.append(np.clip(value, -128, 127).astype(np.int8))
        value = value - parts[-1]
    axis, groups = (1, node.op.groups) if isinstance(node.op, Conv | ConvTranspose) else (-1, 1)
    tensor = draft.tensors[x]
    channels = np.arange(tensor.shape[axis]).reshape(groups, -1)
    tables: list[tuple[int, ...] | None] = [None] * len(tensor.shape)
    tables[axis] = tuple(np.tile(channels, len(parts)).reshape(-1).tolist())
    repeated = replace(tensor, name=unused_name(f"{x}_repeated", draft.tensors))
    (shape,) = Take(tuple(tables)).output_shapes(tensor.shape)
    draft.tensors[repeated.name] = replace(repeated, shape=shape)
    draft.nodes.append(Node(f"{node.name}_repeated", Take(tuple(tables)), (x,), (repeated.name,), ()))
    name = unused_name(f"{weights}_parts", draft.tensors)
    summed = draft.declare_constant(name, np.concatenate(parts, 1), draft.quantization(weights))
    return (repeated.name, summed, *bias)


def bias_behind(draft: Int8Draft, node: Node, follower: Node | None) -> str:
    """The int32 constant that an Add behind a Dense without bias adds to each output, or ""."""
    if not isinstance(node.op, Dense) or len(node.inputs) != 2 or follower is None:
        return ""
    if not isinstance(follower.op, Add) or len(follower.inputs) != 2:
        return ""
    (other,) = [name for name in follower.inputs if name != node.outputs[0]] or [""]
    name = draft.real.get(other, "")
    outputs = draft.graph.tensors[node.outputs[0]].shape[-1:]
    is_bias = name in draft.constants and draft.tensors[name].dtype == "int32" and draft.tensors[name].shape == outputs
    return name if is_bias else ""


def check_constants(draft: Int8Draft, node: Node, x: str, weights: str, bias: str | None = None) -> None:
    """Weights are int8 with a scale per output channel or one, biases int32 in units of the accumulator."""
    w, quantization = draft.tensors[weights], draft.tensors[x].quantization
    if weights not in draft.constants or w.dtype != "int8" or w.quantization is None or w.quantization.axis:
        draft.left_in_float(node, "its weights are not constant int8 with a scale for each output channel")
    elif bias is not None and quantization is not None:
        b = draft.tensors[bias]
        units = np.float64(quantization.scale[0]) * w.quantization.scales
        if bias not in draft.constants or b.dtype != "int32" or b.quantization is None:
            draft.left_in_float(node, "its bias is not constant int32")
        elif not np.allclose(b.quantization.scales, units, rtol=BIAS_SCALE_TOLERANCE, atol=0):
            draft.left_in_float(node, "the scale of its bias is not that of its input times that of its weights")
