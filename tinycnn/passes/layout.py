"""Turn activations channels-last (and back): the one place where axes change.

Spatial operators ask for the wanted layout, operators that look at each element alone or move along axes take what
comes, the others keep ONNX's order. Where the two meet, a Transpose is put in; `passes.fold_transposes` then removes
those that it can.
"""

from dataclasses import replace

import numpy as np

from tinycnn.ir import Graph, Node, Shape, Tensor, rebuild, unused_name
from tinycnn.ops import (
    LRN,
    ArgMax,
    AveragePool,
    BatchNormalization,
    Concat,
    Conv,
    ConvTranspose,
    DepthToSpace,
    GlobalAveragePool,
    LocallyConnected,
    LogSoftmax,
    LpPool,
    MaxPool,
    PRelu,
    Reduce,
    ResizeLinear,
    Softmax,
    SpaceToDepth,
    Take,
    Transpose,
    broadcasts,
    is_elementwise,
)
from tinycnn.ops.window import to_first, to_last

Spatial = (
    AveragePool
    | BatchNormalization
    | Conv
    | ConvTranspose
    | GlobalAveragePool
    | LocallyConnected
    | LpPool
    | MaxPool
    | DepthToSpace
    | SpaceToDepth
)
"""The operators with a `channels_last` field."""
NamesAxes = ArgMax | Concat | LogSoftmax | LRN | PRelu | Reduce | ResizeLinear | Take
"""Those that work in any layout, once their axes are renumbered (`moved`)."""


def channels_last(graph: Graph) -> Graph:
    """`graph` with its images and signals as N, spatial..., C; weights of convolutions as O, kernel..., C/groups."""
    return _Conversion(graph, True).run()


def channels_first(graph: Graph) -> Graph:
    """The inverse of `channels_last`: every tensor with ONNX's axes again."""
    return _Conversion(graph, False).run()


class _Conversion:
    """One run over a graph. `converted` names the tensors that already have the wanted layout."""

    def __init__(self, graph: Graph, last: bool) -> None:
        self.graph, self.last = graph, last
        self.tensors, self.constants = dict(graph.tensors), dict(graph.constants)
        self.nodes: list[Node] = []
        self.converted: set[str] = set()
        self.transposed: dict[str, str] = {}

    def run(self) -> Graph:
        for name in self.graph.inputs:
            if self._is_image(name) if self.last else self.tensors[name].channels_last:
                self._declare_converted(name)
        for node in self.graph.nodes:
            self._convert(node)
        return rebuild(self.graph, self.nodes, self.tensors, self.constants)

    def _is_image(self, name: str) -> bool:
        """Whether a spatial operator reads a tensor, perhaps behind elementwise operators."""
        return any(
            isinstance(reader.op, Spatial)
            or _wants_image(reader)
            or ((self._is_elementwise(reader) or _names_axes(reader)) and self._is_image(reader.outputs[0]))
            for reader in self.graph.consumers.get(name, ())
        )

    def _convert(self, node: Node) -> None:
        op, source = node.op, node.inputs[0]
        if isinstance(op, Spatial):
            if isinstance(op, Conv | ConvTranspose | LocallyConnected):
                self._convert_weights(node.inputs[1])
            inputs = (self._wanted(source), *node.inputs[1:])
            self._emit_converted(replace(node, op=replace(op, channels_last=self.last), inputs=inputs))
        elif self._is_elementwise(node) and self._follows_layout(node):
            self._emit_converted(replace(node, inputs=tuple(self._operand(node, name) for name in node.inputs)))
        elif isinstance(op, NamesAxes) and self._follows_layout(node):
            axes = _axes(len(self._shape(source)), self.last)
            inputs = tuple(self._wanted(name) for name in node.inputs)
            self._emit_converted(replace(node, op=op.moved(axes), inputs=inputs))
        elif isinstance(op, Softmax) and source in self.converted:
            axes = _axes(len(self._shape(source)), self.last)
            self._emit_converted(replace(node, op=replace(op, axis=axes.index(op.axis % len(axes)))))
        elif (
            self.last
            and isinstance(op, Transpose)
            and op.permutation == _axes(len(op.permutation), False)
            and self._is_image(node.outputs[0])
        ):
            # images that come channels-last: their ONNX order is what we want already
            identity = Transpose(tuple(range(len(op.permutation))))
            self._emit_converted(replace(node, op=identity, inputs=(self._original(source),)))
        else:
            self.nodes.append(replace(node, inputs=tuple(self._original(name) for name in node.inputs)))

    def _is_elementwise(self, node: Node) -> bool:
        """Whether the operator treats all axes alike: its computed inputs have as many as its output."""
        rank = len(self.graph.tensors[node.outputs[0]].shape)
        ranks = {len(self._shape(name)) for name in self.graph.activations(node)}
        return (broadcasts(node.op) or is_elementwise(node.op)) and ranks == {rank}

    def _follows_layout(self, node: Node) -> bool:
        if self.last:
            return any(name in self.converted for name in node.inputs) or _wants_image(node)
        return self.graph.tensors[node.outputs[0]].channels_last

    def _emit_converted(self, node: Node) -> None:
        (output,) = node.outputs
        tensor = self.tensors[output]
        if not self.last and not tensor.channels_last and len(tensor.shape) > 2:
            # channels-last in ONNX too: what the operator makes has to be transposed to it
            name = unused_name(f"{output}_channels_first", self.tensors)
            axes = _axes(len(tensor.shape), False)
            self.tensors[name] = replace(tensor, name=name, shape=tuple(tensor.shape[axis] for axis in axes))
            self.nodes.append(replace(node, outputs=(name,)))
            self.nodes.append(Node(f"{output}_transpose", Transpose(_axes(len(axes), True)), (name,), (output,), ()))
            return
        self._declare_converted(output)
        self.nodes.append(node)

    def _declare_converted(self, name: str) -> None:
        tensor = self.tensors[name]
        if len(tensor.shape) > 2:
            shape = tuple(tensor.shape[axis] for axis in _axes(len(tensor.shape), self.last))
            self.tensors[name] = replace(tensor, shape=shape, channels_last=self.last)
            self.converted.add(name)

    def _wanted(self, name: str) -> str:
        if name in self.converted or len(self._shape(name)) < 3:
            return name
        other = self._transpose(name, self.last)
        self.converted.add(other)
        return other

    def _original(self, name: str) -> str:
        """`name` in the layout that it had in the graph at the start."""
        return self._transpose(name, not self.last) if name in self.converted else name

    def _transpose(self, name: str, last: bool) -> str:
        if name not in self.transposed:
            output = unused_name(f"{name}_{'channels_last' if last else 'channels_first'}", self.tensors)
            op, tensor = Transpose(_axes(len(self._shape(name)), last)), self.tensors[name]
            (shape,) = op.output_shapes(tensor.shape)
            self.tensors[output] = Tensor(output, shape, tensor.dtype, tensor.quantization, last)
            self.nodes.append(Node(output, op, (name,), (output,), ()))
            self.transposed[name] = output
        return self.transposed[name]

    def _convert_weights(self, name: str) -> None:
        if name not in self.converted:
            moved = np.ascontiguousarray((to_last if self.last else to_first)(self.constants[name]))
            self.constants[name] = moved
            self.tensors[name] = replace(self.tensors[name], shape=moved.shape)
            self.converted.add(name)

    def _operand(self, node: Node, name: str) -> str:
        """An input of an elementwise operator, a constant with as many axes as its output, in the wanted layout."""
        if name not in self.constants:
            return self._wanted(name)
        rank = len(self.graph.tensors[node.outputs[0]].shape)
        value = self.constants[name]
        value = value.reshape((1,) * (rank - value.ndim) + value.shape)
        output = name if len(self.graph.consumers[name]) == 1 else unused_name(f"{name}_{node.name}", self.tensors)
        self.constants[output] = np.ascontiguousarray(value.transpose(_axes(rank, self.last)))
        self.tensors[output] = replace(self.tensors[name], name=output, shape=self.constants[output].shape)
        return output

    def _shape(self, name: str) -> Shape:
        return self.tensors[name].shape


def _names_axes(node: Node) -> bool:
    """Whether the operator works in any layout, once its axes are renumbered."""
    return isinstance(node.op, NamesAxes)


def _wants_image(node: Node) -> bool:
    """Whether the operator is along rows or columns alone, or over the channels of an image or signal."""
    match node.op:
        case ResizeLinear(axes):
            return len(axes) in (3, 4) and axes[:2] == (None, None)
        case PRelu(slopes, axis):
            return bool(slopes) and axis == 1
        case op:
            return isinstance(op, LRN)


def _axes(rank: int, last: bool) -> tuple[int, ...]:
    """The permutation that brings the channels to the end, or back behind the batch."""
    return (0, *range(2, rank), 1) if last else (0, rank - 1, *range(1, rank - 1))
