"""How many channels get an integer rescale that is proved equal to onnxruntime's, and how many additions do.

Random scales, 60 channels per line: python benchmarks/requantize_proofs.py [SEED]
A channel of reach 2**k has accumulators from -2**k to 2**k and a scale that spreads them over 0.7 to 1.4 times
the int8 range, so that most of the 255 thresholds lie inside.
"""

import sys
import time
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from tinycnn.fixedpoint import (
    AddParameters,
    Reach,
    agreeing_add_scale,
    differing_pairs,
    integer_add,
    nudge_scales,
    nudge_weight_scales,
    prove,
)

CHANNELS = 60


def requantize_line(reach_bits: int, zero_point: int, rng: np.random.Generator) -> str:
    """One line of the table: counts of channels by the way in which they are proved."""
    scale = (128 / 2.0**reach_bits * 2.0 ** rng.uniform(-0.5, 0.5, CHANNELS)).astype(np.float32)
    ends = np.full(CHANNELS, 2**reach_bits)
    reach = Reach(-ends, ends)

    def rescale_by(scales: NDArray[np.float32], channels: NDArray[np.intp]) -> tuple[NDArray[np.float32], Reach]:
        return scales, reach.take(channels)

    kept = prove(scale, zero_point, reach).counts()
    half_up = int(np.count_nonzero(prove(scale, zero_point, reach, any_addend=False).is_integer))
    left = {
        ulps: nudge_scales(scale, rescale_by, zero_point, maximum_ulps=ulps).proof.counts()["float"]
        for ulps in (32, 256)
    }
    nudged = CHANNELS - kept["plain"] - kept["fitted"] - left[256]
    cells = (kept["plain"], half_up - kept["plain"], kept["plain"] + kept["fitted"] - half_up, nudged)
    return " | ".join([f"2^{reach_bits:<3}", *(f"{cell:6}" for cell in cells), f"{left[32]:9}", f"{left[256]:10}"])


def dense_layer_seconds(rng: np.random.Generator, outputs: int = 120, inputs: int = 400) -> float:
    """How long nudging the 120 channels of a dense layer takes."""
    weights = rng.integers(-127, 128, (outputs, inputs), dtype=np.int8)
    w_scale = rng.uniform(1e-3, 3e-3, outputs).astype(np.float32)
    y_scale = 4 * np.sqrt(inputs) * 70 * 70 * 0.002 * 0.02 / 128
    started = time.perf_counter()
    nudge_weight_scales(weights, rng.normal(0, 0.5, outputs), 0.02, -128, w_scale, y_scale, -128)
    return time.perf_counter() - started


def random_add(rng: np.random.Generator) -> AddParameters:
    """Scales within a factor of 64 of each other, an output that saturates more or less."""
    a_scale, b_scale = (np.float32(2.0 ** rng.uniform(-8, -2)) for _ in range(2))
    y_scale = np.float32((a_scale + b_scale) * 2.0 ** rng.uniform(-1, 0.6))
    a_zero_point, b_zero_point, y_zero_point = (int(value) for value in rng.integers(-128, 128, 3))
    return AddParameters(a_scale, a_zero_point, b_scale, b_zero_point, y_scale, y_zero_point)


def main() -> None:
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    rng = np.random.default_rng(seed)
    print(f"seed {seed}")
    for zero_point in (0, -128):
        print(f"\nzero point {zero_point}, {CHANNELS} channels each")
        print("reach |  plain | fitted | addend | nudged | left @ 32 | left @ 256")
        for reach_bits in (12, 14, 16, 17, 18, 19, 20, 21):
            print(requantize_line(reach_bits, zero_point, rng))
    print("\nplain: the scale itself, half up; fitted: another multiplier; addend: another addend too; nudged: of the")
    print("rest, scale moved by up to 256 ulps; left: without a proof when scales move by up to 32 or 256 ulps")
    print(f"\nnudging a dense layer 400 -> 120: {dense_layer_seconds(rng):.3f} s")

    additions = [random_add(rng) for _ in range(200)]
    print(f"\n{len(additions)} random additions")
    agree = sum(not differing_pairs(addition) for addition in additions)
    print(f"all orders of evaluation agree on all pairs: {agree}")
    proved = sum(integer_add(addition) is not None for addition in additions)
    print(f"integer form in int32, scales kept: {proved}")
    started = time.perf_counter()
    found = [agreeing_add_scale(addition) for addition in additions]
    seconds = (time.perf_counter() - started) / len(additions)
    ulps = sorted(Counter(abs(one.ulps) if one else -1 for one in found).items())
    print(f"agreeing scale and integer form after so many ulps (-1: none): {ulps}, {1e3 * seconds:.0f} ms each")


if __name__ == "__main__":
    main()
