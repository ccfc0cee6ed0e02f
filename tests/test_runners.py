"""Runners on this machine, and what a wrong program is told."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from needs import needs
from tiny_network import HEADER, TINY, Int8Array, assert_same, changed, expected, some_inputs

from tinycnn.errors import DataError, ToolError
from tinycnn.runners import (
    run_on_host,
)
from tinycnn.runners.harness import pack_inputs, unpack_results


@pytest.mark.parametrize(("compiler", "sanitize"), [("gcc", False), ("gcc", True), ("clang", False)])
def test_the_host_gives_every_tensor_of_every_inference(compiler: str, sanitize: bool) -> None:
    needs(compiler)
    inputs = some_inputs()
    result = run_on_host(TINY, inputs, compiler=compiler, sanitize=sanitize)
    wanted = expected(inputs)
    assert_same(result.tensors, wanted)
    assert_same(result.outputs, {"out": wanted["out"]})
    assert result.stack_bytes is None


def test_the_host_finds_a_compiler_by_itself() -> None:
    needs("cc")
    inputs = some_inputs(1)
    assert_same(run_on_host(TINY, inputs).tensors, expected(inputs))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("memory[64 + (row & 4)] = 1;", "(AddressSanitizer|out of bounds)"),
        (
            "row = memory[GAIN_AT] + 0x7FFFFF00; row += 1000; memory[1] = (int8_t)(row & 3);",
            "integer overflow",
        ),
    ],
)
def test_sanitizers_stop_at_undefined_behaviour(statement: str, message: str) -> None:
    needs("gcc")
    undefined = changed("TINY_STEP(1);", statement)
    with pytest.raises(ToolError, match=f"(?s)running tiny on this machine.*{message}"):
        run_on_host(undefined, some_inputs(1), compiler="gcc", sanitize=True)


def test_memory_that_was_never_written_differs_between_inferences() -> None:
    needs("cc")
    reads_garbage = changed("memory[GAIN_AT], memory", "memory[60], memory")
    twice = tuple(np.repeat(array, 2, axis=0) for array in some_inputs(1))
    outputs = run_on_host(reads_garbage, twice).outputs["out"]
    assert not np.array_equal(outputs[0], outputs[1])


def test_outputs_are_those_of_the_build_without_taps() -> None:
    needs("cc")
    plain = changed("#define TINY_TAP(", "#define PLAIN\n#define TINY_TAP(").files["tiny.c"]
    text = plain.rstrip().removesuffix("}") + "#ifdef PLAIN\n    memory[OUT_AT] = 7;\n#endif\n}\n"
    inputs = some_inputs(2)
    result = run_on_host(replace(TINY, files={"tiny.h": HEADER, "tiny.c": text}), inputs)
    assert_same(result.tensors, expected(inputs))
    assert result.outputs["out"][:, 0].tolist() == [7, 7]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "TINY_TAP(1, row,",
            "if (row != 2) TINY_TAP(1, row,",
            "row 2 of out was computed 0 times instead of once",
        ),
        ("TINY_TAP(1, row,", "TINY_TAP(1, row / 2,", "row 0 of out was computed 2 times instead of once"),
        ("TINY_TAP(1, row,", "TINY_TAP(1, row + 1,", "a row that does not exist .tensor 1, row 4, 3 bytes"),
        ("TINY_TAP(1, row,", "TINY_TAP(2, row,", "a row that does not exist .tensor 2, row 0, 3 bytes"),
        (
            "OUT_AT + 3 * row, 3)",
            "OUT_AT + 3 * row, 2)",
            "a row that does not exist .tensor 1, row 0, 2 bytes",
        ),
    ],
)
def test_a_row_that_does_not_arrive_exactly_once_is_an_error(old: str, new: str, message: str) -> None:
    needs("cc")
    with pytest.raises(ToolError, match=f"tiny did not run as planned: .*{message}"):
        run_on_host(changed(old, new), some_inputs(2))


def test_results_that_are_cut_off_are_an_error() -> None:
    record = np.array([0xFFFFFFFF, 0, 12], "<u4").tobytes() + bytes(12)
    assert unpack_results(TINY, record, 1, tapped=False)[1]["out"].shape == (1, 12)
    for data, message in (
        (record[:-1], "cut off"),
        (record[:7], "cut off"),
        (b"", "results of 0 inferences instead of 1"),
        (record + record, "more results than inferences"),
        (record[:8] + b"\x0b" + record[9:-1], "11 bytes of outputs instead of 12"),
    ):
        with pytest.raises(ToolError, match=message):
            unpack_results(TINY, data, 1, tapped=False)


def test_a_warning_is_an_error_and_shows_the_compilers_words() -> None:
    needs("gcc")
    with pytest.raises(ToolError, match=r"(?s)gcc ended with status 1 while compiling tiny\.c:.*conversion"):
        run_on_host(changed("(int8_t)(-1 - in[i])", "in[i] + i"), some_inputs(1), compiler="gcc")


def test_a_crash_is_named() -> None:
    needs("cc")
    with pytest.raises(ToolError, match="program was stopped by signal"):
        run_on_host(changed("TINY_STEP(1);", "__builtin_trap();"), some_inputs(1))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda image, gain: (image,), "tiny has 2 inputs, but 1 arrays were given"),
        (lambda image, gain: (image, gain[:2]), "Input gain of tiny must be int8 with 3 times 1 values"),
        (lambda image, gain: (image[:, :2], gain), "Input in of tiny must be int8 with 3 times 12 values"),
        (
            lambda image, gain: (image.astype(np.int16), gain),
            r"Input in of tiny must be int8 .* but is int16",
        ),
        (lambda image, gain: (image[:0], gain[:0]), "nothing to run tiny on"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(
    spoil: Callable[[Int8Array, Int8Array], tuple[Int8Array, ...]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        pack_inputs(TINY, spoil(*some_inputs(3)))
