"""The memory budget as one HTML page without scripts or outside resources."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from tinycnn.report.budget import Budget, Occupation
from tinycnn.report.text import memories
from tinycnn.target import Target

CHART_WIDTH, CHART_HEIGHT, MARGIN = 860, 420, 80
"""Pixels of the picture of the arena; the margin holds the labels on its left."""
LABEL_DISTANCE, LABEL_LETTERS = 14, 14
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
    return environment.get_template("budget.html.jinja").render(
        found=found,
        target=target,
        memories=memories(found),
        colours=COLOURS,
        width=CHART_WIDTH,
        height=CHART_HEIGHT,
        margin=MARGIN,
        boxes=[_box(found, occupation) for occupation in found.arena],
        labels=_labels(found),
        right=_x(found, found.pulls),
    )


def _x(found: Budget, pull: int) -> float:
    return round(MARGIN + (CHART_WIDTH - MARGIN) * pull / max(found.pulls, 1), 1)


def _labels(found: Budget) -> list[tuple[float, str]]:
    """Where layers begin, those left out that would stand on top of the one before."""
    labels: list[tuple[float, str]] = []
    for pull, name in found.begins:
        x = _x(found, pull)
        if not labels or x - labels[-1][0] >= LABEL_DISTANCE:
            labels.append((x, _short(name)))
    return labels


def _short(name: str) -> str:
    """The end of a path-like name, at most LABEL_LETTERS long."""
    last = name.rsplit("/", 1)[-1]
    return last if len(last) <= LABEL_LETTERS else f"{last[:LABEL_LETTERS]}…"


def _box(found: Budget, occupation: Occupation) -> dict[str, object]:
    """A rectangle: pulls from left to right, bytes of the arena from bottom to top."""
    scale = CHART_HEIGHT / max(found.arena_bytes, 1)
    left, right = _x(found, occupation.first_pull), _x(found, occupation.last_pull)
    names = list(dict.fromkeys(other.name for other in found.arena))
    return {
        "x": left,
        "y": round(CHART_HEIGHT - (occupation.offset_bytes + occupation.size_bytes) * scale, 1),
        "width": round(right - left, 1),
        "height": round(occupation.size_bytes * scale, 1),
        "colour": COLOURS[names.index(occupation.name) % len(COLOURS)],
        "label": _short(occupation.name) if occupation.size_bytes * scale >= 13 and right - left >= 90 else "",
        "occupation": occupation,
    }
