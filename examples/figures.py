"""What every example measures and checks of its networks."""

import sys
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

import tinycnn

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Figures:
    """One network: accuracies in percent, sizes in bytes, instructions of one inference on the emulated Cortex-M4.

    The arena is that of the leanest plan; the instructions are of that plan too, None without the tools.
    """

    parameters: int
    macs: int
    accuracy_float: float
    accuracy_int8: float
    arena_bytes: int
    flash_bytes: int
    instructions: int | None


def measure(model: tinycnn.Graph, int8: tinycnn.Graph, samples: Floats, labels: npt.NDArray[np.integer]) -> Figures:
    """Run a float model and what it was quantized to on labelled samples [N, ...]."""
    found = tinycnn.evaluate(int8, samples, labels, against=model)
    budget = tinycnn.report(int8, tinycnn.load_target("cortex-m4"))
    least = min(point.arena_bytes for point in budget.pareto)
    try:
        bench = tinycnn.bench(int8, samples, tinycnn.load_target("cortex-m4"), ram_bytes=least)
        instructions, flash = bench.instructions, bench.flash_code_bytes + bench.flash_constants_bytes
    except tinycnn.TinycnnError as error:
        print(f"not counted: {error}", file=sys.stderr)
        instructions, flash = None, budget.constants_bytes
    assert found.accuracy_float is not None
    return Figures(
        budget.parameters,
        budget.macs_executed,
        round(100 * found.accuracy_float, 2),
        round(100 * found.accuracy, 2),
        least,
        flash,
        instructions,
    )


def print_table(rows: dict[str, Figures]) -> None:
    """A Markdown table, as it stands in the example's README."""
    names = [field.name.replace("_", " ") for field in fields(Figures)]
    print("| network | " + " | ".join(names) + " |")
    print("| --- |" + " ---: |" * len(names))
    for name, row in rows.items():
        values = [getattr(row, field.name) for field in fields(Figures)]
        print(f"| {name} | " + " | ".join("-" if value is None else f"{value:,}" for value in values) + " |")


def check(what: str, holds: bool) -> None:
    """Print a statement of the example and end the program when it does not hold."""
    print(f"{'yes' if holds else 'NO '}  {what}")
    if not holds:
        sys.exit(1)
