"""What examples share: figures that differ from the README end the program; pictures are files that others can read."""

import importlib.util
import re
import struct
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def module(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    found = importlib.util.module_from_spec(specification)
    sys.modules[name] = found  # dataclasses look themselves up there
    specification.loader.exec_module(found)
    return found


figures, pictures, compare = module("figures"), module("pictures"), module("compare")
ROW = figures.Figures("accuracy, 10 digits", 90.0, 89.8, 1_234, 5_678, 90, 4_321, 8_765, figures.COMPILER)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "README.md").write_text("Before\n<!-- figures -->\n<!-- end of figures -->\nAfter\n", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["run.py", "--update"])
    figures.conclude(tmp_path, {"small": ROW})
    monkeypatch.setattr(sys, "argv", ["run.py"])
    return tmp_path


def test_update_writes_the_table_between_its_lines(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith("Before\n<!-- figures -->\n| network | scored |")
    assert "| small | accuracy, 10 digits | 90.00 | 89.80 | 1,234 | 5,678 | 90 | 4,321 | 8,765 |\n" in text
    assert text.endswith("<!-- end of figures -->\nAfter\n")
    figures.conclude(folder, {"small": ROW})


@pytest.mark.parametrize(
    "change",
    [{"parameters": 1_235}, {"int8": 89.81}, {"instructions": 8_764}, {"flash_bytes": 4_320}, {"scored": "accuracy"}],
)
def test_another_figure_than_the_readme_s_ends_the_program(folder: Path, change: dict[str, object]) -> None:
    with pytest.raises(SystemExit):
        figures.conclude(folder, {"small": replace(ROW, **change)})


def test_int8_may_lose_0_3_points(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        figures.conclude(folder, {"small": replace(ROW, int8=89.69)})
    assert "NO   small: int8 is within 0.3 points of fp32" in capsys.readouterr().out


def test_figures_of_another_compiler_are_not_compared_but_the_others_are(folder: Path) -> None:
    other = replace(ROW, instructions=1, flash_bytes=2, compiler="another one")
    figures.conclude(folder, {"small": other})
    with pytest.raises(SystemExit):
        figures.conclude(folder, {"small": replace(other, arena_bytes=91)})


def test_further_tables_are_compared_too(folder: Path) -> None:
    with (folder / "README.md").open("a", encoding="utf-8") as readme:
        readme.write("<!-- sizes -->\n| name | bytes |\n| --- | ---: |\n| a | 1,000 |\n<!-- end of sizes -->\n")
    figures.conclude(folder, {"small": ROW}, sizes=figures.markdown(("name", "bytes"), [("a", 1_000)]))
    with pytest.raises(SystemExit):
        figures.conclude(folder, {"small": ROW}, sizes=figures.markdown(("name", "bytes"), [("a", 1_001)]))


def test_the_table_of_all_examples_is_theirs() -> None:
    """After a change: python examples/compare.py."""
    assert figures.stated_in(EXAMPLES / "README.md") == compare.comparison()


@pytest.mark.parametrize("shape", [(5, 7), (4, 3, 3)])
def test_a_png_holds_the_pixels(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    data, position, chunks = pictures.png(pixels), 8, {}
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        assert struct.unpack_from(">I", data, position + 8 + length) == (zlib.crc32(kind + body),)
        chunks[kind] = body
        position += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (shape[1], shape[0])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(shape[0], -1)
    assert not rows[:, 0].any()
    assert rows[:, 1:].tolist() == pixels.reshape(shape[0], -1).tolist()


def test_colours_say_the_sign() -> None:
    assert pictures.signed(np.array([[-2.0, 0.0, 2.0]]))[0].tolist() == [[0, 0, 255], [255, 255, 255], [255, 0, 0]]
    assert pictures.gray(np.array([[0, 5, 10]])).tolist() == [[0, 128, 255]]


def test_a_box_is_cut_at_the_picture() -> None:
    drawn = pictures.box(np.zeros((4, 4), np.uint8), -3, 1, 3, 9, (9, 8, 7))
    red = drawn[:, :, 0].tolist()
    assert red == [[0, 9, 9, 9], [0, 9, 0, 9], [0, 9, 9, 9], [0, 0, 0, 0]]


def test_titles_cannot_break_a_picture(tmp_path: Path) -> None:
    pictures.write_panels(tmp_path / "a.svg", [[("<&>", np.zeros((2, 2), np.uint8))]])
    pictures.write_bars(tmp_path / "b.svg", "<&>", {"<a>": 1, "b": 2}, "&")
    for name in ("a.svg", "b.svg"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "&lt;&amp;&gt;" in text
        assert not re.findall(r"<[&a>]", text.replace("<a ", ""))
