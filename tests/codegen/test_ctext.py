"""Numbers and comments as C text."""

import numpy as np
import pytest

from tinycnn_codegen.ctext import ConstantArray, array_definition, comment, integer, plain, real, struct_definition


@pytest.mark.parametrize(
    "hostile", ["*/ int x; /*", "/* /*", "??/\nint x;", "a\\\nb", "a\r\nb", "a\u2028b", "\x00\x1b[31m", "/", "*", "//"]
)
def test_comments_end_where_we_end_them(hostile: str) -> None:
    text = comment(f"before {hostile} after", hostile)
    assert text.startswith("/* ")
    assert text.endswith(" */")
    assert text.isascii()
    inside = text[2:-2]
    assert "*/" not in inside
    assert "/*" not in inside
    assert "??" not in inside
    assert "\\" not in inside
    assert all(line.startswith(" *") for line in text.split("\n")[1:])


def test_plain_text_stays() -> None:
    assert plain("/features/0/Conv [1, 28] #2") == "/features/0/Conv [1, 28] #2"


def test_the_least_integers_have_no_constant_of_their_own() -> None:
    assert integer(-(2**31)) == "(-2147483647 - 1)"
    assert integer(-(2**63)) == "(-9223372036854775807 - 1)"
    assert integer(-5) == "-5"


@pytest.mark.parametrize("seed", range(100))
def test_reals_come_back(seed: int) -> None:
    value = np.random.default_rng(seed).integers(1, 0x7F7FFFFF, dtype=np.uint32).view(np.float32)
    assert np.float32(real(float(value))) == value


def test_arrays_break_lines_between_units() -> None:
    array = ConstantArray("int8_t", np.array([1, -2, 3, 4, 5, 6]), per_line=3)
    assert array_definition("w", array) == (
        "static const TCN_FLASH int8_t w[6] = {\n     1, -2,  3,\n     4,  5,  6,\n};"
    )
    assert array.size_bytes == 6


def test_structs_name_their_fields() -> None:
    bias = ConstantArray("int32_t", np.array([1]), per_line=1)
    fields = {"size": 3, "bias": bias, "nothing": None, "inner": {"zero": -1}}
    names = {bias: "fc_bias"}
    text = "{.size = 3, .bias = fc_bias, .nothing = 0, .inner = {.zero = -1}}"
    one = struct_definition("tcn_x_t", "fc", fields, array_names=names)
    assert one == f"static const TCN_FLASH tcn_x_t fc = {text};"
    two = struct_definition("tcn_x_t", "fc", fields, fields, array_names=names)
    assert two.count(text[1:-1]) == 2
    assert two.startswith("static const TCN_FLASH tcn_x_t fc[2] = {\n    {\n")
