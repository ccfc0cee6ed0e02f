"""Two layers as one step: a 1x1 convolution and the depthwise one behind it, with nothing held between them.

The tensor between is the largest of a network of depthwise separable layers. A kernel that makes its rows in the order
in which the second layer wants them need neither store nor move them.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from tinycnn.ir import Array, Graph, Node, Shape, Tensor, rebuild
from tinycnn.ops import Call, Conv, Window
from tinycnn.ops.base import Int8Array, Int8Kernel

LINEAR_INPUTS = 3
"""Input, weights and bias."""
_POINTWISE = Window.of((1, 1))


@dataclass(frozen=True, slots=True)
class PointwiseDepthwise:
    """`depthwise` of `pointwise`; inputs x, the weights and bias of the first and those of the second.

    `between` is the tensor that the first would make.
    """

    pointwise: Conv
    depthwise: Conv
    between: Tensor
    output_scale: ClassVar[Literal["free"]] = "free"

    @property
    def label(self) -> str:
        return f"{self.pointwise.label} + {self.depthwise.label}"

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return self.depthwise.output_shapes(self.between.shape, *inputs[LINEAR_INPUTS:])

    def macs(self, *inputs: Shape) -> int:
        first, second = inputs[:LINEAR_INPUTS], inputs[LINEAR_INPUTS:]
        return self.pointwise.macs(*first) + self.depthwise.macs(self.between.shape, *second)

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        (between,) = self.pointwise.run_float(*inputs[:LINEAR_INPUTS])
        return self.depthwise.run_float(between, *inputs[LINEAR_INPUTS:])

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        """Nothing is read for the rows outside `between`, which are padding."""
        wanted = self.depthwise.window.input_rows(output_row)
        return range(max(wanted.start, 0), min(wanted.stop, self.between.shape[1]))

    def calls(self, call: Call) -> tuple[Call, Call]:
        """The two layers one by one."""
        name, names = call.node.name, (call.node.inputs[:LINEAR_INPUTS], call.node.inputs[LINEAR_INPUTS:])
        first = Node(name, self.pointwise, names[0], (self.between.name,), ())
        second = Node(name, self.depthwise, (self.between.name, *names[1]), call.node.outputs, ())
        return (
            Call(first, call.inputs[:LINEAR_INPUTS], call.constants[:LINEAR_INPUTS], self.between),
            Call(
                second,
                (self.between, *call.inputs[LINEAR_INPUTS:]),
                (None, *call.constants[LINEAR_INPUTS:]),
                call.output,
            ),
        )

    def int8_kernel(self, call: Call) -> Int8Kernel:
        first, second = self.calls(call)
        make, use = self.pointwise.int8_kernel(first), self.depthwise.int8_kernel(second)

        def kernel(x: Int8Array) -> Int8Array:
            return use(make(x))

        return kernel


def pairs(graph: Graph) -> Iterator[tuple[Node, Node]]:
    """The neighbours in an int8 graph that could be one step."""
    for first in graph.nodes:
        second = graph.sole_consumer(first.outputs[0])
        if second is not None and _is_pointwise(first) and _is_depthwise(graph, second):
            yield first, second


def _is_pointwise(node: Node) -> bool:
    op = node.op
    return isinstance(op, Conv) and len(node.inputs) == LINEAR_INPUTS and op.groups == 1 and op.window == _POINTWISE


def _is_depthwise(graph: Graph, node: Node) -> bool:
    op = node.op
    if not isinstance(op, Conv) or len(node.inputs) != LINEAR_INPUTS or op.window.rank != 2:
        return False
    return op.is_depthwise(graph.tensors[node.inputs[1]].shape)


def joined(graph: Graph, first: Node, second: Node) -> Node:
    """One of `pairs` as one node."""
    assert isinstance(first.op, Conv)
    assert isinstance(second.op, Conv)
    return Node(
        f"{first.name} + {second.name}",
        PointwiseDepthwise(first.op, second.op, graph.tensors[first.outputs[0]]),
        (*first.inputs, *second.inputs[1:]),
        second.outputs,
        (*first.origins, *second.origins),
    )


def with_pairs(graph: Graph, outputs: Container[str]) -> Graph:
    """`graph` with one node for every pair that makes one of `outputs`."""
    found = [(first, second) for first, second in pairs(graph) if second.outputs[0] in outputs]
    gone = {first.outputs[0] for first, _ in found}
    together = {second.outputs[0]: joined(graph, first, second) for first, second in found}
    nodes = [together.get(node.outputs[0], node) for node in graph.nodes if node.outputs[0] not in gone]
    return rebuild(graph, nodes, graph.tensors, graph.constants)
