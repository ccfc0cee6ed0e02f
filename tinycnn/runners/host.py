"""Running generated C on this machine."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tinycnn.runners.harness import (
    STATUSES,
    Instrumentation,
    Int8Array,
    RunResult,
    common_folder,
    instrumentation_flags,
    run_network,
    write_sources,
)
from tinycnn.runners.toolchain import compile_object, host_compiler, require, run
from tinycnn_codegen.generated import Generated

_SANITIZE_FLAGS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def run_on_host(
    generated: Generated, inputs: Sequence[Int8Array], *, compiler: str | None = None, sanitize: bool = False
) -> RunResult:
    """Compile with `compiler` ("gcc", "clang", …; by default this machine's own) and run.

    `inputs` are int8 arrays [inferences, ...] in the order of `generated.inputs`. With `sanitize` the build
    stops at the first access outside a buffer and the first undefined behaviour (ASan, UBSan). Raises
    DataError, ToolError.
    """
    if compiler is None:
        compiler = host_compiler()
    require(compiler, package=compiler)

    def execute(instrumentation: Instrumentation, packed: bytes) -> bytes:
        with TemporaryDirectory(prefix="tinycnn-") as name:
            folder = Path(name)
            _build(generated, instrumentation, compiler, _SANITIZE_FLAGS if sanitize else ("-O2",), folder)
            (folder / "inputs.bin").write_bytes(packed)
            # Leaks are not looked for: there is no heap, and the search fails where the process may not trace
            # itself.
            environment = {"ASAN_OPTIONS": "detect_leaks=0"}
            doing = f"running {generated.name} on this machine"
            run(["./program"], folder, doing, environment=environment, statuses=STATUSES)
            return (folder / "results.bin").read_bytes()

    return run_network(generated, inputs, execute)


def _build(
    generated: Generated, instrumentation: Instrumentation, compiler: str, flags: Sequence[str], folder: Path
) -> None:
    sources: list[str | Path] = list(write_sources(folder, generated, instrumentation))
    sources += [common_folder() / "harness.c", common_folder() / "port_stdio.c"]
    objects = [compile_object(compiler, source, [*flags, *instrumentation_flags()], folder) for source in sources]
    run(
        [compiler, *flags, *(item.name for item in objects), "-o", "program"],
        folder,
        f"linking {generated.name}",
    )
