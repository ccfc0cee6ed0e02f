"""Every operator at least once, in parts so small that a chip with 2 KB of RAM runs each of them."""

from collections.abc import Callable

from int8_graphs import GraphBuilder

from tinycnn.ir import Graph
from tinycnn.ops import Concat, DepthToSpace, SpaceToDepth, Take, Transpose, Unary, Window

SAME = Window.of((3, 3), pads=(1, 1, 1, 1))
Part = Callable[[GraphBuilder, str], object]


def layers(builder: GraphBuilder, x: str) -> None:
    """Everything that multiplies by weights."""
    x = builder.conv(builder.conv(x, 8, SAME), 8, SAME, 8)
    x = builder.conv(x, 4, Window.of((1, 1), (2, 2)), 2)
    local = builder.locally_connected(x, 2, Window.of((2, 2)))
    builder.conv_transpose(local, 3, Window((3, 2), (1, 1), (2, 1), (3, 1, 4, 0)), (2, 3))
    builder.softmax(builder.dense(builder.dense(builder.reshape(x, 48), 8), 5))


def windows(builder: GraphBuilder, x: str) -> None:
    """Pools, and what broadcasts the mean of an image over it."""
    mean = builder.global_average_pool(x)
    builder.largest(builder.multiply(x, mean), builder.add(mean, x))
    x = builder.average_pool(x, Window((3, 3), (2, 2), (1, 1), (1, 1, 1, 1)))
    builder.pool_and_product_on_ties(x, Window.of((2, 2), pads=(0, 0, 1, 1)))
    x = builder.max_pool(x, Window.of((2, 2), pads=(0, 0, 1, 1)))
    builder.softmax_as_onnxruntime(builder.reshape(builder.lp_pool(x, Window.of((3, 2))), 16))


def elements(builder: GraphBuilder, x: str) -> None:
    """Functions of each element, and sums."""
    y = builder.clip(builder.add_constant(x), 0.0, 2.0)
    builder.add(builder.move(Unary("Sigmoid"), y), y)


def movement(builder: GraphBuilder, x: str) -> None:
    """What only moves bytes."""
    x = builder.move(Take((None, (1, -1, 0, 0, 7, 3), (1, 0, 4, 4), None)), x)
    x = builder.move(DepthToSpace(2, channels_last=True), builder.move(SpaceToDepth(2, channels_last=True), x))
    builder.move(Concat(3), x, builder.clip(x, 0.0, 1.0))
    builder.move(Transpose((0, 2, 1, 3)), x)


def sums(builder: GraphBuilder, x: str) -> None:
    """What adds along axes or multiplies two tensors."""
    small = builder.max_pool(x, Window.of((2, 2), (2, 2)))
    builder.reduce("ReduceMax", builder.reduce("ReduceMean", builder.resize_linear(small, 5, 4), 1), 3)
    builder.resize_as_onnxruntime(small, 5)
    rows = builder.reshape(small, -1, builder.shape(small)[-1])
    builder.matmul(rows, builder.move(Transpose((0, 2, 1)), rows))
    builder.divide(small, builder.global_average_pool(small))


def channels(builder: GraphBuilder, x: str) -> None:
    """What looks at all channels of a position, or has a table for each."""
    small = builder.max_pool(x, Window.of((2, 2), (2, 2)))
    builder.arg_max(builder.log_softmax(builder.lrn(builder.prelu(small))))


PARTS: tuple[Part, ...] = (layers, windows, sums, elements, movement, channels)


def sampler(*parts: Part) -> Graph:
    """The parts side by side on one image; outputs are the tensors that nothing reads."""
    builder = GraphBuilder(5)
    image = builder.input(8, 6, 4)
    for part in parts:
        part(builder, image)
    read = {name for node in builder.nodes for name in node.inputs}
    return builder.graph([node.outputs[0] for node in builder.nodes if node.outputs[0] not in read])
