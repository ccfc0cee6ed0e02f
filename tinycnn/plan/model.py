"""What a plan is: the order of work and the place of every tensor in one arena. No algorithm lives here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tinycnn.ir import Graph, Node

ALIGNMENT_BYTES = 4
"""Every place begins at a multiple of this, so that kernels may load words."""


STEP_INSTRUCTIONS = 20
"""What it takes to find the next step of a plan that follows a table, about."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to compute a node: which kernel, its estimated instructions for all rows, and its scratch in bytes.

    Scratch is the kernel's while it computes a row; with `keeps_scratch` from its first row to its last. A kernel that
    is `whole` needs its input and output with all their rows; for plans with rings the node has another alternative.
    One that is `paired` computes the layer before it as well (`plan.pairs`), whose output is then held nowhere. One
    that `makes_padding` reads no row outside its input.
    """

    kernel: str
    instructions: int = 0
    scratch_bytes: int = 0
    keeps_scratch: bool = False
    whole: bool = False
    paired: bool = False
    makes_padding: bool = False


Alternatives = Mapping[str, Sequence[Alternative]]
"""By the name of a node's output the ways to compute it; nodes that are not named need no scratch."""


@dataclass(frozen=True, slots=True)
class Span:
    """Steps [first, last), half open: the one notion of lifetime."""

    first: int
    last: int

    def overlaps(self, other: "Span") -> bool:
        return self.first < other.last and other.first < self.last


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes of the arena that belong to a tensor, or to a step's scratch, for some steps.

    A tensor is `rows` rows of `row_bytes`, of which `held_rows` are kept at a time. Row r lies at `row_offsets[r]`
    where that is given, each row then being alone, else at offset_bytes + (r % held_rows) * row_bytes. A whole tensor
    holds all its rows; scratch is one row.
    """

    name: str
    offset_bytes: int
    rows: int
    row_bytes: int
    held_rows: int
    live: Span
    row_offsets: tuple[int, ...] = ()

    @property
    def size_bytes(self) -> int:
        return self.held_rows * self.row_bytes

    @property
    def is_whole(self) -> bool:
        """Whether all rows are there at once, one behind the other."""
        return self.held_rows == self.rows and not self.row_offsets

    def row_offset_bytes(self, row: int) -> int:
        return self.row_offsets[row] if self.row_offsets else self.offset_bytes + row % self.held_rows * self.row_bytes


@dataclass(frozen=True, slots=True)
class Step:
    """Compute the rows [first_row, last_row) of the output of `node`, one after the other.

    For a node that sums rows (`ops.turns`) these are turns, one per row of its input.

    `padding` is the place of one row of `ops.padding_value` that stands above and below the input, or None; it is
    filled before every row that reads it, and belongs to others between. `scratch` begins with the int32 sums of a node
    that sums rows, one per channel, which are kept between turns; what the kernel asks for follows.
    """

    node: Node
    first_row: int
    last_row: int
    padding: Place | None
    scratch: Place | None = None


@dataclass(frozen=True, slots=True)
class Occupant:
    """Bytes of the arena that something has from pull to pull (a pull is one row of one node): a timeline of the arena.

    A whole tensor is several, one for each few rows.
    """

    name: str
    offset_bytes: int
    size_bytes: int
    live: Span


def progress_bytes(nodes: int, ports: int) -> int:
    """Bytes in which a network keeps between two rows how far it is, where rows are passed at some of its `ports`.

    An int32 for the next row of each node, of a pushed input and of a pulled output, and one for the place in the
    schedule.
    """
    return 4 * (nodes + ports + 1) if ports else 0


def compared_instructions(chosen: Mapping[str, Alternative], steps: int) -> int:
    """What tells plans of one graph apart: instructions of the chosen alternatives and of finding the steps."""
    return sum(way.instructions for way in chosen.values()) + STEP_INSTRUCTIONS * steps


@dataclass(frozen=True, slots=True)
class Plan:
    """How an int8 graph runs in `arena_bytes`, input, output and scratch inside.

    `places` has every activation; a view (Reshape) has the place of its source under its own rows and no step.
    `lower_bound_bytes` is the most bytes alive at once in this order of work: no placement can need less.
    `occupants` tells at which pull what has which bytes; `chosen` which alternative computes a node, by its output.
    Where the input is pushed, `arrivals` has for each of its rows the step before which it arrives, else it is empty.
    Where the output is pulled, `departures` has for each of its rows the step before which the caller takes it.
    """

    graph: Graph
    steps: tuple[Step, ...]
    places: Mapping[str, Place]
    arena_bytes: int
    lower_bound_bytes: int
    occupants: tuple[Occupant, ...] = ()
    chosen: Mapping[str, Alternative] = field(default_factory=dict)
    arrivals: tuple[int, ...] = ()
    departures: tuple[int, ...] = ()

    @property
    def is_pushed(self) -> bool:
        return bool(self.arrivals)

    @property
    def is_pulled(self) -> bool:
        return bool(self.departures)

    @property
    def is_scattered(self) -> bool:
        """Whether some tensor's rows have places of their own."""
        return any(place.row_offsets for place in self.places.values())

    @property
    def gap_percent(self) -> float:
        """What the arena has more than is alive at once."""
        return round(100 * (self.arena_bytes / self.lower_bound_bytes - 1), 2) if self.lower_bound_bytes else 0.0

    @property
    def progress_bytes(self) -> int:
        """`progress_bytes` of this plan, at the end of the arena."""
        return progress_bytes(len({step.node.outputs for step in self.steps}), self.is_pushed + self.is_pulled)

    @property
    def compared_instructions(self) -> int:
        return compared_instructions(self.chosen, len(self.steps))
