"""Join the figures that every example's README states in one table in examples/README.md: python examples/compare.py

The READMEs are believed: each example's run.py compares its own with what it measures.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))
from figures import state, stated_in  # noqa: E402  (scripts, not a package: the line above finds it)


def comparison() -> str:
    """The rows of all examples, sorted by example, each with a link to it."""
    lines: list[str] = []
    for run in sorted(FOLDER.glob("*/run.py")):
        readme = run.parent / "README.md"
        if "<!-- figures -->" not in readme.read_text(encoding="utf-8"):  # an example without networks of its own
            continue
        head, rule, *rows = stated_in(readme).splitlines()
        if not lines:
            lines += [f"| example {head}", f"| --- {rule}"]
        lines += [f"| [{run.parent.name}]({run.parent.name}) {row}" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    state(FOLDER / "README.md", "figures", comparison())
