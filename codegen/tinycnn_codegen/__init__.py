"""Generates C from the plan of an int8 network."""

import tinycnn  # noqa: F401 - first, so that whichever of the two packages is imported, tinycnn is complete

# isort: split
from tinycnn_codegen.cnames import check_name, name_from
from tinycnn_codegen.generated import ArenaBuffer, Generated, TappedTensor
from tinycnn_codegen.network import constants_bytes, generate
from tinycnn_codegen.selftest import Selftest
from tinycnn_codegen.write import write

__all__ = [
    "ArenaBuffer",
    "Generated",
    "Selftest",
    "TappedTensor",
    "check_name",
    "constants_bytes",
    "generate",
    "name_from",
    "write",
]
