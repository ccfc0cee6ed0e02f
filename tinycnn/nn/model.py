"""What a model made in Python is until it becomes ONNX: values that remember how they come about."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from tinycnn.errors import ModelError, OutputError

Array = npt.ArrayLike

OPSET, IR_VERSION = 18, 10


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """The output of an ONNX operator on other values and constants, or an input of the model (`op_type` is "").

    `name` is the tensor's name; without one it is made from the operator and its number. `shape` is that of an input,
    without the batch.
    """

    op_type: str
    inputs: "tuple[Value | npt.NDArray[np.generic] | None, ...]" = ()
    attributes: Mapping[str, object] = field(default_factory=dict)
    name: str | None = None
    shape: tuple[int, ...] = ()


def input(name: str, shape: Sequence[int]) -> Value:
    """An input of the model, float32; `shape` without the batch, channels first."""
    return Value("", name=name, shape=tuple(shape))


def apply(op_type: str, *inputs: "Value | Array | None", name: str | None = None, **attributes: object) -> Value:
    """Any operator of ONNX's opset 18 with one output; None leaves an input out, arrays become constants."""
    kept = tuple(x if x is None or isinstance(x, Value) else _constant(x) for x in inputs)
    return Value(op_type, kept, {key: value for key, value in attributes.items() if value is not None}, name)


def _constant(value: Array) -> npt.NDArray[np.generic]:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def he_normal(rng: np.random.Generator, *shape: int) -> npt.NDArray[np.float32]:
    """Random weights [O, ...] that keep the variance behind a ReLU: normal with standard deviation sqrt(2 / fan-in).

    K. He et al., "Delving Deep into Rectifiers", 2015.
    """
    return rng.normal(0.0, np.sqrt(2 / math.prod(shape[1:])), shape).astype(np.float32)


def to_onnx(*outputs: Value, name: str = "network") -> onnx.ModelProto:
    """The float32 model that computes `outputs`, its batch open; ModelError where names or shapes do not fit."""
    names: dict[int, str] = {}
    taken = {value.name for value in _in_order(outputs) if value.name is not None}
    constants: list[TensorProto] = []
    nodes: list[onnx.NodeProto] = []
    ports: list[onnx.ValueInfoProto] = []
    for value in _in_order(outputs):
        tensor = names[id(value)] = value.name or _unused(f"{value.op_type.lower()}{len(nodes)}", taken)
        if tensor in names.values() and list(names.values()).count(tensor) > 1:
            raise ModelError(f"Two values are called {tensor!r}.")
        if not value.op_type:
            ports.append(helper.make_tensor_value_info(tensor, TensorProto.FLOAT, ["batch", *value.shape]))
            continue
        arguments = []
        for index, argument in enumerate(value.inputs):
            if isinstance(argument, np.ndarray):
                constant = _unused(f"{tensor}_constant{index}", taken)
                constants.append(numpy_helper.from_array(argument, constant))
                arguments.append(constant)
            else:
                arguments.append("" if argument is None else names[id(argument)])
        nodes.append(
            helper.make_node(value.op_type, arguments, [tensor], name=tensor, **dict[str, Any](value.attributes))
        )
    results = [helper.make_empty_tensor_value_info(names[id(value)]) for value in outputs]
    graph = helper.make_graph(nodes, name, ports, results, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    return _with_output_types(model)


def _with_output_types(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the inferred types of its outputs, which ONNX demands."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
        onnx.checker.check_model(inferred)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        reason = re.sub(r"\s+", " ", str(error)).strip()
        raise ModelError(f"The model does not fit together: {reason}") from None
    del model.graph.output[:]
    model.graph.output.extend(inferred.graph.output)
    return model


def save(outputs: Value | Sequence[Value], path: str | Path, name: str = "network") -> None:
    """Write `to_onnx` to a new file; OutputError when it exists or cannot be written."""
    model = to_onnx(*([outputs] if isinstance(outputs, Value) else outputs), name=name)
    try:
        with open(path, "xb") as file:
            file.write(model.SerializeToString(deterministic=True))
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}; the model was not written.") from None


def _in_order(outputs: Sequence[Value]) -> Iterator[Value]:
    """Every value once, behind what it is made of; without recursion, as models may be deep."""
    seen: set[int] = set()
    stack = [(value, False) for value in reversed(outputs)]
    while stack:
        value, ready = stack.pop()
        if id(value) in seen:
            continue
        if ready:
            seen.add(id(value))
            yield value
            continue
        stack.append((value, True))
        stack += [(item, False) for item in reversed(value.inputs) if isinstance(item, Value)]


def _unused(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name)
    return name
