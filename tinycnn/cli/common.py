"""What several commands share: arguments, reading models and data, tables, JSON."""

import dataclasses
import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tinycnn import __version__, engine
from tinycnn.data import as_samples, load_array
from tinycnn.errors import DataError, ModelError, OutputError
from tinycnn.ir import Array, Graph, Shape
from tinycnn.onnx_io import load

JSON_START = '{\n  "tinycnn":'
HTML_START = "<!doctype html>\n<!-- tinycnn -->\n"
"""How the files that we write begin, by which we know what may be replaced."""
SLOW_SECONDS = 2.0
"""Work that takes longer shows on a terminal that it goes on."""

console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)

model_argument = click.argument("model", metavar="MODEL")
inputs_option = click.option(
    "--inputs",
    required=True,
    metavar="DATA",
    help="Samples: .npy, .npz[:name] or idx; for several inputs a .npz with an array of each name.",
)
json_option = click.option(
    "--json", "json_path", metavar="FILE", help="Write the same facts as JSON; - for standard output."
)
shape_option = click.option(
    "--input-shape",
    "input_shapes",
    multiple=True,
    metavar="NAME=1,3,96,96",
    help="Fix the shape of an input that the file leaves open.",
)


def parse_shapes(texts: Sequence[str]) -> dict[str, Shape]:
    """`name=1,3,96,96` as a mapping; click.BadParameter where a text does not read like that."""
    shapes: dict[str, Shape] = {}
    for text in texts:
        match = re.fullmatch(r"(.+)=(\d+(?:,\d+)*)", text)
        if match is None:
            raise click.BadParameter(f"{text!r} does not read like NAME=1,3,96,96.", param_hint="--input-shape")
        shapes[match[1]] = tuple(int(size) for size in match[2].split(","))
    return shapes


class Bytes(click.ParamType[int]):
    """A size in bytes, with the suffixes K (1,024) and M (1,048,576)."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = re.fullmatch(r"(0*[1-9]\d*)([kKmM]?)", str(value))
        if match is None:
            self.fail(f"{value!r} is not a size such as 16384, 16K or 1M.", param, ctx)
        return int(match[1]) * {"": 1, "K": 1024, "M": 1024**2}[match[2].upper()]


def load_model(path: str, shapes: Sequence[str] = ()) -> Graph:
    return load(path, parse_shapes(shapes))


def load_quantized(path: str, shapes: Sequence[str] = ()) -> Graph:
    """An int8 model; ModelError when the file holds a float one."""
    graph = load_model(path, shapes)
    if not graph.is_quantized:
        raise ModelError(
            f"{path} is a float model; quantize it first: tinycnn quantize {path} --calibration DATA -o OUT.onnx"
        )
    return graph


def load_samples(graph: Graph, source: str, limit: int | None = None) -> dict[str, Array]:
    """float32 samples by input, at most `limit` of each; several inputs are read from a .npz by their names."""
    if len(graph.inputs) == 1:
        sources = {graph.inputs[0]: source}
    elif source.endswith(".npz"):
        sources = {name: f"{source}:{name}" for name in graph.inputs}
    else:
        raise DataError(
            f"{graph.name} has the inputs {', '.join(graph.inputs)}; give a .npz with an array of each name,"
            f" not {source}."
        )
    samples = {
        name: as_samples(load_array(place), engine.onnx_shape(graph.tensors[name]), place)[:limit]
        for name, place in sources.items()
    }
    counts = {name: len(array) for name, array in samples.items()}
    if len(set(counts.values())) > 1:
        raise DataError(f"{source} has a different number of samples for each input: {counts}.")
    return samples


def progress_bar(label: str) -> Callable[[Iterable[Array], int], Iterable[Array]]:
    """What wraps chunks of work in a bar, shown on a terminal once two seconds have gone by."""

    def wrap(chunks: Iterable[Array], count: int) -> Iterator[Array]:
        start = time.monotonic()
        with Progress(console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
            task = bar.add_task(label, total=count, visible=False)
            for chunk in chunks:
                yield chunk
                late = sys.stderr.isatty() and time.monotonic() - start > SLOW_SECONDS
                bar.update(task, advance=1, visible=late, refresh=late)

    return wrap


@contextmanager
def working(label: str) -> Iterator[None]:
    """A spinner for work of unknown length, shown on a terminal once two seconds have gone by."""
    spinner = Console(stderr=True).status(label)
    timer = threading.Timer(SLOW_SECONDS, spinner.start)
    timer.daemon = True
    if sys.stderr.isatty():
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
        spinner.stop()


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table on standard output; columns of numbers are aligned to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        number = all(re.fullmatch(r"[-\d,.% x]*", row[index]) for row in cells)
        table.add_column(column, justify="right" if number and cells else "left", overflow="fold")
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, tuple):
        return "x".join(str(v) for v in value)
    return "" if value is None else str(value)


def write_json(path: str | None, facts: Any) -> None:
    """Write a dataclass or mapping as JSON to a file or, for -, to standard output; nothing for None."""
    if path is None:
        return
    text = json.dumps({"tinycnn": __version__, **_plain(facts)}, indent=2) + "\n"
    if path == "-":
        click.echo(text, nl=False)
        return
    write_text(path, text, JSON_START)


def write_text(path: str, text: str, start: str) -> None:
    """Write a file that begins with `start`; one that exists is only replaced if it begins so too, hence is ours."""
    try:
        if Path(path).exists() and not Path(path).read_bytes().startswith(start.encode()):
            raise OutputError(f"{path} exists and tinycnn did not write it; choose another name.")
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror}.") from None


def quiet_if_stdout(json_path: str | None) -> None:
    """With `--json -` standard output belongs to the JSON: the tables go to standard error."""
    console.stderr = json_path == "-"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
