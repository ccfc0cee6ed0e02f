"""Imports point one way: a module may import its own layer and those before it, never one behind it."""

import ast
from pathlib import Path

import pytest

import tinycnn
import tinycnn_codegen

LAYERS: tuple[tuple[str, ...], ...] = (
    ("tinycnn.errors",),
    ("tinycnn.fixedpoint", "tinycnn.target", "tinycnn.timings", "tinycnn.toml_table"),
    ("tinycnn.ir",),
    ("tinycnn.data", "tinycnn.ops"),
    (
        "tinycnn.engine",
        "tinycnn.nn",
        "tinycnn.onnx_io",
        "tinycnn.passes",
        "tinycnn.plan",
        "tinycnn.quantize",
        "tinycnn.referee",
    ),
    ("tinycnn.evaluate", "tinycnn.report"),
    ("tinycnn_codegen",),
    ("tinycnn.runners",),
    ("tinycnn.measure", "tinycnn.verify"),
    ("tinycnn",),  # the public names
    ("tinycnn.cli",),
    ("tinycnn.__main__",),
)
ALLOWED_BACK = {("tinycnn_codegen", "tinycnn"), ("tinycnn.cli", "tinycnn")}
"""Only for the version, and so that importing either package completes both."""


def layer_of(module: str) -> int | None:
    """The layer of the longest listed name that begins `module`."""
    listed = [(name, depth) for depth, layer in enumerate(LAYERS) for name in layer]
    matching = [(len(name), depth) for name, depth in listed if f"{module}.".startswith(f"{name}.")]
    return max(matching)[1] if matching else None


def modules() -> dict[str, Path]:
    found = {}
    for package in (tinycnn, tinycnn_codegen):
        root = Path(str(package.__file__)).parent
        for path in root.rglob("*.py"):
            inner = path.relative_to(root)
            if inner.parts[0] not in ("_examples", "_targets"):  # data of a wheel
                found[".".join([package.__name__, *inner.with_suffix("").parts]).removesuffix(".__init__")] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of ours that a file imports, those that it imports names from included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & known.keys()
            plain = {alias.name for alias in node.names if f"{node.module}.{alias.name}" not in known}
            found.update(submodules)
            if plain:
                found.add(str(node.module))
    return {name for name in found if name.split(".")[0] in ("tinycnn", "tinycnn_codegen")}


@pytest.mark.parametrize("module", sorted(modules()))
def test_no_import_points_back(module: str) -> None:
    known = modules()
    mine = layer_of(module)
    assert mine is not None, f"{module} stands in no layer: put it into LAYERS"
    for name in imports(known[module], known):
        theirs = layer_of(name)
        root = ".".join(module.split(".")[:2]) if module.startswith("tinycnn.") else "tinycnn_codegen"
        if (root, name) in ALLOWED_BACK:
            continue
        assert theirs is not None, f"{module} imports {name}, which stands in no layer"
        assert theirs <= mine, f"{module} imports {name}, which comes after it"


def test_a_back_pointing_import_would_be_found(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("from tinycnn.cli import main\nfrom tinycnn import engine, Graph\n")
    assert imports(path, modules()) == {"tinycnn.cli", "tinycnn.engine", "tinycnn"}
    ops, cli = layer_of("tinycnn.ops.conv"), layer_of("tinycnn.cli.common")
    assert ops is not None
    assert cli is not None
    assert ops < cli
