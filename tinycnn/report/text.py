"""The memory budget as text."""

from dataclasses import dataclass

from tinycnn.fixedpoint import WAYS
from tinycnn.report.budget import Budget, Choice
from tinycnn.report.names import shown
from tinycnn.target import Target

BAR_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class Memory:
    """One memory of a target and what takes how much of it; None where nothing could measure it."""

    name: str
    size_bytes: int
    parts: tuple[tuple[str, int | None], ...]

    @property
    def used_bytes(self) -> int:
        return sum(part_bytes or 0 for _, part_bytes in self.parts)

    @property
    def left_bytes(self) -> int:
        return self.size_bytes - self.used_bytes


def memories(found: Budget) -> tuple[Memory, ...]:
    """The memory that everything shares, or flash and RAM."""
    constants, code = ("constants", found.constants_bytes), ("code", found.code_bytes)
    arena, stack = ("arena", found.arena_bytes), ("stack", found.stack_bytes)
    start_up = ("start-up", found.startup_bytes)
    if found.flash_bytes is None:
        return (Memory("memory", found.ram_bytes, (constants, arena, code, start_up, stack)),)
    return (
        Memory("flash", found.flash_bytes, (constants, code, start_up)),
        Memory("RAM", found.ram_bytes, (arena, stack)),
    )


def budget_text(found: Budget, target: Target, *, is_float: bool) -> str:
    """The report that people read: where the bytes go, the plans that there are, speed, proofs, kernels, verdict."""
    lines = [
        f"{found.model} on {target.title} ({target.core}, {target.clock_hz / 1e6:g} MHz)",
        f"{found.parameters:,} parameters, {found.macs_executed:,} MACs",
    ]
    for memory in memories(found):
        lines += ["", *_memory_lines(memory)]
    lines += [
        "",
        f"arena     {found.arena_bytes:,} B holds input, output and everything between; in this order of work",
        f"          {found.arena_lower_bound_bytes:,} B are alive at once, a gap of {found.arena_gap_percent:g} %;"
        f" no order can do with less than {found.schedule_free_bound_bytes:,} B",
        *_plan_lines(found),
        f"code      {found.code_note}",
        *(
            []
            if found.library_symbols is None
            else [f"library   calls {', '.join(found.library_symbols) or 'nothing'}"]
        ),
        f"speed     about {found.milliseconds_estimated:,.0f} ms, {1000 / found.milliseconds_estimated:,.1f} a second"
        f" ({found.instructions_estimated:,} instructions): an estimate, nothing was run",
        *_card_lines(found, target),
        f"as fp32   {found.fp32_bytes:,} B of parameters alone; with activations and code it"
        f" {_verdict(found.fp32_left_bytes)}",
    ]
    if is_float:
        lines.append("          a float model is reported as the int8 model that it would become")
    else:
        lines.append("exact     every channel rescales like onnxruntime; proved in integers: plain, with a fitted")
        lines.append("          multiplier, with a nudged scale; or computed in float arithmetic")
        width = max((len(shown(proof.name)) for proof in found.proofs), default=0)
        for proof in found.proofs:
            ways = ", ".join(f"{proof.ways[way]:,} {way}" for way in WAYS if proof.ways[way])
            lines.append(f"          {shown(proof.name):<{width}}  {ways}")
    if found.kernels:
        lines.append("kernels   of this target's instruction set, and what keeps a layer from a faster one")
        width = max(len(shown(layer.name)) for layer in found.kernels)
        for layer in found.kernels:
            lines.append(f"          {shown(layer.name):<{width}}  {layer.kernel}{layer.note and ': '}{layer.note}")
    return "\n".join([*lines, "", _conclusion(found, target)])


def _card_lines(found: Budget, target: Target) -> list[str]:
    int8, floats = found.card_int8_milliseconds_estimated, found.card_float_milliseconds_estimated
    if target.card is None or int8 is None or floats is None:
        return []
    return [
        f"card      {target.card.title}: about {int8:,.0f} ms, {1000 / int8:,.1f} a second, every byte made a float;"
        f" {floats:,.0f} ms were all floats"
    ]


def _plan_lines(found: Budget) -> list[str]:
    """The trade-off: each plan that no other beats in arena and instructions, and the options that ask for it."""
    lines = []
    for choice in sorted(found.pareto, key=lambda choice: -choice.arena_bytes):
        if any(_beats(other, choice) for other in found.pareto):
            continue
        passed = "--push " * choice.is_pushed + "--pull " * choice.is_pulled
        is_this = (choice.arena_bytes, choice.is_pushed, choice.is_pulled) == (
            found.arena_bytes,
            found.is_pushed,
            found.is_pulled,
        )
        options = "this one" if is_this else f"{passed}--ram {choice.arena_bytes}"
        sizes = f"{choice.arena_bytes:>20,} B {choice.arena_lower_bound_bytes:>11,} B"
        lines.append(f"{sizes} {choice.instructions_estimated:>14,} instructions  {options}")
    return [
        "plans     worth having: arena, bytes alive at once in it, estimated instructions, options of generate",
        *lines,
    ]


def _beats(one: Choice, other: Choice) -> bool:
    """Whether a plan asks for no more of the caller and is no worse in arena and instructions, and better in one."""
    asks_no_more = one.is_pushed <= other.is_pushed and one.is_pulled <= other.is_pulled
    mine, theirs = ((plan.arena_bytes, plan.instructions_estimated) for plan in (one, other))
    return asks_no_more and mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))


def _memory_lines(memory: Memory) -> list[str]:
    used = memory.used_bytes / memory.size_bytes
    filled = min(BAR_COLUMNS, round(BAR_COLUMNS * used))
    bar = "#" * filled + "." * (BAR_COLUMNS - filled)
    lines = [f"{memory.name:<10}{memory.size_bytes:>12,} B  [{bar}] {100 * used:.0f} % used"]
    for name, part_bytes in memory.parts:
        lines.append(f"  {name:<10}" + ("   unknown" if part_bytes is None else f"{part_bytes:>10,} B"))
    lines.append(f"  {'left' if memory.left_bytes >= 0 else 'over by':<10}{abs(memory.left_bytes):>10,} B")
    return lines


def _verdict(left_bytes: int) -> str:
    return "fits" if left_bytes >= 0 else f"does not fit, over by {-left_bytes:,} B"


def _conclusion(found: Budget, target: Target) -> str:
    if found.fits:
        return f"FITS {target.name}: {found.memory_left_bytes:,} bytes are left."
    return f"DOES NOT FIT {target.name}: over by {-found.memory_left_bytes:,} bytes as int8.{_what_to_change(found)}"


def _what_to_change(found: Budget) -> str:
    """The smallest plan there is, where the RAM does not suffice, and whether it would fit."""
    over = found.ram_used_bytes + (found.flash_used_bytes if found.flash_bytes is None else 0) - found.ram_bytes
    if over <= 0 or not found.pareto:
        return ""
    smaller = " A smaller input or fewer channels in the first layers would help."
    least = min(found.pareto, key=lambda choice: choice.arena_bytes)
    if least.arena_bytes >= found.arena_bytes:
        return f" No plan has a smaller arena.{smaller}"
    options = " ".join(["--push"] * least.is_pushed + ["--pull"] * least.is_pulled + [f"--ram {least.arena_bytes}"])
    fits = found.arena_bytes - least.arena_bytes >= over
    return (
        f" The plan of {options} has an arena of {least.arena_bytes:,} bytes,"
        f" {'which fits.' if fits else 'which does not fit either.' + smaller}"
    )
