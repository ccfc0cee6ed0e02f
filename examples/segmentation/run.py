"""A U-Net and an hourglass find the ink of digits on photographs of textures: int8 against fp32, streamed in rows."""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

import tinycnn
from tinycnn.plan import candidates

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from figures import check, conclude, measure  # noqa: E402  (scripts, not a package: the line above finds them)
from pictures import Pixels, color, enlarge, write_panels  # noqa: E402
from scenes import Scenes, sample_scenes  # noqa: E402

SIZE, MOST_DIGITS = 32, 2  # pixels of a scene's side, digits in it
CALIBRATION_SCENES, TEST_SCENES, SHOWN_SCENES = 200, 300, 6
NAMES = {"unet": "U-Net", "hourglass": "hourglass"}

Masks = npt.NDArray[np.bool_]


def find_ink(graph: tinycnn.Graph, scenes: Scenes) -> Masks:
    """Where the network, float or int8, gives a positive logit: [N, SIZE, SIZE]."""
    stored = tinycnn.to_stored(graph.tensors["image"], scenes.images.astype(np.float32))
    logits = tinycnn.run(graph, stored)["ink_logits"]
    return tinycnn.to_real(graph.tensors["ink_logits"], logits)[:, 0] > 0


def intersection_over_union(found: Masks, true: Masks) -> float:
    """Pixels that are ink in both, of those that are ink in one or the other, over all scenes; in percent."""
    return 100 * float((found & true).sum() / (found | true).sum())


def drawn(image: Pixels, mask: Masks) -> Pixels:
    """The scene with what was found in red, three times as large."""
    picture = color(image)
    picture[mask] = (230, 40, 40)
    return enlarge(picture, 3)


def main() -> None:
    calibration = sample_scenes("calibration", CALIBRATION_SCENES, SIZE, MOST_DIGITS, seed=3)
    test = sample_scenes("test", TEST_SCENES, SIZE, MOST_DIGITS, seed=2)
    samples = test.images.astype(np.float32)
    data = f"IoU of the ink, {TEST_SCENES} scenes"
    rows, pictures = {}, [[("scene", enlarge(image[0], 3)) for image in test.images[:SHOWN_SCENES]]]
    pictures.append([("truth", drawn(*pair)) for pair in zip(test.images[:SHOWN_SCENES, 0], test.masks, strict=False)])
    for file, name in NAMES.items():
        model = tinycnn.load(FOLDER / f"{file}.onnx")
        int8 = tinycnn.quantize(model, calibration.images.astype(np.float32), method="percentile")
        found = find_ink(int8, test)
        scores = [intersection_over_union(mask, test.masks) for mask in (find_ink(model, test), found)]
        rows[name] = measure(int8, samples, data, *scores)
        pictures.append(
            [(name, drawn(*pair)) for pair in zip(test.images[:SHOWN_SCENES, 0], found[:SHOWN_SCENES], strict=True)]
        )

        streamed = rows[name].arena_bytes
        passing = candidates(int8, pushed=True, pulled=True)[-1].arena_bytes
        whole = tinycnn.plan(int8).arena_bytes
        check(
            f"{name}: arena {whole:,} bytes layer by layer, {streamed:,} streamed, less than half,"
            f" {passing:,} with rows pushed in and pulled out",
            2 * streamed < whole and passing < streamed,
        )
        for runner in tinycnn.verify(int8, samples[:3], ["onnxruntime", "host"]):
            check(f"{name}: {runner.name} computes the engine's bytes in every tensor", runner.mismatches == 0)
        (runner,) = tinycnn.verify(int8, samples[:3], ["host"], passing, pushed=True, pulled=True)
        check(f"{name}: so does C with rows pushed in and pulled out", runner.mismatches == 0)
    write_panels(FOLDER / "segmentation.svg", pictures)
    unet, hourglass = rows["U-Net"], rows["hourglass"]
    check("the U-Net finds the ink better than the hourglass", unet.fp32 > hourglass.fp32 + 3)
    conclude(FOLDER, rows)


if __name__ == "__main__":
    main()
