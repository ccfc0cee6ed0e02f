"""The memory budget as one HTML page without scripts or outside resources."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from tinycnn.report.budget import Budget, Occupant
from tinycnn.report.text import memories
from tinycnn.target import Target

CHART_WIDTH, CHART_HEIGHT, MARGIN = 860, 420, 80
"""Pixels of the picture of the arena; the margin holds the labels on its left."""
COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#9c755f")


def budget_html(found: Budget, target: Target) -> str:
    """The report of `budget_text` with pictures of the memory and of the arena step by step."""
    environment = Environment(
        loader=PackageLoader("tinycnn.report"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    steps = len(found.steps)
    return environment.get_template("budget.html.jinja").render(
        found=found,
        target=target,
        memories=memories(found),
        colours=COLOURS,
        width=CHART_WIDTH,
        height=CHART_HEIGHT,
        margin=MARGIN,
        boxes=[_box(found, occupant, index) for index, occupant in enumerate(found.arena)],
        step_labels=[(_x(found, step + 0.5), name) for step, name in enumerate(found.steps)],
        right=_x(found, steps),
    )


def _x(found: Budget, step: float) -> float:
    return round(MARGIN + (CHART_WIDTH - MARGIN) * step / max(len(found.steps), 1), 1)


def _box(found: Budget, occupant: Occupant, index: int) -> dict[str, object]:
    """A rectangle: steps from left to right, bytes of the arena from bottom to top."""
    scale = CHART_HEIGHT / max(found.arena_bytes, 1)
    left, right = _x(found, occupant.first_step), _x(found, occupant.last_step)
    return {
        "x": left,
        "y": round(CHART_HEIGHT - (occupant.offset_bytes + occupant.size_bytes) * scale, 1),
        "width": round(right - left, 1),
        "height": round(occupant.size_bytes * scale, 1),
        "colour": COLOURS[index % len(COLOURS)],
        "occupant": occupant,
    }
