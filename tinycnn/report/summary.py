"""What a model is made of: layers with shapes, parameters, multiply-accumulates and receptive fields."""

from dataclasses import dataclass

import numpy as np

from tinycnn.engine import onnx_shape
from tinycnn.ir import Graph, Node, Shape
from tinycnn.ops import Dense, GlobalAveragePool, Reshape, Window


@dataclass(frozen=True, slots=True)
class Layer:
    """One node. `receptive_field` is how many input elements along each spatial axis one output element sees.

    Shapes have ONNX's axes. A field is cut at the size of the input; it is empty where the input has no spatial axes.
    """

    name: str
    op: str
    output_shape: Shape
    parameters: int
    macs: int
    receptive_field: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole model; `parameters` counts a constant that several layers share once."""

    name: str
    parameters: int
    macs: int
    layers: tuple[Layer, ...]

    def convolution_shares(self) -> tuple[float, float]:
        """How much of the parameters and of the multiply-accumulates is in convolutions, 0..1 each."""
        convolutions = [layer for layer in self.layers if layer.op.startswith("Conv")]
        parameters, macs = sum(layer.parameters for layer in convolutions), sum(layer.macs for layer in convolutions)
        return parameters / max(self.parameters, 1), macs / max(self.macs, 1)


@dataclass(frozen=True, slots=True)
class _Field:
    """Per spatial axis: elements seen, and the distance in the input between neighbouring elements."""

    size: tuple[int, ...]
    jump: tuple[int, ...]


def summarize(graph: Graph) -> Summary:
    """The layers of a graph, float or int8."""
    input_shape = onnx_shape(graph.tensors[graph.inputs[0]])
    spatial = input_shape[2:]
    fields = {name: _Field((1,) * len(spatial), (1,) * len(spatial)) for name in graph.inputs}
    layers = []
    for node in graph.nodes:
        field = _field(graph, node, fields, spatial)
        fields.update(dict.fromkeys(node.outputs, field))
        layers.append(
            Layer(
                node.name,
                node.op.label,
                onnx_shape(graph.tensors[node.outputs[0]]),
                graph.parameters(node),
                graph.macs(node),
                tuple(min(size, limit) for size, limit in zip(field.size, spatial, strict=True)),
            )
        )
    return Summary(graph.name, graph.total_parameters, graph.total_macs, tuple(layers))


def _field(graph: Graph, node: Node, fields: dict[str, _Field], spatial: Shape) -> _Field:
    sources = [fields[name] for name in graph.activations(node)]
    size = tuple(int(v) for v in np.max([source.size for source in sources], axis=0))
    jump = tuple(int(v) for v in np.max([source.jump for source in sources], axis=0))
    window = getattr(node.op, "window", None)
    if isinstance(window, Window) and window.rank == len(spatial):
        grown = tuple(s + (e - 1) * j for s, e, j in zip(size, window.extents, jump, strict=True))
        return _Field(grown, tuple(j * stride for j, stride in zip(jump, window.strides, strict=True)))
    if isinstance(node.op, GlobalAveragePool | Dense) or _mixes_positions(graph, node):
        return _Field(spatial, jump)
    return _Field(size, jump)


def _mixes_positions(graph: Graph, node: Node) -> bool:
    """A Reshape to a vector puts all positions into one axis; what follows sees them all."""
    return isinstance(node.op, Reshape) and len(graph.tensors[node.outputs[0]].shape) == 2
