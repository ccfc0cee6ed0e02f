"""Code, constants, arena, stack and executed instructions of the examples on every emulated target.

They are exact, so every difference from baseline.json is one of the code or the compiler. --update writes it anew.
"""

import json
import sys
from pathlib import Path

import tinycnn
from tinycnn import measure
from tinycnn.cli.demo import examples_folder

EXAMPLES = ("lenet5", "perceptron")
FIGURES = ("flash_code_bytes", "flash_constants_bytes", "arena_bytes", "stack_bytes", "instructions")
BASELINE = Path(__file__).with_name("baseline.json")


def measured() -> dict[str, int]:
    """Every figure by "model target figure"; a target that a model does not fit has none."""
    sample = f"{examples_folder() / 'mnist_sample/mnist_sample.npz'}"
    figures: dict[str, int] = {}
    for name in EXAMPLES:
        model = tinycnn.load(examples_folder() / name / f"{name}.onnx")
        shape = model.tensors[model.inputs[0]].shape
        calibration = tinycnn.as_samples(tinycnn.load_array(f"{sample}:calibration_images"), shape, sample)
        images = tinycnn.as_samples(tinycnn.load_array(f"{sample}:test_images"), shape, sample)
        found, left_out = measure.bench_all(tinycnn.quantize(model, calibration), images[:1])
        for benchmark in found:
            for figure in FIGURES:
                figures[f"{name} {benchmark.target} {figure}"] = getattr(benchmark, figure)
        for target, reason in left_out.items():
            print(f"{name} {target}: {reason}")
    return figures


def run(update: bool) -> None:
    """Print what changed, or write the baseline."""
    figures = measured()
    if update:
        BASELINE.write_text(json.dumps(figures, indent=1) + "\n", encoding="ascii")
        return
    baseline: dict[str, int] = json.loads(BASELINE.read_text(encoding="ascii"))
    changes = 0
    for key in sorted(figures | baseline):
        before, now = baseline.get(key), figures.get(key)
        if before is None or now is None:
            print(f"{key}: {before} -> {now}")
        elif before != now:
            print(f"{key}: {before:,} -> {now:,} ({now / max(before, 1) - 1:+.2%})")
        changes += before != now
    print(f"{len(figures)} figures, {changes} differ from {BASELINE.name}")


if __name__ == "__main__":
    run(update="--update" in sys.argv[1:])
