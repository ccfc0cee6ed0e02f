"""A network written by hand in place of a generated one: known bytes, instructions and faults."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tinycnn_codegen.generated import ArenaBuffer, Generated, TappedTensor

Int8Array = npt.NDArray[np.int8]

ROWS, ROW_BYTES = 4, 3

HEADER = """
#ifndef TINY_H
#define TINY_H
#include <stdint.h>
#define TINY_ARENA_BYTES 64
typedef union { int32_t align; int8_t bytes[TINY_ARENA_BYTES]; } tiny_arena_t;
void tiny_run(tiny_arena_t *arena);
#endif
"""

# in (4 rows of 3) at 0, gain (1) at 12; flipped = ~in at 16; out = flipped * gain, low byte, at 32.
SOURCE = """
#include "tiny.h"

#ifndef TINY_TAP
#define TINY_TAP(tensor, row, pointer, bytes) ((void)0)
#endif
#ifndef TINY_STEP
#define TINY_STEP(step) ((void)0)
#endif

enum { IN_AT = 0, GAIN_AT = 12, FLIPPED_AT = 16, OUT_AT = 32 };

static const int8_t offsets[3] = {1, 2, 3};

static void flip_row(const int8_t *in, int8_t *out)
{
    int32_t i;

    for (i = 0; i < 3; i++) {
        out[i] = (int8_t)(-1 - in[i]);
    }
}

static void scale_row(const int8_t *in, int8_t gain, int8_t *out)
{
    int32_t i;

    for (i = 0; i < 3; i++) {
        out[i] = (int8_t)(((int32_t)in[i] * gain + offsets[i]) / 256);
    }
}

void tiny_run(tiny_arena_t *arena)
{
    int8_t *const memory = arena->bytes;
    int32_t row;

    TINY_STEP(0);
    for (row = 0; row < 4; row++) {
        flip_row(memory + IN_AT + 3 * row, memory + FLIPPED_AT + 3 * row);
        TINY_TAP(0, row, memory + FLIPPED_AT + 3 * row, 3);
    }
    TINY_STEP(1);
    for (row = 0; row < 4; row++) {
        scale_row(memory + FLIPPED_AT + 3 * row, memory[GAIN_AT], memory + OUT_AT + 3 * row);
        TINY_TAP(1, row, memory + OUT_AT + 3 * row, 3);
    }
}
"""

TINY = Generated(
    name="tiny",
    files={"tiny.h": HEADER, "tiny.c": SOURCE},
    arena_bytes=64,
    inputs=(ArenaBuffer("in", 0, 12), ArenaBuffer("gain", 12, 1)),
    outputs=(ArenaBuffer("out", 32, 12),),
    tapped=(TappedTensor("flipped", ROWS, ROW_BYTES), TappedTensor("out", ROWS, ROW_BYTES)),
    steps=("flip", "scale"),
)


def changed(old: str, new: str) -> Generated:
    """TINY with other C."""
    assert old in SOURCE
    return replace(TINY, files={"tiny.h": HEADER, "tiny.c": SOURCE.replace(old, new)})


def some_inputs(inferences: int = 5) -> tuple[Int8Array, Int8Array]:
    random = np.random.default_rng(20)
    return (
        random.integers(-128, 128, (inferences, ROWS, ROW_BYTES), np.int8),
        random.integers(-128, 128, (inferences, 1), np.int8),
    )


def expected(inputs: tuple[Int8Array, Int8Array]) -> dict[str, Int8Array]:
    """What TINY computes, by other means: ~x is -1 - x; C truncates a quotient towards zero."""
    flipped = ~inputs[0]
    scaled = flipped.astype(np.int64) * inputs[1][:, :, None] + np.array([1, 2, 3])
    out = np.trunc(scaled / 256).astype(np.int8)
    return {"flipped": flipped.reshape(-1, 12), "out": out.reshape(-1, 12)}


def assert_same(actual: dict[str, Int8Array], wanted: dict[str, Int8Array]) -> None:
    assert list(actual) == list(wanted)
    for name, array in wanted.items():
        assert actual[name].dtype == np.int8
        assert actual[name].shape == array.shape
        assert np.array_equal(actual[name], array), name
