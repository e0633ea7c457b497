"""What the inputs of a step hold: one that is damaged is named, with the step that made it."""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tfx_pipeline.process.errors import UserError, causes, flat
from tfx_pipeline.serving.versions import SAVED_MODEL, SERVING_FORMAT
from tfx_pipeline.steps.table import (
    BASELINE_LOCATOR,
    DATA_GATE,
    EVALUATOR,
    EXAMPLE_GEN,
    EXAMPLE_VALIDATOR,
    SCHEMA_IMPORT,
    SOURCE_CHECKOUT,
    STATISTICS_GEN,
    TRAINER,
    TRANSFORM,
    TUNER,
)

PRODUCERS: Final = {
    "examples": EXAMPLE_GEN.name,
    "statistics": STATISTICS_GEN.name,
    "schema": SCHEMA_IMPORT.name,
    "anomalies": EXAMPLE_VALIDATOR.name,
    "data_gate": DATA_GATE.name,
    "transform_graph": TRANSFORM.name,
    "hyperparameters": TUNER.name,
    "tuner_results": TUNER.name,
    "model": TRAINER.name,
    "model_run": TRAINER.name,
    "baseline_model": BASELINE_LOCATOR.name,
    "evaluation": EVALUATOR.name,
    "blessing": EVALUATOR.name,
    "model_blessing": EVALUATOR.name,
    "source": SOURCE_CHECKOUT.name,
}
"""The step that makes each input, by its key."""

_NEEDED: Final = {
    "statistics": ["FeatureStats.pb"],
    "schema": ["schema.pbtxt"],
    "transform_graph": [f"transform_fn/{SAVED_MODEL}", "transformed_metadata/schema.pbtxt"],
    "hyperparameters": ["best_hyperparameters.txt"],
    "tuner_results": ["tuner_results.json"],
    "model": [f"{SERVING_FORMAT}/{SAVED_MODEL}", f"{SERVING_FORMAT}/variables/variables.index"],
}
"""Files that are never empty, by an input's key; in the folder of each split where the input has splits."""

_DAMAGE: Final = re.compile(r"DataLoss|corrupt|truncat|inflate|decompress|zlib|gzip|crc", re.IGNORECASE)
"""What libraries say of examples that are damaged; all of them are read again only then."""

_LONGEST: Final = 200


class Input(NamedTuple):
    """An artifact that a step reads: its key among the step's inputs, where it lies, and its splits."""

    key: str
    path: Path
    splits: tuple[str, ...] = ()

    @property
    def folders(self) -> list[Path]:
        """The folder of each split, or its own."""
        return [self.path / f"Split-{split}" for split in self.splits] or [self.path]


def damaged(given: Input, file: Path, what: str) -> UserError:
    """The line on an input of which a file is not what its step wrote."""
    producer = PRODUCERS.get(given.key, "an earlier step")
    return UserError(f"{file}: {what}, which is not what {producer} left; run again with --no-cache")


@contextlib.contextmanager
def named_damage(inputs: Sequence[Input]) -> Iterator[None]:
    """Names an input that is damaged, before a step reads it or instead of what a library says of it.

    Args:
        inputs: What the step reads, on this machine.

    Raises:
        UserError: A file of an input is missing, empty or cannot be read.
        Exception: What the step raised for another reason.
    """
    for given in inputs:
        for file, what in _missing(given):
            raise damaged(given, file, what)
    try:
        yield
    except Exception as error:
        found = list(causes(error))
        if not any(isinstance(cause, UserError) for cause in found):
            words = " ".join(f"{type(cause).__name__} {cause}" for cause in found)
            for given in inputs:
                for file, reason in _unreadable(given, words):
                    raise damaged(given, file, f"cannot be read ({flat(reason)[:_LONGEST]})") from error
        raise


def _missing(given: Input) -> Iterator[tuple[Path, str]]:
    needed = [folder / name for folder in given.folders for name in _NEEDED.get(given.key, [])]
    if given.key == "examples":
        for folder in given.folders:
            files = sorted(folder.iterdir()) if folder.is_dir() else []
            needed += files or [folder]
    for file in needed:
        if not file.exists():
            yield file, "is missing"
        elif file.is_dir():
            yield file, "has no files"
        elif not file.stat().st_size:
            yield file, "is empty"
        elif given.key == "schema" and b"feature" not in file.read_bytes():
            yield file, "has no features"


def _unreadable(given: Input, words: str) -> Iterator[tuple[Path, Exception]]:
    """Reads an input as steps do; ``words`` are what a library said."""
    for file, read in _readers(given, words):
        try:
            read(file)
        except Exception as error:  # noqa: BLE001 - each library has errors of its own
            yield file, error


def _readers(given: Input, words: str) -> Iterator[tuple[Path, Callable[[Path], Any]]]:
    saved_models = {"transform_graph": "transform_fn", "model": SERVING_FORMAT, "baseline_model": SERVING_FORMAT}
    if given.key == "examples" and _DAMAGE.search(words):
        yield from ((file, _read_records) for folder in given.folders for file in sorted(folder.iterdir()))
    elif given.key == "statistics":
        yield from ((folder / "FeatureStats.pb", _read_statistics) for folder in given.folders)
    elif given.key == "anomalies":
        yield from ((folder / "SchemaDiff.pb", _read_anomalies) for folder in given.folders)
    elif given.key == "schema":
        yield given.path / "schema.pbtxt", _read_schema
    elif given.key == "data_gate":
        yield given.path, lambda file: json.loads(file.read_bytes())
    elif given.key in ("hyperparameters", "tuner_results"):
        yield given.path / _NEEDED[given.key][0], lambda file: json.loads(file.read_bytes())
    elif given.key == "evaluation":
        yield given.path, _read_evaluation
    elif given.key in saved_models and any(given.path.glob("*")):
        yield given.path / saved_models[given.key], _read_saved_model


def _read_records(file: Path) -> None:
    import tensorflow as tf  # noqa: PLC0415 - only where something failed; so below

    for _ in tf.data.TFRecordDataset(str(file), "GZIP"):
        pass


def _read_statistics(file: Path) -> None:
    from tensorflow_data_validation.utils import stats_util  # noqa: PLC0415

    _ = stats_util.load_stats_binary(str(file)).datasets[0]


def _read_anomalies(file: Path) -> None:
    from tensorflow_data_validation.utils import anomalies_util  # noqa: PLC0415

    anomalies_util.load_anomalies_binary(str(file))


def _read_schema(file: Path) -> None:
    from google.protobuf import text_format  # noqa: PLC0415
    from tensorflow_metadata.proto.v0 import schema_pb2  # noqa: PLC0415

    text_format.Parse(file.read_text(encoding="utf-8"), schema_pb2.Schema())


def _read_evaluation(directory: Path) -> None:
    from tfx_pipeline.evaluation.results import read_evaluation  # noqa: PLC0415

    read_evaluation(str(directory))


def _read_saved_model(directory: Path) -> None:
    import tensorflow as tf  # noqa: PLC0415

    tf.saved_model.load(str(directory))
