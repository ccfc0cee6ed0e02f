"""Plans layer by layer: a step for every node, a place for every tensor, the smallest arena."""

import numpy as np
import pytest
from int8_graphs import GraphBuilder
from models import EXAMPLES, example, residual_network
from plan_graphs import GRAPHS, chain
from test_placing import aligned
from test_plan_check import simulate

from tinycnn.errors import UnsupportedError
from tinycnn.onnx_io.load import import_model
from tinycnn.ops import Window
from tinycnn.plan import is_view, plan
from tinycnn.plan.model import ALIGNMENT_BYTES
from tinycnn.quantize import quantize


@pytest.mark.parametrize("name", GRAPHS)
def test_plan_has_a_step_for_every_node_that_computes_and_a_place_for_every_tensor(name):
    graph = GRAPHS[name]()
    made = plan(graph)
    assert [step.node for step in made.steps] == [n for n in graph.nodes if not is_view(n)]
    assert made.places.keys() == graph.tensors.keys() - graph.constants.keys()
    assert made.lower_bound_bytes <= made.arena_bytes
    assert made.arena_bytes % ALIGNMENT_BYTES == 0
    for tensor, spot in made.places.items():
        assert spot.size_bytes == int(np.prod(graph.tensors[tensor].shape))
        assert spot.offset_bytes + spot.size_bytes <= made.arena_bytes
    assert simulate(made, np.random.default_rng(0)) is None


def test_a_view_has_the_bytes_of_its_source_under_its_own_rows():
    made = plan(chain())
    source, view = made.places["maxpool_1_out"], made.places["reshape_2_out"]
    assert (source.offset_bytes, source.rows, source.row_bytes) == (view.offset_bytes, 3, 9)
    assert (view.rows, view.row_bytes) == (1, 27)


def test_padding_is_planned_where_a_window_hangs_over_the_top_or_bottom():
    windows = {
        Window.of((3, 3), None, (1, 1, 1, 1)): True,
        Window.of((3, 3), None, (0, 1, 0, 1)): False,  # left and right only: the kernel does that
        Window.of((3, 3), None, (0, 0, 1, 0)): True,
        Window.of((3, 3), (2, 2), (0, 0, 1, 0)): False,  # the last window does not reach it
        Window((3, 3), (1, 1), (2, 1), (0, 0, 1, 0)): True,
        Window((2, 2), (2, 2), (1, 1), (0, 0, 0, 0), ceil_mode=True): True,
    }
    for window, wanted in windows.items():
        builder = GraphBuilder(0)
        made = plan(builder.graph([builder.max_pool(builder.input(7, 7, 3), window)]))
        padding = made.steps[0].padding
        assert (padding is not None) == wanted, window
        assert padding is None or padding.size_bytes == 21


def test_trained_models_reach_the_lower_bound_or_nearly():
    images = np.load(EXAMPLES / "mnist_sample/mnist_sample.npz")["calibration_images"][:20, None].astype(np.float32)
    for name in ("lenet5", "perceptron"):
        made = plan(quantize(import_model(example(name), name), images))
        assert aligned(made.lower_bound_bytes) <= made.arena_bytes <= 1.05 * made.lower_bound_bytes


def test_a_float_graph_cannot_be_planned():
    net, output = residual_network()
    with pytest.raises(UnsupportedError, match="BatchNormalization"):
        plan(net.graph(output))
