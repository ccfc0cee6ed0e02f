"""docs/operators.md, made from the tables of operators: `python tests/operators_document.py` writes it anew."""

import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tinycnn.onnx_io.export_rules import EXPORTS
from tinycnn.onnx_io.rules import RULES
from tinycnn.ops import OPERATORS, Add, LocallyConnected, Reshape
from tinycnn.ops.functions import FUNCTIONS
from tinycnn_codegen import lower as lowering
from tinycnn_codegen.lower import LOWERINGS

DOCUMENT = Path(__file__).parents[1] / "docs/operators.md"
FOLDED = "folded into its neighbours"

FROM_ONNX: Mapping[str, tuple[str, ...]] = {
    "Convolutions": ("Conv", "ConvTranspose", "Gemm", "MatMul"),
    "Pools": ("MaxPool", "AveragePool", "LpPool", "GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"),
    "Two tensors": ("Add", "Sub", "Sum", "Mul", "Div", "Min", "Max", "Mean", "Pow"),
    "Activations": (
        *("Relu", "Clip", "LeakyRelu", "PRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid", "Tanh", "HardSwish", "Swish"),
        *("Mish", "Gelu", "Softplus", "Exp", "Sqrt", "Abs", "Neg", "Softmax", "LogSoftmax"),
    ),
    "Movement": (
        *("Concat", "Slice", "Split", "Gather", "Pad", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"),
        *("DepthToSpace", "SpaceToDepth", "Resize", "Upsample", "Tile", "Expand"),
    ),
    "Along axes": ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ArgMax", "BatchNormalization", "LRN"),
    "Quantization": ("QuantizeLinear", "DequantizeLinear"),
}
"""ONNX's operators that a CNN needs, by kind."""


def text() -> str:
    """The page: what each operator of a graph does and how exact it is, then the ONNX operators that are read."""
    lines = [
        "# Operators",
        "",
        "Made by `python tests/operators_document.py`; a test compares this page with the tables of operators.",
        "",
        "Every operator runs in float. *Exact* means: the int8 output is the same bytes in the engine, in onnxruntime",
        "(both export formats) and in the generated C, which is tested under ASan and UBSan. Where that holds only for",
        "models that tinycnn quantized, or something is approximated, the last column says how far it may be off.",
        "What an operator cannot do on int8 is refused by name when a model is quantized.",
        "",
        "| operator | what it computes | int8 | C kernels | cost counted as | export | exactness |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(_row(op) for op in sorted(OPERATORS, key=lambda op: op.__name__.lower())),
        "",
        "## ONNX operators that are read",
        "",
        "Each becomes one or more of the operators above or is folded into a constant. Any other is refused by name.",
        "",
        *(f"- {kind}: {', '.join(names)}." for kind, names in FROM_ONNX.items()),
        f"- Further functions of one element: {', '.join(sorted(_others(FUNCTIONS)))}.",
        f"- Also: {', '.join(sorted(_others(RULES) - set(FUNCTIONS)))}.",
        f"- onnxruntime's own: {', '.join(sorted(_qualified('com.microsoft.')))}.",
        f"- Functions that tinycnn writes into its own files: {', '.join(sorted(_qualified('tinycnn.')))}.",
        "- Locally connected layers, which ONNX has no operator for: Pad, Gather, Reshape, Transpose and a Conv with a",
        "  group for each position, as `tinycnn.nn` and the export write them.",
        "",
    ]
    return "\n".join(lines)


def _others(names: Mapping[str, Any]) -> set[str]:
    """Plain names of ONNX operators that are not in `FROM_ONNX`."""
    known = {name for group in FROM_ONNX.values() for name in group}
    return {name for name in names if name.isalnum() and name in RULES} - known


def _qualified(domain: str) -> set[str]:
    return {name.removeprefix(domain) for name in RULES if name.startswith(domain)}


def _row(op: type) -> str:
    cells = (op.__name__, _summary(op), _int8(op), _kernels(op), _cost(op), _export(op), exactness(op))
    return f"| {' | '.join(cells)} |"


def _paragraphs(op: type) -> list[str]:
    return [" ".join(part.split()).replace("|", "\\|") for part in (inspect.getdoc(op) or "").split("\n\n")]


def _summary(op: type) -> str:
    return _paragraphs(op)[0]


def _is_int8(op: type) -> bool:
    return hasattr(op, "int8_kernel")


def _int8(op: type) -> str:
    if op is Reshape:
        return "a view"
    if not _is_int8(op):
        return FOLDED if op.__name__ != "Arithmetic" else "with one constant number: Unary; a difference: Add"
    return "a table of 256 bytes" if hasattr(op, "table") else "yes"


def _kernels(op: type) -> str:
    """The names in the source of the lowering and of the functions beside it that it calls."""
    if hasattr(op, "table"):
        return "lookup"
    if op not in LOWERINGS:
        return ""
    found: list[str] = []
    waiting: list[Callable[..., Any]] = [LOWERINGS[op]]
    seen: set[str] = set()
    while waiting:
        function = waiting.pop(0)
        if function.__name__ in seen:
            continue
        seen.add(function.__name__)
        source = inspect.getsource(function)
        for names in re.findall(r"Lowered\(\s*(.*?),\s*\(|Lowered\(\s*(.*?),\s*(?:layers|tuple)", source):
            found += re.findall(r'"(\w+)"', "".join(names))
        module = vars(inspect.getmodule(function) or lowering)
        called = [name for name in re.findall(r"\b(_?\w+)\(", source) if re.match(r"_?lower_|_channel", name)]
        waiting += [module[name] for name in called if name in module and callable(module[name])]
    return ", ".join(dict.fromkeys(found))


def _cost(op: type) -> str:
    if not _is_int8(op) or op is Reshape:
        return ""
    counts = "return 0" not in inspect.getsource(op.macs)  # type: ignore[attr-defined]
    return "multiply-accumulates" if counts else "instructions"


def _export(op: type) -> str:
    if op not in EXPORTS:
        return ""
    source = inspect.getsource(EXPORTS[op])
    if op is LocallyConnected:
        return "standard operators"
    return "a function of standard operators" if "DOMAIN" in source else "ONNX, onnxruntime"


def exactness(op: type) -> str:
    """ "exact", and what the docstring says about how far bytes may be off."""
    if not _is_int8(op):
        return ""
    sentences = re.split(r"(?<=[.:]) ", " ".join(_paragraphs(op)))
    bounds = [
        text for text in sentences if re.search(r"\bwithin 1\b|\bWithin 1\b|differ from|differ by|within its", text)
    ]
    if op is Add:
        bounds.append("In a file that came quantized, bytes that depend on the order of evaluation are listed.")
    return " ".join(["exact.", *bounds]) if bounds else "exact"


if __name__ == "__main__":
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(text(), encoding="utf-8")
