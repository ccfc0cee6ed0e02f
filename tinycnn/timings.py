"""What the instructions of a processor cost in clock cycles, by class: a TOML file of targets/timings/."""

from dataclasses import dataclass, fields
from pathlib import Path

from tinycnn.errors import TargetError
from tinycnn.toml_table import read_toml


@dataclass(frozen=True, slots=True)
class Timings:
    """Clock cycles of a processor's instructions by class, as published or, where that says so, estimated.

    All processors: `load_behind_load` is a load directly behind a load, `update` is added to it if one of the two
    changes its base; `store_indexed` is a store whose address is the sum of two registers, directly behind a load a
    `store`; `multiple` moves several registers, with `multiple_register` for each; `multiply_long` has a product of 64
    bits; `branch` may be taken, `jump` always is; `branch_taken` and `jump_taken` are added when control does not go on
    behind the instruction; `jump_indirect` loads where it goes, `jump_table` how far; `dependent` is added when an
    instruction must wait for what the one before it computes or loads; `loop` is Armv8.1-M's. `vector_again` is a
    vector instruction behind one of the same kind, memory or arithmetic.

    The i486: `load_operate` is arithmetic with an operand in memory, `load_operate_store` leaves its result there;
    `push_memory` moves from memory to the stack or back; `extend` widens an integer; `shift` is by a constant,
    `shift_variable` by a register or by 1, `shift_memory` of an operand in memory; `set` stores a condition;
    `jump_indirect` goes where a register may say too; `string` moves one item, `string_repeated` each of a
    counted row; `extra` is added for each prefix and for each complication of an address.

    All are multiplied by `scale`.
    """

    other: float
    load: float
    load_behind_load: float
    update: float
    store: float
    store_indexed: float
    multiple: float
    multiple_register: float
    branch: float
    branch_taken: float
    jump: float
    jump_taken: float
    jump_indirect: float
    jump_table: float
    loop: float
    multiply: float
    multiply_accumulate: float
    multiply_long: float
    divide: float
    floating: float
    floating_divide: float
    vector: float
    vector_again: float
    load_operate: float
    load_operate_store: float
    push_memory: float
    extend: float
    shift: float
    shift_variable: float
    shift_memory: float
    set: float
    exchange: float
    string: float
    string_repeated: float
    dependent: float
    extra: float
    scale: float


_ADDED = ("branch_taken", "jump_taken", "update", "dependent", "extra")
"""What is added to the price of an instruction, and so is nothing where a file does not say."""


def read_timings(path: Path) -> Timings:
    """Raises TargetError if the file does not hold exactly the keys it should."""
    table = read_toml(path)
    values = {field.name: table.amount(field.name) for field in fields(Timings) if table.has(field.name)}
    table.refuse_the_rest()
    missing = [name for name in ("other", "scale") if name not in values]
    if missing:
        raise TargetError(f"{path}: {missing[0]} is missing.")
    # What a processor does not have, or treats like anything else, is left out.
    defaults = {field.name: values["other"] for field in fields(Timings)} | dict.fromkeys(_ADDED, 0.0)
    return Timings(**(defaults | values))
