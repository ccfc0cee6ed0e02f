"""Executed instructions of portable C on the emulated Cortex-M3 and RV32IMC, beside those with assembly.

Two ways without assembly are counted, at -O2: what the target's own kernels are in C (<NAME>_PORTABLE, for any other
compiler), and the kernels for any other 32-bit processor. Arguments are files of models, by default the architectures
of MLPerf Tiny (tiny_models.py) with random weights. Inputs are random.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from tiny_models import MODELS

import tinycnn
from tinycnn import engine, measure, nn
from tinycnn.ir import Array, Graph
from tinycnn.onnx_io.load import import_model
from tinycnn.target import Target

TARGETS = ("cortex-m3", "rv32imc")


def without_assembly(target: Target) -> Target:
    return replace(target, compiler=replace(target.compiler, flags=(*target.compiler.flags, "-DNETWORK_PORTABLE")))


def any_other(target: Target) -> Target:
    return replace(target, architecture="any other")


def models(paths: list[str]) -> Iterator[tuple[str, Graph]]:
    if paths:
        yield from ((path, tinycnn.load(path)) for path in paths)
    else:
        yield from ((name, import_model(nn.to_onnx(build(), name=name), name)) for name, build in MODELS.items())


def samples(graph: Graph, number: int) -> Array:
    """float32 samples [number, ...] with the model's axes."""
    shape = engine.onnx_shape(graph.tensors[graph.inputs[0]])
    return np.random.default_rng(0).uniform(0, 1, (number, *shape[1:])).astype(np.float32)


def main(paths: list[str]) -> None:
    print(f"{'model':<28} {'target':<10} {'assembly':>12} {'its C':>12} {'any other':>12}")
    for name, graph in models(paths):
        int8 = graph if graph.is_quantized else tinycnn.quantize(graph, samples(graph, 4))
        for target in map(tinycnn.load_target, TARGETS):
            ways = (target, without_assembly(target), any_other(target))
            counts = [measure.bench(int8, samples(int8, 1), way).instructions for way in ways]
            print(f"{name[-28:]:<28} {target.name:<10}", *(f"{count:>12,}" for count in counts), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
