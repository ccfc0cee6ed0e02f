"""Five classical filters, and each as an int8 network of one convolution whose output is the exact integer."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import numpy.typing as npt

import tinycnn
from tinycnn import nn

Integers = npt.NDArray[np.int8]
Mode = Literal["valid", "same", "full"]

KERNELS: dict[str, list[list[int]]] = {
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "blur": [[1, 2, 1], [2, 4, 2], [1, 2, 1]],
    "edge": [[0, -1, 0], [-1, 4, -1], [0, -1, 0]],
    "strong edge": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
}
DIVISORS = {"blur": 16}  # the others divide by 1
PADS: dict[Mode, int] = {"valid": 0, "same": 1, "full": 2}  # black rows and columns around the image, for 3 x 3 taps

BLACK = np.int8(-128)  # a pixel is stored as pixel - 128, with scale 1 ...
ONE = np.float32(1)  # ... so that the stored steps are those of the pixels


def kernel_of(name: str) -> Integers:
    return np.array(KERNELS[name], np.int8)


def network(kernels: Integers, divisors: list[int], mode: Mode, size: int) -> tinycnn.Graph:
    """Pixels [N, 1, size, size] in 0..255 to one filtered image per kernel [K, 3, 3], clipped to 0..255.

    Quantizing chooses scales that fit the data; here they are chosen by hand. The weights are the kernel's integers
    with the scale 1/divisor, pixels have the scale 1 on both sides: so nothing is lost but the rounding of a division.
    """
    image = _pixels(nn.input("image", (1, size, size)))
    scales, zeros = np.array([1 / divisor for divisor in divisors], np.float32), np.zeros(len(kernels), np.int8)
    weights = nn.apply("DequantizeLinear", kernels[:, np.newaxis], scales, zeros, axis=0)
    filtered = nn.apply("Conv", image, weights, kernel_shape=[3, 3], pads=[PADS[mode]] * 4)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "filter.onnx"
        nn.save(_pixels(filtered, "filtered"), path, "filter")
        return tinycnn.load(path)


def _pixels(value: nn.Value, name: str | None = None) -> nn.Value:
    """Rounded and clipped to 0..255: what tinycnn reads as an int8 tensor."""
    return nn.apply("DequantizeLinear", nn.apply("QuantizeLinear", value, ONE, BLACK), ONE, BLACK, name=name)


def run(graph: tinycnn.Graph, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Filtered images [K, height, width] of one image, by the int8 engine."""
    tensor, result = graph.tensors["image"], graph.tensors["filtered"]
    stored = tinycnn.to_stored(tensor, image[np.newaxis, np.newaxis].astype(np.float32))
    return tinycnn.to_real(result, tinycnn.run(graph, stored)["filtered"])[0].astype(np.uint8)
