"""Operators that move bytes: float as onnxruntime, and int8 the same bytes in engine, onnxruntime and C."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from exactness import assert_exact, assert_same_c
from hypothesis import given, settings
from hypothesis import strategies as st
from int8_graphs import GraphBuilder
from models import Network, assert_like_onnxruntime, floats, model, node
from strategies import SEEDS
from tensors import i

import tinycnn
from tinycnn import engine, ir, ops
from tinycnn.errors import UnsupportedError
from tinycnn.ir import Graph
from tinycnn.onnx_io import FORMATS, load, save
from tinycnn.onnx_io.load import import_model
from tinycnn.ops import Concat, DepthToSpace, SpaceToDepth, Take, Transpose, Window


def kinds(graph: Graph) -> list[type]:
    return [type(node.op) for node in graph.nodes]


def movement(net: Network, x: str, kind: str) -> str:
    """One operator of a kind on an image [1, 4, H, W]."""
    rng, height, width = net.rng, *net.shapes[x][2:]
    c = net.constant
    match kind:
        case "slice":
            return net.add("Slice", f"{x} {c(i(1, -1))} {c(i(height, -99))} {c(i(2, 3))} {c(i(2, -1))}")
        case "channels":
            return net.add("Slice", f"{x} {c(i(1))} {c(i(4))} {c(i(1))}")
        case "gather":
            axis = int(rng.integers(1, 4))
            return net.add("Gather", f"{x} {c(rng.integers(-2, 2, 5))}", axis=axis)
        case "edge" | "reflect" | "constant":
            pads = c(i(0, 0, *rng.integers(-1, 3, 2), 0, 0, *rng.integers(-1, 3, 2)))
            value = c(np.array(rng.choice([0, 0.4]), np.float32)) if kind == "constant" else "-"
            return net.add("Pad", f"{x} {pads} {value}", mode=kind)
        case "nearest":
            scales = c(np.array([1, 1, *rng.choice([0.5, 1, 1.5, 2, 3], 2)], np.float32))
            return net.add("Resize", f"{x} - {scales}", mode="nearest", nearest_mode="floor")
        case "concat":
            return net.add("Concat", f"{x} {net.conv(x, 3, 1)} {x}", axis=1)
        case "rows" | "columns":
            return net.add("Concat", f"{x} {net.add('Relu', net.conv(x, 4, 1))}", axis=2 if kind == "rows" else 3)
        case "split":
            first = net.add("Slice", f"{x} {c(i(0))} {c(i(2))} {c(i(1))}")
            second = net.add("Slice", f"{x} {c(i(2))} {c(i(4))} {c(i(1))}")
            return net.add("Concat", f"{second} {first}", axis=1)
        case "depth":
            return net.add("DepthToSpace", x, blocksize=2, mode=str(rng.choice(["DCR", "CRD"])))
        case "space":
            return net.add("SpaceToDepth", x, blocksize=2)
        case "shuffle":
            y = net.add("Transpose", net.add("Reshape", f"{x} {c(i(0, 2, 2, height, width))}"), perm=[0, 2, 1, 3, 4])
            return net.add("Reshape", f"{y} {c(i(0, 4, height, width))}")
        case "transpose":
            return net.add("Transpose", x, perm=[0, 1, 3, 2])
        case "tile":
            return net.add("Tile", f"{x} {c(i(1, 2, 1, 2))}")
        case _:
            return net.add("Reshape", f"{x} {c(i(0, 2, 2 * width, height))}")


KINDS = (
    *("slice", "channels", "gather", "edge", "reflect", "constant", "nearest", "concat", "rows", "columns", "split"),
    *("depth", "space", "shuffle", "transpose", "tile", "reshape"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_movement_between_convolutions_is_exact(kind: str, tmp_path: Path) -> None:
    net = Network(KINDS.index(kind), 2, 6, 8)
    x = net.add("Relu", net.conv("x", 4, 3, pads=[1, 1, 1, 1]))
    graph = assert_exact(net.proto(net.conv(movement(net, x, kind), 3, 1)), net.samples(6), tmp_path)
    for format in FORMATS:
        path = tmp_path / f"{format}.onnx"
        save(graph, path, format)
        loaded = load(path)
        if kind == "transpose":  # the tensor behind it gets another name
            stored = engine.to_stored(graph.tensors["x"], net.samples(3))
            assert np.array_equal(*(engine.run(one, stored)[graph.outputs[0]] for one in (graph, loaded)))
        else:
            assert ir.same(loaded, graph), format


@settings(max_examples=6, deadline=None, print_blob=True)
@given(SEEDS)
def test_random_chains_of_movements_are_exact(seed: int) -> None:
    net = Network(seed, 2, 4, 6)
    x = net.conv("x", 4, 1)
    for _ in range(2):
        if min(net.shapes[x][2:]) < 3 or max(net.shapes[x][2:]) > 20:
            break
        x = net.conv(movement(net, x, str(net.rng.choice([k for k in KINDS if k not in ("space", "depth")]))), 4, 1)
    with TemporaryDirectory() as folder:
        assert_exact(net.proto(x), net.samples(4), Path(folder), compared=3)


def test_outputs_that_are_other_names_for_a_tensor(tmp_path: Path) -> None:
    net = Network(5, 2, 3, 4)
    y = net.conv("x", 3, 1)
    outputs = (y, net.add("Identity", "x"), net.add("Identity", y))
    assert assert_exact(net.proto(" ".join(outputs)), net.samples(4), tmp_path).outputs == outputs


def test_a_small_u_net_streams_without_transposes(tmp_path: Path) -> None:
    net = Network(3, 2, 12, 8)
    skip = net.add("Relu", net.conv("x", 4, 3, pads=[1, 1, 1, 1]))
    low = net.add("MaxPool", skip, kernel_shape=[2, 2], strides=[2, 2])
    low = net.add("Relu", net.conv(low, 6, 3, pads=[1, 1, 1, 1]))
    scales = net.constant(np.array([1, 1, 2, 2], np.float32))
    high = net.add("Resize", f"{low} - {scales}", mode="nearest", coordinate_transformation_mode="asymmetric")
    joined = net.add("Concat", f"{high} {skip}", axis=1)
    graph = assert_exact(net.proto(net.conv(joined, 3, 3, pads=[1, 1, 1, 1])), net.samples(6), tmp_path)
    assert Transpose not in kinds(graph)
    (concat,) = [node for node in graph.nodes if isinstance(node.op, Concat)]
    assert len({graph.tensors[name].quantization for name in (*concat.inputs, *concat.outputs)}) == 1


def test_a_shuffle_block_is_one_take_of_channels(tmp_path: Path) -> None:
    net = Network(4, 4, 6, 6)
    x = net.add("Relu", net.conv("x", 4, 1, group=2))
    y = net.conv(movement(net, x, "shuffle"), 4, 3, group=4, pads=[1, 1, 1, 1])
    graph = assert_exact(net.proto(net.add("Concat", f"{x} {y}", axis=1)), net.samples(6), tmp_path)
    shuffles = [node.op for node in graph.nodes if isinstance(node.op, Take)]
    assert [op.tables[-1] for op in shuffles] == [(0, 2, 1, 3)]
    assert not {Transpose, DepthToSpace, SpaceToDepth} & set(kinds(graph))


def test_a_concat_of_other_scales_has_a_table_per_input(tmp_path: Path) -> None:
    builder = GraphBuilder(5)
    x = builder.input(4, 5, 3)
    y = builder.conv(x, 2, Window.of((1, 1)), bias=False)
    graph = builder.graph([builder.conv(builder.move(Concat(3), y, x, y), 2, Window.of((1, 1)), bias=False)])
    (concat,) = [node for node in graph.nodes if isinstance(node.op, Concat)]
    assert [table is None for table in concat.op.tables(ops.call_of(graph, concat))] == [True, False, True]
    samples = builder.samples(4)
    assert_same_c(graph, samples, tmp_path)
    real = engine.to_real(graph.tensors["input"], samples["input"])
    for runner in tinycnn.verify(graph, real, ["onnxruntime"]):
        assert not [tensor for tensor in runner.tensors if tensor.mismatches], runner.name
    for format in FORMATS:
        save(graph, tmp_path / f"{format}.onnx", format)
        loaded = load(tmp_path / f"{format}.onnx")
        assert np.array_equal(*(engine.run(one, samples)[graph.outputs[0]] for one in (graph, loaded)))


MODES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")
NEAREST = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@settings(max_examples=80, deadline=None, print_blob=True)
@given(st.integers(1, 9), st.integers(1, 20), st.sampled_from(MODES), st.sampled_from(NEAREST), st.booleans(), SEEDS)
def test_nearest_resize_takes_onnxruntime_s_elements(old, new, mode, nearest, by_size, seed):
    x = floats(np.random.default_rng(seed), 1, 2, old, 3)
    scale = np.array([1, 1, new / old, 1], np.float32)
    constants = {"s": i(1, 2, new, 3)} if by_size else {"f": scale}
    inputs = "x - - s" if by_size else "x - f"
    if not by_size and int(np.float32(old) * scale[2]) < 1:
        return
    attributes = {"mode": "nearest", "coordinate_transformation_mode": mode, "nearest_mode": nearest}
    nodes = [node("Resize", inputs, "r", **attributes), node("Add", "r o", "y")]
    assert_like_onnxruntime(
        model(nodes, {"x": x.shape}, {**constants, "o": np.ones(1, np.float32)}, opset=18), {"x": x}
    )


@pytest.mark.parametrize(
    ("nodes", "constants", "opset"),
    [
        ([node("Split", "x", "a y", axis=1, split=[1, 3])], {}, 11),
        ([node("Split", "x", "a y", axis=1, num_outputs=2)], {}, 18),
        ([node("Split", "x s", "a y", axis=2)], {"s": i(2, 3)}, 13),
        ([node("Slice", "x", "y", starts=[1], ends=[-1], axes=[2])], {}, 9),
        ([node("Pad", "x", "y", pads=[0, 1, 0, 1, 0, 2], mode="constant", value=1.5)], {}, 10),
        ([node("Pad", "x p - a", "y", mode="edge")], {"p": i(1, 2), "a": i(-1)}, 18),
        ([node("Squeeze", "x", "y", axes=[0])], {}, 11),
        ([node("Unsqueeze", "x a", "y")], {"a": i(1, -1)}, 13),
        ([node("Expand", "x s", "y")], {"s": i(2, 1, 1, 1)}, 13),
        ([node("Upsample", "x f", "y")], {"f": np.array([1, 2, 1.5], np.float32)}, 9),
        ([node("Resize", "x f", "y")], {"f": np.array([1, 0.5, 2], np.float32)}, 10),
        ([node("Gather", "x s", "y", axis=2)], {"s": np.array(-1)}, 13),
        ([node("Gather", "x s", "y", axis=1)], {"s": np.array([[0, 1], [3, -1]])}, 13),
    ],
)
def test_forms_of_older_and_newer_operator_sets(nodes, constants, opset):
    proto = model(nodes, {"x": [1, 4, 5]}, constants, opset=opset)
    assert_like_onnxruntime(proto, {"x": floats(np.random.default_rng(0), 1, 4, 5)})


def test_what_is_refused_says_why() -> None:
    resize = node("Resize", "x - f", "y", mode="lanczos")
    cases = [
        (resize, {"f": np.ones(3, np.float32)}, "mode 'lanczos'"),
        (node("Pad", "x p", "y", mode="reflect"), {"p": i(0, 9, 0, 0, 0, 0)}, "too large for mode reflect"),
        (node("Gather", "x s", "y"), {"s": i(7)}, "leave an axis of 1"),
    ]
    for proto, constants, message in cases:
        with pytest.raises(UnsupportedError, match=message):
            import_model(model([proto], {"x": [1, 4, 5]}, constants), "small.onnx")


def test_a_transpose_of_too_many_axes_is_refused_by_name() -> None:
    net = Network(20, 2, 2, 2, 2, 2)
    graph = net.graph(net.add("Relu", net.add("Transpose", "x", perm=[0, 2, 5, 4, 3, 1])))
    with pytest.raises(UnsupportedError, match=r"moves too many axes of \[1, 2, 2, 2, 2, 2\] at once"):
        tinycnn.quantize(graph, net.samples(3))
