"""What LeNet-5 has learned and what it sees: filters, feature maps and receptive fields, float beside int8."""

import sys
from pathlib import Path

import numpy as np

import tinycnn
from tinycnn.passes import FLOAT_PASSES, run_passes

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from figures import Array, check, conclude, markdown, measure_classifier  # noqa: E402  (the line above finds it)
from pictures import Pixels, box, enlarge, gray, grid, signed, write_panels  # noqa: E402

DIGIT = 4
MAPS = ("relu1", "pool1", "relu2", "pool2")
UNIT_PIXEL = 12
"""Fields are drawn for the unit of each map that lies over about this row and column of the image."""


def main() -> None:
    data = np.load(FOLDER.parent / "mnist_sample" / "mnist_sample.npz")
    calibration, test = (data[name][:, None].astype(np.float32) for name in ("calibration_images", "test_images"))
    labels = data["test_labels"]
    model = tinycnn.load(FOLDER.parent / "lenet5" / "lenet5.onnx")
    floats, int8 = run_passes(model, FLOAT_PASSES), tinycnn.quantize(model, calibration)

    draw_filters(floats, int8)
    digit = test[labels == DIGIT][:1]
    real, rounded = maps(floats, digit), maps(int8, digit)
    draw_maps(digit, real, rounded)
    noise = {error.name: error for error in tinycnn.evaluate(int8, test, labels, against=model).tensors}
    losses = [(name, " x ".join(map(str, real[name].shape)), round(noise[name].signal_to_noise_db, 1)) for name in MAPS]
    check("every map as int8 is at least 35 dB above its rounding noise", all(row[2] > 35 for row in losses))

    summary = {layer.name: layer for layer in tinycnn.summarize(model).layers}
    panels, seen = [], []
    for name, (rows, columns) in fields(int8, test[:8]).items():
        size = f"{len(rows)} x {len(columns)}"
        as_computed = summary[name].receptive_field == (len(rows), len(columns))
        check(f"a unit of {name} changes with {size} pixels and no other, as the summary says", as_computed)
        seen.append((name, size, f"{rows.start} to {rows.stop - 1}"))
        edges = [6 * edge for edge in (rows.start, columns.start, rows.stop, columns.stop)]
        panels.append((f"{name}: {size}", box(enlarge(gray(digit[0, 0], 0, 255), 6), *edges, (255, 60, 60))))
    write_panels(FOLDER / "fields.svg", [panels])

    conclude(
        FOLDER,
        {"lenet5": measure_classifier(model, int8, test, labels, "1,000 digits of MNIST")},
        maps=markdown(("map", "rows x columns x maps", "signal to noise, dB"), losses),
        fields=markdown(("unit of", "sees pixels", "rows of the image"), seen),
    )


def maps(graph: tinycnn.Graph, image: Array) -> dict[str, Array]:
    """Real values [H, W, C] of the maps for one image [1, 1, 28, 28]."""
    values = tinycnn.trace(graph, tinycnn.to_stored(graph.tensors[graph.inputs[0]], image))
    return {name: tinycnn.to_real(graph.tensors[name], values[name])[0].transpose(1, 2, 0) for name in MAPS}


def weights(graph: tinycnn.Graph, name: str) -> Array:
    """Real weights [outputs, H, W, inputs], whatever type they are stored in."""
    values, quantization = graph.constants[name], graph.tensors[name].quantization
    return values if quantization is None else values * quantization.scales[:, None, None, None]


def draw_filters(floats: tinycnn.Graph, int8: tinycnn.Graph) -> None:
    rows = []
    for layer, columns, factor in (("conv1", 6, 8), ("conv2", 16, 4)):
        row = []
        for kind, graph in (("float", floats), ("int8", int8)):
            filters = weights(graph, f"{layer}.weight")
            largest = float(np.abs(filters).max())
            pictures = [
                enlarge(signed(filters[output, :, :, input], largest), factor)
                for input in range(filters.shape[3])
                for output in range(filters.shape[0])
            ]
            row.append((f"{layer}, {kind}", grid(pictures, columns, 2)))
        rows.append(row)
    write_panels(FOLDER / "filters.svg", rows)


def draw_maps(digit: Array, real: dict[str, Array], rounded: dict[str, Array]) -> None:
    rows = [[("the digit", enlarge(gray(digit[0, 0], 0, 255), 3))]]
    for name in MAPS:
        white = float(real[name].max())
        kinds = (("float", real[name]), ("int8", rounded[name]))
        rows.append([(f"{name}, {kind}", sheet(values, white)) for kind, values in kinds])
    write_panels(FOLDER / "maps.svg", rows)


def sheet(values: Array, white: float) -> Pixels:
    """Maps [H, W, C] side by side: six of 84 pixels in a row, or eight of about 40."""
    height, _, count = values.shape
    columns, pixels = (6, 84) if count == 6 else (8, 40)
    return grid([enlarge(gray(values[..., c], 0, white), pixels // height) for c in range(count)], columns, 2)


def fields(int8: tinycnn.Graph, images: Array) -> dict[str, tuple[range, range]]:
    """Rows and columns of the image that a unit in the middle of each map depends on, found by changing each pixel.

    A change may be lost behind a maximum, so several images and both extremes of a pixel are tried.
    """
    touched = {name: np.zeros((28, 28), bool) for name in MAPS}
    pixels = np.arange(28 * 28)
    random = np.random.default_rng(0)
    for image in [*images, *random.integers(0, 256, images.shape).astype(np.float32)]:
        for extreme in (0, 255):
            changed = np.repeat(image[None], len(pixels) + 1, axis=0)  # the last one stays as it is
            changed[pixels, 0, pixels // 28, pixels % 28] = extreme
            values = tinycnn.trace(int8, tinycnn.to_stored(int8.tensors[int8.inputs[0]], changed))
            for name in MAPS:
                at = UNIT_PIXEL * values[name].shape[1] // 28
                unit = values[name][:, at, at]
                touched[name] |= (unit[:-1] != unit[-1]).any(axis=1).reshape(28, 28)
    return {name: (extent(found.any(axis=1)), extent(found.any(axis=0))) for name, found in touched.items()}


def extent(found: Array) -> range:
    places = np.flatnonzero(found)
    return range(int(places[0]), int(places[-1]) + 1)


if __name__ == "__main__":
    main()
