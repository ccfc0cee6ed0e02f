"""A residual network on MNIST, streamed: the shortcut waits in a ring of rows while the other path computes."""

import sys
from pathlib import Path

import numpy as np

import tinycnn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from figures import check, conclude, markdown, measure_classifier  # noqa: E402  (the line above finds it)
from pictures import write_bars  # noqa: E402

CHIP = "cortex-m4"


def main() -> None:
    data = np.load(FOLDER.parent / "mnist_sample" / "mnist_sample.npz")
    calibration, test = (data[name][:, None].astype(np.float32) for name in ("calibration_images", "test_images"))
    model = tinycnn.load(FOLDER / "resnet.onnx")
    int8 = tinycnn.quantize(model, calibration)
    rows = {"resnet": measure_classifier(model, int8, test, data["test_labels"], "1,000 digits of MNIST")}
    least = rows["resnet"].arena_bytes
    for runner in tinycnn.verify(int8, test[:3], ["onnxruntime", "host", CHIP], ram_bytes=least):
        check(f"in {least:,} bytes, {runner.name} computes the engine's bytes in every tensor", runner.mismatches == 0)

    whole, streamed = tinycnn.plan(int8), tinycnn.plan(int8, ram_bytes=least)
    additions = [node for node in int8.nodes if node.op.label == "Add"]
    check("three additions join a path with the one that skips it", len(additions) == 3)
    rings = []
    for node in additions:
        for name in node.inputs:
            place = streamed.places[name]
            height = int8.tensors[name].shape[1]
            rings.append((node.name, name, height, place.held_rows, place.rows * place.row_bytes, place.size_bytes))
    check("what is added is kept as a ring of a few rows, never whole", all(ring[3] < ring[2] for ring in rings))
    pushed = min(choice.arena_bytes for choice in tinycnn.report(int8, tinycnn.load_target(CHIP), pushed=True).pareto)
    arenas = {"layer by layer": whole.arena_bytes, "streamed": least, "image pushed": pushed}
    check("streaming takes less than layer by layer", least < whole.arena_bytes)
    write_bars(FOLDER / "arenas.svg", "Arena of the residual network, input and output inside", arenas, "bytes")
    head = ("addition", "input", "rows", "rows kept", "bytes, whole", "bytes kept")
    conclude(FOLDER, rows, rings=markdown(head, rings), arenas=markdown(tuple(arenas), [tuple(arenas.values())]))


if __name__ == "__main__":
    main()
