"""Networks to export, and their bytes in onnxruntime."""

from collections.abc import Callable

import numpy as np
from models import EXAMPLES, Network, assert_like_onnxruntime, example, residual_network
from onnx import ModelProto

from tinycnn import engine
from tinycnn.ir import Array, Graph
from tinycnn.onnx_io import Format, export
from tinycnn.onnx_io.load import import_model
from tinycnn.onnx_io.writer import SUFFIX
from tinycnn.ops import Reshape
from tinycnn.quantize import quantize
from tinycnn.runners.onnxruntime import run_session

MNIST = np.load(EXAMPLES / "mnist_sample/mnist_sample.npz")


def images(name: str, count: int) -> Array:
    return MNIST[name][:count, None].astype(np.float32)


def nets() -> dict[str, Callable[[], tuple[Network, str]]]:
    """Small networks, each with something that was or could be lost; functions, so that a test makes only its own."""

    def make(*shape: int) -> Network:
        return Network(len(shape) + sum(shape), *shape)

    def one_dimensional() -> tuple[Network, str]:
        net = make(2, 20)
        x = net.add("Relu", net.conv("x", 4, pads=[1, 1], strides=[2]))
        return net, net.dense(net.add("Flatten", net.add("MaxPool", x, kernel_shape=[2])), 3)

    def one_channel() -> tuple[Network, str]:
        net = make(1, 8, 8)
        return net, net.conv(net.conv("x", 1), 1)

    def lone_clip() -> tuple[Network, str]:
        net = make(3, 8, 8)
        x = net.conv("x", 4)
        return net, net.add("Add", f"{net.clip(x, -0.3, 0.4)} {x}")

    def average_pools() -> tuple[Network, str]:
        net = make(3, 19, 19)
        x = net.conv("x", 6, group=3)
        window = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
        x = net.add("AveragePool", net.add("AveragePool", x, count_include_pad=1, **window), **window)
        return net, net.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)

    def reshaped_input() -> tuple[Network, str]:
        net = make(784)
        x = net.add("Reshape", f"x {net.constant(np.array([-1, 1, 28, 28]))}")
        return net, net.dense(net.add("Flatten", net.conv(x, 3, strides=[2, 2])), 4)

    def shared_weights() -> tuple[Network, str]:
        net = make(3, 6, 6)
        shared = net.weights(3, 3, 1, 1)
        return net, net.add("Conv", f"{net.add('Conv', f'x {shared}')} {shared}")

    def two_heads() -> tuple[Network, str]:
        net = make(3, 6, 6)
        x = net.add("Flatten", net.conv("x", 4))
        return net, f"{net.dense(x, 3)} {net.dense(x, 2)}"

    def inner_output() -> tuple[Network, str]:
        net = make(3, 6, 6)
        x = net.conv("x", 4)
        return net, f"{x} {net.add('Relu', x)}"

    def softmax_of_an_image() -> tuple[Network, str]:
        net = make(3, 8, 8)
        return net, net.add("Softmax", net.conv("x", 6), axis=1)

    def only_pools() -> tuple[Network, str]:
        net = make(3, 9, 9)
        x = net.add("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
        return net, net.add("Flatten", net.add("GlobalAveragePool", x))

    def same_input_twice() -> tuple[Network, str]:
        net = make(10)
        x = net.add("Relu", "x")
        return net, net.dense(net.add("Add", f"{x} x"), 3)

    def channels_last_input(channels: int = 3) -> tuple[Network, str]:
        net = make(8, 6, channels)
        x = net.clip(net.add("Transpose", "x", perm=[0, 3, 1, 2]), -1.0, 1.0)
        return net, net.dense(net.add("Flatten", net.add("Relu", net.conv(x, 4))), 3)

    def channels_last_throughout() -> tuple[Network, str]:
        net = make(8, 6, 3)
        x = net.add("Relu", net.conv(net.add("Transpose", "x", perm=[0, 3, 1, 2]), 4))
        x = net.add("Transpose", net.add("Transpose", x, perm=[0, 2, 3, 1]), perm=[0, 3, 1, 2])
        return net, net.add("Transpose", net.conv(x, 2), perm=[0, 2, 3, 1])

    return {
        "residual": residual_network,
        "1-D": one_dimensional,
        "one channel": one_channel,
        "lone Clip": lone_clip,
        "average pools": average_pools,
        "reshaped input": reshaped_input,
        "shared weights": shared_weights,
        "two heads": two_heads,
        "inner output": inner_output,
        "Softmax of an image": softmax_of_an_image,
        "only pools": only_pools,
        "same input twice": same_input_twice,
        "channels-last input": channels_last_input,
        "channels-last input of one channel": lambda: channels_last_input(1),
        "channels-last throughout": channels_last_throughout,
    }


NETS = nets()
EXAMPLE_NAMES = ("lenet5", "perceptron")
_made: dict[str, tuple[Graph, Array]] = {}


def quantized(name: str) -> tuple[Graph, Array]:
    """An int8 graph and float samples for it."""
    if name not in _made:
        if name in NETS:
            net, output = NETS[name]()
            samples = net.samples(20)
            graph = quantize(assert_like_onnxruntime(net.proto(output), {"x": samples[:3]}), samples)
            _made[name] = graph, samples * np.float32(1.2)  # saturates here and there
        else:
            graph = quantize(import_model(example(name), f"{name}.onnx"), images("calibration_images", 100))
            _made[name] = graph, images("test_images", 50)
    return _made[name]


def file_bytes(model: ModelProto) -> bytes:
    return model.SerializeToString(deterministic=True)


def compare_with_onnxruntime(graph: Graph, samples: Array, format: Format) -> tuple[int, tuple[str, ...]]:
    """The number of tensors compared, after every byte was found equal, and what onnxruntime ran in float."""
    source = graph.tensors[graph.inputs[0]]
    expected = in_onnx_order(graph, engine.trace(graph, engine.to_stored(source, samples)))
    model = export(graph, format)
    names = {name for n in model.graph.node for name in n.output if name.endswith(SUFFIX)}
    names &= {name + SUFFIX for name in expected}
    result = run_session(model, {graph.inputs[0]: samples}, sorted(names))
    for name, value in result.tensors.items():
        shift = 128 if value.dtype == np.uint8 else 0
        wanted = expected[name.removesuffix(SUFFIX)]
        np.testing.assert_array_equal(value.astype(np.int16) - shift, wanted, err_msg=name)
    return len(result.tensors), result.left_in_float


def in_onnx_order(graph: Graph, values: dict[str, Array]) -> dict[str, Array]:
    """The engine's tensors with ONNX's axes; what a Reshape makes of an image has its elements in ONNX's order too."""
    moved = {
        name: np.moveaxis(value, -1, 1) if graph.tensors[name].channels_last else value
        for name, value in values.items()
    }
    for n in graph.nodes:
        if isinstance(n.op, Reshape) and not graph.tensors[n.outputs[0]].channels_last:
            (moved[n.outputs[0]],) = n.op.run_float(moved[n.inputs[0]])
    return moved
