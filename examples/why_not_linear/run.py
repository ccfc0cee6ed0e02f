"""Why not linear? A perceptron against LeNet-5, and a hidden layer connected fully, locally or with shared weights."""

import json
import sys
from pathlib import Path

import numpy as np

import tinycnn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from figures import check, conclude, markdown, measure_classifier  # noqa: E402  (the line above finds it)
from pictures import write_bars  # noqa: E402

MACHINE = "dsp32c-486"
CODE_NOTE = "gcc (Debian 12.2.0-14+deb12u1) 12.2.0 -O2, a stand-in"
"""What made the code whose bytes README.md counts among those of the 256 KB."""
MODELS = {
    "perceptron": FOLDER.parent / "perceptron" / "perceptron.onnx",
    "lenet5": FOLDER.parent / "lenet5" / "lenet5.onnx",
    "fully": FOLDER / "fully.onnx",
    "locally": FOLDER / "locally.onnx",
    "shared": FOLDER / "shared.onnx",
}


def main() -> None:
    data = np.load(FOLDER.parent / "mnist_sample" / "mnist_sample.npz")
    calibration, test = (data[name][:, None].astype(np.float32) for name in ("calibration_images", "test_images"))
    machine = tinycnn.load_target(MACHINE)
    rows, budgets, hidden = {}, {}, {}
    for name, path in MODELS.items():
        model = tinycnn.load(path)
        int8 = tinycnn.quantize(model, calibration)
        if path.parent == FOLDER:
            for runner in tinycnn.verify(int8, test[:20], ["onnxruntime", "host"]):
                check(f"{name}: {runner.name} computes the engine's bytes in every tensor", runner.mismatches == 0)
        rows[name] = measure_classifier(model, int8, test, data["test_labels"], "1,000 digits of MNIST")
        budgets[name] = tinycnn.report(int8, machine)
        layers = tinycnn.summarize(model).layers
        hidden[name] = next(layer.parameters for layer in layers if layer.parameters)

    for name, correct in (("perceptron", 9_926), ("lenet5", 9_957)):
        trained = json.loads((MODELS[name].parent / "accuracy.json").read_text(encoding="utf-8"))
        check(f"{name}: {correct:,} of all 10,000 test images right after training", trained["correct"] == correct)
    perceptron, lenet5 = rows["perceptron"], rows["lenet5"]
    check(
        "the perceptron has 335,114 parameters, 1.3 MB in float32",
        perceptron.parameters == 335_114 and 4 * 335_114 == 1_340_456,
    )
    check("LeNet-5 has 61,706 and is right more often", lenet5.parameters == 61_706 and lenet5.fp32 > perceptron.fp32)
    check("256 KB hold neither in float32", all(budgets[name].fp32_left_bytes < 0 for name in ("perceptron", "lenet5")))
    check("LeNet-5 fits as int8 and the perceptron does not", budgets["lenet5"].fits and not budgets["perceptron"].fits)
    check(
        "LeNet-5 multiplies more often than the perceptron, with a fifth of its weights", lenet5.macs > perceptron.macs
    )
    fully, locally, shared = (rows[name] for name in ("fully", "locally", "shared"))
    check(
        "400 hidden units: 314,000 parameters if each sees all pixels, 26,000 if 8 x 8, 1,040 if they share weights",
        [hidden[name] for name in ("fully", "locally", "shared")] == [314_000, 26_000, 1_040],
    )
    check("on 1,000 images the local connections learn more than the full ones", locally.fp32 > fully.fp32)
    check("and 1,040 shared weights as much as 314,000", shared.fp32 >= fully.fp32)
    write_bars(
        FOLDER / "parameters.svg",
        "Parameters of the hidden layer",
        {name: hidden[name] for name in ("fully", "locally", "shared")},
    )
    memory = [
        (
            name,
            budget.fp32_bytes,
            budget.constants_bytes,
            budget.arena_bytes,
            f"{budget.memory_left_bytes:,} left" if budget.fits else f"over by {-budget.memory_left_bytes:,}",
            round(1000 / budget.milliseconds_estimated, 1),
        )
        for name, budget in budgets.items()
    ]
    head = ("network", "float32 parameters, bytes", "int8 constants", "arena", "of 262,144 bytes", "images a second")
    tables = {"memory": markdown(head, memory)}
    if {budget.code_note for budget in budgets.values()} != {CODE_NOTE}:
        print(f"\n{tables.pop('memory')}\nnot compared with README.md, whose code is that of {CODE_NOTE}")
    conclude(FOLDER, rows, **tables)


if __name__ == "__main__":
    main()
