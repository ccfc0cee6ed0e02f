"""What an operator is in C: a kernel, and the structs that it is called with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tinycnn_codegen.ctext import ConstantArray, Field, constant_arrays

Fields = Mapping[str, Field]

Reads = Literal["window", "counted window", "rows", "summed rows", "tensor", "tensor of part"]
"""What a kernel tcn_<kernel>_row is given between the struct and the output row.

    window          pointers to the input rows under the window
    counted window  the same, and the number of the output row
    rows            the row of each input with the number of the output row
    summed rows     the input row of this turn, its number, and the int32 sums, of which only the last turn makes output
    tensor          the arena, the tensor that is the input and the number of the output row
    tensor of part  the same; the tensor is the input whose number the struct has
"""

FLOAT_SHIFT = 0
"""The shift in a tcn_rescale_t that says "no integer form": the multiplier is then the bit pattern of the scale."""


@dataclass(frozen=True, slots=True)
class RowWindow:
    """The rows of a window: tap t of output row r is input row r * stride - pad + t * dilation.

    In a "spread_window" the input rows stand `stride` apart instead: it is place r - pad + t * dilation.
    """

    taps: int
    stride: int
    pad: int
    dilation: int
    kind: Literal["window", "spread_window"] = "window"


@dataclass(frozen=True, slots=True, eq=False)
class Lowered:
    """A call of kernels/tcn_<kernel>.h for every struct of `layers`, with which one output row is computed.

    The structs are of type tcn_<kernel>_t. `window` and the byte `padding_value` of its padding rows are for kernels
    that read a window; with `makes_padding` the kernel does without those rows. With `scratch_bytes` the kernel is also
    given a pointer to so many aligned bytes, with `keeps_scratch` the same from its first row to its last; with
    `all_rows_at_once` one call computes the whole tensor. `idle` is how many outputs are computed for each that counts,
    `prepared_bytes` how much input is brought into another order first, as often as it is.
    `stand_ins` are files of kernels/ that take the place of others, for all layers of a network.
    """

    kernel: str
    layers: tuple[Fields, ...]
    reads: Reads
    window: RowWindow | None = None
    padding_value: int = 0
    scratch_bytes: int = 0
    keeps_scratch: bool = False
    all_rows_at_once: bool = False
    idle: float = 1.0
    prepared_bytes: int = 0
    makes_padding: bool = False
    stand_ins: Mapping[str, str] = field(default_factory=dict)

    @property
    def needs_float(self) -> bool:
        """Whether a channel has no proved integer form (`FLOAT_SHIFT`)."""
        shifts = [array for fields in self.layers for path, array in constant_arrays(fields) if path[-1] == "shift"]
        return any(bool((array.values == FLOAT_SHIFT).any()) for array in shifts)

    @property
    def arrays(self) -> Iterator[ConstantArray]:
        for fields in self.layers:
            for _, array in constant_arrays(fields):
                yield array

    @property
    def constants_bytes(self) -> int:
        return sum(array.size_bytes for array in self.arrays)
