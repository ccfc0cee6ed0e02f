"""AlexNet, VGG-19 and ResNet-50: where parameters and work lie, and what each would take of every target.

The onnx package brings their graphs, with weights that are only described: enough for every size. They are planned as
the int8 networks that they would become.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

import tinycnn
from tinycnn import ir
from tinycnn.passes import FLOAT_PASSES, run_passes
from tinycnn.plan import candidates

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))
from figures import check, conclude, markdown  # noqa: E402  (scripts, not a package: the line above finds it)
from pictures import write_bars  # noqa: E402

GRAPHS = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
NETWORKS = {"AlexNet": "light_bvlc_alexnet", "VGG-19": "light_vgg19", "ResNet-50": "light_resnet50"}
NO_STEP_OF_ITS_OWN = ("BatchNormalization", "Relu", "LRN")
"""The first two become part of the layer before them. Local response normalization (in AlexNet) is left out here:
networks have done without it since 2014."""


def main() -> None:
    rows, memory, needs = [], [], {}
    for name, file in NETWORKS.items():
        graph = tinycnn.load(GRAPHS / f"{file}.onnx")
        summary = tinycnn.summarize(graph)
        parameters, macs = summary.convolution_shares()
        rows.append(
            (
                name,
                summary.parameters,
                summary.macs,
                f"{100 * parameters:.1f} %",
                f"{100 * macs:.1f} %",
                " x ".join(str(size) for size in summary.layers[-1].receptive_field),
            )
        )
        int8 = as_int8(graph)
        layers, streamed, pushed = arenas(int8)
        constants = constants_bytes(int8)
        needs[name] = (min(streamed, pushed), constants)
        memory.append((name, constants, layers, streamed, pushed, f"{layers / min(streamed, pushed):.1f} times"))
        layers_with_weights = [layer for layer in summary.layers if layer.op.startswith(("Conv", "Dense"))]
        if name == "AlexNet":
            names = [f"{layer.op.split()[0].lower()} {number}" for number, layer in enumerate(layers_with_weights, 1)]
            for what in ("parameters", "macs"):
                values = {label: getattr(layer, what) for label, layer in zip(names, layers_with_weights, strict=True)}
                write_bars(FOLDER / f"alexnet_{what}.svg", f"AlexNet, {what}", values)

    by_name = {row[0]: row for row in rows}
    check(
        "AlexNet has 60,965,224 parameters and 654,560,384 multiply-accumulates",
        by_name["AlexNet"][1:3] == (60_965_224, 654_560_384),
    )
    check("VGG-19 has 143,667,240 and 19,632,062,464", by_name["VGG-19"][1:3] == (143_667_240, 19_632_062_464))
    check("the lecture's 5 % and 95 % are AlexNet's 3.8 % and 91.0 %", by_name["AlexNet"][3:5] == ("3.8 %", "91.0 %"))
    check("every unit behind the pooling of ResNet-50 sees the whole image", rows[2][5] == "224 x 224")
    machines = [tinycnn.load_target(name) for name in tinycnn.target_names() if name != "host"]
    targets = [(machine.name, *(verdict(machine, *needs[name]) for name in NETWORKS)) for machine in machines]
    check("none of them fits any target: their weights do not", not any("fits" in line[1:] for line in targets))
    conclude(
        FOLDER,
        {},
        counts=markdown(
            ("network", "parameters", "MACs", "of them in convolutions", "MACs there", "last layer sees"), rows
        ),
        memory=markdown(
            ("network", "constants, bytes", "arena layer by layer", "in stages", "image pushed", "saved"), memory
        ),
        targets=markdown(("target", *NETWORKS), targets),
    )


def as_int8(graph: tinycnn.Graph) -> tinycnn.Graph:
    """The int8 graph that quantizing would give, with meaningless scales and weights: right in every size."""
    sources: dict[str, str] = {}
    kept = []
    for node in graph.nodes:
        moved = replace(node, inputs=tuple(sources.get(name, name) for name in node.inputs))
        if node.op.label.split()[0] in NO_STEP_OF_ITS_OWN:
            sources[node.outputs[0]] = moved.inputs[0]
        else:
            kept.append(moved)
    floats = run_passes(ir.rebuild(graph, kept, graph.tensors, graph.constants), FLOAT_PASSES)
    one = ir.Quantization((1.0,))
    tensors = {name: replace(tensor, dtype="int8", quantization=one) for name, tensor in floats.tensors.items()}
    constants = {name: np.broadcast_to(np.int8(1), value.shape) for name, value in floats.constants.items()}
    return replace(floats, tensors=tensors, constants=constants)


def arenas(int8: tinycnn.Graph) -> tuple[int, int, int]:
    """Bytes from input to output, both inside: layer by layer, in stages, and with the image pushed."""
    layer_by_layer, *streamed = (plan.arena_bytes for plan in candidates(int8))
    return layer_by_layer, min(streamed), min(plan.arena_bytes for plan in candidates(int8, pushed=True))


def constants_bytes(int8: tinycnn.Graph) -> int:
    """A byte for each weight and four for the bias of each output channel."""
    weights = [int8.constants[node.inputs[1]] for node in int8.nodes if node.op.label.startswith(("Conv", "Dense"))]
    return sum(array.size + 4 * len(array) for array in weights)


def verdict(target: tinycnn.Target, arena_bytes: int, constants: int) -> str:
    if target.flash_bytes is None:
        times = (arena_bytes + constants) / target.ram_bytes
        return "fits" if times <= 1 else f"{times:,.0f} times the memory"
    ram, flash = arena_bytes / target.ram_bytes, constants / target.flash_bytes
    found = [f"{times:,.1f} times the {what}" for what, times in (("RAM", ram), ("flash", flash)) if times > 1]
    return ", ".join(found) or "fits"


if __name__ == "__main__":
    main()
