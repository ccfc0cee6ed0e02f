"""The graph that everything works on: immutable, typed, in topological order.

One kind of graph serves from import to code generation. Just read, it holds float32 tensors with ONNX's axes; after
`passes.layout` activations are channels-last (NHWC); after `quantize` activations are int8 with a `Quantization`.
`verify(graph)` is the executable statement of what a well-formed graph is; passes are checked with it.
"""

import itertools
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from tinycnn.errors import ModelError

Shape = tuple[int, ...]
Array = npt.NDArray[Any]
DType = Literal[
    "float32", "int8", "uint8", "int32", "int64", "bool", "float16", "float64", "int16", "uint16", "uint32", "uint64"
]
"""NumPy's names. Only float32 and int8 models are quantized, planned and generated; the float engine runs all."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """real = scale * (q - zero_point).

    `scale` holds float32 values: one, or one per index of `axis`. Activations are int8 with one scale and a zero
    point in [-128, 127]; weights are int8 in [-127, 127] and biases int32, both with zero point 0.
    """

    scale: tuple[float, ...]
    zero_point: int = 0
    axis: int | None = None

    @property
    def scales(self) -> npt.NDArray[np.float32]:
        return np.array(self.scale, np.float32)


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named value. `channels_last` tells that `shape` is N, spatial..., C where ONNX has N, C, spatial..."""

    name: str
    shape: Shape
    dtype: DType = "float32"
    quantization: Quantization | None = None
    channels_last: bool = False


class Operator(Protocol):
    """What every operator in `tinycnn.ops` defines, whatever graph it stands in."""

    @property
    def label(self) -> str:
        """The name that reports and comments use, such as `Conv 5x5`."""

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        """Shapes of the outputs; ModelError when the inputs do not fit the operator."""

    def run_float(self, *inputs: Array) -> tuple[Array, ...]:
        """The operator in float32 with ONNX's meaning, for any batch size."""

    def macs(self, *inputs: Shape) -> int:
        """Multiply-accumulate steps for these input shapes, taps in the padding included."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operator applied to named tensors. `origins` are the ONNX nodes that it came from."""

    name: str
    op: Operator
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    origins: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in topological order, every tensor by name, and the values of the constant ones.

    `metadata` travels with the model file (ONNX metadata_props).
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    constants: Mapping[str, Array]
    metadata: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def producers(self) -> Mapping[str, Node]:
        """Which node makes a tensor; graph inputs and constants have none."""
        return {output: node for node in self.nodes for output in node.outputs}

    @cached_property
    def consumers(self) -> Mapping[str, tuple[Node, ...]]:
        """Which nodes read a tensor, in order; a tensor that nothing reads is not listed."""
        readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                readers.setdefault(name, []).append(node)
        return {name: tuple(nodes) for name, nodes in readers.items()}

    @property
    def is_quantized(self) -> bool:
        """True when the inputs carry a quantization: the graph computes on int8."""
        return all(self.tensors[name].quantization is not None for name in self.inputs)

    def sole_consumer(self, tensor: str) -> Node | None:
        """The one node that reads `tensor`, or None when several do or it leaves the graph."""
        readers = self.consumers.get(tensor, ())
        return readers[0] if len(readers) == 1 and tensor not in self.outputs else None

    def activations(self, node: Node) -> tuple[str, ...]:
        """The inputs of `node` that are computed rather than constant."""
        return tuple(name for name in node.inputs if name not in self.constants)

    def shapes(self, names: Sequence[str]) -> tuple[Shape, ...]:
        return tuple(self.tensors[name].shape for name in names)

    def macs(self, node: Node) -> int:
        return node.op.macs(*self.shapes(node.inputs))

    def parameters(self, node: Node) -> int:
        """Elements of the constants that `node` reads."""
        return sum(self.constants[name].size for name in node.inputs if name in self.constants)

    @property
    def total_macs(self) -> int:
        return sum(self.macs(node) for node in self.nodes)

    @property
    def total_parameters(self) -> int:
        """Elements of all constants, each counted once however many nodes share it."""
        return sum(array.size for array in self.constants.values())


def unused_name(name: str, taken: Container[str]) -> str:
    """`name`, with the first free number behind it when it is taken."""
    numbered = (f"{name}_{count}" for count in itertools.count(2))
    return name if name not in taken else next(other for other in numbered if other not in taken)


def rebuild(
    graph: Graph,
    nodes: Sequence[Node],
    tensors: Mapping[str, Tensor],
    constants: Mapping[str, Array],
    **changes: Any,
) -> Graph:
    """`graph` with other nodes; drops tensors and constants that no node, input or output names any more."""
    changed = replace(graph, nodes=tuple(nodes), tensors=tensors, constants=constants, **changes)
    used = {*changed.inputs, *changed.outputs}
    for node in changed.nodes:
        used.update(node.inputs, node.outputs)
    return replace(
        changed,
        tensors={name: tensor for name, tensor in tensors.items() if name in used},
        constants={name: array for name, array in constants.items() if name in used},
    )


def rename(graph: Graph, names: Mapping[str, str]) -> Graph:
    """`graph` with other names for some activations."""

    def renamed(old: Sequence[str]) -> tuple[str, ...]:
        return tuple(names.get(name, name) for name in old)

    nodes = [replace(node, inputs=renamed(node.inputs), outputs=renamed(node.outputs)) for node in graph.nodes]
    tensors = [replace(tensor, name=names.get(name, name)) for name, tensor in graph.tensors.items()]
    return rebuild(
        graph,
        nodes,
        {tensor.name: tensor for tensor in tensors},
        graph.constants,
        inputs=renamed(graph.inputs),
        outputs=renamed(graph.outputs),
    )


def without_dead_nodes(graph: Graph) -> Graph:
    """`graph` without the nodes that no output depends on."""
    needed = set(graph.outputs)
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    return rebuild(graph, kept[::-1], graph.tensors, graph.constants)


def verify(graph: Graph) -> None:
    """Check that `graph` is well formed; ModelError names the node or tensor that is not.

    Every tensor is made once, before it is read; nodes and outputs are listed once; shapes are those that the
    operators compute; constants match their tensors; in a quantized graph every activation is int8 and carries a
    quantization.
    """
    made = Counter([*graph.inputs, *graph.constants, *(name for node in graph.nodes for name in node.outputs)])
    for name, times in made.items():
        if times > 1:
            raise ModelError(f"Tensor {name!r} is made {times} times; every tensor must be made once.")
        if name not in graph.tensors:
            raise ModelError(f"Tensor {name!r} has no entry in the table of tensors.")
        if graph.tensors[name].name != name:
            raise ModelError(f"Tensor {name!r} has the entry of {graph.tensors[name].name!r} in the table of tensors.")
    for what, listed in (("Node", [node.name for node in graph.nodes]), ("Output", graph.outputs)):
        for name, times in Counter(listed).items():
            if times > 1:
                raise ModelError(f"{what} {name!r} is listed {times} times.")
    for name, array in graph.constants.items():
        tensor = graph.tensors[name]
        if tensor.shape != array.shape or tensor.dtype != array.dtype.name:
            raise ModelError(
                f"Constant {name!r} is {array.dtype} {list(array.shape)} but its tensor says"
                f" {tensor.dtype} {list(tensor.shape)}."
            )
    known = {*graph.inputs, *graph.constants}
    for node in graph.nodes:
        for name in node.inputs:
            if name not in known:
                raise ModelError(f"Node {node.name!r} reads {name!r} before anything makes it.")
        expected = node.op.output_shapes(*graph.shapes(node.inputs))
        if graph.shapes(node.outputs) != expected:
            raise ModelError(
                f"Node {node.name!r} ({node.op.label}) makes {expected}, but its outputs are declared as"
                f" {graph.shapes(node.outputs)}."
            )
        known.update(node.outputs)
    for name in graph.outputs:
        if name not in known:
            raise ModelError(f"The graph's output {name!r} is made by no node.")
    if graph.is_quantized:
        _verify_quantized(graph)


def _verify_quantized(graph: Graph) -> None:
    for name in [*graph.inputs, *(output for node in graph.nodes for output in node.outputs)]:
        tensor = graph.tensors[name]
        if tensor.dtype != "int8" or tensor.quantization is None:
            raise ModelError(f"Tensor {name!r} of a quantized graph is {tensor.dtype} without a quantization.")
        if len(tensor.quantization.scale) != 1 or not -128 <= tensor.quantization.zero_point <= 127:
            raise ModelError(f"Tensor {name!r} needs one scale and an int8 zero point: {tensor.quantization}.")
    for name in graph.constants:
        tensor = graph.tensors[name]
        if tensor.quantization is not None:
            axis, count = tensor.quantization.axis, len(tensor.quantization.scale)
            readers = graph.consumers.get(name, ())
            is_operand = axis is None and all(getattr(node.op, "constants_have_zero_points", False) for node in readers)
            low, high = (-128, 127) if is_operand else (0, 0)
            known = low <= tensor.quantization.zero_point <= high
            if not known or count != (1 if axis is None else tensor.shape[axis]):
                raise ModelError(f"Constant {name!r} needs the zero point 0 and a scale per index of axis {axis}.")


def same(left: Graph, right: Graph) -> bool:
    """Whether two graphs have the same nodes, tensors and constant bytes (names of the graphs aside)."""
    return (
        (left.inputs, left.outputs, left.nodes) == (right.inputs, right.outputs, right.nodes)
        and dict(left.tensors) == dict(right.tensors)
        and left.constants.keys() == right.constants.keys()
        and all(
            array.dtype == right.constants[name].dtype and np.array_equal(array, right.constants[name])
            for name, array in left.constants.items()
        )
    )
