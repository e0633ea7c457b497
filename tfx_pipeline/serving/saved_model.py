"""Tells whether a version is a model of this pipeline's, by its files and its graph, without TensorFlow."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from tensorboard.compat.proto import meta_graph_pb2, tensor_shape_pb2, types_pb2

from modules.dataset import DATASET
from tfx_pipeline.serving.versions import SAVED_MODEL

_INDEX: Final = "variables/variables.index"
_SIGNATURES: Final = ("serving_default", "serving_images")
_OUTPUTS: Final = {"logits", "probabilities", "classes", "class_names"}
_SHARD: Final = re.compile(r"variables/variables\.data-\d+-of-(\d+)")


def _saved_model_class() -> Any:
    """TensorFlow's SavedModel: all that it holds has a copy in TensorBoard, which does without TensorFlow."""
    file = descriptor_pb2.FileDescriptorProto(name="tfx_pipeline/saved_model.proto", syntax="proto3")
    file.dependency.append(meta_graph_pb2.DESCRIPTOR.name)
    graphs = file.message_type.add(name="SavedModel").field.add(name="meta_graphs", number=2)
    graphs.label, graphs.type = graphs.LABEL_REPEATED, graphs.TYPE_MESSAGE
    graphs.type_name = f".{meta_graph_pb2.MetaGraphDef.DESCRIPTOR.full_name}"
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("SavedModel"))


_SavedModel: Final = _saved_model_class()


def problem_of(sizes: Mapping[str, int], graph: bytes) -> str | None:
    """Says what keeps a version from being compared with this pipeline's models; None where nothing does.

    What only TensorFlow can tell, such as weights cut short, is left to whoever loads it.
    """
    if not graph:
        return f"its {SAVED_MODEL} is empty"
    try:
        graphs = _SavedModel.FromString(graph).meta_graphs
    except DecodeError:
        graphs = []
    if not graphs:
        return f"its {SAVED_MODEL} is damaged"
    return _variables_problem(sizes) or _graph_problem(graphs[0])


def is_ours(sizes: Mapping[str, int], graph: bytes) -> bool:
    """Whether a version is this pipeline's to delete: it has the signatures of ``modules.serving``."""
    if problem_of(sizes, graph):
        return False
    signatures = _SavedModel.FromString(graph).meta_graphs[0].signature_def
    return all(name in signatures and signatures[name].outputs.keys() == _OUTPUTS for name in _SIGNATURES)


def _variables_problem(sizes: Mapping[str, int]) -> str | None:
    shards = [match for name in sizes if (match := _SHARD.fullmatch(name))]
    missing = _INDEX if _INDEX not in sizes else "variables/variables.data-*"
    if _INDEX not in sizes or not shards or len(shards) != int(shards[0][1]):
        return f"it lacks {missing}"
    empty = [name for name in (_INDEX, *(shard[0] for shard in shards)) if not sizes[name]]
    return f"its {empty[0]} is empty" if empty else None


def _graph_problem(graph: meta_graph_pb2.MetaGraphDef) -> str | None:
    if "serving_default" not in graph.signature_def:
        return "it has no signature serving_default"
    signature = graph.signature_def["serving_default"]
    inputs, outputs = signature.inputs, signature.outputs
    if [tensor.dtype for tensor in inputs.values()] != [types_pb2.DT_STRING] or "probabilities" not in outputs:
        found = f"takes {', '.join(sorted(inputs)) or 'nothing'} and gives {', '.join(sorted(outputs)) or 'nothing'}"
        return f"its signature serving_default {found}, not serialized tf.Examples and probabilities"
    classes = _sizes(outputs["probabilities"].tensor_shape)[-1:]
    if classes != (DATASET.num_classes,):
        found = str(classes[0]) if classes else "no"
        return f"it tells {found} classes apart, and {DATASET.title} has {DATASET.num_classes}"
    images = graph.signature_def["serving_images"].inputs if "serving_images" in graph.signature_def else {}
    for shape in (_sizes(tensor.tensor_shape)[1:] for tensor in images.values()):
        if shape != DATASET.image_shape:
            return f"it takes images of {_words(shape)} and not of {_words(DATASET.image_shape)}"
    return _class_names_problem(graph) if "class_names" in outputs else None


def _sizes(shape: tensor_shape_pb2.TensorShapeProto) -> tuple[int | None, ...]:
    """The dimensions of a tensor; None for one of any size."""
    return tuple(None if dimension.size < 0 else dimension.size for dimension in shape.dim)


def _words(shape: tuple[int | None, ...]) -> str:
    return " x ".join("any" if size is None else str(size) for size in shape) or "no size"


def _class_names_problem(graph: meta_graph_pb2.MetaGraphDef) -> str | None:
    """Compares the class names, a constant of the graph; where no constant can be them, nobody can tell."""
    known = [texts for texts in _constants(graph) if len(texts) == DATASET.num_classes]
    if not known or list(DATASET.class_names) in known:
        return None
    pairs = enumerate(zip(known[0], DATASET.class_names, strict=True))
    number, (found, expected) = next(pair for pair in pairs if pair[1][0] != pair[1][1])
    return f"its class {number} is {found!r}, and that of {DATASET.title} is {expected!r}"


def _constants(graph: meta_graph_pb2.MetaGraphDef) -> Iterator[list[str]]:
    """The texts of each constant in the graph."""
    for node in graph.graph_def.node:
        if node.op == "Const":
            yield [text.decode("utf-8", "replace") for text in node.attr["value"].tensor.string_val]
