"""Files from onnxruntime's own quantizer, whatever its options: onnxruntime's bytes at every tensor."""

import itertools
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from exactness import assert_same_c
from models import Network, assert_like_onnxruntime, floats
from onnx import ModelProto
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from tinycnn import engine
from tinycnn.errors import UnsupportedError
from tinycnn.imported import compare_with_file
from tinycnn.ir import Array, Graph
from tinycnn.onnx_io import FORMATS, export, load

TYPES = ((QuantType.QUInt8, QuantType.QInt8), (QuantType.QUInt8, QuantType.QUInt8), (QuantType.QInt8, QuantType.QInt8))
"""Of activations and weights: the quantizer has no others. uint8 weights have zero points of any value."""
OPTIONS = list(itertools.product((QuantFormat.QDQ, QuantFormat.QOperator), TYPES, (True, False)))


class Samples(CalibrationDataReader):
    """Batches of one for the calibration."""

    def __init__(self, samples: Array) -> None:
        self.left = iter(samples)

    def get_next(self) -> dict[str, Array] | None:
        sample = next(self.left, None)
        return None if sample is None else {"x": sample[None]}


def residual() -> tuple[Network, str]:
    net = Network(0, 3, 12, 12)
    x = net.add("Relu", net.conv("x", 8, pads=[1, 1, 1, 1], strides=[2, 2]))
    y = net.conv(net.clip(net.conv(x, 8, group=8, pads=[1, 1, 1, 1]), 0.0, 6.0), 8, 1)
    x = net.add("MaxPool", net.add("Relu", net.add("Add", f"{x} {y}")), kernel_shape=[2, 2])
    x = net.add("Flatten", net.add("GlobalAveragePool", net.conv(x, 12, 3, group=2)))
    return net, net.add("Softmax", net.dense(x, 5))


def u_net() -> tuple[Network, str]:
    net = Network(3, 2, 12, 8)
    skip = net.add("Relu", net.conv("x", 4, 3, pads=[1, 1, 1, 1]))
    low = net.add("MaxPool", skip, kernel_shape=[2, 2], strides=[2, 2])
    low = net.add("Relu", net.conv(low, 6, 3, pads=[1, 1, 1, 1]))
    scales = net.constant(np.array([1, 1, 2, 2], np.float32))
    high = net.add("Resize", f"{low} - {scales}", mode="nearest", coordinate_transformation_mode="asymmetric",
                   nearest_mode="floor")  # fmt: skip
    return net, net.conv(net.add("Concat", f"{high} {skip}", axis=1), 3, 3, pads=[1, 1, 1, 1])


def gated() -> tuple[Network, str]:
    net = Network(4, 4, 8, 8)
    x = net.add("LeakyRelu", net.conv("x", 8, 3), alpha=0.1)
    gate = net.conv(net.add("Relu", net.conv(net.add("GlobalAveragePool", x), 2, 1)), 8, 1)
    x = net.add("Mul", f"{x} {net.add('Sigmoid', gate)}")
    x = net.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    return net, net.dense(net.add("Flatten", x), 5)


def moved() -> tuple[Network, str]:
    net = Network(5, 4, 8, 8)
    x = net.clip(net.conv("x", 8, 3, pads=[1, 1, 1, 1]), 0.0, 6.0)
    i = [net.constant(np.array([value], np.int64)) for value in (0, 4, 8, 1)]
    halves = [net.add("Slice", f"{x} {i[begin]} {i[begin + 1]} {i[3]}") for begin in (1, 0)]
    pads = net.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    x = net.conv(net.add("Pad", f"{net.add('Concat', ' '.join(halves), axis=1)} {pads}"), 4, 3)
    return net, net.dense(net.add("Flatten", net.add("GlobalAveragePool", x)), 4)


def halves() -> tuple[Network, str]:
    """What the quantizer leaves between floats: pads of the input, slices, reductions that drop axes."""
    net = Network(6, 2, 9, 9)
    pads = net.constant(np.array([0, 0, 1, 1, 0, 0, 0, 0], np.int64))
    x = net.conv(net.add("Pad", f"x {pads}"), 8, 3)
    i = [net.constant(np.array([value], np.int64)) for value in (0, 4, 8, 1)]
    parts = [net.add("Slice", f"{x} {i[begin]} {i[begin + 1]} {i[3]}") for begin in (0, 1)]
    gate = net.add("Transpose", net.add("Sigmoid", parts[0]), perm=[0, 1, 3, 2])
    x = net.add("Mul", f"{gate} {net.add('Transpose', parts[1], perm=[0, 1, 3, 2])}")
    x = net.add("ReduceMean", net.add("Relu", net.conv(x, 6, 3)), axes=[2, 3], keepdims=0)
    return net, net.dense(x, 4)


def blended() -> tuple[Network, str]:
    """Bilinear upsampling, and a hard-swish written out, whose numbers the quantizer quantizes too."""
    net = Network(8, 3, 12, 10)
    low = net.conv(net.add("Relu", net.conv("x", 6, 3, pads=[1, 1, 1, 1], strides=[2, 2])), 4, 1)
    three, six, scales = (net.constant(np.array(value, np.float32)) for value in (3.0, 6.0, [1, 1, 2, 2]))
    gate = net.clip(net.add("Add", f"{low} {three}"), 0.0, 6.0)
    low = net.conv(net.add("Div", f"{net.add('Mul', f'{low} {gate}')} {six}"), 4, 1)
    high = net.add("Resize", f"{low} - {scales}", mode="linear", coordinate_transformation_mode="half_pixel")
    return net, net.conv(net.add("Concat", f"{high} x", axis=1), 3, 3)


NETWORKS = {function.__name__: function for function in (residual, u_net, gated, moved, halves, blended)}


def quantized(
    proto: ModelProto, samples: Array, folder: Path, form: QuantFormat, types: tuple[QuantType, QuantType], each: bool
) -> Path:
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(proto, folder / "float.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantize_static(
            folder / "float.onnx", folder / "user.onnx", Samples(samples), quant_format=form, activation_type=types[0],
            weight_type=types[1], per_channel=each,
        )  # fmt: skip
    return folder / "user.onnx"


def assert_like_the_file(path: Path, samples: Array) -> Graph:
    graph = load(path)
    result = compare_with_file(path, graph, samples)
    assert not {tensor.name: tensor.mismatches for tensor in result.tensors if tensor.mismatches}
    assert len(result.tensors) >= 6
    return graph


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: f"{options[0]}-{options[1][1]}-{options[2]}")
@pytest.mark.parametrize("name", NETWORKS)
def test_every_tensor_is_onnxruntime_s(name: str, options, tmp_path: Path) -> None:
    net, output = NETWORKS[name]()
    samples = net.samples(6)
    assert_like_the_file(quantized(net.proto(output), samples, tmp_path, *options), samples)


@pytest.mark.parametrize("name", ["residual", "gated"])
def test_weights_around_any_zero_point_are_the_same_in_c(name: str, tmp_path: Path) -> None:
    net, output = NETWORKS[name]()
    samples = net.samples(3)
    path = quantized(net.proto(output), samples, tmp_path, QuantFormat.QDQ, TYPES[1], False)
    zero_points = [
        tensor for tensor in onnx.load(path).graph.initializer if tensor.name.endswith("constant_1_zero_point")
    ]
    assert [int(onnx.numpy_helper.to_array(tensor)) not in (0, 128) for tensor in zero_points] == [True]
    graph = assert_like_the_file(path, samples)
    stored = engine.stored_samples(graph, samples)
    for format in FORMATS:
        again = tmp_path / f"{format}.onnx"
        onnx.save(export(graph, format), again)
        np.testing.assert_array_equal(engine.run(load(again), stored)[output], engine.run(graph, stored)[output])
    assert_same_c(graph, stored, tmp_path)


@pytest.mark.parametrize(("types", "each"), [(TYPES[2], True), (TYPES[1], False)])
def test_transposed_convolutions_are_near_onnxruntime_s_floats_and_the_same_in_c(types, each, tmp_path: Path) -> None:
    net = Network(7, 3, 6, 7)
    x = net.add("Relu", net.conv("x", 4, 3))
    weights = net.constant(floats(net.rng, 4, 3, 3, 2))
    x = net.add("ConvTranspose", f"{x} {weights}", group=2, strides=[2, 1], pads=[1, 0, 1, 0])
    x = net.add("Relu", net.add("ConvTranspose", f"{x} {net.weights(6, 6, 2, 2)}", strides=[2, 2]))
    output, samples = net.conv(x, 2, 1), net.samples(20)
    path = quantized(net.proto(output), samples[:6], tmp_path, QuantFormat.QDQ, types, each)
    graph = load(path)
    result = compare_with_file(path, graph, samples)
    assert len(result.tensors) >= 4
    assert not any(tensor.mismatches for tensor in result.tensors)
    assert_same_c(graph, engine.stored_samples(graph, samples[:2]), tmp_path)


def test_a_transposed_convolution_that_is_left_in_float_is_refused_by_name(tmp_path: Path) -> None:
    net = Network(7, 3, 6, 7)
    output = net.add("ConvTranspose", f"{net.conv('x', 4, 3)} {net.weights(4, 4, 3, 2)}")
    path = quantized(net.proto(output), net.samples(2), tmp_path, QuantFormat.QOperator, TYPES[0], True)
    with pytest.raises(UnsupportedError, match=r"Conv 3x2\) is left in float: '.*' is a float constant"):
        load(path)


def test_what_computes_behind_the_last_quantizer_is_refused_with_what_to_do(tmp_path: Path) -> None:
    net = Network(8, 3, 6, 7)
    output = net.add("Tanh", net.conv("x", 4, 3))
    path = quantized(net.proto(output), net.samples(2), tmp_path, QuantFormat.QDQ, TYPES[0], True)
    with pytest.raises(UnsupportedError, match=r"Tanh\) is left in float: .* let it end before this node, or quantize"):
        load(path)


def test_a_file_with_float_normalization_is_refused_by_name(tmp_path: Path) -> None:
    net = Network(1, 2, 6, 6)
    proto = net.proto(net.conv(net.batch_normalization(net.add("Relu", net.conv("x", 4))), 2))
    assert_like_onnxruntime(proto, {"x": net.samples(2)})
    for form in (QuantFormat.QDQ, QuantFormat.QOperator):
        path = quantized(proto, net.samples(4), tmp_path, form, TYPES[0], True)
        with pytest.raises(UnsupportedError, match=r"BatchNormalization"):
            load(path)
