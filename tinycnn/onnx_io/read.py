"""From the bytes of a file to a checked ModelProto. The file is untrusted: sizes and paths are checked first."""

from pathlib import Path
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from onnx import ModelProto, TensorProto

from tinycnn.errors import ModelError

MAX_MODEL_BYTES = 2**31 - 1
"""Protobuf's own limit for one file, external data included here."""


def read_model(path: str | Path) -> ModelProto:
    """Parse and check an ONNX file; ModelError when there is none, it is cut short, or it is not valid ONNX."""
    path = Path(path)
    content = _read_bytes(path)
    model = ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        raise ModelError(f"{path} is not an ONNX model, or it was cut short: it cannot be parsed.") from None
    if not model.HasField("graph") or not model.opset_import:
        raise ModelError(f"{path} is not an ONNX model: it has no graph or names no operator set.")
    if not _is_text(model):
        raise ModelError(f"{path} is damaged: it has a name that is not UTF-8.")
    _load_external_data(model, path, MAX_MODEL_BYTES - len(content))
    _declare_missing_shapes(model)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ModelError(f"{path} is not a valid ONNX model: {_one_line(error)}.") from None
    return model


def _read_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ModelError(f"{path} is a folder, not an ONNX model.")
        if not path.is_file():
            raise ModelError(f"There is no model file {path}.")
        size = path.stat().st_size
        if size > MAX_MODEL_BYTES:
            raise ModelError(f"{path} has {size:,} bytes; an ONNX file has at most {MAX_MODEL_BYTES:,}.")
        if size == 0:
            raise ModelError(f"{path} is empty.")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from None


def _is_text(message: Message) -> bool:
    """Whether all strings in a message are UTF-8; protobuf gives the others as bytes."""
    for field, value in message.ListFields():
        values: list[Any] = [value] if isinstance(value, str | bytes | Message) else value
        if field.type == FieldDescriptor.TYPE_STRING and any(isinstance(item, bytes) for item in values):
            return False
        if field.type == FieldDescriptor.TYPE_MESSAGE and not all(_is_text(item) for item in values):
            return False
    return True


def _load_external_data(model: ModelProto, path: Path, budget_bytes: int) -> None:
    """Read initializers that lie in files beside the model, at most `budget_bytes` of them."""
    for tensor in model.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        try:
            location = _beside(path, entries.get("location", ""))
            if location is None:
                raise ModelError(
                    f"{path} keeps {tensor.name!r} in {entries.get('location')!r}, which is outside the model's own"
                    " folder or not there."
                )
            size_bytes = location.stat().st_size
            offset_bytes = int(entries.get("offset", 0))
            length_bytes = int(entries.get("length", size_bytes - offset_bytes))
            if offset_bytes < 0 or length_bytes < 0 or offset_bytes + length_bytes > size_bytes:
                raise ModelError(
                    f"{path} keeps {tensor.name!r} in {location.name!r} at bytes {offset_bytes:,} to"
                    f" {offset_bytes + length_bytes:,}, but that file has {size_bytes:,} bytes."
                )
            budget_bytes -= length_bytes
            if budget_bytes < 0:
                raise ModelError(f"{path} and the files beside it have more than {MAX_MODEL_BYTES:,} bytes.")
            with location.open("rb") as file:
                file.seek(offset_bytes)
                tensor.raw_data = file.read(length_bytes)
        except (OSError, RuntimeError, ValueError) as error:  # odd paths, loops of links, offsets that are no numbers
            raise ModelError(f"{path} keeps {tensor.name!r} where it cannot be read: {_one_line(error)}.") from None
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]


def _beside(path: Path, location: str) -> Path | None:
    """The file at `location` in the folder of `path`, or None when it is not there or leaves it, by a link too."""
    folder = path.resolve().parent
    resolved = (folder / location).resolve()
    return resolved if resolved.is_relative_to(folder) and resolved.is_file() else None


def _declare_missing_shapes(model: ModelProto) -> None:
    """Give inputs and outputs without a shape an empty one, which the checker takes; the importer asks for another."""
    for value in (*model.graph.input, *model.graph.output):
        if value.type.HasField("tensor_type") and not value.type.tensor_type.HasField("shape"):
            value.type.tensor_type.shape.SetInParent()


def _one_line(error: Exception) -> str:
    """The message of an error without its context and without the full stop."""
    return " ".join(str(error).split("==>")[0].split()).rstrip(".")
