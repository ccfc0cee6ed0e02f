"""Activation functions that exporters write out in steps, recognised by what they compute.

GELU is five to eight nodes in most files, hard-swish three to five, and each exporter writes them in an order of its
own. So no order is looked for: chains of elementwise nodes that start from one tensor are run on a few numbers, and
where the result is a known function of that tensor, the function takes their place.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinycnn.ir import Operator
from tinycnn.onnx_io.node import Builder, OnnxNode
from tinycnn.ops import Clip, Unary
from tinycnn.ops.functions import FUNCTIONS

Curve = npt.NDArray[np.float64]
GRID: Curve = np.linspace(-12.05, 12.15, 81)
"""Where functions are compared: beyond, all of them are straight lines to float32's precision, or next to it."""
MAX_STEPS = 10
RELATIVE, ABSOLUTE = 1e-5, 1e-6
"""How near a function must be: float32 constants are, and the two forms of GELU differ by 5e-4."""
BINARY: Mapping[str, Callable[..., Any]] = {
    "Add": np.add,
    "Div": np.divide,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Max": np.maximum,
    "Min": np.minimum,
    "Mul": np.multiply,
    "Pow": np.power,
    "Sub": np.subtract,
}
KNOWN: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("HardSigmoid", (float(np.float32(1 / 6)), 0.5)),
    ("HardSigmoid", (float(np.float32(0.2)), 0.5)),
    *((name, tuple(FUNCTIONS[name].parameters.values())) for name in ("Elu", "HardSwish", "Gelu", "Gelu tanh", "Selu")),
    *(
        (name, tuple(FUNCTIONS[name].parameters.values()))
        for name in ("Mish", "Sigmoid", "Softplus", "Softsign", "Swish")
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The values of a tensor where another one has those of GRID, and by how many nodes it is made from that."""

    values: Curve
    count: int


def recognise(builder: Builder, node: OnnxNode, curves: dict[str, dict[str, Steps]]) -> str:
    """The tensor of which a node ends a known function written out, whose operator is emitted; empty where none is.

    `curves` holds, for every tensor that was made in steps, these by the tensor where they start; the node's are added.
    """
    found = dict(_steps(builder, node, curves))
    curves[node.outputs[0]] = found
    for source, steps in sorted(found.items(), key=lambda item: -item[1].count):
        op = _known(steps.values) if steps.count > 1 else None
        if op is not None:
            builder.emit(node, op, (source,))
            return source
    return ""


def _steps(builder: Builder, node: OnnxNode, curves: Mapping[str, Mapping[str, Steps]]) -> Iterator[tuple[str, Steps]]:
    """The ways in which a node's output depends on a single tensor."""
    names = [builder.resolve(name) for name in node.inputs if name]
    constants = {name: builder.constants[name] for name in names if name in builder.constants}
    computed = [name for name in names if name not in constants]
    function = _function(node)
    if function is None or not computed or any(array.size != 1 or array.ndim > 1 for array in constants.values()):
        return
    ways = []
    for name in computed:
        itself = {name: Steps(GRID, 0)} if _is_real(builder, name) else {}
        ways.append({**curves.get(name, {}), **itself})
    for source in ways[0]:
        if all(source in way for way in ways):
            arguments = iter([way[source] for way in ways])
            count = 1 + max(way[source].count for way in ways)
            values = [
                np.float64(constants[name].reshape(())) if name in constants else next(arguments).values
                for name in names
            ]
            if count <= MAX_STEPS:
                yield source, Steps(np.asarray(function(*values), np.float64), count)


def _is_real(builder: Builder, name: str) -> bool:
    tensor = builder.tensors.get(name)
    return tensor is not None and tensor.dtype == "float32" and len(tensor.shape) > 0


def _function(node: OnnxNode) -> Callable[..., Any] | None:
    """What the node computes of float64 numbers; None where it is not one of the usual steps."""
    if node.op_type in BINARY and len(node.inputs) == 2:
        return BINARY[node.op_type]
    if node.op_type == "Where":
        return lambda chosen, x, y: np.where(chosen != 0, x, y)
    if node.op_type == "Relu":
        return lambda x: np.maximum(x, 0)
    if node.op_type == "Clip" and all(node.inputs):
        low, high = node.number("min", -np.inf), node.number("max", np.inf)
        return lambda x, a=low, b=high: np.minimum(np.maximum(x, a), b)
    if node.op_type in FUNCTIONS and len(node.inputs) == 1 and not node.text("approximate", ""):
        entry = FUNCTIONS[node.op_type]
        values = [node.number(name, default) for name, default in entry.parameters.items()]
        return lambda x: entry.compute(x, *values)
    return None


def _known(values: Curve) -> Operator | None:
    for name, parameters in KNOWN:
        if np.allclose(values, FUNCTIONS[name].compute(GRID, *parameters), RELATIVE, ABSOLUTE):
            return Unary(name, parameters)
    low, high = values[0], values[-1]
    if GRID[0] < low < high < GRID[-1] and np.array_equal(values, np.clip(GRID, low, high)):
        return Clip(float(low), float(high))
    slope = float(np.float32(low / GRID[0]))
    if 0 < slope < 1 and np.allclose(values, FUNCTIONS["LeakyRelu"].compute(GRID, slope), RELATIVE, ABSOLUTE):
        return Unary("LeakyRelu", (slope,))
    return None
