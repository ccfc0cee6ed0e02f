"""The inputs and outputs of a network as its header names and describes them."""

from collections.abc import Sequence
from dataclasses import dataclass

from tinycnn.ir import Tensor
from tinycnn.plan import Plan
from tinycnn_codegen.cnames import unique_bases
from tinycnn_codegen.ctext import ElementType, comment, real
from tinycnn_codegen.generated import ArenaBuffer


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output. `label` is unique among the ports: input, output, or with the tensor's name behind.

    `element` is the C type that the caller writes or reads: int8_t, or uint8_t for inputs that take sensor bytes.
    An input that is pushed and an output that is pulled have `rows` of `row_bytes`; the buffer has the size of all.
    """

    label: str
    macro: str
    function: str
    element: ElementType
    comment: str
    accessor_comment: str
    buffer: ArenaBuffer
    rows: int = 0
    row_bytes: int = 0

    @property
    def offset_bytes(self) -> int:
        return self.buffer.offset_bytes

    @property
    def size_bytes(self) -> int:
        return self.buffer.size_bytes


def input_ports(plan: Plan, name: str, element: ElementType = "int8_t") -> tuple[Port, ...]:
    """The inputs in the graph's order."""
    usage = "Write the input here before each run, which may overwrite it."
    return _ports(plan, name, "input", plan.graph.inputs, usage, element)


def output_ports(plan: Plan, name: str) -> tuple[Port, ...]:
    """The outputs in the graph's order."""
    usage = "The output of the last run is here until the arena is written to again."
    return _ports(plan, name, "output", plan.graph.outputs, usage, "int8_t")


def _ports(
    plan: Plan, name: str, kind: str, tensors: Sequence[str], usage: str, element: ElementType
) -> tuple[Port, ...]:
    bases = unique_bases(tensors, name)
    labels = [kind] if len(tensors) == 1 else [f"{kind}_{base}" for base in bases]
    return tuple(
        _port(plan, name, label, plan.graph.tensors[tensor], usage, element)
        for label, tensor in zip(labels, tensors, strict=True)
    )


def _port(plan: Plan, name: str, label: str, tensor: Tensor, usage: str, element: ElementType) -> Port:
    place = plan.places[tensor.name]
    is_passed_in_rows = plan.is_pushed if label.startswith("input") else plan.is_pulled
    if not place.is_whole and not is_passed_in_rows:
        raise ValueError(f"The {label} {tensor.name!r} must lie in the arena as a whole.")
    return Port(
        label,
        f"{name}_{label}".upper(),
        f"{name}_{label}",
        element,
        comment(f"{label.partition('_')[0].capitalize()} {tensor.name}: {describe(tensor, element)}."),
        comment(usage),
        ArenaBuffer(tensor.name, place.offset_bytes, place.rows * place.row_bytes),
        *((place.rows, place.row_bytes) if is_passed_in_rows else ()),
    )


def describe(tensor: Tensor, element: ElementType) -> str:
    """Type, layout, shape and meaning, such as `int8 NHWC [1, 28, 28, 1], real = 0.00392156886 (q + 128)`."""
    axes = {3: "NLC ", 4: "NHWC "}.get(len(tensor.shape), "") if tensor.channels_last else ""
    if tensor.quantization is None:
        raise ValueError(f"Tensor {tensor.name!r} has no quantization.")
    zero_point = tensor.quantization.zero_point + (128 if element == "uint8_t" else 0)
    shifted = "q" if zero_point == 0 else f"(q {'+' if zero_point < 0 else '-'} {abs(zero_point)})"
    scale = real(float(tensor.quantization.scales[0]))
    return f"{element.removesuffix('_t')} {axes}{list(tensor.shape)}, real = {scale} {shifted}"
