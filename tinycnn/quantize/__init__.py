"""From a float graph and calibration samples to an int8 graph.

Weights are int8 per output channel, activations int8 per tensor, biases int32; an activation function that
saturation can do is fused into the layer before it. Scales are nudged by a few float32 ulps where that lets the
integer arithmetic of a chip be proved equal to onnxruntime's (`tinycnn.fixedpoint`).
"""

import json
from dataclasses import replace

import numpy as np

from tinycnn import engine, fixedpoint, ir
from tinycnn.errors import QuantizationError
from tinycnn.ir import Array, Graph, Node, Quantization, Tensor
from tinycnn.ops import Add, Clip, Conv, Dense, Int8Operator, is_elementwise, is_int8
from tinycnn.passes import FLOAT_PASSES, run_passes
from tinycnn.quantize.calibrate import METHODS, Method, Progress, Range, calibrate
from tinycnn.quantize.weights import activation_quantization, quantize_weights, weight_scales

MOVED_SCALES_KEY = "tinycnn.moved_scales"
"""Metadata of a quantized graph: JSON, for each layer the channels whose weight scale was nudged to get a proof."""

__all__ = ["METHODS", "Method", "moved_scales", "quantize"]


def quantize(
    graph: Graph,
    samples: Array,
    *,
    method: Method = "minmax",
    percentile: float = 99.99,
    progress: Progress | None = None,
) -> Graph:
    """The int8 graph of a float graph (as `load` gives it), calibrated on float32 samples [N, ...] with ONNX's axes.

    Raises UnsupportedError with every operator that has no int8 form, DataError for samples that do not fit, and
    QuantizationError when an accumulator could overflow or the graph is quantized already.
    """
    if graph.is_quantized:
        raise QuantizationError(f"{graph.name} is quantized already.")
    floats = run_passes(graph, FLOAT_PASSES)
    engine.check_int8(floats)
    stored = engine.to_stored(floats.tensors[floats.inputs[0]], samples)
    quantizer = _Quantizer(floats, calibrate(floats, stored, method, percentile, progress))
    quantized = quantizer.run()
    ir.verify(quantized)
    return quantized


def moved_scales(graph: Graph) -> dict[str, tuple[int, ...]]:
    """For each layer of a quantized graph the channels whose weight scale was nudged."""
    try:
        moved = json.loads(graph.metadata.get(MOVED_SCALES_KEY, "{}"))
        return {str(name): tuple(int(channel) for channel in channels) for name, channels in moved.items()}
    except (ValueError, TypeError, AttributeError):  # somebody else's metadata
        return {}


class _Quantizer:
    """Walks the nodes in order, so that a layer knows the final scale of its inputs."""

    def __init__(self, graph: Graph, ranges: dict[str, Range]) -> None:
        self.graph, self.ranges = graph, ranges
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, Array] = {}
        self.nodes: list[Node] = []
        self.fused: set[str] = set()
        self.moved: dict[str, list[int]] = {}

    def run(self) -> Graph:
        for name in self.graph.inputs:
            self._declare(name, activation_quantization(self.ranges[name]))
        for node in self.graph.nodes:
            if node.outputs[0] not in self.fused and is_int8(node.op):
                self._node(node, node.op)
        return ir.rebuild(
            self.graph,
            self.nodes,
            self.tensors,
            self.constants,
            metadata={MOVED_SCALES_KEY: json.dumps(self.moved, sort_keys=True)} if self.moved else {},
        )

    def _node(self, node: Node, op: Int8Operator) -> None:
        node = self._with_activation(node, op)
        quantization = self._output_quantization(node, op)
        if isinstance(op, Add):
            quantization = self._agreeing(node, quantization)
        self._declare(node.outputs[0], quantization)
        if isinstance(op, Conv | Dense):
            node = self._linear(node, quantization)
        self.nodes.append(node)

    def _with_activation(self, node: Node, op: Int8Operator) -> Node:
        """`node` with the Clip that alone follows it, where saturation of its int8 output does the clipping."""
        follower = self.graph.sole_consumer(node.outputs[0])
        if op.output_scale != "free" or is_elementwise(op) or follower is None or not isinstance(follower.op, Clip):
            return node
        if not follower.op.low <= 0 <= follower.op.high:
            return node
        self.fused.update(follower.outputs)
        return replace(node, outputs=follower.outputs, origins=node.origins + follower.origins)

    def _output_quantization(self, node: Node, op: Int8Operator) -> Quantization:
        if op.output_scale == "fixed":
            return op.fixed_quantization  # type: ignore[attr-defined, no-any-return]
        if op.output_scale == "input":
            return self._quantization(node.inputs[0])
        return activation_quantization(self.ranges[node.outputs[0]])

    def _agreeing(self, node: Node, wanted: Quantization) -> Quantization:
        """`wanted` moved by a few ulps, so that every order of evaluating the sum gives the same bytes."""
        a, b = (self._quantization(name) for name in node.inputs)
        found = fixedpoint.agreeing_add_scale(
            a.scales[0], a.zero_point, b.scales[0], b.zero_point, wanted.scales[0], wanted.zero_point
        )
        if found is None:
            raise QuantizationError(
                f"Layer {node.name!r}: no scale near {wanted.scale[0]:g} makes this addition the same on every machine."
            )
        return replace(wanted, scale=(float(found.y_scale),))

    def _linear(self, node: Node, y: Quantization) -> Node:
        """Quantize the weights and bias of a Conv or Dense; the node with the names of the integer constants."""
        x = self._quantization(node.inputs[0])
        weights = self.graph.constants[node.inputs[1]]
        bias = np.zeros(weights.shape[0], np.float32)
        if len(node.inputs) > 2:
            bias = self.graph.constants[node.inputs[2]].astype(np.float32)
        scales = weight_scales(weights, bias, x.scale[0])
        integers = quantize_weights(weights, scales)
        flat = integers.reshape(integers.shape[0], -1)
        nudged = fixedpoint.nudge_weight_scales(flat, bias, x.scale[0], x.zero_point, scales, y.scale[0], y.zero_point)
        overflowing = fixedpoint.overflowing_channels(flat, x.zero_point, nudged.bias)
        if overflowing.size:
            raise QuantizationError(
                f"Layer {node.name!r}: the int32 accumulator of channel {overflowing[0]} could overflow; make the layer"
                " smaller, or split it."
            )
        if np.any(nudged.ulps):
            self.moved[node.name] = np.flatnonzero(nudged.ulps).tolist()
        names = tuple(
            name if name not in self.constants else f"{node.name}.{name}"  # shared by layers with other scales
            for name in (node.inputs[1], node.inputs[2] if len(node.inputs) > 2 else f"{node.name}.bias")
        )
        per_channel = Quantization(tuple(nudged.w_scale.tolist()), 0, 0)
        products = np.float32(x.scale[0]) * nudged.w_scale
        self._constant(names[0], integers, per_channel)
        self._constant(names[1], nudged.bias, Quantization(tuple(products.tolist()), 0, 0))
        return replace(node, inputs=(node.inputs[0], *names))

    def _constant(self, name: str, value: Array, quantization: Quantization) -> None:
        self.constants[name] = value
        self.tensors[name] = Tensor(name, value.shape, value.dtype.name, quantization)  # type: ignore[arg-type]

    def _declare(self, name: str, quantization: Quantization) -> None:
        self.tensors[name] = replace(self.graph.tensors[name], dtype="int8", quantization=quantization)

    def _quantization(self, name: str) -> Quantization:
        quantization = self.tensors[name].quantization
        assert quantization is not None, name
        return quantization
