"""Every operator is complete: what is missing for one is named with the place where it belongs."""

import inspect
from pathlib import Path

import pytest
from operators_document import DOCUMENT, FROM_ONNX, text

from tinycnn import ops, passes
from tinycnn.ir import Node
from tinycnn.onnx_io import (
    elementwise_rules,
    layer_rules,
    movement_rules,
    quantized_rules,
    reduction_rules,
    resize_rules,
    rules,
)
from tinycnn.onnx_io.export_rules import EXPORTS
from tinycnn.plan import is_view
from tinycnn_codegen.lower import LOWERINGS

VIEWS = (ops.Reshape,)
TESTS = Path(__file__).parent
FOLDED = (ops.BatchNormalization, ops.QuantizeLinear, ops.DequantizeLinear, ops.InsertZeros)
"""Operators that passes remove before anything is int8."""
FLOAT_ONLY = (ops.Arithmetic, ops.MaxPoolIndices)
"""Operators without an int8 form, which quantization refuses by name."""
RULE_MODULES = (rules, layer_rules, resize_rules, elementwise_rules, movement_rules, reduction_rules, quantized_rules)
JOINED = {ops.LocallyConnected: "locally_connected"}
"""Operators that files write as several; the pass that joins them."""


def classes_in_ops() -> set[type]:
    """Every class of tinycnn.ops that looks like an operator."""
    folder = Path(str(ops.__file__)).parent
    found: set[type] = set()
    for path in folder.glob("*.py"):
        module = __import__(f"tinycnn.ops.{path.stem}" if path.stem != "__init__" else "tinycnn.ops", fromlist=["*"])
        for _, item in inspect.getmembers(module, inspect.isclass):
            if item.__module__.startswith("tinycnn.ops.") and hasattr(item, "run_float"):
                found.add(item)
    return {item for item in found if "Protocol" not in str(item.__mro__)}


def test_every_operator_class_is_in_the_table() -> None:
    missing = classes_in_ops() - set(ops.OPERATORS)
    assert not missing, f"add {missing} to OPERATORS in tinycnn/ops/__init__.py"


def test_a_view_is_never_computed() -> None:
    assert is_view(Node("", ops.Reshape((0, 4)), (), (), ()))
    assert not set(VIEWS) & set(LOWERINGS)


@pytest.mark.parametrize("operator", ops.OPERATORS, ids=lambda operator: operator.__name__)
def test_an_operator_is_complete(operator: type) -> None:
    name = operator.__name__
    imported = "".join(inspect.getsource(module) for module in RULE_MODULES)
    assert f"{name}(" in imported or JOINED.get(operator) in passes.__dict__, f"no rule in tinycnn/onnx_io makes {name}"
    assert operator.__doc__, f"{name} needs a docstring with its formula"
    is_int8 = hasattr(operator, "int8_kernel")
    assert is_int8 or operator in FOLDED + FLOAT_ONLY, f"{name} has no int8_kernel, and no pass removes it"
    if is_int8:
        assert operator in EXPORTS, f"add {name} to EXPORTS in tinycnn/onnx_io/export_rules.py"
        assert hasattr(operator, "input_rows"), f"{name} must say which rows a row of its output reads"
        assert hasattr(operator, "output_scale"), f"{name} must say where its output's scale comes from"
        is_table = hasattr(operator, "table")  # all of them share one kernel
        assert operator in LOWERINGS or is_table or operator in VIEWS, (
            f"add {name} to LOWERINGS in codegen/tinycnn_codegen/lower.py"
        )
    tested = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    assert name in tested, f"no test names {name}"


def test_the_page_of_operators_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == text(), "run python tests/operators_document.py"


def test_the_page_names_only_operators_that_are_read() -> None:
    assert not {name for names in FROM_ONNX.values() for name in names} - set(rules.RULES)
