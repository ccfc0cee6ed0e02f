"""The builder: what it exports is plain ONNX that onnxruntime and our importer run alike."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from models import assert_like_onnxruntime, run_onnxruntime

import tinycnn
from tinycnn import nn
from tinycnn.errors import ModelError, OutputError

RNG = np.random.default_rng(5)


def residual() -> nn.Value:
    image = nn.input("image", (3, 12, 12))
    x = nn.relu(nn.conv2d(image, nn.he_normal(RNG, 8, 3, 3, 3), np.zeros(8), strides=2, padding="same"))
    y = nn.relu6(nn.depthwise_conv2d(x, nn.he_normal(RNG, 8, 1, 3, 3), padding="same"))
    y = nn.batch_normalization(nn.conv2d(y, nn.he_normal(RNG, 8, 8, 1, 1)), *(RNG.uniform(0.5, 2, 8) for _ in range(4)))
    x = nn.max_pool(nn.add(x, y), (2, 2))
    return nn.softmax(nn.dense(nn.flatten(nn.global_average_pool(x)), nn.he_normal(RNG, 4, 8), name="logits"))


def test_a_model_runs_alike_in_onnxruntime_and_here() -> None:
    proto = nn.to_onnx(residual(), name="residual")
    onnx.checker.check_model(proto, full_check=True)
    assert proto.graph.name == "residual"
    assert_like_onnxruntime(proto, {"image": RNG.normal(0, 1, (3, 3, 12, 12)).astype(np.float32)})


def test_a_saved_model_is_what_load_reads(tmp_path: Path) -> None:
    nn.save(residual(), tmp_path / "net.onnx", "net")
    assert [n.op.label for n in tinycnn.load(tmp_path / "net.onnx").nodes][-1] == "Softmax"


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_text("mine")
    with pytest.raises(OutputError, match=r"net\.onnx: File exists"):
        nn.save(residual(), tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").read_text() == "mine"


def test_two_outputs_that_share_a_layer() -> None:
    image = nn.input("image", (1, 4, 4))
    shared = nn.relu(image)
    proto = nn.to_onnx(nn.flatten(shared, name="a"), nn.global_max_pool(shared, name="b"))
    assert [node.op_type for node in proto.graph.node].count("Relu") == 1
    assert [port.name for port in proto.graph.output] == ["a", "b"]


def test_names_do_not_clash() -> None:
    image = nn.input("relu0", (2,))
    proto = nn.to_onnx(nn.relu(nn.relu(image, name="relu1")))
    assert [node.output[0] for node in proto.graph.node] == ["relu1", "relu1_2"]
    with pytest.raises(ModelError, match="Two values are called 'relu0'"):
        nn.to_onnx(nn.relu(image, name="relu0"))


def test_shapes_that_do_not_fit_are_told() -> None:
    with pytest.raises(ModelError, match="does not fit together"):
        nn.to_onnx(nn.dense(nn.input("x", (3,)), np.zeros((2, 4))))
    with pytest.raises(ModelError, match="have 4 axes"):
        nn.conv2d(nn.input("x", (3, 4, 4)), np.zeros((2, 3, 3)))
    with pytest.raises(ModelError, match="not 2 for each channel"):
        nn.depthwise_conv2d(nn.input("x", (3, 4, 4)), np.zeros((3, 1, 3, 3)), multiplier=2)


def test_a_deep_model_needs_no_recursion() -> None:
    x = nn.input("x", (1,))
    for _ in range(2000):
        x = nn.relu(x)
    assert len(nn.to_onnx(x).graph.node) == 2000


UNARY = (
    "relu relu6 leaky_relu elu selu sigmoid hard_sigmoid hard_swish silu mish gelu tanh softplus exp sqrt abs negative"
)


def image_layers() -> dict[str, nn.Value]:
    """Each function that takes an image, applied to one."""
    x = nn.input("x", (4, 6, 6))
    found = {name: getattr(nn, name)(x) for name in UNARY.split()}
    return found | {
        "prelu": nn.prelu(x, RNG.uniform(0, 1, (4, 1, 1))),
        "conv2d": nn.conv2d(x, nn.he_normal(RNG, 2, 4, 3, 2), strides=(2, 1), padding="full", dilations=(1, 2)),
        "conv_transpose2d": nn.conv_transpose2d(x, nn.he_normal(RNG, 4, 2, 3, 3), strides=2, output_padding=(1, 1)),
        "average_pool": nn.average_pool(x, (2, 3), padding=(1, 0, 0, 1), count_include_pad=True),
        "lp_pool": nn.lp_pool(x, (2, 2)),
        "concatenate": nn.concatenate(x, x),
        "pad": nn.pad(x, (0, 0, 1, 2, 0, 0, 0, 1), "reflect"),
        "reshape": nn.reshape(x, (0, -1)),
        "transpose": nn.transpose(x, (0, 2, 3, 1)),
        "depth_to_space": nn.depth_to_space(x, 2),
        "space_to_depth": nn.space_to_depth(x, 3),
        "upsample": nn.upsample(x),
        "upsample linear": nn.upsample(x, mode="linear"),
        "argmax": nn.argmax(x),
        "log_softmax": nn.log_softmax(x, 1),
        "local_response_normalization": nn.local_response_normalization(x, 3),
        "locally_connected2d": nn.locally_connected2d(x, nn.he_normal(RNG, 5, 6, 2, 4, 2, 3), padding=(0, 1, 0, 1)),
        "matmul": nn.matmul(x, nn.transpose(x, (0, 1, 3, 2))),
        "reductions": nn.reduce_max(nn.reduce_mean(nn.reduce_sum(x, (1,)), (2,)), (3,), keepdims=False),
        "squeeze and excite": nn.multiply(x, nn.sigmoid(nn.global_average_pool(x))),
        "arithmetic": nn.divide(nn.subtract(nn.minimum(x, 1.0), nn.maximum(x, -1.0)), np.float32(3)),
    }


@pytest.mark.parametrize("name", image_layers())
def test_every_layer_is_valid_onnx(name: str) -> None:
    proto = nn.to_onnx(image_layers()[name])
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": RNG.uniform(0.1, 1, (2, 4, 6, 6)).astype(np.float32)})
    assert y.shape[0] == 2


def test_signals() -> None:
    x = nn.input("x", (3, 20))
    y = nn.conv1d(x, nn.he_normal(RNG, 5, 3, 3), strides=2, padding="same")
    z = nn.conv_transpose1d(y, nn.he_normal(RNG, 5, 2, 4), strides=2)
    result = run_onnxruntime(nn.to_onnx(z, name="signal"), {"x": np.ones((1, 3, 20), np.float32)})
    assert [value.shape for value in result.values()] == [(1, 2, 22)]
