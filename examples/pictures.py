"""Pictures without a library: PNG, and SVG with labelled panels or bars. Pixels are uint8, [H, W] or [H, W, 3]."""

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

GAP = 12
TEXT_HEIGHT = 18
FONT = 'font-family="sans-serif" font-size="13" fill="#222"'


def png(pixels: Pixels) -> bytes:
    """A PNG file: grey for [H, W], colours for [H, W, 3]."""
    height, width = pixels.shape[:2]
    color_type = 2 if pixels.ndim == 3 else 0
    rows = np.ascontiguousarray(pixels, np.uint8).reshape(height, -1)
    no_filter = np.zeros((height, 1), np.uint8)
    header = struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0)
    data = zlib.compress(np.hstack([no_filter, rows]).tobytes(), 9)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def gray(values: npt.NDArray[np.generic], low: float | None = None, high: float | None = None) -> Pixels:
    """Numbers as grey, black at `low` and white at `high`, by default the least and the largest of them."""
    real = np.asarray(values, np.float64)
    low, high = real.min() if low is None else low, real.max() if high is None else high
    scaled: Pixels = np.rint(np.clip((real - low) / max(high - low, 1e-12), 0, 1) * 255).astype(np.uint8)
    return scaled


def signed(values: npt.NDArray[np.generic], largest: float | None = None) -> Pixels:
    """Numbers as colours: white at 0, red at +`largest`, blue at -`largest`, by default the largest magnitude."""
    real = np.asarray(values, np.float64)
    part = np.clip(real / max(largest or np.abs(real).max(), 1e-12), -1, 1)
    pale = 1 - np.abs(part)
    colors = np.stack([np.where(part < 0, pale, 1), pale, np.where(part > 0, pale, 1)], axis=-1)
    pixels: Pixels = np.rint(255 * colors).astype(np.uint8)
    return pixels


def enlarge(pixels: Pixels, factor: int) -> Pixels:
    """Each pixel as a square of `factor` pixels."""
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def color(pixels: Pixels) -> Pixels:
    """Grey pixels with three channels, so that something can be drawn on them; colours stay."""
    return pixels.copy() if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)


def box(pixels: Pixels, top: int, left: int, bottom: int, right: int, rgb: tuple[int, int, int]) -> Pixels:
    """The picture in colour with a frame one pixel wide around rows [top, bottom) and columns [left, right)."""
    drawn = color(pixels)
    height, width = drawn.shape[:2]
    top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, height), min(right, width)
    if top < bottom and left < right:
        drawn[[top, bottom - 1], left:right] = rgb
        drawn[top:bottom, [left, right - 1]] = rgb
    return drawn


def grid(images: Sequence[Pixels], columns: int, gap: int = 1, background: int = 128) -> Pixels:
    """Pictures of one size beside and below each other."""
    height, width = images[0].shape[:2]
    rows = -(-len(images) // columns)
    sheet = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, *images[0].shape[2:]), background, np.uint8
    )
    for number, image in enumerate(images):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def write_png(path: Path, pixels: Pixels) -> None:
    path.write_bytes(png(pixels))


def write_panels(path: Path, rows: Sequence[Sequence[tuple[str, Pixels]]]) -> None:
    """An SVG of rows of pictures, each with its title above it."""
    parts, top, width = [], GAP, 0
    for row in rows:
        left = GAP
        for title, pixels in row:
            height_pixels, width_pixels = pixels.shape[:2]
            data = base64.b64encode(png(pixels)).decode("ascii")
            parts.append(f'<text x="{left}" y="{top + TEXT_HEIGHT - 5}" {FONT}>{escape(title)}</text>')
            parts.append(
                f'<image x="{left}" y="{top + TEXT_HEIGHT}" width="{width_pixels}" height="{height_pixels}"'
                f' style="image-rendering:pixelated" href="data:image/png;base64,{data}"/>'
            )
            left += max(width_pixels, 8 * len(title)) + GAP
        width = max(width, left)
        top += TEXT_HEIGHT + max(pixels.shape[0] for _, pixels in row) + GAP
    _write_svg(path, width, top, parts)


def write_bars(path: Path, title: str, values: Mapping[str, float], unit: str = "") -> None:
    """An SVG of horizontal bars from zero to the largest value, each with its number."""
    largest, left, parts = max(values.values()), GAP + 8 * max(len(label) for label in values), []
    parts.append(f'<text x="{GAP}" y="{GAP + 10}" {FONT} font-weight="bold">{escape(title)}</text>')
    for number, (label, value) in enumerate(values.items()):
        middle = 48 + 24 * number
        length = round(320 * value / max(largest, 1e-12), 1)
        parts.append(f'<text x="{GAP}" y="{middle}" {FONT}>{escape(label)}</text>')
        parts.append(f'<rect x="{left}" y="{middle - 13}" width="{length}" height="17" fill="#4477aa"/>')
        parts.append(f'<text x="{left + length + 6}" y="{middle}" {FONT}>{value:,} {escape(unit)}</text>')
    _write_svg(path, left + 490, 48 + 24 * len(values), parts)


def _write_svg(path: Path, width: int, height: int, parts: Sequence[str]) -> None:
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    white = f'<rect width="{width}" height="{height}" fill="white"/>'
    path.write_text("\n".join([frame, white, *parts, "</svg>"]) + "\n", encoding="utf-8")
