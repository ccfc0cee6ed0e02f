"""Int8 graphs made by hand for tests: any operator with random weights, and scales that spread the outputs."""

from collections.abc import Sequence

import numpy as np

from tinycnn.ir import Array, Graph, Node, Operator, Quantization, Tensor, verify
from tinycnn.ops import (
    LRN,
    Add,
    ArgMax,
    AveragePool,
    Clip,
    Conv,
    ConvTranspose,
    Dense,
    Divide,
    Extremum,
    GlobalAveragePool,
    LocallyConnected,
    LogSoftmax,
    LpPool,
    MatrixProduct,
    MaxPool,
    Multiply,
    PRelu,
    Reduce,
    Reshape,
    ResizeLinear,
    Softmax,
    Window,
    row_bytes,
    row_count,
    sums_rows,
    turns,
)
from tinycnn.plan import Place, Plan, Span, Step, check, is_view
from tinycnn.plan.conflicts import aligned


class GraphBuilder:
    """Adds node after node; each method returns the name of the tensor that it made."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, Array] = {}
        self.nodes: list[Node] = []
        self.inputs: list[str] = []

    def input(self, *shape: int, name: str = "input") -> str:
        self._tensor(name, (1, *shape), Quantization((self._scale(0.02),), self._zero_point()))
        self.inputs.append(name)
        return name

    def shape(self, tensor: str) -> tuple[int, ...]:
        return self.tensors[tensor].shape

    def scale(self, tensor: str) -> float:
        quantization = self.tensors[tensor].quantization
        assert quantization is not None
        return quantization.scale[0]

    def conv(
        self, x: str, outputs: int, window: Window, groups: int = 1, *, bias: bool = True, spread: float = 1.0
    ) -> str:
        taps = (*window.kernel, self.shape(x)[-1] // groups)
        return self._linear(Conv(window, groups, channels_last=True), x, (outputs, *taps), bias, spread)

    def conv_transpose(self, x: str, outputs: int, taps: Window, strides: tuple[int, ...], groups: int = 1) -> str:
        shape = (outputs, *taps.kernel, self.shape(x)[-1] // groups)
        return self._linear(ConvTranspose(taps, strides, groups, channels_last=True), x, shape, True, 1.0)

    def locally_connected(self, x: str, filters: int, window: Window) -> str:
        *sizes, channels = self.shape(x)[1:]
        positions = int(np.prod(window.output_sizes(tuple(sizes))))
        shape = (positions * filters, *window.kernel, channels)
        return self._linear(LocallyConnected(window, channels_last=True), x, shape, True, 1.0)

    def dense(self, x: str, outputs: int, *, bias: bool = True, spread: float = 1.0) -> str:
        return self._linear(Dense(), x, (outputs, self.shape(x)[-1]), bias, spread)

    def max_pool(self, x: str, window: Window) -> str:
        return self._node(MaxPool(window, channels_last=True), [x], self.tensors[x].quantization)

    def lp_pool(self, x: str, window: Window, power: int = 2) -> str:
        return self._node(LpPool(window, power, channels_last=True), [x], self._near(1.5 * self.scale(x)))

    def average_pool(self, x: str, window: Window, count_include_pad: bool = False) -> str:
        op = AveragePool(window, count_include_pad, channels_last=True)
        return self._node(op, [x], self._near(0.6 * self.scale(x)))

    def global_average_pool(self, x: str) -> str:
        return self._node(GlobalAveragePool(channels_last=True), [x], self._near(0.15 * self.scale(x)))

    def add(self, a: str, b: str, quantization: Quantization | None = None) -> str:
        return self._node(Add(), [a, b], quantization or self._near(0.7 * (self.scale(a) + self.scale(b))))

    def multiply(self, a: str, b: str) -> str:
        return self._node(Multiply(), [a, b], self._near(40 * self.scale(a) * self.scale(b)))

    def pool_and_product_on_ties(self, x: str, window: Window) -> str:
        """A product whose scales are of a simple ratio, then the mean in the same scale, as onnxruntime rounds them."""
        product = Quantization((self.scale(x) * self.scale(x) * 64,), 5)
        x = self._node(Multiply(added_before=133), [x, x], product)
        op = AveragePool(window, channels_last=True, float_zero_point=5)
        return self._node(op, [x], product)

    def divide(self, a: str, b: str) -> str:
        return self._node(Divide(), [a, b], self._near(self.scale(a) / self.scale(b) / 20))

    def largest(self, a: str, b: str) -> str:
        return self._node(Extremum("Max"), [a, b], self._near(max(self.scale(a), self.scale(b))))

    def matmul(self, a: str, b: str) -> str:
        return self._node(
            MatrixProduct(), [a, b], self._near(60 * self.scale(a) * self.scale(b) * self.shape(a)[-1] ** 0.5)
        )

    def reduce(self, function: str, x: str, *axes: int) -> str:
        factor = {"ReduceMean": 0.3, "ReduceSum": 3.0}.get(function)
        return self._node(
            Reduce(function, axes), [x], self._near(factor * self.scale(x)) if factor else self.tensors[x].quantization
        )

    def resize_linear(self, x: str, *sizes: int) -> str:
        """Rows and columns to other sizes, corners kept."""
        old = self.shape(x)[1:-1]
        at = [np.linspace(0, size - 1, new) for size, new in zip(old, sizes, strict=True)]
        taps = [
            (
                (tuple(np.floor(a).astype(int).tolist()), tuple((1 - a % 1).tolist())),
                (tuple(np.ceil(a).astype(int).tolist()), tuple((a % 1).tolist())),
            )
            for a in at
        ]
        return self.move(ResizeLinear((None, *taps, None)).rounded(), x)

    def resize_as_onnxruntime(self, x: str, rows: int) -> str:
        """Rows to another number, as onnxruntime interpolates the bytes of uint8."""
        at = np.linspace(0, self.shape(x)[1] - 1, rows, dtype=np.float32)
        low, high = np.floor(at).astype(int), np.ceil(at).astype(int)
        taps = ((tuple(low.tolist()), tuple((1 - at % 1).tolist())), (tuple(high.tolist()), tuple((at % 1).tolist())))
        return self.move(ResizeLinear((None, taps, None, None), "uint8"), x)

    def lrn(self, x: str, size: int = 3) -> str:
        alpha = 0.5 / (self.scale(x) * 60) ** 2
        return self._node(LRN(size, alpha, axis=len(self.shape(x)) - 1), [x], self._near(0.6 * self.scale(x)))

    def log_softmax(self, x: str) -> str:
        return self._node(LogSoftmax(len(self.shape(x)) - 1), [x], Quantization((self._scale(self.scale(x)),), 127))

    def arg_max(self, x: str, last: bool = False) -> str:
        return self._node(ArgMax(len(self.shape(x)) - 1, True, last), [x], ArgMax.fixed_quantization)

    def prelu(self, x: str) -> str:
        slopes = tuple(self.rng.uniform(-0.5, 1, self.shape(x)[-1]).astype(np.float32).tolist())
        return self._node(PRelu(slopes, len(self.shape(x)) - 1), [x], self._near(self.scale(x)))

    def add_constant(self, x: str, quantization: Quantization | None = None) -> str:
        """One number for each channel added, of the same scale as `x`."""
        name, channels = f"addend{len(self.nodes)}", self.shape(x)[-1]
        self.tensors[name] = Tensor(name, (channels,), "int8", Quantization((self.scale(x),), self._zero_point()))
        self.constants[name] = self.rng.integers(-128, 128, channels).astype(np.int8)
        return self._node(Add(), [x, name], quantization or self._near(1.4 * self.scale(x)))

    def softmax_as_onnxruntime(self, x: str) -> str:
        return self._node(Softmax(-1, as_onnxruntime=True), [x], Quantization((1 / 256,), -128))

    def clip(self, x: str, low: float, high: float) -> str:
        return self._node(Clip(low, high), [x], self._near(self.scale(x)))

    def move(self, op: Operator, *inputs: str) -> str:
        """An operator that moves bytes, which keep the quantization of the first input."""
        return self._node(op, list(inputs), self.tensors[inputs[0]].quantization)

    def softmax(self, x: str) -> str:
        return self._node(Softmax(-1), [x], Softmax.fixed_quantization)

    def reshape(self, x: str, *shape: int) -> str:
        return self._node(Reshape((0, *shape)), [x], self.tensors[x].quantization)

    def graph(self, outputs: Sequence[str], name: str = "sampler") -> Graph:
        made = Graph(name, tuple(self.inputs), tuple(outputs), tuple(self.nodes), self.tensors, self.constants)
        verify(made)
        return made

    def samples(self, count: int) -> dict[str, Array]:
        """Random inputs of `graph`, the first all -128, the second all 127."""
        samples = {}
        for name in self.inputs:
            samples[name] = self.rng.integers(-128, 128, (count, *self.shape(name)[1:])).astype(np.int8)
            samples[name][0] = -128
            samples[name][1:2] = 127
        return samples

    def _linear(
        self,
        op: Conv | ConvTranspose | Dense | LocallyConnected,
        x: str,
        shape: tuple[int, ...],
        bias: bool,
        spread: float,
    ) -> str:
        """Random weights; scales with which a typical sum is about a third of the range, times `spread`."""
        number = len(self.nodes)
        weights = self.rng.integers(-127, 128, shape).astype(np.int8)
        typical = 73.0 * 73.0 * float(np.sqrt(np.prod(shape[1:])))
        scales = (45.0 / typical * self.rng.uniform(0.5, 1.5, shape[0])).astype(np.float32)
        self._tensor(f"w{number}", shape, Quantization(tuple(scales.tolist()), 0, 0))
        self.constants[f"w{number}"] = weights
        inputs = [x, f"w{number}"]
        if bias:
            self.constants[f"b{number}"] = (self.rng.normal(0, 0.3 * typical, shape[0])).astype(np.int32)
            self.tensors[f"b{number}"] = Tensor(f"b{number}", (shape[0],), "int32")
            inputs.append(f"b{number}")
        return self._node(op, inputs, self._near(self.scale(x) / spread))

    def _node(self, op: Operator, inputs: list[str], quantization: Quantization | None) -> str:
        number = len(self.nodes)
        name = f"{type(op).__name__.lower()}_{number}"
        (shape,) = op.output_shapes(*(self.tensors[i].shape for i in inputs))
        self._tensor(f"{name}_out", shape, quantization)
        self.nodes.append(Node(name, op, tuple(inputs), (f"{name}_out",), (f"/{name}/ONNX",)))
        return f"{name}_out"

    def _tensor(self, name: str, shape: tuple[int, ...], quantization: Quantization | None) -> None:
        self.tensors[name] = Tensor(name, shape, "int8", quantization, channels_last=len(shape) > 2)

    def _near(self, scale: float) -> Quantization:
        return Quantization((self._scale(scale),), self._zero_point())

    def _scale(self, around: float) -> float:
        return float(np.float32(around * 2 ** self.rng.uniform(-0.5, 0.5)))

    def _zero_point(self) -> int:
        return int(self.rng.choice([-128, 127, 0, *self.rng.integers(-128, 128, 5)]))


def spacious_plan(graph: Graph) -> Plan:
    """Every tensor and padding row beside each other, for graphs so wide that to search a dense plan takes long."""
    steps: list[Step] = []
    places: dict[str, Place] = {}
    end = 0

    def place(name: str, rows: int, size: int) -> Place:
        nonlocal end
        made = Place(name, end, rows, size, rows, Span(0, len(graph.nodes)))
        end = aligned(end + rows * size)
        return made

    for name in graph.inputs:
        shape = graph.tensors[name].shape
        places[name] = place(name, row_count(shape), row_bytes(shape))
    for node in graph.nodes:
        (output,), shape = node.outputs, graph.tensors[node.outputs[0]].shape
        rows, size = row_count(shape), row_bytes(shape)
        if is_view(node):
            offset = places[node.inputs[0]].offset_bytes
            places[output] = Place(output, offset, rows, size, rows, Span(0, len(graph.nodes)))
            continue
        places[output] = place(output, rows, size)
        padding = None
        if isinstance(getattr(node.op, "window", None), Window):
            padding = place(f"{node.name} padding", 1, row_bytes(graph.tensors[node.inputs[0]].shape))
        scratch = place(f"sums of {output}", 1, 4 * size) if sums_rows(node.op) else None
        source = graph.tensors[graph.activations(node)[0]].shape
        steps.append(Step(node, 0, turns(node.op, source, shape), padding, scratch))
    made = Plan(graph, tuple(steps), places, end, end)
    check(made)
    return made
