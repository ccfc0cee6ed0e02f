"""The ONNX functions that `export` may put into a file; a file's own must be equal to them."""

from collections.abc import Callable, Mapping

from onnx import FunctionProto

from tinycnn.onnx_io import insert_zeros_function, softmax_function

DOMAIN = softmax_function.DOMAIN
FUNCTIONS: Mapping[str, Callable[[int], FunctionProto]] = {
    f"{DOMAIN}.{insert_zeros_function.NAME}": insert_zeros_function.insert_zeros_function,
    f"{DOMAIN}.{softmax_function.NAME}": softmax_function.integer_softmax_function,
}
"""Name with the domain to what makes the function for an operator set."""
