"""What hypothesis draws in several tests."""

from hypothesis import settings
from hypothesis import strategies as st

from tinycnn.ir import Shape
from tinycnn.ops import Window

SEEDS = st.integers(0, 2**32 - 1)
IMAGE_SIZES = st.lists(st.integers(1, 11), min_size=1, max_size=2).map(tuple)
few = settings(max_examples=25, deadline=None, print_blob=True)
some = settings(max_examples=60, deadline=None, print_blob=True)


@st.composite
def windows(draw, sizes: Shape, *, pooling: bool = False) -> Window:
    """A window that fits an input of `sizes`; a pool's padding is smaller than its kernel, as ONNX asks."""
    kernel, strides, dilations, begins, ends = [], [], [], [], []
    for size in sizes:
        k = draw(st.integers(1, min(5, size)))
        dilation = draw(st.integers(1, 3 if k > 1 and not pooling else 1))
        room = k - 1 if pooling else (k - 1) * dilation
        begin, end = draw(st.integers(0, room)), draw(st.integers(0, room))
        if (k - 1) * dilation + 1 > size + begin + end:
            dilation = 1
        kernel.append(k)
        strides.append(draw(st.integers(1, 3)))
        dilations.append(dilation)
        begins.append(begin)
        ends.append(end)
    ceil_mode = pooling and draw(st.booleans())
    return Window(tuple(kernel), tuple(strides), tuple(dilations), (*begins, *ends), ceil_mode)
