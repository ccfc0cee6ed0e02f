"""Why convolve: two networks with the same hidden units on MNIST-1D, in fp32 and int8, and on an ATmega2560."""

import sys
from pathlib import Path

import numpy as np

import tinycnn
from tinycnn.runners import missing_tools

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from figures import check, conclude, measure_classifier  # noqa: E402  (scripts, not a package: the line above finds it)


def main() -> None:
    data = np.load(FOLDER / "mnist1d.npz")
    test, labels = data["test"].astype(np.float32), data["labels"]
    rows, avr = {}, {}
    for name in ("convolutional", "dense"):
        model = tinycnn.load(FOLDER / f"{name}.onnx")
        int8 = tinycnn.quantize(model, data["calibration"])
        for runner in tinycnn.verify(int8, test[:20], ["onnxruntime", "host"]):
            check(f"{name}: {runner.name} computes the engine's bytes in every tensor", runner.mismatches == 0)
        rows[name] = measure_classifier(model, int8, test, labels, "10,000 new signals")
        chip = tinycnn.load_target("atmega2560")
        avr[name] = tinycnn.report(int8, chip)
        missing = missing_tools(chip)
        if missing:
            print(f"atmega2560 was left out: {', '.join(missing)} missing", file=sys.stderr)
            continue
        (runner,) = tinycnn.verify(int8, test[:5], ["atmega2560"])
        check(f"{name}: the emulated ATmega2560 computes the engine's bytes in every tensor", runner.mismatches == 0)
    convolutional, dense = rows["convolutional"], rows["dense"]
    check("the convolutional network has 2,050 parameters", convolutional.parameters == 2_050)
    check("its dense twin, layers of the same sizes, has 59,065", dense.parameters == 59_065)
    check(
        "29 times the parameters, and yet at least twice the errors: the inductive bias of convolution",
        100 - dense.fp32 >= 2 * (100 - convolutional.fp32),
    )
    for name, budget in avr.items():
        check(f"{name}: fits an ATmega2560", budget.fits)
    conclude(FOLDER, rows)


if __name__ == "__main__":
    main()
