"""Small ONNX models for tests, and onnxruntime as the oracle that runs them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from tinycnn import engine
from tinycnn.ir import Array, Graph
from tinycnn.onnx_io.load import import_model

EXAMPLES = Path(__file__).parents[1] / "examples"
IR_VERSION = 10


def node(op_type: str, inputs: str, outputs: str, **attributes: object) -> NodeProto:
    """A node; `inputs` and `outputs` are names between spaces, `-` an input that is left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op_type, names, outputs.split(), **attributes)


def model(
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, Sequence[int | str] | None],
    constants: Mapping[str, Array] | None = None,
    outputs: str = "y",
    *,
    opset: int = 17,
    **fields: object,
) -> ModelProto:
    """A model with float32 inputs of these shapes; initializers are `constants`."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs.split()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    domains = {proto.domain for proto in nodes} - {""}
    opsets += [helper.make_opsetid(domain, 1) for domain in sorted(domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, **fields)


def floats(rng: np.random.Generator, *shape: int) -> Array:
    return rng.normal(0, 1, shape).astype(np.float32)


def run_onnxruntime(proto: ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def run_float(graph: Graph, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """A float graph of any layout on inputs with ONNX's axes; so are the outputs."""
    stored = {
        name: engine.to_stored(graph.tensors[name], array) if array.dtype == np.float32 else array
        for name, array in inputs.items()
    }
    return {name: engine.to_real(graph.tensors[name], y) for name, y in engine.run(graph, stored).items()}


def assert_like_onnxruntime(proto: ModelProto, inputs: Mapping[str, Array], graph: Graph | None = None) -> Graph:
    """`graph` (by default the imported model) gives the floats that onnxruntime gives, to the order of summation."""
    graph = graph or import_model(proto, "small.onnx")
    expected, actual = run_onnxruntime(proto, inputs), run_float(graph, inputs)
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert actual[name].dtype == value.dtype
        np.testing.assert_allclose(actual[name], value, rtol=1e-5, atol=1e-5, strict=True)
    return graph


def save(proto: ModelProto, path: Path) -> Path:
    path.write_bytes(proto.SerializeToString())
    return path


def example(name: str) -> ModelProto:
    return onnx.load(EXAMPLES / name / f"{name}.onnx")


class Network:
    """A float network made layer by layer, with random weights that keep the activations around 1.

    Methods return the name of their output; `proto` gives the ONNX model.
    """

    def __init__(self, seed: int, *shape: int, opset: int = 17) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, Array] = {}
        self.shapes: dict[str, tuple[int, ...]] = {"x": (1, *shape)}
        self.opset = opset

    def add(self, op_type: str, inputs: str, **attributes: object) -> str:
        """Any operator; its output's shape is what the importer says."""
        name = f"{op_type.lower()}_{len(self.nodes)}"
        self.nodes.append(node(op_type, inputs, name, name=f"{name}_node", **attributes))
        graph = import_model(self.proto(name), "small.onnx")
        self.shapes[name] = graph.tensors[name].shape
        return name

    def constant(self, value: Array) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants[name] = value
        return name

    def weights(self, *shape: int) -> str:
        """Random weights [O, ...], with a bias [O] as a second name."""
        fan_in = np.prod(shape[1:])
        bias = self.constant(floats(self.rng, shape[0]) * np.float32(0.3))
        return f"{self.constant(floats(self.rng, *shape) / np.float32(np.sqrt(fan_in)))} {bias}"

    def conv(self, x: str, outputs: int, kernel: int = 3, *, group: int = 1, **attributes: object) -> str:
        rank = len(self.shapes[x]) - 2
        weights = self.weights(outputs, self.shapes[x][1] // group, *[kernel] * rank)
        return self.add("Conv", f"{x} {weights}", group=group, **attributes)

    def dense(self, x: str, outputs: int) -> str:
        return self.add("Gemm", f"{x} {self.weights(outputs, self.shapes[x][1])}", transB=1)

    def batch_normalization(self, x: str) -> str:
        channels = self.shapes[x][1]
        values = [floats(self.rng, channels) for _ in range(3)] + [self.rng.uniform(0.5, 2, channels)]
        names = [self.constant(value.astype(np.float32)) for value in values]
        return self.add("BatchNormalization", " ".join([x, *names]))

    def clip(self, x: str, low: float | None, high: float | None) -> str:
        limits = ["-" if limit is None else self.constant(np.array(limit, np.float32)) for limit in (low, high)]
        return self.add("Clip", " ".join([x, *limits]))

    def proto(self, outputs: str) -> ModelProto:
        batch = {name: ("batch", *shape[1:]) for name, shape in self.shapes.items() if name == "x"}
        return model(self.nodes, batch, self.constants, outputs, opset=self.opset)

    def graph(self, outputs: str) -> Graph:
        return import_model(self.proto(outputs), "small.onnx")

    def samples(self, count: int) -> Array:
        return floats(self.rng, count, *self.shapes["x"][1:])


def residual_network(seed: int = 0) -> tuple[Network, str]:
    """Everything at once: strides, a residual addition, depthwise, all pools, Clip, batch normalization, Softmax."""
    net = Network(seed, 3, 16, 16)
    x = net.add("Relu", net.batch_normalization(net.conv("x", 8, pads=[1, 1, 1, 1], strides=[2, 2])))
    y = net.conv(net.clip(net.conv(x, 8, group=8, pads=[1, 1, 1, 1]), 0.0, 6.0), 8, 1)
    x = net.add("Relu", net.add("Add", f"{x} {y}"))
    x = net.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    x = net.add("AveragePool", net.conv(x, 12, 3, group=2), kernel_shape=[2, 2], pads=[1, 0, 0, 1])
    x = net.add("Flatten", net.add("GlobalAveragePool", net.clip(x, -0.5, None)))
    return net, net.add("Softmax", net.dense(x, 5))


def small_model() -> ModelProto:
    """Each of the operators that most networks have."""
    net = Network(1, 2, 6, 6)
    x = net.add("Relu", net.batch_normalization(net.conv("x", 3, pads=[1, 1, 1, 1])))
    x = net.add("MaxPool", net.add("Add", f"{x} {x}"), kernel_shape=[2, 2], strides=[2, 2])
    return net.proto(net.add("Softmax", net.dense(net.add("Flatten", x), 4)))
