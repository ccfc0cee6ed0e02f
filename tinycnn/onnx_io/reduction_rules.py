"""Import of operators along axes. A mean or maximum over all positions of an image becomes a global pool."""

import math
from functools import partial

from tinycnn.onnx_io.node import Builder, OnnxNode, RefusalError
from tinycnn.onnx_io.quantized_rules import Rule
from tinycnn.onnx_io.windows import MAX_WINDOW, global_window
from tinycnn.ops import ArgMax, GlobalAveragePool, LpPool, MaxPool, Reduce, Reshape, Transpose, Window
from tinycnn.ops.reduce import EXTREMA, REDUCTIONS

OF_ANY_TYPE = (*EXTREMA, "ReduceProd", "ReduceSum")


def reduce(builder: Builder, node: OnnxNode, function: str) -> None:
    rank = len(builder.shape(node))
    dtype = builder.tensor(node, 0).dtype
    if dtype != "float32" and (function not in OF_ANY_TYPE or (dtype == "bool" and function not in EXTREMA)):
        raise RefusalError(f"its input is {dtype}, not float32")
    axes = node.integers("axes")
    if node.has_input(1):
        axes = tuple(builder.constant_value(node, 1, "axes").reshape(-1).tolist())
    if not axes and node.integer("noop_with_empty_axes", 0):
        if function not in (*OF_ANY_TYPE, "ReduceMean"):
            raise RefusalError("noop_with_empty_axes=1 is not supported")
        builder.aliases[node.outputs[0]] = builder.tensor(node, 0).name
        return
    op = Reduce(function, axes or tuple(range(rank)), bool(node.integer("keepdims", 1)))
    op.output_shapes(builder.shape(node))
    op = Reduce(function, tuple(sorted(axis % rank for axis in op.axes)), op.keepdims)
    if not _as_global_pool(builder, node, op) and not _as_norm(builder, node, op):
        builder.emit(node, op, node.inputs[:1])


def _as_global_pool(builder: Builder, node: OnnxNode, op: Reduce) -> bool:
    """Emit a global pool where `op` goes over all positions of an image, also of one that a Transpose moved."""
    source, permutation = builder.tensor(node, 0).name, tuple(range(len(builder.shape(node))))
    producer = builder.producers.get(source)
    if producer is not None and isinstance(producer.op, Transpose):
        (source,), permutation = producer.inputs, producer.op.permutation
    axes = sorted(permutation[axis] for axis in op.axes)
    rank = len(permutation)
    if builder.tensors[source].dtype != "float32" or 0 in builder.tensors[source].shape:
        return False
    if op.function not in ("ReduceMean", "ReduceMax") or rank < 3 or axes != list(range(2, rank)) or permutation[0]:
        return False
    moves = op.keepdims and permutation != tuple(range(rank))
    pooled = builder.unused(f"{node.outputs[0]}_pooled") if moves or not op.keepdims else node.outputs[0]
    window = global_window(builder.tensors[source].shape[2:])
    pool = GlobalAveragePool() if op.function == "ReduceMean" else MaxPool(window)
    builder.emit(node, pool, (source,), output=pooled)
    if moves:
        builder.emit(node, Transpose(permutation), (pooled,))
    elif not op.keepdims:
        builder.emit(node, Reshape((0, builder.tensors[source].shape[1])), (pooled,))
    return True


def _as_norm(builder: Builder, node: OnnxNode, op: Reduce) -> bool:
    """Emit an L1 or L2 pool for a norm over neighbouring axes: those before them are channels, those behind columns."""
    power, shape = {"ReduceL1": 1, "ReduceL2": 2}.get(op.function), builder.shape(node)
    first, last = op.axes[0], op.axes[-1] + 1
    if power is None or first == 0 or op.axes != tuple(range(first, last)) or 0 in shape:
        return False
    channels, length, columns = (math.prod(part) for part in (shape[1:first], shape[first:last], shape[last:]))
    if length >= MAX_WINDOW:
        return False
    image, norm = (builder.unused(f"{node.outputs[0]}_{what}") for what in ("image", "norm"))
    builder.emit(node, Reshape((0, channels, length, columns)), node.inputs[:1], output=image)
    builder.emit(node, LpPool(Window.of((length, 1)), power), (image,), output=norm)
    (result,) = op.output_shapes(shape)
    builder.emit(node, Reshape((0, *result[1:])), (norm,))
    return True


def arg_max(builder: Builder, node: OnnxNode) -> None:
    op = ArgMax(node.integer("axis", 0), bool(node.integer("keepdims", 1)), bool(node.integer("select_last_index", 0)))
    builder.emit(node, op, node.inputs, "int64")


REDUCTION_RULES: dict[str, Rule] = {
    **{name: partial(reduce, function=name) for name in REDUCTIONS},
    "ArgMax": arg_max,
}
