"""ONNX files in and out."""

from collections.abc import Mapping
from pathlib import Path

from tinycnn.ir import Graph, Shape
from tinycnn.onnx_io.export import FORMATS, Format, export, save
from tinycnn.onnx_io.load import load_float
from tinycnn.passes import IMPORT_PASSES, INT8_PASSES, check_int8_form, is_qdq, run_passes

__all__ = ["FORMATS", "Format", "export", "load", "save"]


def load(path: str | Path, input_shapes: Mapping[str, Shape] | None = None) -> Graph:
    """The graph of an ONNX file: float32 with ONNX's axes, or int8 when the file is quantized (QDQ, QOperator).

    `input_shapes` fixes the shapes of inputs that the file leaves open; an open batch axis becomes 1. Raises
    ModelError when the file cannot be read and UnsupportedError with everything that tinycnn cannot take, at once.
    """
    graph = load_float(path, input_shapes)
    if is_qdq(graph):
        graph = run_passes(graph, INT8_PASSES)
        check_int8_form(graph)
        return graph
    return run_passes(graph, IMPORT_PASSES)
