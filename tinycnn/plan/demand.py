"""What needs bytes of the arena, and when, in one order of work: tensors or their rows, padding and scratch."""

from collections.abc import Sequence
from dataclasses import dataclass

from tinycnn.plan.in_place import Choice
from tinycnn.plan.lifetimes import Need, Piece, simple_need
from tinycnn.plan.model import Span
from tinycnn.plan.place import lower_bound_bytes
from tinycnn.plan.rows import Pull, RowGraph
from tinycnn.plan.schedule import Held, held, pulls

MOST_PIECES = 32
"""A whole tensor with more rows is looked at in groups of rows, so that placing stays fast."""


@dataclass(frozen=True, slots=True)
class Demand:
    """The order of work, the rows of tensors that it keeps, and what needs bytes: tensors, padding and scratch.

    `needs` has for each of `kept` one need, or one for each row where rows have places of their own. `paddings` and
    `scratch` are by the output of the node that wants them. `bound_bytes` is the most bytes alive at once.
    """

    order: Sequence[Pull]
    kept: Sequence[Held]
    needs: Sequence[tuple[Need, ...]]
    paddings: dict[str, Need]
    scratch: dict[str, Need]
    all_needs: tuple[Need, ...]
    bound_bytes: int


def demands(rows: RowGraph, cuts: Sequence[int], *, scattered: bool = False) -> tuple[Demand, ...]:
    """What needs bytes when the stages begin at the nodes `cuts`, for each choice of what is written over what.

    `scattered` as in `schedule.held`. The choice that does best in most networks is the first: rows of their own are
    written over those that live shortest, as little as possible then has to stay in one place. Whole tensors are
    written over those that live longest: what is computed between them then lies beside them. The last is to write
    over nothing, which leaves each tensor free to move. Choices that come to the same are there once.
    """
    ends = [*cuts, len(rows.nodes)][1:]
    order = [pull for first, last in zip(cuts, ends, strict=True) for pull in pulls(rows, first, last)]
    stage_of = [stage for stage, (first, last) in enumerate(zip(cuts, ends, strict=True)) for _ in range(first, last)]
    paddings, scratch = _paddings(rows, order), _scratch(rows, order)
    choices: tuple[Choice | None, ...] = (min, max, None) if scattered else (max, min, None)
    found: dict[tuple[tuple[str, ...], ...], Demand] = {}
    for choice in choices:
        kept = held(rows, order, stage_of, scattered=scattered, in_place=choice)
        groups = tuple(each.tensors for each in kept)
        if groups not in found:
            needs = [needs_of(rows, each) for each in kept]
            every = (*(need for group in needs for need in group), *paddings.values(), *scratch.values())
            found[groups] = Demand(order, kept, needs, paddings, scratch, every, lower_bound_bytes(every))
    return tuple(found.values())


def needs_of(rows: RowGraph, kept: Held) -> tuple[Need, ...]:
    """A need for each scattered row, a ring as one piece, a whole tensor as one piece per row or few rows."""
    name = kept.tensors[0]
    row_bytes, count = rows.row_bytes(name), len(kept.live)
    if kept.is_scattered:
        return tuple(simple_need(f"row {row} of {name}", row_bytes, [span]) for row, span in enumerate(kept.live))
    if kept.rows < count:
        return (simple_need(name, kept.rows * row_bytes, kept.live),)
    chunk = -(-count // MOST_PIECES)
    pieces = tuple(
        Piece(first * row_bytes, min(first + chunk, count) * row_bytes, _covering(kept.live[first : first + chunk]))
        for first in range(0, count, chunk)
    )
    return (Need(name, count * row_bytes, pieces),)


def _covering(spans: Sequence[Span]) -> tuple[Span, ...]:
    return (Span(min(span.first for span in spans), max(span.last for span in spans)),)


def _paddings(rows: RowGraph, order: Sequence[Pull]) -> dict[str, Need]:
    """For each output whose node reads padding a row, alive while a row is computed that reads it."""
    times: dict[int, list[int]] = {}
    for time, pull in enumerate(order):
        if pull.node >= 0 and pull.row in rows.padded_turns[pull.node]:
            times.setdefault(pull.node, []).append(time)
    found: dict[str, Need] = {}
    for node, mine in times.items():
        (output,), padding = rows.nodes[node].outputs, rows.paddings[node]
        assert padding is not None
        found[output] = simple_need(f"padding of {output}", padding[1], [Span(time, time + 1) for time in mine])
    return found


def _scratch(rows: RowGraph, order: Sequence[Pull]) -> dict[str, Need]:
    """For each output whose node needs scratch the bytes, alive while its rows are computed or also between them."""
    times: dict[int, list[int]] = {}
    for time, pull in enumerate(order):
        times.setdefault(pull.node, []).append(time)
    found: dict[str, Need] = {}
    for index, (size_bytes, is_kept) in enumerate(rows.scratch):
        if size_bytes:
            (output,), mine = rows.nodes[index].outputs, times[index]
            live = [Span(mine[0], mine[-1] + 1)] if is_kept else [Span(time, time + 1) for time in mine]
            found[output] = simple_need(f"scratch of {output}", size_bytes, live)
    return found
