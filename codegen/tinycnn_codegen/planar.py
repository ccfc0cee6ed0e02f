"""Windows over images and signals as kernels see them: always rows and columns."""

from dataclasses import dataclass, replace

import numpy as np

from tinycnn.errors import UnsupportedError
from tinycnn.ops import Call, Window
from tinycnn_codegen.lowered import Fields, RowWindow


@dataclass(frozen=True, slots=True)
class Planar:
    """A window over rows and columns with the sizes along it; a 1-D signal runs down the rows, one column wide.

    `pads` is the beginnings, then the ends.
    """

    input_sizes: tuple[int, ...]
    output_width: int
    channels: int
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]

    @classmethod
    def of(cls, call: Call, window: Window) -> "Planar":
        sizes, output_sizes = call.inputs[0].shape[1:-1], call.output.shape[1:-1]
        if window.rank not in (1, 2) or len(sizes) != window.rank:
            raise UnsupportedError(
                f"Node {call.name!r}",
                [f"{call.node.op.label} has no C kernel for {len(sizes)} axes, only for 1 and 2."],
            )
        one = (1,) * (2 - window.rank)
        none = (0,) * (2 - window.rank)
        begins, ends = window.pads[: window.rank], window.pads[window.rank :]
        return cls(
            sizes + one,
            (output_sizes + one)[1],
            call.inputs[0].shape[-1],
            window.kernel + one,
            window.strides + one,
            window.dilations + one,
            begins + none + ends + none,
        )

    @property
    def input_width(self) -> int:
        return self.input_sizes[1]

    @property
    def rows(self) -> RowWindow:
        return RowWindow(self.kernel[0], self.strides[0], self.pads[0], self.dilations[0])

    @property
    def row_fields(self) -> Fields:
        """What every kernel with a window is told: the sizes, and how the window moves along a row."""
        return {
            "input_width": self.input_width,
            "output_width": self.output_width,
            "kernel_height": self.kernel[0],
            "kernel_width": self.kernel[1],
            "stride": self.strides[1],
            "pad": self.pads[1],
            "dilation": self.dilations[1],
        }

    @property
    def is_pointwise(self) -> bool:
        """Whether every pixel of the output reads the same pixel of the input alone."""
        return self.kernel == (1, 1) and self.strides == (1, 1) and not any(self.pads)


def as_image(call: Call) -> Call:
    """A Dense over vectors in several axes as one over the pixels of an image: rows, columns, elements."""
    (x, *constants), output = call.inputs, call.output
    rows, columns = x.shape[:2], int(np.prod(x.shape[2:-1]))
    image = replace(x, shape=(*rows, columns, x.shape[-1]))
    return replace(call, inputs=(image, *constants), output=replace(output, shape=(*rows, columns, output.shape[-1])))
