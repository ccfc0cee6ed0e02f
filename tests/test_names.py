from tinycnn.report.names import MOST_LETTERS, shown


def test_names_in_tables() -> None:
    assert shown("conv1") == "conv1"
    assert shown("model/activation/Relu;model/conv2d/BiasAdd;model/conv2d/Conv2D1") == "model/activation/Relu"
    assert shown("a/Relu;a/Conv + b/Relu;b/Conv") == "a/Relu + b/Relu"
    long = "module.features.denseblock4.denselayer16.conv2.weight_quantized"
    assert shown(long) == f"..{long[2 - MOST_LETTERS :]}"
    assert len(shown(f"{long} + {long}")) <= MOST_LETTERS
