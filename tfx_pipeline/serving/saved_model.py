"""Tells whether a version is a model of this pipeline's, by its files and its graph, without TensorFlow."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from modules.dataset import DATASET
from tfx_pipeline.serving.versions import SAVED_MODEL

_INDEX: Final = "variables/variables.index"
_SHARD: Final = re.compile(r"variables/variables\.data-\d+-of-(\d+)")
_STRING: Final = 7  # in TensorFlow's types.proto


class _Tensor(NamedTuple):
    """A tensor of a signature; None stands for a dimension of any size."""

    dtype: int
    shape: tuple[int | None, ...]


def problem_of(sizes: Mapping[str, int], graph: bytes) -> str | None:
    """Says what keeps a version from being compared with this pipeline's models.

    What only TensorFlow can tell, such as weights cut short, is left to whoever loads it.

    Args:
        sizes: The bytes of each of its files, by relative name.
        graph: The content of its ``saved_model.pb``.

    Returns:
        Words that follow on its name; None where nothing does.
    """
    if not graph:
        return f"its {SAVED_MODEL} is empty"
    try:
        return _variables_problem(sizes) or _graph_problem(dict(_fields(graph))[2])
    except (ValueError, TypeError, AttributeError, LookupError):  # what is no protobuf, or another one
        return f"its {SAVED_MODEL} is damaged"


def _variables_problem(sizes: Mapping[str, int]) -> str | None:
    shards = [match for name in sizes if (match := _SHARD.fullmatch(name))]
    missing = _INDEX if _INDEX not in sizes else "variables/variables.data-*"
    if _INDEX not in sizes or not shards or len(shards) != int(shards[0][1]):
        return f"it lacks {missing}"
    empty = [name for name in (_INDEX, *(shard[0] for shard in shards)) if not sizes[name]]
    return f"its {empty[0]} is empty" if empty else None


def _graph_problem(meta_graph: bytes) -> str | None:
    signatures = dict(_map(meta_graph, 5))
    if "serving_default" not in signatures:
        return "it has no signature serving_default"
    inputs, outputs = (dict(_tensors(signatures["serving_default"], side)) for side in (1, 2))
    if [tensor.dtype for tensor in inputs.values()] != [_STRING] or "probabilities" not in outputs:
        found = f"takes {', '.join(inputs) or 'nothing'} and gives {', '.join(outputs) or 'nothing'}"
        return f"its signature serving_default {found}, not serialized tf.Examples and probabilities"
    classes = outputs["probabilities"].shape[-1:]
    if classes != (DATASET.num_classes,):
        return (
            f"it tells {classes[0] if classes else 'no'} classes apart, and {DATASET.title} has {DATASET.num_classes}"
        )
    images = dict(_tensors(signatures.get("serving_images", b""), 1)).values()
    for shape in (tensor.shape[1:] for tensor in images):
        if shape != DATASET.image_shape:
            return f"it takes images of {_words(shape)} and not of {_words(DATASET.image_shape)}"
    return _class_names_problem(meta_graph) if "class_names" in outputs else None


def _words(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if size is None else str(size) for size in shape) or "no size"


def _class_names_problem(meta_graph: bytes) -> str | None:
    """Compares the class names, a constant of the graph; where no constant can be them, nobody can tell."""
    known = [texts for texts in _constants(meta_graph) if len(texts) == DATASET.num_classes]
    if not known or list(DATASET.class_names) in known:
        return None
    pairs = enumerate(zip(known[0], DATASET.class_names, strict=True))
    number, (found, expected) = next(pair for pair in pairs if pair[1][0] != pair[1][1])
    return f"its class {number} is {found!r}, and that of {DATASET.title} is {expected!r}"


def _constants(meta_graph: bytes) -> Iterator[list[str]]:
    """The texts of each constant in the graph: GraphDef.node.attr["value"].tensor.string_val."""
    for graph in _all(meta_graph, 2):
        for node in _all(graph, 1):
            if _all(node, 2) == [b"Const"]:
                for tensor in _all(dict(_map(node, 5)).get("value", b""), 8):
                    yield [text.decode("utf-8", "replace") for text in _all(tensor, 8)]


def _tensors(signature: bytes, side: int) -> Iterator[tuple[str, _Tensor]]:
    """The inputs, 1, or outputs, 2, of a SignatureDef by name."""
    for name, info in _map(signature, side):
        dtype, shape = sum(_all(info, 2)), b"".join(_all(info, 3))
        sizes = (sum(_all(dimension, 1)) for dimension in _all(shape, 2))
        yield name, _Tensor(dtype, tuple(None if size >= 1 << 63 else size for size in sizes))


def _map(message: bytes, number: int) -> Iterator[tuple[str, bytes]]:
    """The entries of a map field whose values are messages."""
    for entry in _all(message, number):
        fields = dict(_fields(entry))
        yield fields.get(1, b"").decode("utf-8"), fields.get(2, b"")


def _all(message: bytes, number: int) -> list[Any]:
    return [value for found, value in _fields(message) if found == number]


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a protobuf message in their order: number, and an integer or bytes.

    Raises:
        ValueError: It is none, or cut short.
    """
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        if key >> 3 == 0:
            raise ValueError("no field has the number 0")
        if key & 7 == 0:
            value, position = _varint(message, position)
            yield key >> 3, value
            continue
        if key & 7 == 2:  # noqa: PLR2004 - a length and so many bytes
            size, position = _varint(message, position)
        else:
            size = {1: 8, 5: 4}.get(key & 7, len(message))
        if position + size > len(message):
            raise ValueError("cut short")
        yield key >> 3, message[position : position + size]
        position += size


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """The integer at a position, and the position after it."""
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:  # noqa: PLR2004 - the last one
            return value, position
