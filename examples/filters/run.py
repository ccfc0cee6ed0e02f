"""Filters are convolutions: five of them on a photograph, exact in integers, in three modes, as spectra, and in C."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

import tinycnn
from tinycnn.runners.toolchain import host_compiler

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
sys.path.insert(0, str(FOLDER))
from figures import check, conclude, measure  # noqa: E402  (scripts, not a package: the lines above find them)
from kernels import DIVISORS, KERNELS, PADS, kernel_of, network, run  # noqa: E402
from pictures import enlarge, gray, signed, write_panels  # noqa: E402

Pixels = npt.NDArray[np.uint8]


def filtered_in_integers(image: Pixels, name: str, mode: str) -> Pixels:
    """What the lecture writes: sum over the taps of pixel times weight, divided, rounded half to even, clipped."""
    padded = np.pad(image.astype(np.int64), PADS[mode])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    sums = (windows * kernel_of(name).astype(np.int64)).sum(axis=(2, 3))
    return np.clip(np.rint(sums / DIVISORS.get(name, 1)), 0, 255).astype(np.uint8)


def filtered_by_spectra(image: Pixels, name: str) -> Pixels:
    """The whole (full) convolution: spectra are multiplied and transformed back. The kernel counts as flipped."""
    shape = [length + 2 for length in image.shape]
    product = np.fft.rfft2(image, shape) * np.fft.rfft2(kernel_of(name), shape)
    sums = np.rint(np.fft.irfft2(product, shape))
    return np.clip(np.rint(sums / DIVISORS.get(name, 1)), 0, 255).astype(np.uint8)


def filtered_row_by_row(graph: tinycnn.Graph, image: Pixels) -> tuple[Pixels, int]:
    """The same by generated C on this machine, one image row after the other, and its arena in bytes."""
    plan = tinycnn.plan(graph, pushed=True, pulled=True)
    with TemporaryDirectory() as folder:
        tinycnn.write(tinycnn.generate(plan, "filter", target_name="host", uint8_input=True), folder)
        sources = ["filter.c", str(FOLDER / "rows.c")]
        subprocess.run(
            [host_compiler(), "-std=c99", "-Wall", "-Wextra", "-Werror", "-O2", "-I.", "-o", "rows", *sources],
            cwd=folder,
            check=True,
        )
        done = subprocess.run([Path(folder) / "rows"], input=image.tobytes(), capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(image.shape), plan.arena_bytes


def main() -> None:
    image = np.load(FOLDER / "astronaut.npz")["image"]
    size = len(image)
    rows_of_pictures = [[("before", image)]]
    for name in KERNELS:
        kernel, divisors = kernel_of(name), [DIVISORS.get(name, 1)]
        made = {mode: run(network(kernel[np.newaxis], divisors, mode, size), image)[0] for mode in PADS}
        for mode, filtered in made.items():
            check(
                f"{name}, {mode}: {len(filtered)} x {len(filtered)} pixels, each the exact integer",
                np.array_equal(filtered, filtered_in_integers(image, name, mode)),
            )
        flipped = run(network(kernel[np.newaxis, ::-1, ::-1], divisors, "full", size), image)[0]
        check(
            f"{name}: the product of the spectra is the full mode with the kernel flipped",
            np.array_equal(flipped, filtered_by_spectra(image, name)),
        )
        symmetric = np.array_equal(kernel, kernel[::-1, ::-1])
        check(
            f"{name}: flipped it is {'the same' if symmetric else 'another filter'}",
            np.array_equal(flipped, made["full"]) == symmetric == (name != "emboss"),
        )
        pushed, arena_bytes = filtered_row_by_row(network(kernel[np.newaxis], divisors, "same", size), image)
        check(
            f"{name}: C on this machine, row after row, gives the same picture in {arena_bytes:,} bytes of arena",
            np.array_equal(pushed, made["same"]) and arena_bytes < 1_000,
        )
        spectrum = np.abs(np.fft.fftshift(np.fft.fft2(kernel / divisors[0], (40, 40))))
        rows_of_pictures.append(
            [
                (name, enlarge(signed(kernel), 53)),
                ("spectrum", enlarge(gray(spectrum, low=0), 4)),
                ("after", made["same"]),
                ("after, kernel flipped", flipped[1:-1, 1:-1]),
            ]
        )
    write_panels(FOLDER / "filters.svg", rows_of_pictures)

    kernels, divisors = np.stack([kernel_of(name) for name in KERNELS]), [DIVISORS.get(name, 1) for name in KERNELS]
    bank = network(kernels, divisors, "same", size)
    check(
        "all five as one layer of five channels give the same pictures",
        np.array_equal(run(bank, image), [filtered_in_integers(image, name, "same") for name in KERNELS]),
    )
    samples = image[np.newaxis, np.newaxis].astype(np.float32)
    for runner in tinycnn.verify(bank, samples, ["onnxruntime", "host"]):
        check(f"{runner.name} computes the engine's bytes in every tensor", runner.mismatches == 0)
    sharpen = network(kernel_of("sharpen")[np.newaxis], [1], "same", size)
    exact = "every pixel exact"
    conclude(
        FOLDER,
        {
            "one filter": measure(sharpen, samples, exact, None, None),
            "all five": measure(bank, samples, exact, None, None),
        },
    )


if __name__ == "__main__":
    main()
