"""Generated C under AddressSanitizer with every byte of the arena poisoned that the plan says nobody owns just now."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from compiled_network import STRICT
from needs import needs

from tinycnn.ir import Array
from tinycnn.plan import Plan, Span
from tinycnn_codegen import generate, write
from tinycnn_codegen.schedule_table import LONGEST_RUN

_HEADER = """
#include <stdint.h>
void own_step(void);
#define NET_STEP(step) own_step()
"""

_WHOLE = """READS
    net_run(&memory.arena);"""

_PUSHED = """net_start(&memory.arena);
    for (int row = 0; row < PUSHED_ROWS; row++) {
        PULL_READY
        own_step();
        if (fread(net_next_row(&memory.arena), PUSHED_BYTES, 1, stdin) != 1) return 2;
        net_push_row(&memory.arena);
    }
    PULL_READY"""

_PULLED = """READS
    net_start(&memory.arena);
    PULL_READY"""

_PULL_READY = """for (const int8_t *place; (place = net_pull_row(&memory.arena)) != 0;) {
            own_step();
            if (fwrite(place, PULLED_BYTES, 1, stdout) != 1) return 2;
        }"""

_MAIN = """
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <string.h>
#include "net.h"
#include "own.h"

static union { net_arena_t arena; char room[(NET_ARENA_BYTES + 15) / 8 * 8]; } memory __attribute__((aligned(8)));
static const int32_t entries[][2] = {INTERVALS};
static const int32_t begins[] = {BEGINS};
static int step;

/* Poison everything, then free what is owned in this entry of the schedule. */
void own_step(void)
{
    int32_t i;
    ASAN_POISON_MEMORY_REGION(&memory, sizeof memory);
    for (i = begins[step]; i < begins[step + 1]; i++) {
        ASAN_UNPOISON_MEMORY_REGION(memory.arena.bytes + entries[i][0], (size_t)entries[i][1]);
    }
    step++;
}

int main(void)
{
    memset(&memory, 0x55, sizeof memory);
    RUN
    ASAN_UNPOISON_MEMORY_REGION(&memory, sizeof memory);
    WRITES
    return 0;
}
"""


def run_poisoned(plan: Plan, inputs: dict[str, Array], folder: Path) -> subprocess.CompletedProcess[bytes]:
    """One sample through the C; standard output has the output tensors one after the other, standard error a report."""
    generated = generate(plan, "net", target_name="host")
    write(generated, folder)
    owned = owned_bytes(plan)
    begins = np.cumsum([0, *(len(intervals) for intervals in owned)])
    main = _MAIN.replace(
        "INTERVALS", ", ".join(f"{{{first}, {last - first}}}" for step in owned for first, last in step)
    )
    main = main.replace("BEGINS", ", ".join(map(str, begins)))
    main = main.replace("RUN", _PUSHED if plan.is_pushed else _PULLED if plan.is_pulled else _WHOLE)
    main = main.replace("PULL_READY", _PULL_READY if plan.is_pulled else "")
    pushed, pulled = plan.places[plan.graph.inputs[0]], plan.places[plan.graph.outputs[0]]
    main = main.replace("PUSHED_ROWS", str(pushed.rows)).replace("PUSHED_BYTES", str(pushed.row_bytes))
    main = main.replace("PULLED_BYTES", str(pulled.row_bytes))
    stored_outputs = () if plan.is_pulled else generated.outputs
    for word, function, ports in (("READS", "fread", generated.inputs), ("WRITES", "fwrite", stored_outputs)):
        stream = "stdin" if word == "READS" else "stdout"
        calls = [
            f"if ({function}(memory.arena.bytes + {port.offset_bytes}, {port.size_bytes}, 1, {stream}) != 1) return 2;"
            for port in ports
        ]
        main = main.replace(word, "\n    ".join(calls))
    needs("gcc")
    (folder / "own.h").write_text(_HEADER, "ascii")
    (folder / "main.c").write_text(main, "ascii")
    flags = [*STRICT[:-1], "-fsanitize=address", "-g", "-O1", "-include", "own.h"]
    subprocess.run(["gcc", *flags, "-o", "net", "net.c", "main.c"], cwd=folder, check=True)
    data = b"".join(inputs[port.name].astype(np.int8).tobytes() for port in generated.inputs)
    return subprocess.run([folder / "net"], input=data, capture_output=True, check=False)


def owned_bytes(plan: Plan) -> list[list[tuple[int, int]]]:
    """For each row that arrives or is taken and each entry of the C's schedule the bytes that something has, merged."""
    owned: list[list[tuple[int, int]]] = []
    pull = 0

    def own(count: int) -> None:
        nonlocal pull
        now = Span(pull, pull + count)
        found = [(o.offset_bytes, o.offset_bytes + o.size_bytes) for o in plan.occupants if o.live.overlaps(now)]
        owned.append(_merged(found))
        pull += count

    def own_rows_before(number: int) -> None:
        """Those that the caller takes come first: each right after it was made."""
        for _ in range(plan.departures.count(number) + plan.arrivals.count(number)):
            own(1)

    for number, step in enumerate(plan.steps):
        own_rows_before(number)
        rows = step.last_row - step.first_row
        for done in range(0, rows, LONGEST_RUN):
            count = min(LONGEST_RUN, rows - done) if _is_scheduled(plan) else rows
            own(count)
            if not _is_scheduled(plan):
                break
    own_rows_before(len(plan.steps))
    return owned


def _is_scheduled(plan: Plan) -> bool:
    return plan.is_pushed or plan.is_pulled or len(plan.steps) > len({step.node.outputs[0] for step in plan.steps})


def _merged(intervals: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
