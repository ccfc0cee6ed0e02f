"""Int8 graphs that planning must get right: a chain, a residual, branches, and views alone."""

from int8_graphs import GraphBuilder

from tinycnn.ir import Graph
from tinycnn.ops import Window

SAME = Window.of((3, 3), None, (1, 1, 1, 1))


def chain() -> Graph:
    builder = GraphBuilder(1)
    x = builder.conv(builder.input(8, 8, 2), 3, Window.of((3, 3)))
    x = builder.max_pool(x, Window.of((2, 2), (2, 2)))
    return builder.graph([builder.dense(builder.reshape(x, 27), 5)])


def residual() -> Graph:
    builder = GraphBuilder(2)
    x = builder.conv(builder.input(6, 6, 3), 4, SAME)
    y = builder.conv(builder.conv(x, 4, SAME), 4, SAME)
    x = builder.global_average_pool(builder.add(x, y))
    return builder.graph([builder.softmax(builder.dense(builder.reshape(x, 4), 3))])


def branches() -> Graph:
    """Two inputs, a tensor read by three layers, an output in the middle, and one that is a view."""
    builder = GraphBuilder(3)
    a, b = builder.input(5, 5, 2, name="a"), builder.input(5, 5, 2, name="b")
    stem = builder.add(a, b)
    left, right = builder.conv(stem, 4, SAME), builder.conv(stem, 4, Window.of((1, 1)))
    middle = builder.max_pool(stem, SAME)
    joined = builder.add(left, right)
    return builder.graph([builder.reshape(joined, 100), middle])


def only_views() -> Graph:
    builder = GraphBuilder(4)
    return builder.graph([builder.reshape(builder.reshape(builder.input(4, 3), 2, 6), 12)])


GRAPHS = {"chain": chain, "residual": residual, "branches": branches, "only views": only_views}
