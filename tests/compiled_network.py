"""Generated C as a shared library in this process, every computed row of it looked at."""

import ctypes
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from needs import needs

from tinycnn.ir import Array
from tinycnn_codegen import Generated, write

STRICT = [
    "-std=c99",
    "-pedantic",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wshadow",
    "-Wmissing-prototypes",
    "-Werror",
    "-ffreestanding",
]

_TAP_HEADER = """
#include <stdint.h>
void record(int tensor, int32_t row, const int8_t *pointer, int32_t bytes);
#define {NAME}_TAP(tensor, row, pointer, bytes) record(tensor, row, pointer, bytes)
"""

_TAP_SOURCE = """
#include "tap.h"
int8_t *record_to;             /* all tapped tensors, one after the other */
const int32_t *record_offsets; /* where each of them begins */
int32_t recorded_rows;
void record(int tensor, int32_t row, const int8_t *pointer, int32_t bytes)
{
    int8_t *to = record_to + record_offsets[tensor] + row * bytes;

    recorded_rows++;
    while (bytes-- > 0) {
        *to++ = *pointer++;
    }
}
"""


class CompiledNetwork:
    """A network built with gcc in `folder`; `run` gives every tensor that steps compute, and the outputs."""

    def __init__(self, generated: Generated, folder: Path, *options: str) -> None:
        needs("gcc")
        self.generated = generated
        write(generated, folder)
        (folder / "tap.h").write_text(_TAP_HEADER.format(NAME=generated.name.upper()), "ascii")
        (folder / "tap.c").write_text(_TAP_SOURCE, "ascii")
        sources = [*(name for name in generated.files if name.endswith(".c")), "tap.c"]
        library = folder / f"{generated.name}.so"
        command = ["gcc", *STRICT, *(options or ("-O1",)), "-include", "tap.h", "-fPIC", "-shared", "-o", str(library)]
        subprocess.run([*command, *sources], cwd=folder, check=True)
        self.library = ctypes.CDLL(str(library))
        self.offsets = np.cumsum([0, *(tensor.size_bytes for tensor in generated.tapped)]).astype(np.int32)
        self.record = np.zeros(self.offsets[-1], np.int8)
        ctypes.c_void_p.in_dll(self.library, "record_to").value = self.record.ctypes.data
        ctypes.c_void_p.in_dll(self.library, "record_offsets").value = self.offsets.ctypes.data

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Int8 arrays [N, ...] by the inputs' names to int8 arrays [N, bytes] by the tensors' names."""
        results = [self._run_one({name: array[i] for name, array in inputs.items()}) for i in range(_length(inputs))]
        return {name: np.stack([result[name] for result in results]) for name in results[0]}

    def _run_one(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        generated, library = self.generated, self.library
        arena = np.full(generated.arena_bytes + 4, 0x55, np.int8)
        begin = -arena.ctypes.data % 4
        arena = arena[begin : begin + generated.arena_bytes]
        for port in generated.inputs:
            arena[port.offset_bytes : port.offset_bytes + port.size_bytes] = inputs[port.name].reshape(-1)
        recorded_rows = ctypes.c_int32.in_dll(library, "recorded_rows")
        recorded_rows.value = 0
        getattr(library, f"{generated.name}_run")(ctypes.c_void_p(arena.ctypes.data))
        assert recorded_rows.value == sum(tensor.rows for tensor in generated.tapped)
        names = [tensor.name for tensor in generated.tapped]
        results = dict(zip(names, np.split(self.record.copy(), self.offsets[1:]), strict=False))
        for port in generated.outputs:
            output = arena[port.offset_bytes : port.offset_bytes + port.size_bytes]
            assert np.array_equal(output, results.get(port.name, output)), "an output was overwritten"
            results.setdefault(port.name, output.copy())
        return results


def _length(inputs: Mapping[str, Array]) -> int:
    return len(next(iter(inputs.values())))
