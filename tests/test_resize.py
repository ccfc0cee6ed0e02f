"""Resize in every mode: the float engine against onnxruntime."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import assert_like_onnxruntime, floats, model, node
from strategies import SEEDS

COORDINATES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")


def check(seed: int, old: tuple[int, int], new: tuple[int, int], roi: list[float] | None = None, **attributes) -> None:
    x = floats(np.random.default_rng(seed), 2, 3, *old)
    constants = {"s": np.array([2, 3, *new], np.int64)}
    if roi:
        constants["roi"] = np.array(roi, np.float32)
    nodes = [node("Resize", f"x {'roi' if roi else '-'} - s", "y", **attributes)]
    assert_like_onnxruntime(model(nodes, {"x": x.shape}, constants, opset=18), {"x": x})


@settings(max_examples=40, deadline=None, print_blob=True)
@given(
    *(st.tuples(st.integers(2, 9), st.integers(2, 9)) for _ in range(2)),
    st.sampled_from(["linear", "cubic"]),
    st.sampled_from(COORDINATES),
    st.booleans(),
    st.sampled_from([-0.75, -0.5]),
    SEEDS,
)
def test_blended_resize(old, new, mode, coordinates, outside, a, seed):
    attributes = {"exclude_outside": int(outside), "cubic_coeff_a": a} if mode == "cubic" else {}
    check(seed, old, new, mode=mode, coordinate_transformation_mode=coordinates, **attributes)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("new", [(3, 4), (5, 9), (8, 2), (12, 3)])
def test_antialiased_resize_inside(mode, new):
    check(1, (9, 8), new, mode=mode, antialias=1)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("region", [[0.1, 0.2, 0.6, 0.9], [-0.3, 0.0, 1.2, 1.0], [0.5, 0.4, 0.5, 0.8]])
def test_crop_and_resize(mode, region):
    roi = [0, 0, *region[:2], 1, 1, *region[2:]]
    check(2, (6, 7), (4, 9), roi, mode=mode, coordinate_transformation_mode="tf_crop_and_resize",
          extrapolation_value=7.5)  # fmt: skip
