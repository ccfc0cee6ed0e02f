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
from tinycnn.ops import (
    Add,
    AveragePool,
    Call,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Dense,
    Divide,
    Extremum,
    GlobalAveragePool,
    Int8Operator,
    LocallyConnected,
    MatrixProduct,
    Multiply,
    Reduce,
    Unary,
    is_elementwise,
    is_int8,
    quantize_array,
)
from tinycnn.passes import FLOAT_PASSES, check_int8_form, run_passes
from tinycnn.quantize.calibrate import METHODS, Method, Progress, Range, calibrate
from tinycnn.quantize.joined import joined_ranges, same_for_joined
from tinycnn.quantize.means import FLOAT32_BITS, counts_of, mean_scale, scale_bits, scales_from
from tinycnn.quantize.ties import clear_of_ties, product_off_ties, quotient_off_ties
from tinycnn.quantize.weights import activation_quantization, quantize_weights, weight_scales

MOVED_SCALES_KEY = "tinycnn.moved_scales"
"""Metadata of a quantized graph: JSON, for each layer the channels whose rescaling got a proof by a nudged scale."""

MOST_APART = 2**20
"""How far the scales of what is added may be apart; int64 holds exact sums (codegen) up to twice that."""

__all__ = ["METHODS", "Method", "moved_scales", "quantize"]


def quantize(
    graph: Graph,
    samples: engine.Samples,
    *,
    method: Method = "minmax",
    percentile: float = 99.99,
    progress: Progress | None = None,
) -> Graph:
    """The int8 graph of a float graph (as `load` gives it), calibrated on float32 samples [N, ...] with ONNX's axes,
    by input where it has several.

    Raises UnsupportedError with every operator that has no int8 form, DataError for samples that do not fit, and
    QuantizationError when an accumulator could overflow or the graph is quantized already.
    """
    if graph.is_quantized:
        raise QuantizationError(f"{graph.name} is quantized already.")
    if method not in METHODS or not 50 < percentile <= 100:
        raise QuantizationError(
            f"The method is one of {', '.join(METHODS)} and the percentile over 50 and at most 100,"
            f" not {method!r} and {percentile}."
        )
    floats = run_passes(graph, FLOAT_PASSES)
    check_int8_form(floats)
    ranges = calibrate(floats, engine.stored_samples(floats, samples), method, percentile, progress)
    quantized = _Quantizer(floats, ranges).run()
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
        self.graph, self.ranges = graph, joined_ranges(graph, ranges)
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, Array] = {}
        self.nodes: list[Node] = []
        self.fused: set[str] = set()
        self.moved: dict[str, list[int]] = {}
        self.bits = same_for_joined(graph, scale_bits(graph))

    def run(self) -> Graph:
        for name in self.graph.inputs:
            self._declare(name, self._with_few_bits(name, activation_quantization(self.ranges[name])))
        for node in self.graph.nodes:
            if node.outputs[0] not in self.fused and is_int8(node.op):
                try:
                    with np.errstate(over="ignore"):  # scales beyond float32 are refused
                        self._node(node, node.op)
                except QuantizationError as error:
                    raise QuantizationError(f"Layer {node.name!r}: {error}") from None
        metadata = {key: text for key, text in self.graph.metadata.items() if key != MOVED_SCALES_KEY}
        if self.moved:
            metadata[MOVED_SCALES_KEY] = json.dumps(self.moved, sort_keys=True)
        return ir.rebuild(self.graph, self.nodes, self.tensors, self.constants, metadata=metadata)

    def _node(self, node: Node, op: Int8Operator) -> None:
        node = self._with_operand(self._with_activation(node, op), op)
        quantization = self._output_quantization(node, op)
        if isinstance(op, Add):
            quantization = self._agreeing(node, quantization)
        elif isinstance(op, AveragePool | GlobalAveragePool):
            quantization = self._same_mean(node, quantization)
        elif isinstance(op, Divide | Multiply):
            a, b = (self._quantization(name) for name in node.inputs)
            bits = self.bits.get(node.outputs[0], FLOAT32_BITS)
            off_ties = product_off_ties if isinstance(op, Multiply) else quotient_off_ties
            quantization = off_ties(a, b, quantization, bits)
        elif isinstance(op, Unary):
            bits = self.bits.get(node.outputs[0], FLOAT32_BITS)
            quantization = clear_of_ties(op, self._quantization(node.inputs[0]), quantization, bits)
        elif isinstance(op, MatrixProduct | Reduce) and op.output_scale == "free":
            quantization = self._provable(node, op, quantization)
        self._declare(node.outputs[0], quantization)
        if isinstance(op, Conv | ConvTranspose | Dense | LocallyConnected):
            node = self._linear(node, quantization)
        self.nodes.append(node)

    def _with_activation(self, node: Node, op: Int8Operator) -> Node:
        """`node` with the Clip that alone follows it, where saturation of its int8 output does the clipping."""
        follower = self.graph.sole_consumer(node.outputs[0])
        if op.output_scale != "free" or is_elementwise(op) or follower is None or not isinstance(follower.op, Clip):
            return node
        if not follower.op.low <= 0 <= follower.op.high or isinstance(op, Concat):
            return node
        seen = self.ranges[follower.outputs[0]]
        if seen.low < follower.op.low or seen.high > follower.op.high:  # it shares the scale of a wider tensor
            return node
        self.fused.update(follower.outputs)
        return replace(node, outputs=follower.outputs, origins=node.origins + follower.origins)

    def _with_operand(self, node: Node, op: Int8Operator) -> Node:
        """`node` with a constant operand of Min, Max or Div quantized as an activation that has its values."""
        if not isinstance(op, Divide | Extremum) or len(self.graph.activations(node)) == len(node.inputs):
            return node
        names = []
        for name in node.inputs:
            if name in self.graph.constants:
                value = self.graph.constants[name]
                quantization = activation_quantization(Range(float(value.min()), float(value.max())))
                name = self._constant(name, quantize_array(value, quantization), quantization)
            names.append(name)
        return replace(node, inputs=tuple(names))

    def _output_quantization(self, node: Node, op: Int8Operator) -> Quantization:
        if op.output_scale == "input":
            return self._quantization(node.inputs[0])
        shared = {self._quantization(name) for name in node.inputs if name in self.tensors}
        if isinstance(op, Concat) and len(shared) == 1:
            return shared.pop()
        fixed: Quantization | None = getattr(op, "fixed_quantization", None)
        wanted = activation_quantization(self.ranges[node.outputs[0]])
        return fixed or self._with_few_bits(node.outputs[0], wanted)

    def _with_few_bits(self, name: str, quantization: Quantization) -> Quantization:
        """A slightly larger scale with fewer significant bits, for a tensor that an AveragePool reads."""
        if name not in self.bits:
            return quantization
        return replace(quantization, scale=(float(next(scales_from(quantization.scale[0], self.bits[name]))),))

    def _agreeing(self, node: Node, wanted: Quantization) -> Quantization:
        """`wanted` with the scale moved a little, so that every order of evaluating the sum gives the same bytes."""
        a, b = (self._quantization(name) for name in node.inputs)
        if max(a.scale[0], b.scale[0]) > MOST_APART * min(a.scale[0], b.scale[0]):
            raise QuantizationError(
                f"Its inputs have the scales {a.scale[0]:g} and {b.scale[0]:g}, so far apart that the smaller one adds"
                " nothing to the larger; take it out of the model or give calibration samples in which both matter."
            )
        for scale in scales_from(wanted.scale[0], self.bits.get(node.outputs[0], FLOAT32_BITS)):
            parameters = fixedpoint.AddParameters(
                a.scales[0], a.zero_point, b.scales[0], b.zero_point, scale, wanted.zero_point
            )
            if fixedpoint.agreeing_add_scale(parameters, maximum_ulps=0):
                return replace(wanted, scale=(float(scale),))
        raise QuantizationError(
            f"No scale near {wanted.scale[0]:g} makes this addition the same on every machine;"
            " try other calibration samples."
        )

    def _same_mean(self, node: Node, wanted: Quantization) -> Quantization:
        """`wanted` with the scale moved a little, so that the means are the same bytes everywhere."""
        bits = self.bits.get(node.outputs[0], FLOAT32_BITS)
        scale = float(mean_scale(self.graph, node, self._quantization(node.inputs[0]), wanted, bits))
        if scale != wanted.scale[0]:
            self.moved[node.name] = list(range(len(counts_of(self.graph, node))))
        return replace(wanted, scale=(scale,))

    def _provable(self, node: Node, op: MatrixProduct | Reduce, wanted: Quantization) -> Quantization:
        """`wanted` with the scale moved a little, so that integers are proved to rescale the sums, if that can be."""
        inputs = tuple(self.tensors[name] for name in node.inputs)
        for scale in scales_from(wanted.scale[0], self.bits.get(node.outputs[0], FLOAT32_BITS)):
            found = replace(wanted, scale=(float(scale),))
            output = replace(self.graph.tensors[node.outputs[0]], quantization=found)
            sums = op.accumulation(Call(node, inputs, (None,) * len(inputs), output))
            if fixedpoint.prove(sums.scale, sums.zero_point, sums.reach, any_addend=False).is_integer.all():
                return found
        return wanted

    def _linear(self, node: Node, y: Quantization) -> Node:
        """Quantize the weights and bias of a layer; the node with the names of the integer constants."""
        x = self._quantization(node.inputs[0])
        weights = self.graph.constants[node.inputs[1]]
        bias = np.zeros(weights.shape[0], np.float32)
        if len(node.inputs) > 2:
            bias = self.graph.constants[node.inputs[2]]
        scales = weight_scales(weights, bias, x.scale[0])
        integers = quantize_weights(weights, scales)
        flat = integers.reshape(integers.shape[0], -1)
        nudged = fixedpoint.nudge_weight_scales(flat, bias, x.scale[0], x.zero_point, scales, y.scale[0], y.zero_point)
        overflowing = fixedpoint.overflowing_channels(flat, x.zero_point, nudged.bias)
        if overflowing.size:
            raise QuantizationError(
                f"The int32 accumulator of channel {overflowing[0]} could overflow; make the layer smaller or split it."
            )
        if np.any(nudged.ulps):
            self.moved[node.name] = np.flatnonzero(nudged.ulps).tolist()
        products = np.float32(x.scale[0]) * nudged.w_scale
        new_bias = ir.unused_name(f"{node.name}.bias", {*self.graph.tensors, *self.tensors})
        names = [
            self._constant(name, value, Quantization(tuple(scale.tolist()), 0, 0))
            for name, value, scale in (
                (node.inputs[1], integers, nudged.w_scale),
                (node.inputs[2] if len(node.inputs) > 2 else new_bias, nudged.bias, products),
            )
        ]
        return replace(node, inputs=(node.inputs[0], *names))

    def _constant(self, name: str, value: Array, quantization: Quantization) -> str:
        """Record an integer constant; returns its name, a new one for layers that share a float constant."""
        if name not in self.graph.constants or name in self.constants:
            name = ir.unused_name(name, {*self.graph.tensors, *self.tensors})
        self.constants[name] = value
        self.tensors[name] = Tensor(name, value.shape, value.dtype.name, quantization)  # type: ignore[arg-type]
        return name

    def _declare(self, name: str, quantization: Quantization) -> None:
        self.tensors[name] = replace(self.graph.tensors[name], dtype="int8", quantization=quantization)

    def _quantization(self, name: str) -> Quantization:
        quantization = self.tensors[name].quantization
        assert quantization is not None, name
        return quantization
