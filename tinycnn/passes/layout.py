"""Turn activations channels-last (and back): the one place where axes change.

Spatial operators (those with a `channels_last` field) ask for the wanted layout, operators that look at each element
alone take what comes, the others keep ONNX's order. Where the two meet, a Transpose is put in; what is then left over
is folded into the weights of a Dense by `passes.fold_transposes`.
"""

from dataclasses import replace

import numpy as np

from tinycnn.ir import Array, Graph, Node, Shape, Tensor, rebuild
from tinycnn.ops import Add, Clip, Conv, Reshape, Softmax, Transpose
from tinycnn.ops.window import to_first, to_last


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
            readers = self.graph.consumers.get(name, ())
            spatial = any(hasattr(reader.op, "channels_last") for reader in readers)
            if len(self.tensors[name].shape) > 2 and (spatial if self.last else self.tensors[name].channels_last):
                self._declare_converted(name)
        for node in self.graph.nodes:
            self._convert(node)
        return rebuild(self.graph, self.nodes, self.tensors, self.constants)

    def _convert(self, node: Node) -> None:
        op = node.op
        computed = [name for name in node.inputs if name not in self.constants]
        if hasattr(op, "channels_last"):
            if isinstance(op, Conv):
                self._convert_weights(node.inputs[1])
            inputs = (self._wanted(node.inputs[0]), *node.inputs[1:])
            self._emit(replace(node, op=replace(op, channels_last=self.last), inputs=inputs), True)
        elif isinstance(op, Clip | Add) and any(name in self.converted for name in computed):
            inputs = tuple(
                self._wanted(name) if name in computed else self._constant(node, name) for name in node.inputs
            )
            self._emit(replace(node, inputs=inputs), True)
        elif isinstance(op, Softmax) and node.inputs[0] in self.converted:
            self._emit(replace(node, op=Softmax(self._axis(op.axis, len(self._shape(node.inputs[0]))))), True)
        elif isinstance(op, Reshape) and node.inputs[0] in self.converted and self._is_vector(node.inputs[0]):
            # one channel or one position: the bytes are in the same order either way
            self._emit(replace(node, op=Reshape((0, *self._shape(node.outputs[0])[1:]))), False)
        else:
            self._emit(replace(node, inputs=tuple(self._original(name) for name in node.inputs)), False)

    def _emit(self, node: Node, converted: bool) -> None:
        if converted:
            for name in node.outputs:
                self._declare_converted(name)
        self.nodes.append(node)

    def _declare_converted(self, name: str) -> None:
        tensor = self.tensors[name]
        self.tensors[name] = replace(tensor, shape=self._moved(tensor.shape), channels_last=self.last)
        self.converted.add(name)

    def _wanted(self, name: str) -> str:
        if name in self.converted or len(self._shape(name)) < 3:
            return name
        other = self._transpose(name, self._permutation(len(self._shape(name)), self.last), self.last)
        self.converted.add(other)
        return other

    def _original(self, name: str) -> str:
        """`name` in the layout that it had in the graph at the start."""
        if name not in self.converted:
            return name
        return self._transpose(name, self._permutation(len(self._shape(name)), not self.last), not self.last)

    def _transpose(self, name: str, permutation: tuple[int, ...], last: bool) -> str:
        if name not in self.transposed:
            output = f"{name}_{'channels_last' if last else 'channels_first'}"
            op, tensor = Transpose(permutation), self.tensors[name]
            (shape,) = op.output_shapes(tensor.shape)
            self.tensors[output] = Tensor(output, shape, tensor.dtype, tensor.quantization, last)
            self.nodes.append(Node(output, op, (name,), (output,), ()))
            self.transposed[name] = output
        return self.transposed[name]

    def _convert_weights(self, name: str) -> None:
        if name not in self.converted:
            moved: Array = np.ascontiguousarray((to_last if self.last else to_first)(self.constants[name]))
            self.constants[name] = moved
            self.tensors[name] = replace(self.tensors[name], shape=moved.shape)
            self.converted.add(name)

    def _constant(self, node: Node, name: str) -> str:
        """A constant operand of an elementwise operator, with its axes moved like those of the other operand."""
        rank = len(self.graph.tensors[node.outputs[0]].shape)
        value = self.constants[name]
        value = value.reshape((1,) * (rank - value.ndim) + value.shape)
        moved = np.ascontiguousarray(value.transpose(self._permutation(rank, self.last)))
        output = f"{name}_{node.name}"
        self.constants[output], self.tensors[output] = (
            moved,
            replace(self.tensors[name], name=output, shape=moved.shape),
        )
        return output

    def _is_vector(self, name: str) -> bool:
        moved = self._shape(name)
        channels = moved[-1] if self.last else moved[1]
        return channels == 1 or int(np.prod(moved[1:])) == channels

    def _axis(self, axis: int, rank: int) -> int:
        return self._permutation(rank, self.last).index(axis % rank)

    def _shape(self, name: str) -> Shape:
        return self.tensors[name].shape

    def _moved(self, shape: Shape) -> Shape:
        return tuple(shape[axis] for axis in self._permutation(len(shape), self.last))

    @staticmethod
    def _permutation(rank: int, last: bool) -> tuple[int, ...]:
        if last:
            return (0, *range(2, rank), 1)
        return (0, rank - 1, *range(1, rank - 1))
