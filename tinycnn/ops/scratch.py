"""Memory for what kernels compute in between, used again and again.

The system gives a large new array page by page, at the first touch of each, and takes it back when it is freed: a
depthwise layer spent half of its time so (660 us for 350). Used again, the memory is also still in the cache.
"""

import math
import threading

import numpy as np
import numpy.typing as npt

from tinycnn.ir import Array, Shape


class _Buffers(threading.local):
    def __init__(self) -> None:
        self.by_name: dict[str, npt.NDArray[np.uint8]] = {}


_BUFFERS = _Buffers()


def scratch(name: str, shape: Shape, dtype: npt.DTypeLike) -> Array:
    """An array of any content that is the caller's until `scratch` is called with the same name in this thread.

    Names in use: "rows" for the input under the windows of a convolution, "sums" for its sums.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    buffer = _BUFFERS.by_name.get(name)
    if buffer is None or buffer.size < size:
        buffer = _BUFFERS.by_name[name] = np.empty(size, np.uint8)
    return buffer[:size].view(dtype).reshape(shape)
