"""Names from models become C identifiers; names from people are checked."""

import re

import pytest

from tinycnn.errors import OutputError
from tinycnn_codegen import check_name, name_from
from tinycnn_codegen.cnames import unique_bases

WILD = (
    "conv1",
    "Conv1",
    "conv/1",
    "/features/0/Conv_output_0",
    "",
    "___",
    "7up",
    "int",
    "tcn_conv2d",
    "größe",
    "層",
    'a"; system("rm") /*',
    "*/ int main(void) { } /*",
    "line\nbreak",
    "conv1",
    "conv1_2",
    "x" * 200,
    "x" * 201,
)


def test_bases_are_identifiers_and_differ() -> None:
    bases = unique_bases((*WILD, "net_input"), "net")
    assert all(re.fullmatch("[a-z][a-z0-9_]*", base) for base in bases)
    assert not any(base.startswith(("tcn_", "net_")) for base in bases)
    assert len(set(bases)) == len(WILD) + 1
    assert max(map(len, bases)) <= 44


def test_bases_resemble_the_names() -> None:
    bases = unique_bases(["conv1", "/features/0/Conv", "conv1", "7up"], "net")
    assert bases == ("conv1", "features_0_conv", "conv1_2", "n_7up")
    fused = "model/activation_1/Relu;model/conv2d_1/BiasAdd;model/conv2d_1/Conv2D1"
    path = "module/features/denseblock4/denselayer16/conv2/Conv"
    bases = unique_bases([fused, f"{fused} + model/activation_2/Relu", path], "net")
    assert bases == ("model_activation_1_relu", "model_activation_1_relu_2", "denseblock4_denselayer16_conv2_conv")


@pytest.mark.parametrize("name", ["lenet5", "a", "kws_dscnn_int8", "x" * 40])
def test_names_of_networks(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "name", ["", "LeNet", "5net", "_net", "my-net", "my net", "../net", "net.c", "tcn_net", "x" * 41, "größe", "net\n"]
)
def test_names_that_cannot_begin_identifiers(name: str) -> None:
    with pytest.raises(OutputError, match=r"cannot begin C file names"):
        check_name(name)


@pytest.mark.parametrize("name", ["string", "stdint", "tcn", "con"])
def test_names_of_other_files(name: str) -> None:
    with pytest.raises(OutputError, match="would be taken for another"):
        check_name(name)


@pytest.mark.parametrize("text", [*WILD, "string", "tcn", "nul", "lpt1"])
def test_any_text_gives_a_name(text: str) -> None:
    check_name(name_from(text))
