"""Budgets and summaries: the arithmetic of what fits, what is said when nothing can be measured, receptive fields."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from int8_graphs import GraphBuilder
from needs import needs

import tinycnn
from tinycnn.cli.demo import examples_folder
from tinycnn.ops import Window
from tinycnn.plan import candidates
from tinycnn.report.budget import Code, budget
from tinycnn.report.html import budget_html
from tinycnn.report.text import budget_text
from tinycnn_codegen.alternatives import alternatives

EXAMPLES = examples_folder()


@pytest.fixture(scope="module")
def int8() -> tinycnn.Graph:
    graph = tinycnn.load(EXAMPLES / "lenet5/lenet5.onnx")
    array = tinycnn.load_array(EXAMPLES / "mnist_sample/mnist_sample.npz")
    return tinycnn.quantize(graph, tinycnn.as_samples(array, (1, 1, 28, 28), "sample"))


CODE = Code(2000, 60_000, 300, "acc 1.0", True, ("memset",))


def test_in_one_memory_everything_shares(int8):
    plan = tinycnn.plan(int8)
    needed = plan.arena_bytes + 2000 + 60_000 + 300
    target = tinycnn.load_target("dsp32c-486")
    for size_bytes, fits in ((needed, True), (needed - 1, False)):
        found = budget(int8, plan, replace(target, ram_bytes=size_bytes), 59_000, CODE, "acc")
        assert (found.fits, found.memory_left_bytes) == (fits, size_bytes - needed)


def test_in_two_memories_the_shorter_one_decides(int8):
    plan = tinycnn.plan(int8)
    target = tinycnn.load_target("stm32f446")
    ram, flash = plan.arena_bytes + 300, 62_000
    for ram_bytes, flash_bytes, left in ((ram, flash, 0), (ram - 1, flash + 9, -1), (ram + 9, flash - 2, -2)):
        found = budget(int8, plan, replace(target, ram_bytes=ram_bytes, flash_bytes=flash_bytes), 59_000, CODE, "acc")
        assert (found.fits, found.memory_left_bytes) == (left >= 0, left)


def test_a_report_names_the_smallest_plan_when_this_one_does_not_fit(int8):
    target = replace(tinycnn.load_target("stm32f446"), compiler=None)
    ways = alternatives(int8, target)
    whole, pushed = (candidates(int8, ways, pushed=push)[-1].arena_bytes for push in (False, True))
    for ram_bytes, end in (
        (pushed, f"The plan of --push --ram {pushed} has an arena of {pushed:,} bytes, which fits."),
        (100, "which does not fit either. A smaller input or fewer channels in the first layers would help."),
    ):
        little = replace(target, ram_bytes=ram_bytes)
        found = tinycnn.report(int8, little)
        assert found.arena_bytes == whole
        assert budget_text(found, little, is_float=False).endswith(end)


def test_without_a_compiler_the_report_says_so(int8):
    target = replace(tinycnn.load_target("stm32f446"), compiler=None)
    found = tinycnn.report(int8, target)
    text = budget_text(found, target, is_float=False)
    assert found.code_bytes is None
    assert found.stack_bytes is None
    assert "not measured" in text
    assert "unknown" in text


def test_the_report_says_what_keeps_a_layer_from_a_faster_kernel():
    builder = GraphBuilder(3)
    y = builder.conv(builder.input(8, 8, 4), 8, Window.of((3, 3)))
    y = builder.conv(y, 8, Window.of((1, 1)), groups=2)
    graph = builder.graph([y])
    graph.constants["w0"][:2] = [[[[-1]]], [[[-128]]]]
    target = replace(tinycnn.load_target("cortex-m4"), compiler=None)
    found = tinycnn.report(graph, target)
    first, second = (layer for layer in found.kernels)
    assert first.kernel == "armv7e_m wide"
    assert first.note.startswith("two channels may overflow")
    assert (second.kernel, second.note) == ("portable", "groups or dilation")
    assert f"{second.name}  portable: groups" in budget_text(found, target, is_float=False)
    assert tinycnn.report(graph, replace(tinycnn.load_target("atmega2560"), compiler=None)).kernels == ()


def test_the_report_says_what_c_finishes_and_of_both_layers_of_a_pair():
    builder = GraphBuilder(3)
    x = builder.conv(builder.input(12, 6, 64), 64, Window.of((1, 1)), spread=40.0)
    y = builder.conv(x, 64, Window.of((3, 3), (1, 1), (1, 1, 1, 1)), 64, spread=0.5)
    graph = builder.graph([builder.conv(y, 2, Window.of((1, 1)))])
    found = tinycnn.report(graph, replace(tinycnn.load_target("cortex-m4"), compiler=None))
    pair, last = found.kernels
    assert pair.kernel == "armv7e_m pair"
    assert "of 64 channels may not fit 16 bits before they are saturated" in pair.note
    assert last.note.endswith("fewer than four channels, which C finishes")


@pytest.mark.parametrize(
    ("name", "parameters", "int8_a_second", "float_a_second", "fits"),
    [("lenet5", 61_706, 9.6, 26.7, True), ("perceptron", 335_114, 12.4, 36.7, False)],
)
def test_the_lecture_s_networks_on_the_card(name, parameters, int8_a_second, float_a_second, fits):
    found = tinycnn.report(tinycnn.load(EXAMPLES / f"{name}/{name}.onnx"), tinycnn.load_target("dsp32c-486"))
    assert (found.parameters, found.fp32_bytes, found.fits) == (parameters, 4 * parameters, fits)
    assert found.fp32_left_bytes < 0
    assert round(1e3 / found.card_int8_milliseconds_estimated, 1) == int8_a_second
    assert round(1e3 / found.card_float_milliseconds_estimated, 1) == float_a_second


def test_the_card_takes_three_instructions_a_product_and_eight_an_output(int8):
    found = budget(int8, tinycnn.plan(int8), tinycnn.load_target("dsp32c-486"), 59_000, CODE, "acc")
    outputs = 6 * 28 * 28 + 16 * 10 * 10 + 120 + 84 + 10
    assert found.card_int8_milliseconds_estimated == pytest.approx(1e3 * (3 * 416_520 + 8 * outputs) / 12.5e6)
    assert (
        budget(int8, tinycnn.plan(int8), tinycnn.load_target("i486"), 0, None, "").card_int8_milliseconds_estimated
        is None
    )


def test_every_channel_is_proved_by_one_way(int8):
    needs("gcc")
    found = tinycnn.report(int8, tinycnn.load_target("dsp32c-486"))
    assert sum(sum(proof.ways.values()) for proof in found.proofs) == 6 + 16 + 120 + 84 + 10
    assert all(proof.ways["float"] == 0 for proof in found.proofs)
    again = tinycnn.report(reloaded(int8), tinycnn.load_target("dsp32c-486"))
    assert again.proofs == found.proofs


def reloaded(graph: tinycnn.Graph) -> tinycnn.Graph:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        tinycnn.save(graph, Path(folder) / "int8.onnx")
        return tinycnn.load(Path(folder) / "int8.onnx")


def test_the_page_is_complete_and_escapes_names(int8):
    needs("gcc")
    target = tinycnn.load_target("dsp32c-486")
    found = replace(tinycnn.report(int8, target), model="<script>")
    page = budget_html(found, target)
    assert page.startswith("<!doctype html>")
    assert "<script>" not in page
    assert all(occupation.name in page for occupation in found.arena)
    assert "http" not in page


def test_what_occupies_the_arena_never_overlaps(int8):
    for plan in candidates(int8):
        found = budget(int8, plan, tinycnn.load_target("host"), 0, None, "")
        used = np.zeros((found.pulls + 1, found.arena_bytes), bool)
        for o in found.arena:
            area = used[o.first_pull : o.last_pull, o.offset_bytes : o.offset_bytes + o.size_bytes]
            assert not area.any(), o.name
            area[:] = True
        assert max(used.sum(axis=1)) == found.arena_lower_bound_bytes


def test_receptive_fields_are_the_textbook_s():
    summary = tinycnn.summarize(tinycnn.load(EXAMPLES / "lenet5/lenet5.onnx"))
    fields = {layer.name: layer.receptive_field for layer in summary.layers}
    assert fields["conv1"] == (5, 5)
    assert fields["pool1"] == (6, 6)
    assert fields["conv2"] == (14, 14)
    assert fields["pool2"] == (16, 16)
    assert fields["fc3"] == (28, 28)
