"""The worked numbers of lectures on convolution, from the library itself."""

import numpy as np
import pytest
from models import run_float

from tinycnn import nn
from tinycnn.ir import Array
from tinycnn.onnx_io.load import import_model
from tinycnn.ops import Window


def run(y: nn.Value, x: Array) -> Array:
    graph = import_model(nn.to_onnx(y), "lecture.onnx")
    (result,) = run_float(graph, {graph.inputs[0]: x.astype(np.float32)}).values()
    return result


def parameters(y: nn.Value) -> int:
    return sum(constant.size for constant in import_model(nn.to_onnx(y), "lecture.onnx").constants.values())


def test_a_5x5_map_under_a_3x3_filter() -> None:
    image = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]])
    kernel = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]])
    y = run(nn.conv2d(nn.input("x", (1, 5, 5)), kernel[None, None]), image[None, None])
    by_hand = [[3, 4, 4], [1, 3, 3], [1, 1, 3]]
    sums = [[int((image[r : r + 3, c : c + 3] * kernel).sum()) for c in range(3)] for r in range(3)]
    assert y[0, 0].tolist() == sums == by_hand


def test_shared_weights_are_few() -> None:
    """(3 * 3 + 1) * 3 = 30 for three filters wherever they look; (6 * 6) * 5 = 180 for five units that see 6 x 6."""
    shared = nn.conv2d(nn.input("x", (1, 6, 6)), np.zeros((3, 1, 3, 3)), np.zeros(3))
    assert parameters(shared) == (3 * 3 + 1) * 3 == 30
    assert parameters(nn.dense(nn.input("x", (36,)), np.zeros((5, 36)))) == (6 * 6) * 5 == 180


@pytest.mark.parametrize(
    ("image", "filters", "map"),
    [((3, 32, 32), (6, 3, 5, 5), (6, 28, 28)), ((3, 6, 6), (2, 3, 3, 3), (2, 4, 4))],
)
def test_filters_make_a_map_each(image: tuple[int, ...], filters: tuple[int, ...], map: tuple[int, ...]) -> None:
    assert run(nn.conv2d(nn.input("x", image), np.ones(filters)), np.ones((1, *image))).shape == (1, *map)


@pytest.mark.parametrize(("size", "taps"), [(7, 3), (28, 5), (9, 4)])
def test_valid_same_and_full(size: int, taps: int) -> None:
    image, weights = nn.input("x", (1, size, size)), np.ones((1, 1, taps, taps))
    for padding, expected in (("valid", size - taps + 1), ("same", size), ("full", size + taps - 1)):
        y = run(nn.conv2d(image, weights, padding=padding), np.ones((1, 1, size, size)))
        assert y.shape == (1, 1, expected, expected)


def test_dilation_widens_the_field() -> None:
    """A 3 x 3 filter dilated by (4, 2) sees 9 x 5 pixels: 8 and 4 beyond its first tap."""
    window = Window((3, 3), (1, 1), (4, 2), (0, 0, 0, 0))
    rows = window.input_rows(0)
    assert rows[-1] - rows[0] == 8
    y = run(nn.conv2d(nn.input("x", (1, 9, 5)), np.ones((1, 1, 3, 3)), dilations=(4, 2)), np.ones((1, 1, 9, 5)))
    assert y.shape == (1, 1, 1, 1)
    with_one_less = nn.conv2d(nn.input("x", (1, 9, 4)), np.ones((1, 1, 3, 3)), dilations=(4, 2))
    with pytest.raises(Exception, match="fit"):
        run(with_one_less, np.ones((1, 1, 9, 4)))


@pytest.mark.parametrize("flipped", [False, True])
def test_convolution_is_the_product_of_spectra(flipped: bool) -> None:
    """The full convolution of the textbooks flips the kernel; networks do not, which is the correlation."""
    rng = np.random.default_rng(11)
    image, kernel = rng.integers(-9, 10, (8, 8)), rng.integers(-4, 5, (3, 3))
    shape = (10, 10)
    spectrum = np.fft.fft2(image, shape) * np.fft.fft2(kernel if flipped else kernel[::-1, ::-1], shape)
    expected = np.rint(np.fft.ifft2(spectrum).real).astype(int)
    weights = kernel[::-1, ::-1] if flipped else kernel
    y = run(nn.conv2d(nn.input("x", (1, 8, 8)), weights[None, None], padding="full"), image[None, None])
    assert y[0, 0].astype(int).tolist() == expected.tolist()
