"""Operators on two tensors one of which is an int8 constant of the file, one number or one for each channel: tables."""

import numpy as np

from tinycnn.ops.base import Call, Int8Array, Int8Kernel


def has_constant(call: Call) -> bool:
    return any(constant is not None for constant in call.constants)


def constant_operand(call: Call) -> tuple[int, Int8Array]:
    """Which input is constant, and its value for each channel, int8 [C]."""
    index = next(index for index, constant in enumerate(call.constants) if constant is not None)
    return index, np.broadcast_to(call.constant(index).reshape(-1), call.output.shape[-1:])


def constant_tables(call: Call, pairs: Int8Array) -> Int8Array:
    """The output for each channel and input -128..127, int8 [C, 256], given that for each pair, int8 [256, 256]."""
    index, values = constant_operand(call)
    return np.ascontiguousarray((pairs if index == 0 else pairs.T)[values.astype(np.int16) + 128])


def constant_kernel(call: Call, pairs: Int8Array) -> Int8Kernel:
    """A function of the computed input."""
    tables, channels = constant_tables(call, pairs), np.arange(call.output.shape[-1])
    return lambda x: tables[channels, x.astype(np.int16) + 128]
