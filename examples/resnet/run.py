"""A residual network on MNIST, streamed: the shortcut waits in a ring of rows while the other path computes."""

import sys
from pathlib import Path

import numpy as np

import tinycnn
from tinycnn.plan import candidates, in_stages
from tinycnn.runners import missing_tools, run_emulated

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
    chip = tinycnn.load_target(CHIP)
    missing = missing_tools(chip)
    runners = ["onnxruntime", "host"] + ([] if missing else [CHIP])
    for runner in tinycnn.verify(int8, test[:3], runners, ram_bytes=least):
        check(f"in {least:,} bytes, {runner.name} computes the engine's bytes in every tensor", runner.mismatches == 0)

    one_stage = in_stages(int8, [0], pushed=True)
    rings = []
    for node in int8.nodes:
        for name in node.inputs if node.op.label == "Add" else ():
            place = one_stage.places[name]
            rings.append((node.name, name, place.rows, place.held_rows, place.rows * place.row_bytes, place.size_bytes))
    check("three additions join a path with the one that skips it", len(rings) == 6)
    check("in one stage all that is added is kept as a ring, never whole", all(ring[3] < ring[2] for ring in rings))
    if missing:
        print(f"{CHIP} was left out: {', '.join(missing)} missing", file=sys.stderr)
    else:
        stored = tinycnn.to_stored(int8.tensors["image"], test[:3])
        tensors = tinycnn.trace(int8, stored)
        generated = tinycnn.generate(one_stage, "resnet", target_name=CHIP)
        on_chip = run_emulated(generated, [stored], chip).tensors
        same = all(np.array_equal(rows, tensors[name].reshape(3, -1)) for name, rows in on_chip.items())
        check("the chip computed what is added", set(on_chip) >= {ring[1] for ring in rings})
        check(f"rows pushed in, residuals in rings: the {CHIP} computes the engine's bytes in every tensor", same)

    arenas = {
        "layer by layer": tinycnn.plan(int8).arena_bytes,
        "one stage, rows pushed in": one_stage.arena_bytes,
        "leanest with the image stored": least,
        "leanest with rows pushed in": min(plan.arena_bytes for plan in candidates(int8, pushed=True)),
    }
    check("streaming takes less than layer by layer", max(list(arenas.values())[1:]) < arenas["layer by layer"])
    write_bars(FOLDER / "arenas.svg", "Arena, input and output inside", arenas, "bytes")
    head = ("addition", "input", "rows", "rows kept", "bytes, whole", "bytes kept")
    conclude(FOLDER, rows, rings=markdown(head, rings), arenas=markdown(("plan", "arena, bytes"), list(arenas.items())))


if __name__ == "__main__":
    main()
