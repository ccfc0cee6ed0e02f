"""An int8 graph in the making, from a graph with QuantizeLinear and DequantizeLinear."""

from dataclasses import replace

from tinycnn.ir import Array, Graph, Node, Quantization, Tensor, unused_name
from tinycnn.ops import Take

SUFFIX = "_quantized"
"""What `export` puts behind the name of a tensor for its int8 form."""


class Int8Draft:
    """`tensors`, `constants` and `nodes` are those of the int8 graph.

    `real` maps a float tensor to the int8 tensor that it is dequantized from, `int8` a quantized tensor of the file to
    its name in the int8 graph, `dequantized` a constant of the file with its quantization, and whether it is an
    operand, to its name there. `unknown` are the outputs of nodes that stay in float, of which `problems` tells.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, Array] = {}
        self.nodes: list[Node] = []
        self.problems: list[str] = []
        self.real: dict[str, str] = {}
        self.int8: dict[str, str] = {}
        self.dequantized: dict[tuple[str, Quantization, bool], str] = {}
        self.unknown: set[str] = set()

    def declare_constant(self, name: str, value: Array, quantization: Quantization) -> str:
        self.constants[name] = value
        self.tensors[name] = Tensor(name, value.shape, value.dtype.name, quantization)  # type: ignore[arg-type]
        return name

    def copied(self, source: str, output: str) -> str:
        """Another name for an input or for another output: a node that makes it."""
        tensor, name = self.tensors[source], unused_name(output, self.tensors)
        self.tensors[name] = replace(tensor, name=name)
        self.nodes.append(Node(f"{output}_copy", Take((None,) * len(tensor.shape)), (source,), (name,), ()))
        return name

    def quantization(self, name: str) -> Quantization:
        quantization = self.tensors[name].quantization
        assert quantization is not None, name
        return quantization

    def left_in_float(self, node: Node, why: str) -> None:
        self.problems.append(f"node {node.name!r} ({node.op.label}) is left in float: {why}")
        self.unknown.update(node.outputs)

    def emit(
        self,
        node: Node,
        inputs: tuple[str, ...],
        output: str,
        quantization: Quantization | None,
        origins: tuple[str, ...],
    ) -> None:
        name = self.int8_name(output)
        self.int8[output] = name
        self.tensors[name] = Tensor(name, self.graph.tensors[output].shape, "int8", quantization)
        self.nodes.append(replace(node, inputs=inputs, outputs=(name,), origins=origins))

    def int8_name(self, name: str) -> str:
        """`name` without the suffix of quantized tensors, where nothing else in the int8 graph has that name."""
        base = name.removesuffix(SUFFIX)
        return base if base not in self.tensors else unused_name(name, self.tensors)
