"""The generated code's requantization in C against Python, on millions of values, with the sanitizer on."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from needs import needs
from numpy.typing import NDArray

from tinycnn.fixedpoint import IntegerRescale, Reach, prove, requantize, requantize_integer

KERNELS = Path(__file__).parents[1] / "codegen" / "tinycnn_codegen" / "kernels"
WARNINGS = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wmissing-prototypes", "-Werror"]

# Reads records from standard input, writes one byte for each to standard output.
PROGRAM = """
#include <stdio.h>
#include "{header}"

typedef struct {{
    int64_t addend;
    int32_t acc;
    int32_t multiplier; /* or the bits of the scale */
    int32_t shift;
    int32_t zero_point;
}} record_t;

int main(void)
{{
    record_t r;

    while (fread(&r, sizeof r, 1, stdin) == 1) {{
        putchar((unsigned char){call});
    }}
    return 0;
}}
"""
CALLS = {
    "tcn_requantize.h": "tcn_requantize(r.acc, r.multiplier, r.addend, (uint8_t)r.shift, r.zero_point)",
    "tcn_requantize_float.h": "tcn_requantize_float(r.acc, (uint32_t)r.multiplier, r.zero_point)",
}
RECORD = np.dtype([("addend", "i8"), ("acc", "i4"), ("multiplier", "i4"), ("shift", "i4"), ("zero_point", "i4")])


@pytest.fixture(scope="module", params=["gcc", "clang"])
def programs(request, tmp_path_factory) -> dict[str, Path]:
    """Both headers compiled, each alone in its program."""
    needs(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    built = {}
    for header, call in CALLS.items():
        source = folder / f"{header}.c"
        source.write_text(PROGRAM.format(header=header, call=call))
        built[header] = folder / f"{header}.exe"
        # Trapping needs no runtime library: undefined behaviour ends the program by a signal.
        sanitizer = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]
        command = [request.param, *WARNINGS, "-O2", *sanitizer, f"-I{KERNELS}", source, "-o", built[header]]
        subprocess.run(command, check=True)
    return built


def computed(program: Path, records: NDArray[np.void]) -> NDArray[np.int8]:
    done = subprocess.run([program], input=records.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0
    return np.frombuffer(done.stdout, np.int8)


def records_of(acc, multiplier, zero_point, addend=0, shift=0) -> NDArray[np.void]:
    records = np.zeros(len(acc), RECORD)
    for name, values in (("acc", acc), ("multiplier", multiplier), ("zero_point", zero_point)):
        records[name] = values
    records["addend"], records["shift"] = addend, shift
    return records


def test_float_form_equals_float32(programs):
    rng = np.random.default_rng(11)
    count = 2_000_000
    acc = (rng.integers(-(2**31), 2**31, count) >> rng.integers(0, 31, count)).astype(np.int32)
    acc[:6] = -(2**31), 2**31 - 1, -1, 0, 1, -(2**31) + 1
    # Two thirds of the scales bring the product near a multiple of 1/2, a third have random bits.
    halves = rng.integers(1, 521, count) / 2
    scale = (halves / np.maximum(np.abs(acc.astype(float)), 1)).astype(np.float32)
    bits = np.where(rng.random(count) < 2 / 3, scale.view(np.int32), rng.integers(0, 0x7F800000, count, np.int32))
    bits[6:12] = 0, 1, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0x3F000000
    zero_point = rng.integers(-128, 128, count)
    result = computed(programs["tcn_requantize_float.h"], records_of(acc, bits, zero_point))
    for value in range(-128, 128):
        chosen = zero_point == value
        expected = requantize(acc[chosen], bits[chosen].view(np.float32), value)
        np.testing.assert_array_equal(result[chosen], expected)


def test_the_sanitizer_is_on(programs):
    shifted_too_far = records_of([1], [1], 0, shift=200).tobytes()
    done = subprocess.run([programs["tcn_requantize.h"]], input=shifted_too_far, capture_output=True, check=False)
    assert done.returncode != 0


@pytest.mark.parametrize("shift", [None, 32])
def test_integer_form_equals_python_and_the_contract(programs, shift):
    """Scales from 2**-24 to 64, so shifts below and above 32; each accumulator within its channel's reach."""
    rng = np.random.default_rng(12)
    channels, per_channel = 400, 2_500
    scale = (2.0 ** rng.uniform(-24, 6 if shift is None else -1, channels)).astype(np.float32)
    bound = np.minimum(2.0 ** rng.uniform(4, 31, channels), 2**20 / scale).astype(np.int64)
    bound = np.minimum(bound, 2**31 - 1)
    reach = Reach(-bound, bound)
    acc = rng.integers(-(2**31), 2**31, (per_channel, channels)) >> rng.integers(0, 31, (per_channel, channels))
    acc = np.concatenate([np.clip(acc, reach.low, reach.high), np.array(reach)])
    for zero_point in (-128, 7, 127):
        proof = prove(scale, zero_point, reach, shift=shift)
        good = np.flatnonzero(proof.is_integer)
        assert len(good) > 100
        form = IntegerRescale(proof.form.multiplier[good], proof.form.addend[good], proof.form.shift[good])
        columns = np.broadcast_arrays(acc[:, good], form.multiplier, form.addend, form.shift)
        flat = [column.ravel() for column in columns]
        records = records_of(flat[0], flat[1], zero_point, flat[2], flat[3])
        result = computed(programs["tcn_requantize.h"], records).reshape(acc[:, good].shape)
        np.testing.assert_array_equal(result, requantize_integer(acc[:, good], form, zero_point))
        np.testing.assert_array_equal(result, requantize(acc[:, good], scale[good], zero_point))
        if shift is None:
            assert form.shift.min() < 32 < form.shift.max()


def test_headers_compile_where_int_has_16_bits(tmp_path):
    needs("clang")
    source = tmp_path / "both.c"
    source.write_text("".join(f'#include "{header}"\n' for header in CALLS) + "int main(void) { return 0; }\n")
    target = ["--target=msp430", "-ffreestanding", "-fsyntax-only"]
    subprocess.run(["clang", *WARNINGS, *target, f"-I{KERNELS}", source], check=True)
