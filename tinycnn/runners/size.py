"""Measuring what a compiler makes of generated C: code, constants, variables, stack, and the library it
needs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from tinycnn.errors import ToolError
from tinycnn.runners.elf import read_elf
from tinycnn.runners.harness import common_folder, write_sources
from tinycnn.runners.toolchain import compile_object, require, run, version, with_installed_tools
from tinycnn.target import Compiler, Target
from tinycnn_codegen.generated import Generated
from tinycnn_codegen.network import constants_bytes

_NONE: Mapping[str, int] = MappingProxyType({})
_CALL_GRAPH_FLAG = "-fcallgraph-info=su"
_NODE = re.compile(r'node: \{ title: "([^"]*)" label: "[^"]*?(?:(\d+) bytes \((static|dynamic[^)]*)\))?"')
_ASSEMBLY = re.compile(r"\bTCN_ASSEMBLY\((\d+)\)\s+static [\w *]+?\b(\w+)\(")
_EDGE = re.compile(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"')


@dataclass(frozen=True, slots=True)
class CodeSize:
    """Sizes of the object code of a network, in bytes, before linking.

    `code_bytes` are instructions (with the constants that the compiler puts among them), `constants_bytes`
    weights and tables, `data_bytes` variables outside the arena, which generated C does not have. `startup_bytes` is
    what the target's board or the compiler's own library takes in flash from reset to main(), 0 on an operating system.
    `stack_bytes` is the deepest chain of calls from `Generated.entry`, without the library's own frames; None if
    the compiler cannot tell (clang). `library_symbols` are the functions that a C or compiler library must
    provide. `compiler` is its name and version; `stand_in` says that it is not the target's own, so that the
    sizes are estimates.
    """

    code_bytes: int
    constants_bytes: int
    data_bytes: int
    startup_bytes: int
    stack_bytes: int | None
    library_symbols: tuple[str, ...]
    compiler: str
    stand_in: bool


def measure_code(generated: Generated, target: Target, *, optimize: str = "-Os") -> CodeSize:
    """Compile for `target` and measure.

    Raises ToolError if no compiler is known or installed, or it fails.
    """
    compiler = with_installed_tools(target).compiler
    if compiler is None:
        raise ToolError(f"Code for {target.name} cannot be measured: its profile has no [compiler] table.")
    require(compiler.command, compiler.package)
    with TemporaryDirectory(prefix="tinycnn-") as name:
        folder = Path(name)
        flags = [*compiler.flags, optimize]
        graph = _writes_call_graphs(compiler.command, folder)
        if graph:
            flags.append(_CALL_GRAPH_FLAG)
        sources = write_sources(folder, generated, "none")
        try:
            files = [read_elf(compile_object(compiler.command, source, flags, folder)) for source in sources]
        except ToolError as error:
            raise too_many_constants(generated, target) or error from None
        startup_bytes = _startup_bytes(target, compiler, optimize, folder)
        stack_bytes = None
        if graph:
            graphs = [(folder / source).with_suffix(".ci").read_text(encoding="utf-8") for source in sources]
            assembly = {name: int(size) for text in generated.files.values() for size, name in _ASSEMBLY.findall(text)}
            stack_bytes = deepest_stack_bytes("\n".join(graphs), generated.entry, assembly)
    defined = {symbol.name for file in files for symbol in file.symbols if symbol.defined}
    wanted = {symbol.name for file in files for symbol in file.symbols if not symbol.defined}
    return CodeSize(
        code_bytes=sum(file.code_bytes for file in files),
        constants_bytes=sum(file.constants_bytes for file in files),
        data_bytes=sum(file.data_bytes for file in files),
        startup_bytes=startup_bytes,
        stack_bytes=stack_bytes,
        library_symbols=tuple(sorted(wanted - defined)),
        compiler=version(compiler.command),
        stand_in=compiler.stand_in,
    )


def too_many_constants(generated: Generated, target: Target) -> ToolError | None:
    """An error if the constants alone are more than the memory; assemblers would complain of some line of theirs."""
    memory_bytes = target.ram_bytes if target.flash_bytes is None else target.flash_bytes
    needed_bytes = constants_bytes(generated)
    if needed_bytes <= memory_bytes:
        return None
    memory = "memory" if target.flash_bytes is None else "flash"
    return ToolError(
        f"{generated.name} does not fit {target.name}: its constants alone take {needed_bytes:,} bytes,"
        f" {needed_bytes - memory_bytes:,} bytes over its {memory_bytes:,} bytes of {memory}. A smaller model may."
    )


def _startup_bytes(target: Target, compiler: Compiler, optimize: str, folder: Path) -> int:
    """The size of our start-up file; where the compiler brings its own, that of a program that does nothing."""
    emulator = target.emulator
    if emulator is None:
        return 0
    startup = [source for source in emulator.sources if source.stem == "startup"]
    if startup:
        flags = [*compiler.flags, optimize, "-I", ".", "-I", str(common_folder())]
        file = read_elf(compile_object(compiler.command, startup[0], flags, folder))
    elif emulator.linker_script is None:
        (folder / "nothing.c").write_text("int main(void)\n{\n    return 0;\n}\n", encoding="ascii")
        command = [compiler.command, *compiler.flags, optimize, "nothing.c", "-o", "nothing.elf"]
        run(command, folder, "linking a program that does nothing")
        file = read_elf(folder / "nothing.elf")
    else:
        return 0
    return file.code_bytes + file.constants_bytes


def _writes_call_graphs(compiler: str, folder: Path) -> bool:
    """Whether the compiler is a gcc of version 10 or later; `gcc` may be clang under another name."""
    (folder / "probe.c").write_text("typedef int probe;\n", encoding="ascii")
    try:
        run([compiler, _CALL_GRAPH_FLAG, "-c", "probe.c"], folder, "looking for call graphs")
    except ToolError:
        return False
    return True


def deepest_stack_bytes(graph: str, function: str, assembly: Mapping[str, int] = _NONE) -> int:
    """The most stack that `function` and all it calls use at once, from gcc's call graph in VCG form
    (-fcallgraph-info=su).

    Functions of which the graph holds no size, those of a library, count as 0. Raises ToolError if it cannot
    be known: recursion, a call through a pointer, a frame whose size is only known when it runs. `assembly` has
    what functions take that are assembly as a whole, of which the compiler knows nothing.
    """
    frames: dict[str, int] = {}
    calls: dict[str, list[str]] = {}
    for title, size_bytes, kind in _NODE.findall(graph):
        if kind == "dynamic":
            raise ToolError(f"The stack of {function} cannot be known: the frame of {title} has no fixed size.")
        if size_bytes:
            frames[title] = int(size_bytes) + assembly.get(title.rpartition(":")[2], 0)
    for caller, callee in _EDGE.findall(graph):
        calls.setdefault(caller, []).append(callee)
    if function not in frames:
        raise ToolError(f"The compiler's call graph does not hold the function {function}.")
    return _deepest(function, frames, calls, ())


def _deepest(function: str, frames: Mapping[str, int], calls: Mapping[str, list[str]], callers: tuple[str, ...]) -> int:
    if function in callers:
        raise ToolError(f"The stack of {callers[0]} has no limit: {function} calls itself.")
    if function == "__indirect_call":
        raise ToolError(f"The stack of {callers[0]} cannot be known: {callers[-1]} calls a function through a pointer.")
    deepest = max(
        (_deepest(callee, frames, calls, (*callers, function)) for callee in calls.get(function, ())),
        default=0,
    )
    return frames.get(function, 0) + deepest
