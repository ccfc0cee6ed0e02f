"""The memory budget as text."""

from tinycnn.report.budget import Budget
from tinycnn.target import Target

BAR_COLUMNS = 40


def budget_text(found: Budget, target: Target, *, is_float: bool) -> str:
    """The report that people read: verdict, where the bytes go, speed, proofs."""
    memories = _unified(found) if found.flash_bytes is None else _separate(found)
    lines = [
        f"{found.model} on {target.title} ({target.core}, {target.clock_hz / 1e6:g} MHz)",
        f"{found.parameters:,} parameters, {found.macs_executed:,} MACs",
        "",
        *memories,
        "",
        f"arena     {found.arena_bytes:,} B holds input, output and everything between;"
        f" its lower bound is {found.arena_lower_bound_bytes:,} B",
        f"code      {found.code_note}",
        f"speed     about {found.milliseconds_estimated:,.0f} ms, {1000 / found.milliseconds_estimated:,.1f} a second"
        f" ({found.instructions_estimated:,} instructions): an estimate, nothing was run",
        f"as fp32   {found.fp32_bytes:,} B of parameters alone: {_verdict(found.fp32_left_bytes)}",
    ]
    if is_float:
        lines.append("          a float model is reported as the int8 model that it would become")
    else:
        lines.append(f"exact     {_proof_line(found)}")
    return "\n".join([*lines, "", _conclusion(found, target)])


def _unified(found: Budget) -> list[str]:
    parts = [
        ("constants", found.constants_bytes),
        ("arena", found.arena_bytes),
        ("code", found.code_bytes),
        ("stack", found.stack_bytes),
    ]
    return _memory("memory", parts, found.ram_bytes)


def _separate(found: Budget) -> list[str]:
    flash = [("constants", found.constants_bytes), ("code", found.code_bytes)]
    ram = [("arena", found.arena_bytes), ("stack", found.stack_bytes)]
    return [*_memory("flash", flash, found.flash_bytes or 0), "", *_memory("RAM", ram, found.ram_bytes)]


def _memory(name: str, parts: list[tuple[str, int | None]], size_bytes: int) -> list[str]:
    used = sum(part or 0 for _, part in parts)
    filled = min(BAR_COLUMNS, round(BAR_COLUMNS * used / size_bytes))
    bar = "#" * filled + "." * (BAR_COLUMNS - filled)
    lines = [f"{name:<12}{size_bytes:>10,} B  [{bar}] {100 * used / size_bytes:.0f} % used"]
    for part, part_bytes in parts:
        lines.append(
            f"  {part:<10}{part_bytes:>10,} B" if part_bytes is not None else f"  {part:<10}{'unknown':>12}"
        )
    left = size_bytes - used
    lines.append(f"  {'left' if left >= 0 else 'over by':<10}{abs(left):>10,} B")
    return lines


def _proof_line(found: Budget) -> str:
    totals = {
        way: sum(proof.ways[way] for proof in found.proofs) for way in ("plain", "fitted", "nudged", "float")
    }
    return (
        f"{sum(totals.values()):,} channels rescale like onnxruntime: {totals['plain']:,} proved plain,"
        f" {totals['fitted']:,} fitted, {totals['nudged']:,} with a nudged scale, {totals['float']:,} by float arithmetic"
    )


def _verdict(left_bytes: int) -> str:
    return "fits" if left_bytes >= 0 else f"does not fit, over by {-left_bytes:,} B"


def _conclusion(found: Budget, target: Target) -> str:
    if found.fits:
        return f"FITS {target.name}: {found.memory_left_bytes:,} bytes are left."
    return f"DOES NOT FIT {target.name}: over by {-found.memory_left_bytes:,} bytes as int8."
