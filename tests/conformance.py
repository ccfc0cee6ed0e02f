"""Run the conformance cases of the installed onnx through the importer and the float engine.

`conformance_cases.txt` is the committed list: a line per case, its suite, operator, name, and `pass` or the reason why
it is refused. Run this file to write it and docs/conformance.md anew.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases

from tinycnn import engine
from tinycnn.errors import DataError, TinycnnError, UnsupportedError
from tinycnn.ir import Array
from tinycnn.onnx_io.load import import_model
from tinycnn.onnx_io.read import read_model

CASES = Path(__file__).with_name("conformance_cases.txt")
DOCUMENT = Path(__file__).parents[1] / "docs" / "conformance.md"
CONVERTED = Path(onnx.__file__).parent / "backend" / "test" / "data" / "pytorch-converted"
OPERATORS = frozenset(
    [
        "Abs",
        "Add",
        "ArgMax",
        "AveragePool",
        "BatchNormalization",
        "Clip",
        "Concat",
        "Conv",
        "ConvTranspose",
        "DepthToSpace",
        "DequantizeLinear",
        "Div",
        "Elu",
        "Exp",
        "Flatten",
        "Gather",
        "Gelu",
        "Gemm",
        "GlobalAveragePool",
        "GlobalLpPool",
        "GlobalMaxPool",
        "HardSigmoid",
        "HardSwish",
        "LRN",
        "LeakyRelu",
        "LogSoftmax",
        "LpPool",
        "MatMul",
        "Max",
        "MaxPool",
        "Min",
        "Mish",
        "Mul",
        "Neg",
        "PRelu",
        "Pad",
        "QuantizeLinear",
        "ReduceMax",
        "ReduceMean",
        "ReduceSum",
        "Relu",
        "Reshape",
        "Resize",
        "Selu",
        "Sigmoid",
        "Slice",
        "Softmax",
        "Softplus",
        "SpaceToDepth",
        "Split",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Sum",
        "Swish",
        "Tanh",
        "Transpose",
        "Unsqueeze",
        "Upsample",
    ]
)
"""The operators of the suite "node"; cases of other types (such as strings) that they have are refused by name."""
SYMMETRIC = frozenset(["Add", "Concat", "Div", "Max", "Min", "Mul", "Sub", "Sum"])
"""Operators whose inputs are all data. Of the others only the first is: weights and shapes are constants in a CNN."""
CONVERTED_TOLERANCE = (1e-3, 1e-7)
"""rtol and atol of onnx's own runner."""


@dataclass(frozen=True, slots=True)
class Case:
    """A model with inputs and the outputs that are expected of it."""

    suite: str
    operator: str
    name: str
    model: ModelProto
    inputs: Mapping[str, Array]
    outputs: tuple[Array, ...]
    tolerance: tuple[float, float]


def all_cases() -> Iterator[Case]:
    for case in collect_testcases(None):
        nodes = case.model.graph.node
        if len(nodes) == 1 and nodes[0].op_type in OPERATORS and nodes[0].domain == "":
            ((inputs, outputs),) = case.data_sets
            names = [value.name for value in case.model.graph.input]
            if all(isinstance(value, np.ndarray | np.generic) for value in (*inputs, *outputs)):
                named = {name: np.asarray(value) for name, value in zip(names, inputs, strict=True)}
                expected = tuple(np.asarray(value) for value in outputs)
                model = _with_constants(case.model, nodes[0], named)
                yield Case("node", nodes[0].op_type, case.name, model, named, expected, (case.rtol, case.atol))
    for folder in sorted(CONVERTED.iterdir()):
        model = read_model(folder / "model.onnx")
        data = folder / "test_data_set_0"
        constants = {tensor.name for tensor in model.graph.initializer}
        names = [value.name for value in model.graph.input if value.name not in constants]
        named = {name: _tensor(data / f"input_{index}.pb") for index, name in enumerate(names)}
        expected = tuple(_tensor(data / f"output_{index}.pb") for index in range(len(model.graph.output)))
        operator = re.sub(r"^test_|_.*$", "", folder.name)
        yield Case("pytorch-converted", operator, folder.name, model, named, expected, CONVERTED_TOLERANCE)


def _tensor(path: Path) -> Array:
    return np.asarray(numpy_helper.to_array(onnx.load_tensor(path)))


def _with_constants(model: ModelProto, node: NodeProto, inputs: dict[str, Array]) -> ModelProto:
    """`model` with the inputs that are no data as initializers; takes them out of `inputs`."""
    changed = ModelProto.FromString(model.SerializeToString())
    data = node.input if node.op_type in SYMMETRIC else node.input[:1]
    for value in model.graph.input:
        if value.name not in data:
            changed.graph.input.remove(value)
            changed.graph.initializer.append(numpy_helper.from_array(inputs.pop(value.name), value.name))
    return changed


def outcome(case: Case) -> str:
    """`pass`, or the reason of the refusal; AssertionError where the engine computes something else."""
    try:
        graph = import_model(case.model, case.name)
    except UnsupportedError as error:
        return "; ".join(sorted({_general(problem) for problem in error.problems}))
    except TinycnnError as error:
        return _general(str(error).removeprefix(f"{case.name} ").rstrip("."))
    try:
        results = engine.run(graph, case.inputs)
    except DataError as error:
        return str(error).rstrip(".")
    rtol, atol = case.tolerance
    for name, expected in zip(graph.outputs, case.outputs, strict=True):
        assert results[name].shape == expected.shape, f"{case.name}: {results[name].shape} for {expected.shape}"
        assert results[name].dtype == expected.dtype, f"{case.name}: {results[name].dtype} for {expected.dtype}"
        np.testing.assert_allclose(results[name], expected, rtol, atol, err_msg=case.name)
    return "pass"


def _general(problem: str) -> str:
    """A problem without the name of the node or input that has it."""
    return re.sub(r"^(node|input|initializer) '[^']*'( \(\w+\))?: ", "", problem)


def all_outcomes() -> dict[str, str]:
    """Each line of the list of cases but for its end, and that end."""
    with np.errstate(all="ignore"):
        return {f"{case.suite} {case.operator} {case.name}": outcome(case) for case in all_cases()}


def listed() -> dict[str, str]:
    lines = CASES.read_text("utf-8").splitlines()
    return {" ".join(words[:3]): words[3] for words in (line.split(" ", 3) for line in lines)}


def document(outcomes: Mapping[str, str]) -> str:
    """docs/conformance.md."""
    text = [
        "# Conformance\n",
        f"The node tests of onnx {version('onnx')} for the operators of CNNs and its `pytorch-converted` models,",
        "through the importer and the float engine. Written by `python tests/conformance.py`; the cases are listed in",
        "`tests/conformance_cases.txt`, and `tests/test_conformance.py` runs them. Weights, shapes and other",
        "parameters, which the node tests feed as inputs, are constants here.",
    ]
    for suite in ("node", "pytorch-converted"):
        found = {case.split()[1] + " " + case: end for case, end in outcomes.items() if case.startswith(f"{suite} ")}
        passed = sum(end == "pass" for end in found.values())
        text += [
            f"\n## {suite}: {passed} of {len(found)} pass\n",
            "| operator | passed | refused | why |",
            "| --- | ---: | ---: | --- |",
        ]
        for operator in sorted({case.split()[0] for case in found}):
            ends = [end for case, end in found.items() if case.split()[0] == operator]
            text.append(f"| {operator} | {ends.count('pass')} | {len(ends) - ends.count('pass')} | {_reasons(ends)} |")
    return "\n".join(text) + "\n"


def _reasons(ends: Iterable[str]) -> str:
    counts = Counter(end for end in ends if end != "pass")
    return "; ".join(f"{count}: {reason}".replace("|", "\\|") for reason, count in sorted(counts.items()))


def main() -> None:
    outcomes = all_outcomes()
    CASES.write_text("".join(f"{case} {end}\n" for case, end in outcomes.items()), "utf-8")
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(document(outcomes), "utf-8")


if __name__ == "__main__":
    main()
