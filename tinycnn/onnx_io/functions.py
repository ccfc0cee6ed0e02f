"""The ONNX functions that `export` may put into a file; a file's own must be equal to them."""

from collections.abc import Callable, Mapping
from functools import partial

from onnx import FunctionProto

from tinycnn.onnx_io import (
    float_resize_function,
    insert_zeros_function,
    lp_pool_function,
    normalize_functions,
    softmax_function,
    sum_functions,
    tie_functions,
)

DOMAIN = softmax_function.DOMAIN
FUNCTIONS: Mapping[str, Callable[[int], FunctionProto]] = {
    **{f"{DOMAIN}.{name}": make for name, make in float_resize_function.FLOAT_RESIZES.items()},
    f"{DOMAIN}.{insert_zeros_function.NAME}": insert_zeros_function.insert_zeros_function,
    **{
        f"{DOMAIN}.{name}": partial(lp_pool_function.lp_pool_function, power)
        for power, name in lp_pool_function.NAMES.items()
    },
    **{f"{DOMAIN}.{name}": partial(sum_functions.reduce_function, name) for name in sum_functions.REDUCTIONS.values()},
    f"{DOMAIN}.{normalize_functions.ARG_MAX}": normalize_functions.arg_max_function,
    f"{DOMAIN}.{normalize_functions.LOG_SOFTMAX}": normalize_functions.log_softmax_function,
    f"{DOMAIN}.{normalize_functions.LRN}": normalize_functions.lrn_function,
    f"{DOMAIN}.{sum_functions.POOL}": sum_functions.pool_function,
    **{
        f"{DOMAIN}.{name}": partial(sum_functions.resize_function, rank) for rank, name in sum_functions.RESIZES.items()
    },
    f"{DOMAIN}.{tie_functions.MULTIPLY}": tie_functions.multiply_function,
    **{f"{DOMAIN}.{name}": partial(tie_functions.pool_function, name) for name in tie_functions.POOLS.values()},
    f"{DOMAIN}.{softmax_function.NAME}": softmax_function.integer_softmax_function,
}
"""Name with the domain to what makes the function for an operator set."""
