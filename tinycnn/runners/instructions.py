"""Counting the instructions that one inference executes, exactly, in total and step by step."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tinycnn.errors import ToolError
from tinycnn.runners import i486, powerpc, riscv, thumb
from tinycnn.runners.elf import Symbol, read_elf
from tinycnn.runners.emulated import build_image, emulator_of, run_image
from tinycnn.runners.harness import STEP_LABEL, Instrumentation, Int8Array, pack_inputs, unpack_results
from tinycnn.runners.timing import UNITS_PER_CYCLE, Instruction, decoded, prices
from tinycnn.runners.toolchain import companion, host_compiler, is_python, run, version
from tinycnn.target import Emulator, Target
from tinycnn.toml_table import targets_folder
from tinycnn_codegen.generated import Generated

_PLUGIN = "count_instructions"
_CALLERS = ("port_run", "harness_pass_rows")
"""The functions around the network that call it."""


@dataclass(frozen=True, slots=True)
class InstructionCount:
    """Executed instructions of one inference: from the first of `<name>_run` to its return, library code
    included.

    `total` is of the code as a user builds it. `per_step[i]` belongs to step i of the network, entry and
    return of the function to the first and last step. `per_step` comes from a build with a label before every
    step, which takes no instruction; but the compiler may not move code across a label. `unattributed` is
    what this changed, that is total - sum(per_step), and 0 as a rule. `cycles` and `cycles_per_step` are the same in
    clock cycles, where the emulator knows them (`cycles_are_exact`), or estimated: from the classes of the instructions
    that it executed, without timings of the processor from their number. `stack_bytes` is the most stack that was
    used, measured.
    """

    total: int
    per_step: tuple[int, ...]
    cycles: int
    cycles_per_step: tuple[int, ...]
    cycles_are_exact: bool
    stack_bytes: int | None

    @property
    def unattributed(self) -> int:
        return self.total - sum(self.per_step)


def count_instructions(
    generated: Generated, inputs: Sequence[Int8Array], target: Target, *, optimize: str = "-O2"
) -> InstructionCount:
    """Count one inference on the first of `inputs` (int8 arrays [inferences, ...] in the order of
    `generated.inputs`).

    Every build runs it twice and both counts must be the same. Raises DataError, ToolError.
    """
    exact = _knows_cycles(emulator_of(target)[1])
    packed, _ = pack_inputs(generated, [np.repeat(array[:1], 2, axis=0) for array in inputs])

    def count(instrumentation: Instrumentation) -> tuple[tuple[int, ...], tuple[int, ...], int | None]:
        with TemporaryDirectory(prefix="tinycnn-") as name:
            folder = Path(name)
            image = build_image(generated, target, instrumentation, optimize, folder)
            counters = len(generated.steps) if instrumentation == "steps" else 1
            symbols = read_elf(image).symbols
            marks = _marks(symbols, generated.name, outside=counters)
            if instrumentation == "steps":
                marks |= _step_marks(symbols)
            lines = [str(counters), *(f"{address:x} {counter}" for address, counter in marks.items())]
            (folder / "marks.txt").write_text("\n".join(lines) + "\n", encoding="ascii")
            (folder / "prices.txt").write_text(_prices(image, target), encoding="ascii")
            results = run_image(generated, target, packed, folder, _counting(target, folder))
            _, _, stack_bytes = unpack_results(generated, results, 2, tapped=False)
            counts = _repeated((folder / "counts.txt").read_text(encoding="ascii"), generated, target)
            cycles = _repeated((folder / "cycles.txt").read_text(encoding="ascii"), generated, target)
            if target.timings is not None:
                cycles = rounded([units / UNITS_PER_CYCLE for units in cycles])
            elif not exact:
                cycles = rounded([target.estimate.cycles_per_instruction * number for number in counts])
            return counts, cycles, stack_bytes

    (total,), (cycles,), stack_bytes = count("none")
    per_step, cycles_per_step, _ = count("steps")
    return InstructionCount(total, per_step, cycles, cycles_per_step, exact, stack_bytes)


def _knows_cycles(emulator: Emulator) -> bool:
    """Whether the emulator keeps time itself: simavr does."""
    return emulator.program is not None and not is_python(emulator)


def rounded(amounts: Sequence[float]) -> tuple[int, ...]:
    """Whole numbers in place of `amounts`, each off by less than 1, whose sum is that of `amounts` rounded."""
    sums = np.rint(np.cumsum(amounts)).astype(np.int64)
    return tuple(int(part) for part in np.diff(sums, prepend=0))


def _prices(image: Path, target: Target) -> str:
    """A line for every instruction: its address, its price and what is added when it jumps."""
    if target.timings is None:
        return ""
    priced = prices(_instructions(image, target), target.timings)
    return "".join(f"{address:x} {price.units} {price.taken_units}\n" for address, price in sorted(priced.items()))


def _instructions(image: Path, target: Target) -> Iterable[tuple[int, Instruction]]:
    if target.architecture == "i486":
        return i486.instructions(image, companion(emulator_of(target)[0].command, "objdump"))
    decode = {"rv32": riscv.decode, "powe": powerpc.decode}.get(target.architecture[:4], thumb.decode)
    elf = read_elf(image)
    return decoded(elf.code, elf.symbols, decode)


def _marks(symbols: Sequence[Symbol], name: str, outside: int) -> dict[int, int]:
    """Which address switches to which counter, without regard to steps.

    The network begins at the first instruction of its run function, or of those that push or pull rows; outside of it
    is all of port_run and of the function that passes rows, which call it.
    """
    functions = {symbol.name: symbol for symbol in symbols if symbol.defined and not symbol.local}
    callers = [functions[caller] for caller in _CALLERS if caller in functions]
    marks = {caller.address + offset: outside for caller in callers for offset in range(caller.size_bytes)}
    inside = (f"{name}_{function}" for function in ("run", "start", "next_row", "push_row", "pull_row"))
    return marks | {functions[function].address: 0 for function in inside if function in functions}


def _step_marks(symbols: Sequence[Symbol]) -> dict[int, int]:
    """Which address switches to which step."""
    marks: dict[int, int] = {}
    for symbol in symbols:
        if symbol.name.startswith(STEP_LABEL):
            step = int(symbol.name.removeprefix(STEP_LABEL).partition("_")[0])
            # A step without instructions shares its address with the next one, to which they belong.
            marks[symbol.address] = max(step, marks.get(symbol.address, 0))
    return marks


def _repeated(text: str, generated: Generated, target: Target) -> tuple[int, ...]:
    """The counts of one inference, out of the plugin's lines for two of them: one for each call into the network."""
    pushed, pulled = generated.pushed_rows, generated.pulled_rows
    calls = 1  # run or start
    if pushed:
        calls += 2 * pushed + 1  # next_row and push_row; at last next_row tells that it was the last
    if pulled:
        calls += pulled + pushed + 1  # pull_row; it tells once after each pushed row that no more are ready
    counts = [tuple(int(number) for number in line.split()) for line in text.splitlines()]
    first, second = counts[:calls], counts[calls:]
    if len(first) != calls or first != second:
        raise ToolError(
            f"Counting the instructions of {generated.name} on {target.name} did not repeat: two runs of the "
            f"same input gave {first} and {second}. Please report this."
        )
    return tuple(sum(call) for call in zip(*first, strict=True))


def _counting(target: Target, folder: Path) -> list[str]:
    """The arguments that make the emulator count. QEMU does it by a plugin, our own programs by themselves."""
    _, emulator = emulator_of(target)
    if emulator.program is not None:
        return ["marks.txt", "counts.txt", "cycles.txt", *(["prices.txt"] if is_python(emulator) else [])]
    source = targets_folder() / "emulators" / f"{_PLUGIN}.c"
    interface = f"-DQEMU_PLUGIN_INTERFACE={_plugin_interface(emulator.command)}"
    flags = ["-std=c99", "-O2", "-shared", "-fPIC", interface]
    command = [host_compiler(), *flags, str(source), "-o", f"{_PLUGIN}.so"]
    run(command, folder, "compiling the plugin for QEMU")
    return ["-plugin", f"./{_PLUGIN}.so,marks=marks.txt,counts=counts.txt,prices=prices.txt,cycles=cycles.txt"]


def _plugin_interface(emulator: str) -> int:
    """The version of the plugin interface to name: each QEMU takes a range, and no version is taken by all.

    From QEMU's plugins/plugin.h and include/qemu/qemu-plugin.h; only QEMU 7.2 was tried.
    """
    number = version(emulator).partition(" version ")[2].split(" ")[0]
    try:
        major, minor = (int(part) for part in number.split(".")[:2])
    except ValueError:
        raise ToolError(f"{emulator} --version does not name a version of QEMU.") from None
    return 1 if major < 9 else 2 if (major, minor) == (9, 0) else 3
