"""What every example measures of its networks, states in its README, and checks.

An example is a folder with a run.py that does this, and a README.md with the lines `<!-- figures -->` and
`<!-- end of figures -->` in it:

    rows = {"name of a network": measure_classifier(model, int8, samples, labels, "1,000 digits of MNIST"), ...}
    check("a statement that the README makes", rows["..."].int8 > 99)
    conclude(Path(__file__).parent, rows)

`conclude` ends the program when int8 is more than 0.3 points from fp32 or when README.md states other figures;
`run.py --update` writes them there. More tables go the same way: `conclude(folder, rows, memory=markdown)` between
`<!-- memory -->` and `<!-- end of memory -->`. `compare.py` joins the figures of all examples in examples/README.md.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

import tinycnn
from tinycnn.plan import candidates
from tinycnn_codegen.alternatives import alternatives

Array = npt.NDArray[np.generic]
Samples = npt.NDArray[np.float32] | dict[str, npt.NDArray[np.float32]]

MAX_INT8_LOSS_POINTS = 0.3
COMPILER = "arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205"
"""Flash and instructions in a README are this compiler's; with another one they are printed and not compared."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One network. `fp32` and `int8` are what `scored` says, in percent; None where there is nothing to score.

    `arena_bytes` is that of the leanest plan, `instructions` those of one inference with it on the emulated Cortex-M4,
    `flash_bytes` code and constants there. Without the tools the last two are None.
    """

    scored: str
    fp32: float | None
    int8: float | None
    parameters: int
    macs: int
    arena_bytes: int
    flash_bytes: int | None = None
    instructions: int | None = None
    compiler: str | None = None


def measure(int8: tinycnn.Graph, samples: Samples, scored: str, fp32: float | None, score: float | None) -> Figures:
    """Sizes and instructions of an int8 network, beside scores in percent: of the float network and its own.

    `samples` float32 [N, ...] with ONNX's axes; the first one is run on the emulator.
    """
    target = tinycnn.load_target("cortex-m4")
    least = min(plan.arena_bytes for plan in candidates(int8, alternatives(int8, target)))
    found = Figures(
        scored,
        None if fp32 is None else round(fp32, 2),
        None if score is None else round(score, 2),
        int8.total_parameters,
        int8.total_macs,
        least,
    )
    try:
        bench = tinycnn.bench(int8, samples, target, ram_bytes=least)
    except tinycnn.TinycnnError as error:
        print(f"not counted: {error}", file=sys.stderr)
        return found
    flash = bench.flash_code_bytes + bench.flash_constants_bytes
    return replace(found, flash_bytes=flash, instructions=bench.instructions, compiler=bench.compiler)


def measure_classifier(
    model: tinycnn.Graph, int8: tinycnn.Graph, samples: Samples, labels: npt.NDArray[np.integer], data: str
) -> Figures:
    """`measure` with the accuracy of a float model and of what it was quantized to; `data` names the samples."""
    found = tinycnn.evaluate(int8, samples, labels, against=model)
    assert found.accuracy_float is not None
    return measure(int8, samples, f"accuracy, {data}", 100 * found.accuracy_float, 100 * found.accuracy)


SHOWN = tuple(field.name for field in fields(Figures) if field.name != "compiler")
OF_THE_COMPILER = ("flash_bytes", "instructions")


def table(rows: dict[str, Figures]) -> str:
    """Markdown, a row per network."""
    lines = ["| network | " + " | ".join(name.replace("_", " ") for name in SHOWN) + " |"]
    lines.append("| --- | --- |" + " ---: |" * (len(SHOWN) - 1))
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(_cell(field, getattr(row, field)) for field in SHOWN) + " |")
    return "\n".join(lines) + "\n"


def _cell(field: str, value: float | str | None) -> str:
    if value is None:
        return "-"
    if field in ("fp32", "int8"):
        return f"{value:.2f}"
    return value if isinstance(value, str) else f"{value:,}"


def check(what: str, holds: bool) -> None:
    """Print a statement of the example and end the program when it does not hold."""
    print(f"{'yes' if holds else 'NO '}  {what}")
    if not holds:
        sys.exit(1)


def conclude(folder: Path, rows: dict[str, Figures], **tables: str) -> None:
    """The last thing that a run.py does: print the tables, compare them with README.md, check int8 against fp32.

    Without networks of its own (`rows` is empty) an example states its other tables only.
    """
    if rows:
        tables = {"figures": table(rows), **tables}
    for name, row in rows.items():
        if row.fp32 is not None and row.int8 is not None:
            points = abs(row.fp32 - row.int8)
            check(f"{name}: int8 is within 0.3 points of fp32", round(points, 2) <= MAX_INT8_LOSS_POINTS)
    other_compilers = {row.compiler for row in rows.values()} - {COMPILER}
    for name, printed in tables.items():
        print(f"\n{printed}")
        if "--update" in sys.argv:
            state(folder / "README.md", name, printed)
        stated = stated_in(folder / "README.md", name)
        if name == "figures" and other_compilers:
            print(f"flash and instructions are not compared: they are of {COMPILER}")
            printed, stated = _without_compiler(printed), _without_compiler(stated)
        check(f"{folder.name}/README.md states these {name}", printed == stated)


def stated_in(readme: Path, name: str = "figures") -> str:
    """What stands between `<!-- name -->` and `<!-- end of name -->`."""
    text, (begin, end) = readme.read_text(encoding="utf-8"), _marks(name)
    if begin not in text or end not in text:
        raise SystemExit(f"{readme} has no place for {name}: put the lines {begin} and {end} into it.")
    return text.split(begin)[1].split(end)[0].strip() + "\n"


def state(readme: Path, name: str, table: str) -> None:
    """Write a table there."""
    stated_in(readme, name)
    text, (begin, end) = readme.read_text(encoding="utf-8"), _marks(name)
    readme.write_text(f"{text.split(begin)[0]}{begin}\n{table}{end}{text.split(end)[1]}", encoding="utf-8")


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->", f"<!-- end of {name} -->"


def markdown(head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    """A table: text to the left, numbers to the right, with commas."""
    cells = [[f"{value:,}" if isinstance(value, int | float) else str(value) for value in row] for row in rows]
    rule = [" ---: |" if isinstance(value, int | float) else " --- |" for value in rows[0]]
    lines = ["|".join(["", *(f" {name} " for name in head), ""]), "|" + "".join(rule)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in cells]) + "\n"


def _without_compiler(figures: str) -> str:
    return "\n".join("|".join(line.split("|")[: -1 - len(OF_THE_COMPILER)]) for line in figures.splitlines())
