"""Zero insertion as an ONNX function of operators that move bytes, so that a transposed convolution is a Conv."""

import math
from collections.abc import Mapping

import numpy as np
from onnx import FunctionProto, helper

from tinycnn.ir import Array, Shape
from tinycnn.onnx_io.softmax_function import DOMAIN
from tinycnn.ops.conv_transpose import spread_sizes

NAME = "InsertZeros"
PARAMETERS = ("apart", "pads", "together", "starts", "ends", "axes")


def insert_zeros_function(opset: int) -> FunctionProto:
    """InsertZeros(x, zero, apart, pads, together, starts, ends, axes), the last six from `insert_zeros_parameters`.

    Each spatial axis becomes two, the second is padded to the stride by `zero`, and what follows the last element of x
    is cut off.
    """
    node = helper.make_node
    body = [
        node("Reshape", ["x", "apart"], ["separate"]),
        node("Pad", ["separate", "pads", "zero"], ["padded"]),
        node("Reshape", ["padded", "together"], ["joined"]),
        node("Slice", ["joined", "starts", "ends", "axes"], ["y"]),
    ]
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_function(DOMAIN, NAME, ["x", "zero", *PARAMETERS], ["y"], body, opsets)


def insert_zeros_parameters(shape: Shape, strides: Shape) -> Mapping[str, Array]:
    """The int64 inputs of the function for x of `shape` [N, C, sizes...]."""
    channels, sizes = shape[1], shape[2:]
    rank = len(sizes)
    pads = [0, 0, 0, 0] + [0] * (2 * rank) + [0] * (2 * rank)
    pads[4 + 2 * rank + 1 :: 2] = [stride - 1 for stride in strides]
    values = {
        "apart": [0, channels, *(part for size in sizes for part in (size, 1))],
        "pads": pads,
        "together": [0, channels, *map(math.prod, zip(sizes, strides, strict=True))],
        "starts": [0] * rank,
        "ends": list(spread_sizes(sizes, strides)),
        "axes": list(range(2, 2 + rank)),
    }
    return {name: np.array(values[name], np.int64) for name in PARAMETERS}
