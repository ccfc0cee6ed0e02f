"""What operators on two tensors share: elements are combined one by one, with ONNX's broadcasting."""

from typing import ClassVar, Literal

import numpy as np

from tinycnn.errors import ModelError
from tinycnn.ir import Shape
from tinycnn.ops.base import broadcast_rows


def broadcast_shape(label: str, *inputs: Shape) -> tuple[Shape, ...]:
    try:
        return (np.broadcast_shapes(*inputs),)
    except ValueError:
        shapes = " and ".join(str(list(shape)) for shape in inputs)
        raise ModelError(f"{label}: {shapes} cannot be combined.") from None


class Broadcasting:
    """Shapes and rows. On int8 one input may be a constant of the file (`ops.constant_operand`)."""

    __slots__ = ()
    output_scale: ClassVar[Literal["free"]] = "free"
    broadcasts: ClassVar[bool] = True
    in_place: ClassVar[bool] = True
    constants_have_zero_points: ClassVar[bool] = True

    @property
    def label(self) -> str:
        return type(self).__name__

    def output_shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        return broadcast_shape(self.label, *inputs)

    def macs(self, *inputs: Shape) -> int:
        return 0

    def input_rows(self, output_row: int, index: int, *inputs: Shape) -> range:
        return broadcast_rows(output_row, inputs[index])
