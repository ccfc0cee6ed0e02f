"""Runners build generated C for a machine, run it there, and measure it.

A runner turns a `Generated` network and int8 inputs into the bytes of every tensor; none knows anything about
networks.
"""

from tinycnn.runners.emulated import run_emulated
from tinycnn.runners.harness import RunResult
from tinycnn.runners.host import run_on_host
from tinycnn.runners.instructions import InstructionCount, count_instructions
from tinycnn.runners.size import CodeSize, measure_code
from tinycnn.runners.toolchain import install_line, missing_tools

__all__ = [
    "CodeSize",
    "InstructionCount",
    "RunResult",
    "count_instructions",
    "install_line",
    "measure_code",
    "missing_tools",
    "run_emulated",
    "run_on_host",
]
