"""Driving generated C from outside: the headers that fit any network to targets/boards/common/harness.c, the
file of inputs that it reads, and the file of results that it writes.

A runner is a function that builds the network and the harness with one kind of instrumentation, runs them on
packed inputs and returns the results; `run_network` does the rest for all of them.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tinycnn.errors import DataError, ToolError
from tinycnn.toml_table import targets_folder
from tinycnn_codegen.generated import ArenaBuffer, Generated

Int8Array = npt.NDArray[np.int8]

# What the C is built with: nothing, as a user builds it; a report of every computed row; or a label before
# every step.
Instrumentation = Literal["none", "taps", "steps"]

# (instrumentation, content of inputs.bin) -> content of results.bin
Execute = Callable[[Instrumentation, bytes], bytes]

STEP_LABEL = "tinycnn_step_"

# Exit statuses of targets/boards/common/port.h.
STATUSES: Mapping[int, str] = {
    2: "the program stopped with a processor fault, at an invalid instruction or memory access",
    3: "the program could not read its inputs or write its results",
    4: "the program needed more stack than the board has",
}

_OUTPUTS = _UNKNOWN = 0xFFFFFFFF  # RECORD_OUTPUTS of harness.c, PORT_STACK_UNKNOWN of port.h
_RECORD = struct.Struct("<III")


@dataclass(frozen=True, slots=True)
class RunResult:
    """What generated C computed: int8 arrays [inferences, size_bytes] by the name of the tensor.

    `tensors` are all tapped tensors, from a build that reports every row. `outputs` are what a caller finds
    in the arena afterwards, from a build without taps. `stack_bytes` is the most stack that a call of run
    used, or None where the machine does not measure it.
    """

    tensors: dict[str, Int8Array]
    outputs: dict[str, Int8Array]
    stack_bytes: int | None


def run_network(generated: Generated, inputs: Sequence[Int8Array], execute: Execute) -> RunResult:
    """Run a network on all inputs, int8 arrays [inferences, ...] in the order of `generated.inputs`.

    Raises DataError if the inputs do not fit, ToolError if something fails or a row does not arrive exactly
    once.
    """
    packed, inferences = pack_inputs(generated, inputs)
    tensors, _, _ = unpack_results(generated, execute("taps", packed), inferences, tapped=True)
    _, outputs, stack_bytes = unpack_results(generated, execute("none", packed), inferences, tapped=False)
    return RunResult(tensors, outputs, stack_bytes)


def pack_inputs(generated: Generated, inputs: Sequence[Int8Array]) -> tuple[bytes, int]:
    """The content of inputs.bin, and the number of inferences in it."""
    if len(inputs) != len(generated.inputs):
        raise DataError(f"{generated.name} has {len(generated.inputs)} inputs, but {len(inputs)} arrays were given.")
    inferences = len(inputs[0])
    if inferences == 0:
        raise DataError(f"There is nothing to run {generated.name} on: the inputs are empty.")
    rows: list[Int8Array] = []
    for buffer, array in zip(generated.inputs, inputs, strict=True):
        if array.dtype != np.int8 or array.size != inferences * buffer.size_bytes or len(array) != inferences:
            raise DataError(
                f"Input {buffer.name} of {generated.name} must be int8 with {inferences} times "
                f"{buffer.size_bytes} values, but is {array.dtype} of shape {array.shape}."
            )
        rows.append(array.reshape(inferences, buffer.size_bytes))
    return struct.pack("<I", inferences) + np.concatenate(rows, axis=1).tobytes(), inferences


def unpack_results(
    generated: Generated, data: bytes, inferences: int, *, tapped: bool
) -> tuple[dict[str, Int8Array], dict[str, Int8Array], int | None]:
    """Tapped tensors, outputs and bytes of stack out of results.bin.

    Raises ToolError unless all arrived, and once.
    """
    expected = generated.tapped if tapped else ()
    tensors = [np.zeros((inferences, tensor.rows, tensor.row_bytes), np.int8) for tensor in expected]
    times = [np.zeros((inferences, tensor.rows), np.int64) for tensor in expected]
    outputs = np.zeros((inferences, sum(buffer.size_bytes for buffer in generated.outputs)), np.int8)
    stack_bytes = 0
    inference = 0
    for tensor, row, content in _records(generated, data):
        if inference == inferences:
            raise _wrong(generated, "there are more results than inferences")
        if tensor == _OUTPUTS:
            if content.size != outputs.shape[1]:
                raise _wrong(generated, f"it has {content.size} bytes of outputs instead of {outputs.shape[1]}")
            outputs[inference] = content
            stack_bytes = max(stack_bytes, row)
            inference += 1
            continue
        if tensor >= len(expected) or row >= expected[tensor].rows or content.size != expected[tensor].row_bytes:
            row_reported = f"tensor {tensor}, row {row}, {content.size} bytes"
            raise _wrong(generated, f"it computed a row that does not exist ({row_reported})")
        tensors[tensor][inference, row] = content
        times[tensor][inference, row] += 1
    if inference < inferences:
        raise _wrong(generated, f"there are results of {inference} inferences instead of {inferences}")
    for described, counted in zip(expected, times, strict=True):
        for inference, row in np.argwhere(counted != 1)[:1]:
            what = f"row {row} of {described.name} was computed {counted[inference, row]} times instead of once"
            raise _wrong(generated, f"{what} in inference {inference}")
    ends = np.cumsum([buffer.size_bytes for buffer in generated.outputs])
    parts = np.split(outputs, ends[:-1], axis=1)
    return (
        {described.name: array.reshape(inferences, -1) for described, array in zip(expected, tensors, strict=True)},
        {buffer.name: part for buffer, part in zip(generated.outputs, parts, strict=True)},
        None if stack_bytes == _UNKNOWN else stack_bytes,
    )


def _records(generated: Generated, data: bytes) -> Iterator[tuple[int, int, Int8Array]]:
    """Tensor, row and content of every record."""
    position = 0
    while position < len(data):
        begin = position + _RECORD.size
        head = data[position:begin]
        tensor, row, size_bytes = _RECORD.unpack(head) if len(head) == _RECORD.size else (0, 0, 1)
        position = begin + size_bytes
        if position > len(data):
            raise _wrong(generated, "the last of its results is cut off")
        yield tensor, row, np.frombuffer(data[begin:position], np.int8)


def _wrong(generated: Generated, what: str) -> ToolError:
    return ToolError(f"The generated C of {generated.name} did not run as planned: {what}. Please report this.")


def common_folder() -> Path:
    """Where harness.c and the ports lie."""
    return targets_folder() / "boards" / "common"


def write_sources(folder: Path, generated: Generated, instrumentation: Instrumentation) -> tuple[str, ...]:
    """Write the network's files and the two headers of the harness into `folder`; returns the names of the C
    files.

    Every C file is to be compiled with `instrumentation_flags`.
    """
    for name, text in generated.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "harness_network.h").write_text(_network_header(generated), encoding="utf-8")
    (folder / "instrumentation.h").write_text(_instrumentation_header(generated, instrumentation), encoding="utf-8")
    return network_sources(generated)


def network_sources(generated: Generated) -> tuple[str, ...]:
    """The names of the C files of the network."""
    return tuple(name for name in generated.files if name.endswith(".c"))


def instrumentation_flags() -> tuple[str, ...]:
    return ("-include", "instrumentation.h", "-I", ".")


def _network_header(generated: Generated) -> str:
    name = generated.name
    return f"""/* harness_network.h - the network {name} under the names that harness.c uses. */
#ifndef HARNESS_NETWORK_H
#define HARNESS_NETWORK_H

#include "{name}.h"

typedef {name}_arena_t harness_network_arena_t;
{_run_macros(generated)}

/* Offset in the arena and size, in bytes. */
#define NETWORK_INPUTS {_initializer(generated.inputs)}
#define NETWORK_OUTPUTS {_initializer(generated.outputs)}

#endif
"""


def _run_macros(generated: Generated) -> str:
    """What port_run calls: the network, or the function of the harness that pushes and pulls rows."""
    name = generated.name
    if not generated.pushed_rows and not generated.pulled_rows:
        return f"#define harness_network_run {name}_run"
    lines = [
        "#define harness_network_run harness_pass_rows",
        f"void harness_pass_rows({name}_arena_t *network);",
        f"#define harness_network_start {name}_start",
    ]
    if generated.pushed_rows:
        lines += [
            f"#define harness_network_next_row {name}_next_row",
            f"#define harness_network_push_row {name}_push_row",
            f"#define NETWORK_PUSHED_ROWS {generated.pushed_rows}u",
            f"#define NETWORK_PUSHED_BYTES {generated.inputs[0].size_bytes}u",
        ]
    if generated.pulled_rows:
        lines += [
            f"#define harness_network_pull_row {name}_pull_row",
            f"#define NETWORK_PULLED_ROWS {generated.pulled_rows}u",
            f"#define NETWORK_PULLED_BYTES {generated.outputs[0].size_bytes}u",
        ]
    return "\n".join(lines)


def _initializer(buffers: Sequence[ArenaBuffer]) -> str:
    return "{" + ", ".join(f"{{{buffer.offset_bytes}u, {buffer.size_bytes}u}}" for buffer in buffers) + "}"


_MACROS: Mapping[Instrumentation, str] = {
    "none": "",
    "taps": """
#define {prefix}_TAP(tensor, row, pointer, bytes) \\
    harness_tap((uint32_t)(tensor), (uint32_t)(row), (const int8_t *)(pointer), (uint32_t)(bytes))
""",
    # A label takes no instruction. %= is another number wherever the compiler copies the statement to.
    "steps": """
#define {prefix}_STEP(step) __asm__ volatile ("{label}%c0_%=:" : : "i" (step))
""",
}


def _instrumentation_header(generated: Generated, instrumentation: Instrumentation) -> str:
    macros = _MACROS[instrumentation].format(prefix=generated.name.upper(), label=STEP_LABEL)
    return f"""/* instrumentation.h - what this build of {generated.name} reports. */
#ifndef INSTRUMENTATION_H
#define INSTRUMENTATION_H

#include <stdint.h>

void harness_tap(uint32_t tensor, uint32_t row, const int8_t *data, uint32_t bytes);
{macros}
#endif
"""
