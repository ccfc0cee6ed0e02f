"""What the generator hands out: C files as text, and the facts that a runner needs to drive them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TappedTensor:
    """A tensor whose rows the generated C reports through `<NAME>_TAP`, int8, row after row."""

    name: str
    rows: int
    row_bytes: int

    @property
    def size_bytes(self) -> int:
        return self.rows * self.row_bytes


@dataclass(frozen=True, slots=True)
class ArenaBuffer:
    """Where an input or output of the network lies in the arena, in bytes from its start."""

    name: str
    offset_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Generated:
    """A network as C.

    `name` prefixes every C identifier and file name. `tapped[i]` is the tensor that the C calls number i in
    `<NAME>_TAP(tensor, row, pointer, bytes)`; `steps[i]` is what runs after `<NAME>_STEP(i)`.
    With `pushed_rows` the only input is pushed in so many rows, one after the other, and has no place of its own; with
    `pulled_rows` the only output is pulled in so many.
    """

    name: str
    files: Mapping[str, str]
    arena_bytes: int
    inputs: tuple[ArenaBuffer, ...]
    outputs: tuple[ArenaBuffer, ...]
    tapped: tuple[TappedTensor, ...]
    steps: tuple[str, ...]
    pushed_rows: int = 0
    pulled_rows: int = 0

    @property
    def entry(self) -> str:
        """The C function that computes: all at once, up to the next row of the output, or what a row more allows."""
        return f"{self.name}_{'pull_row' if self.pulled_rows else 'push_row' if self.pushed_rows else 'run'}"
