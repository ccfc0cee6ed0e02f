"""What travels in an ONNX file beside the operators, so that loading an export again loses nothing."""

import json

from onnx import ModelProto, NodeProto

PRODUCER = "tinycnn"
"""producer_name of the files that we write."""
ORIGINS_KEY = "tinycnn.origins"
"""On a node: a JSON list of the names of the ONNX nodes that it came from."""
PREFIX = "tinycnn."
"""Metadata of a model that is ours begins with this."""


def graph_metadata(model: ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props if entry.key.startswith(PREFIX)}


def node_origins(node: NodeProto, name: str) -> tuple[str, ...]:
    """The recorded origins, or the node itself."""
    for entry in node.metadata_props:
        if entry.key == ORIGINS_KEY:
            try:
                origins = json.loads(entry.value)
            except (ValueError, RecursionError):
                break
            if isinstance(origins, list) and all(isinstance(origin, str) for origin in origins):
                return tuple(origins)
    return (name,)


def set_origins(node: NodeProto, origins: tuple[str, ...]) -> None:
    if origins != (node.name,):
        entry = node.metadata_props.add()
        entry.key, entry.value = ORIGINS_KEY, json.dumps(list(origins))


def set_graph_metadata(model: ModelProto, metadata: dict[str, str]) -> None:
    for key in sorted(metadata):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, metadata[key]
