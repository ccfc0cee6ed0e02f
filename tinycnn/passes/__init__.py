"""Rewrites of the graph, each `Graph -> Graph`, checked with `ir.verify` after every one."""

from collections.abc import Callable, Sequence

from tinycnn import ir
from tinycnn.ir import Graph
from tinycnn.passes.axis_last import axis_last
from tinycnn.passes.constant_operands import constant_numbers, lone_affine
from tinycnn.passes.dense_over_rows import dense_over_rows
from tinycnn.passes.fold_affine import fold_affine
from tinycnn.passes.fold_pads import fold_pads
from tinycnn.passes.fold_transposes import fold_transposes, transposes_as_reshapes
from tinycnn.passes.fuse_qdq import fuse_qdq, is_qdq
from tinycnn.passes.global_pools import global_pools
from tinycnn.passes.int8_form import check_int8_form
from tinycnn.passes.keep_axes import keep_axes
from tinycnn.passes.layout import channels_first, channels_last
from tinycnn.passes.linear_resize import linear_resize
from tinycnn.passes.locally_connected import locally_connected
from tinycnn.passes.merge_takes import merge_takes
from tinycnn.passes.quantized_moves import quantized_moves
from tinycnn.passes.sink_transposes import sink_transposes

IMPORT_PASSES = (locally_connected, dense_over_rows)
"""What a float graph goes through when it is loaded: layers that files write as several operators."""
FLOAT_PASSES = (
    *IMPORT_PASSES,
    sink_transposes,
    fold_affine,
    constant_numbers,
    lone_affine,
    global_pools,
    keep_axes,
    linear_resize,
    merge_takes,
    channels_last,
    axis_last,
    fold_transposes,
    transposes_as_reshapes,
    fold_pads,
)
"""What a float graph goes through before it is quantized."""
INT8_PASSES = (
    constant_numbers,
    quantized_moves,
    fuse_qdq,
    *IMPORT_PASSES,
    keep_axes,
    merge_takes,
    channels_last,
    axis_last,
    fold_transposes,
    transposes_as_reshapes,
)
"""What a graph of a quantized file goes through to become an int8 graph."""
EXPORT_PASSES = (channels_first, fold_transposes)
"""What an int8 graph goes through on its way back to ONNX's axes."""


def run_passes(graph: Graph, passes: Sequence[Callable[[Graph], Graph]]) -> Graph:
    for rewrite in passes:
        graph = rewrite(graph)
        ir.verify(graph)
    return graph


__all__ = ["EXPORT_PASSES", "FLOAT_PASSES", "IMPORT_PASSES", "INT8_PASSES", "check_int8_form", "is_qdq", "run_passes"]
