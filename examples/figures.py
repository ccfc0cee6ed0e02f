"""What every example measures of its networks, states in its README, and checks.

An example is a folder with a run.py that does this, and a README.md with the lines BEGIN and END in it:

    rows = {"name of a network": measure_classifier(model, int8, samples, labels, "1,000 digits of MNIST"), ...}
    check("a statement that the README makes", rows["..."].int8 > 99)
    conclude(Path(__file__).parent, rows)

`conclude` ends the program when int8 is more than 0.3 points from fp32 or when README.md states other figures;
`run.py --update` writes them there. `compare.py` joins the tables of all examples in examples/README.md.
"""

import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

import tinycnn

Array = npt.NDArray[np.generic]
Samples = npt.NDArray[np.float32] | dict[str, npt.NDArray[np.float32]]

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
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
    budget = tinycnn.report(int8, target)
    least = min(choice.arena_bytes for choice in budget.pareto if not choice.is_pushed)
    found = Figures(
        scored,
        None if fp32 is None else round(fp32, 2),
        None if score is None else round(score, 2),
        budget.parameters,
        budget.macs_executed,
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


def conclude(folder: Path, rows: dict[str, Figures]) -> None:
    """The last thing that a run.py does: print the table, compare it with README.md, check int8 against fp32."""
    printed, readme = table(rows), folder / "README.md"
    print(f"\n{printed}")
    for name, row in rows.items():
        if row.fp32 is not None and row.int8 is not None:
            points = abs(row.fp32 - row.int8)
            check(f"{name}: int8 is within 0.3 points of fp32", round(points, 2) <= MAX_INT8_LOSS_POINTS)
    if "--update" in sys.argv:
        state(readme, printed)
    stated = stated_in(readme)
    for name, row in rows.items():
        if row.compiler != COMPILER:
            print(f"{name}: flash and instructions are not compared, {row.compiler} is not {COMPILER}")
            printed, stated = _without_compiler(printed), _without_compiler(stated)
    check(f"{readme.parent.name}/README.md states these figures", printed == stated)


def stated_in(readme: Path) -> str:
    """The table between BEGIN and END."""
    text = readme.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{readme} has no place for figures: put the lines {BEGIN} and {END} into it.")
    return text.split(BEGIN)[1].split(END)[0].strip() + "\n"


def state(readme: Path, table: str) -> None:
    """Write a table between BEGIN and END."""
    stated_in(readme)
    text = readme.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n{table}{END}{after}", encoding="utf-8")


def _without_compiler(markdown: str) -> str:
    return "\n".join("|".join(line.split("|")[: -1 - len(OF_THE_COMPILER)]) for line in markdown.splitlines())
