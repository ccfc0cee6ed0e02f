"""Models made in Python: layers as functions on `Value`s, numpy weights, and plain float32 ONNX at the end.

    image = nn.input("image", (1, 28, 28))
    x = nn.relu(nn.conv2d(image, weights, bias, padding="same"))
    nn.save(nn.dense(nn.flatten(x), matrix, name="logits"), "small.onnx")

Tensors are [N, C, H, W] or, for signals, [N, C, L]; weights have the order of ONNX and PyTorch. Nothing is computed
here: a value only remembers how it comes about.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from tinycnn.nn.model import Array, Value, apply, he_normal, input, save, to_onnx
from tinycnn.nn.windows import (
    Padding,
    average_pool,
    conv1d,
    conv2d,
    conv_transpose1d,
    conv_transpose2d,
    depthwise_conv2d,
    global_average_pool,
    global_max_pool,
    locally_connected2d,
    lp_pool,
    max_pool,
)

__all__ = [
    "Padding",
    "Value",
    "abs",
    "add",
    "apply",
    "argmax",
    "average_pool",
    "batch_normalization",
    "clip",
    "concatenate",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "dense",
    "depth_to_space",
    "depthwise_conv2d",
    "divide",
    "elu",
    "exp",
    "flatten",
    "gelu",
    "global_average_pool",
    "global_max_pool",
    "hard_sigmoid",
    "hard_swish",
    "he_normal",
    "input",
    "leaky_relu",
    "local_response_normalization",
    "locally_connected2d",
    "log_softmax",
    "lp_pool",
    "matmul",
    "max_pool",
    "maximum",
    "minimum",
    "mish",
    "multiply",
    "negative",
    "pad",
    "prelu",
    "reduce_max",
    "reduce_mean",
    "reduce_sum",
    "relu",
    "relu6",
    "reshape",
    "save",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "space_to_depth",
    "sqrt",
    "subtract",
    "tanh",
    "to_onnx",
    "transpose",
    "upsample",
]


def dense(x: Value, weights: Array, bias: Array | None = None, *, name: str | None = None) -> Value:
    """weights @ x + bias for vectors [N, I]; weights [O, I]."""
    constants = (weights,) if bias is None else (weights, bias)
    return apply("Gemm", x, *constants, name=name, transB=1)


def batch_normalization(
    x: Value,
    scale: Array,
    bias: Array,
    mean: Array,
    variance: Array,
    *,
    epsilon: float = 1e-5,
    name: str | None = None,
) -> Value:
    """(x - mean) / sqrt(variance + epsilon) * scale + bias, each [C]."""
    return apply("BatchNormalization", x, scale, bias, mean, variance, name=name, epsilon=epsilon)


def relu(x: Value, *, name: str | None = None) -> Value:
    return apply("Relu", x, name=name)


def relu6(x: Value, *, name: str | None = None) -> Value:
    return clip(x, 0.0, 6.0, name=name)


def clip(x: Value, low: float | None = None, high: float | None = None, *, name: str | None = None) -> Value:
    limits = [None if limit is None else np.array(limit, np.float32) for limit in (low, high)]
    return apply("Clip", x, *limits, name=name)


def leaky_relu(x: Value, alpha: float = 0.01, *, name: str | None = None) -> Value:
    return apply("LeakyRelu", x, name=name, alpha=alpha)


def prelu(x: Value, slope: Array, *, name: str | None = None) -> Value:
    """x where positive, else slope * x; the slope broadcasts from the right, [C, 1, 1] for one per channel."""
    return apply("PRelu", x, slope, name=name)


def elu(x: Value, alpha: float = 1.0, *, name: str | None = None) -> Value:
    return apply("Elu", x, name=name, alpha=alpha)


def selu(x: Value, *, name: str | None = None) -> Value:
    return apply("Selu", x, name=name)


def sigmoid(x: Value, *, name: str | None = None) -> Value:
    return apply("Sigmoid", x, name=name)


def hard_sigmoid(x: Value, *, name: str | None = None) -> Value:
    """min(max(x / 6 + 1 / 2, 0), 1), as HardSwish uses it."""
    return apply("HardSigmoid", x, name=name, alpha=1 / 6, beta=0.5)


def hard_swish(x: Value, *, name: str | None = None) -> Value:
    return apply("HardSwish", x, name=name)


def silu(x: Value, *, name: str | None = None) -> Value:
    """x * sigmoid(x), written out."""
    return apply("Mul", x, apply("Sigmoid", x), name=name)


def mish(x: Value, *, name: str | None = None) -> Value:
    """x * tanh(softplus(x))."""
    return apply("Mish", x, name=name)


def gelu(x: Value, *, name: str | None = None) -> Value:
    """x / 2 * (1 + erf(x / sqrt(2))), written out as PyTorch exports it."""
    error = apply("Erf", apply("Div", x, np.array(np.sqrt(2), np.float32)))
    product = apply("Mul", x, apply("Add", error, np.array(1, np.float32)))
    return apply("Mul", product, np.array(0.5, np.float32), name=name)


def tanh(x: Value, *, name: str | None = None) -> Value:
    return apply("Tanh", x, name=name)


def softplus(x: Value, *, name: str | None = None) -> Value:
    return apply("Softplus", x, name=name)


def exp(x: Value, *, name: str | None = None) -> Value:
    return apply("Exp", x, name=name)


def sqrt(x: Value, *, name: str | None = None) -> Value:
    return apply("Sqrt", x, name=name)


def abs(x: Value, *, name: str | None = None) -> Value:
    return apply("Abs", x, name=name)


def negative(x: Value, *, name: str | None = None) -> Value:
    return apply("Neg", x, name=name)


def local_response_normalization(
    x: Value,
    size: int,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    bias: float = 1.0,
    name: str | None = None,
) -> Value:
    """x / (bias + alpha / size * the sum of squares over `size` channels around) ** beta, as AlexNet has it."""
    return apply("LRN", x, name=name, size=size, alpha=alpha, beta=beta, bias=bias)


def softmax(x: Value, axis: int = -1, *, name: str | None = None) -> Value:
    return apply("Softmax", x, name=name, axis=axis)


def log_softmax(x: Value, axis: int = -1, *, name: str | None = None) -> Value:
    return apply("LogSoftmax", x, name=name, axis=axis)


def add(a: "Value | Array", b: "Value | Array", *, name: str | None = None) -> Value:
    """a + b with NumPy's broadcasting, as the other operators with two inputs."""
    return apply("Add", a, b, name=name)


def subtract(a: "Value | Array", b: "Value | Array", *, name: str | None = None) -> Value:
    return apply("Sub", a, b, name=name)


def multiply(a: "Value | Array", b: "Value | Array", *, name: str | None = None) -> Value:
    return apply("Mul", a, b, name=name)


def divide(a: "Value | Array", b: "Value | Array", *, name: str | None = None) -> Value:
    return apply("Div", a, b, name=name)


def minimum(a: "Value | Array", b: "Value | Array", *, name: str | None = None) -> Value:
    return apply("Min", a, b, name=name)


def maximum(a: "Value | Array", b: "Value | Array", *, name: str | None = None) -> Value:
    return apply("Max", a, b, name=name)


def matmul(a: "Value | Array", b: "Value | Array", *, name: str | None = None) -> Value:
    """The matrix product of the last two axes; those before broadcast."""
    return apply("MatMul", a, b, name=name)


def reduce_mean(x: Value, axes: Sequence[int], *, keepdims: bool = True, name: str | None = None) -> Value:
    return apply("ReduceMean", x, np.array(axes, np.int64), name=name, keepdims=int(keepdims))


def reduce_sum(x: Value, axes: Sequence[int], *, keepdims: bool = True, name: str | None = None) -> Value:
    return apply("ReduceSum", x, np.array(axes, np.int64), name=name, keepdims=int(keepdims))


def reduce_max(x: Value, axes: Sequence[int], *, keepdims: bool = True, name: str | None = None) -> Value:
    return apply("ReduceMax", x, np.array(axes, np.int64), name=name, keepdims=int(keepdims))


def concatenate(*values: Value, axis: int = 1, name: str | None = None) -> Value:
    """Joined along an axis, by default the channels."""
    return apply("Concat", *values, name=name, axis=axis)


def pad(
    x: Value,
    pads: Sequence[int],
    mode: Literal["constant", "edge", "reflect"] = "constant",
    *,
    name: str | None = None,
) -> Value:
    """ONNX's pads: how many elements before each axis, then how many behind each; batch and channels included."""
    return apply("Pad", x, np.array(pads, np.int64), name=name, mode=mode)


def flatten(x: Value, *, name: str | None = None) -> Value:
    """To vectors [N, ...]."""
    return apply("Flatten", x, name=name)


def reshape(x: Value, shape: Sequence[int], *, name: str | None = None) -> Value:
    """0 keeps an axis (the batch), -1 is what remains."""
    return apply("Reshape", x, np.array(shape, np.int64), name=name)


def transpose(x: Value, permutation: Sequence[int], *, name: str | None = None) -> Value:
    return apply("Transpose", x, name=name, perm=list(permutation))


def depth_to_space(x: Value, block: int, *, name: str | None = None) -> Value:
    """Channels to blocks of block x block pixels, in ONNX's order DCR."""
    return apply("DepthToSpace", x, name=name, blocksize=block)


def space_to_depth(x: Value, block: int, *, name: str | None = None) -> Value:
    return apply("SpaceToDepth", x, name=name, blocksize=block)


def upsample(
    x: Value, factor: int = 2, mode: Literal["nearest", "linear"] = "nearest", *, name: str | None = None
) -> Value:
    """An image `factor` times as high and wide; "linear" is bilinear with half-pixel centres."""
    scales = np.array([1, 1, factor, factor], np.float32)
    if mode == "nearest":
        return apply(
            "Resize",
            x,
            None,
            scales,
            name=name,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
    return apply("Resize", x, None, scales, name=name, mode="linear", coordinate_transformation_mode="half_pixel")


def argmax(x: Value, axis: int = 1, *, name: str | None = None) -> Value:
    """int64 indices, the axis gone."""
    return apply("ArgMax", x, name=name, axis=axis, keepdims=0)
