"""What stands in <name>.c: the plan as a comment, the tensors, the layers, the steps of the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinycnn.plan import Place, Plan, Step
from tinycnn_codegen.cnames import unique_bases
from tinycnn_codegen.ctext import plain, struct_definition
from tinycnn_codegen.generated import TappedTensor
from tinycnn_codegen.kernel_text import kernel_text
from tinycnn_codegen.layers import Layer, make_layer
from tinycnn_codegen.rescaling import has_float


@dataclass(frozen=True, slots=True)
class RunStep:
    """One step of the run: fill the padding, if there is any, then compute the rows [first_row, last_row)."""

    base: str
    first_row: int
    last_row: int
    padding: Place | None
    padding_value: int


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Everything that templates/source.c.jinja needs to know; `tapped` is numbered as in the C."""

    plan: str
    kernels: str
    tensors: tuple[str, ...]
    layers: tuple[Layer, ...]
    steps: tuple[RunStep, ...]
    tapped: tuple[TappedTensor, ...]

    @property
    def has_loop(self) -> bool:
        return any(step.last_row - step.first_row > 1 for step in self.steps)


def make_source(plan: Plan) -> Source:
    """Lower every node once, in the order of its first step."""
    first_steps: dict[str, tuple[int, Step]] = {}
    for number, step in enumerate(plan.steps):
        _, first = first_steps.setdefault(step.node.name, (number, step))
        if step.node != first.node or step.padding != first.padding:
            raise ValueError(f"All steps of node {step.node.name!r} must have the same padding.")
    used = dict.fromkeys(
        name
        for _, step in first_steps.values()
        for name in (*plan.graph.activations(step.node), *step.node.outputs)
    )
    tensors = dict(zip(used, unique_bases(tuple(used)), strict=True))
    bases = dict(zip(first_steps, unique_bases(tuple(first_steps)), strict=True))
    layers = {
        name: make_layer(plan, step, number, tap, bases[name], tensors)
        for tap, (name, (number, step)) in enumerate(first_steps.items())
    }
    return Source(
        _plan_comment(plan, [step.node.outputs[0] for _, step in first_steps.values()]),
        _kernels(plan, tuple(layers.values())),
        tuple(_tensor_definition(base, plan.places[name]) for name, base in tensors.items()),
        tuple(layers.values()),
        tuple(
            RunStep(
                bases[step.node.name],
                step.first_row,
                step.last_row,
                step.padding,
                layers[step.node.name].lowered.padding_value,
            )
            for step in plan.steps
        ),
        tuple(_tapped(plan, step.node.outputs[0]) for _, step in first_steps.values()),
    )
