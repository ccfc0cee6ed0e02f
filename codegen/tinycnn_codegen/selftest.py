"""Real inputs and the bytes to expect, as constants of a program that runs on the user's own board."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tinycnn.errors import DataError
from tinycnn.ir import Array
from tinycnn_codegen.ctext import ConstantArray, array_definition
from tinycnn_codegen.ports import Port

_PER_LINE = 16
MOST_SAMPLES = 32766
"""So that 1 + the number of a sample fits the smallest int."""


@dataclass(frozen=True, slots=True, eq=False)
class Selftest:
    """Samples and what the network makes of them: int8 [N, ...] as the graph stores it, for every input and output.

    Samples of a network that takes sensor bytes are uint8: what the graph stores, plus 128.
    """

    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]


def selftest_arrays(selftest: Selftest, inputs: Sequence[Port], outputs: Sequence[Port]) -> tuple[str, ...]:
    """An array per sample and port, and per port one of pointers to them; DataError when an array does not fit."""
    samples = len(selftest.inputs[0]) if selftest.inputs else 0
    if not 1 <= samples <= MOST_SAMPLES:
        raise DataError(f"A self-test takes 1 to {MOST_SAMPLES} samples, not {samples}.")
    ports, arrays = (*inputs, *outputs), (*selftest.inputs, *selftest.outputs)
    if (len(selftest.inputs), len(selftest.outputs)) != (len(inputs), len(outputs)):
        raise DataError(
            f"The self-test has {len(selftest.inputs)} inputs and {len(selftest.outputs)} outputs, the network"
            f" {len(inputs)} and {len(outputs)}."
        )
    return tuple(text for port, array in zip(ports, arrays, strict=True) for text in _port_arrays(port, array, samples))


def _port_arrays(port: Port, array: Array, samples: int) -> Iterator[str]:
    if (
        array.dtype != np.dtype(port.element.removesuffix("_t"))
        or len(array) != samples
        or array.size != samples * port.size_bytes
    ):
        raise DataError(
            f"The self-test's {port.label} must be {port.element} with {samples} times {port.size_bytes} values, not"
            f" {array.dtype} {list(array.shape)}."
        )
    names = [f"{port.label}_{number}_sample" for number in range(samples)]
    for name, sample in zip(names, array, strict=True):
        yield array_definition(name, ConstantArray(port.element, sample.reshape(-1), _PER_LINE))
    pointers = "".join(f"    {name},\n" for name in names)
    yield f"static const TCN_FLASH {port.element} *const TCN_FLASH {port.label}_samples[{samples}] = {{\n{pointers}}};"
