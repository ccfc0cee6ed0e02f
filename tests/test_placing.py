"""Placement of what lives once, as a whole: the smallest arena, and no overlaps (test_row_plan has the rest)."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tinycnn.plan import Span
from tinycnn.plan.lifetimes import Need, simple_need
from tinycnn.plan.model import ALIGNMENT_BYTES
from tinycnn.plan.place import arena_bytes, lower_bound_bytes, place


def aligned(size: int) -> int:
    return -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


Block = tuple[int, int, int]
"""Bytes, first and last time of something that needs room."""


@st.composite
def blocks(draw, most: int, largest: int = 24) -> list[Block]:
    found = []
    for _ in range(draw(st.integers(1, most))):
        first = draw(st.integers(0, 5))
        found.append((draw(st.integers(1, largest)), first, first + draw(st.integers(1, 4))))
    return found


def needs_of(wanted: Sequence[Block]) -> list[Need]:
    return [simple_need(f"t{i}", size, [Span(first, last)]) for i, (size, first, last) in enumerate(wanted)]


def collide(left: tuple[Block, int], right: tuple[Block, int]) -> bool:
    (size, first, last), at = left
    (other_size, other_first, other_last), other_at = right
    return first < other_last and other_first < last and at < other_at + other_size and other_at < at + size


def smallest_arena(wanted: Sequence[Block]) -> int:
    """Brute force: each at every aligned offset below the best arena so far."""
    best = sum(aligned(size) for size, _, _ in wanted)

    def extend(placed: list[tuple[Block, int]], top: int) -> None:
        nonlocal best
        if len(placed) == len(wanted):
            best = min(best, top)
            return
        block = wanted[len(placed)]
        for offset in range(0, best - block[0], ALIGNMENT_BYTES):
            if not any(collide((block, offset), other) for other in placed):
                extend([*placed, (block, offset)], max(top, offset + block[0]))

    extend([], 0)
    return best


@settings(max_examples=100, deadline=None)
@given(blocks(most=5))
def test_placement_is_the_smallest_there_is(wanted):
    needs = needs_of(wanted)
    assert arena_bytes(needs, place(needs)) <= aligned(smallest_arena(wanted))


@settings(max_examples=60, deadline=None)
@given(blocks(most=9, largest=40))
def test_placement_never_overlaps_and_is_aligned(wanted):
    needs = needs_of(wanted)
    offsets = place(needs)
    placed = [(block, offsets[need.name]) for block, need in zip(wanted, needs, strict=True)]
    assert not any(collide(left, right) for left, right in combinations(placed, 2))
    assert all(offset % ALIGNMENT_BYTES == 0 and offset >= 0 for offset in offsets.values())
    assert lower_bound_bytes(needs) <= arena_bytes(needs, offsets)


def test_placement_of_nothing():
    assert place([]) == {}
    assert arena_bytes([], {}) == lower_bound_bytes([]) == 0


def test_many_needs_are_placed_well_enough():
    rng = np.random.default_rng(0)
    starts = rng.integers(0, 300, 300)
    needs = needs_of([(int(rng.integers(1, 5000)), int(a), int(a + rng.integers(1, 40))) for a in starts])
    assert arena_bytes(needs, place(needs)) <= 1.3 * lower_bound_bytes(needs)


def test_spans_are_half_open():
    assert Span(0, 2).overlaps(Span(1, 3))
    assert not Span(0, 2).overlaps(Span(2, 3))
    assert not Span(2, 3).overlaps(Span(0, 2))
