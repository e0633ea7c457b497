"""TensorBoard finds everything of a run under the run's name."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer as PluginEventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import api_pb2, list_session_groups, plugin_data_pb2
from tensorboard.plugins.hparams.backend_context import Context

from modules.dataset import DATASET
from tfx_pipeline.review.content import Review, Trial
from tfx_pipeline.review.inputs import ReviewInputs
from tfx_pipeline.review.tensorboard_writer import BY_CLASS, TRIAL_ACCURACY, write_tensorboard


@pytest.fixture(scope="module")
def directory(review: Review, review_inputs: ReviewInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("logs") / "a run"
    write_tensorboard(review, str(directory), review_inputs.training_logs, "a run")
    return directory


@pytest.fixture(scope="module")
def events(directory: Path) -> EventAccumulator:
    return EventAccumulator(str(directory), size_guidance={"tensors": 0}).Reload()


def value(events: EventAccumulator, tag: str) -> np.ndarray:
    """The one value of a tag."""
    (event,) = events.Tensors(tag)
    return tf.make_ndarray(event.tensor_proto)


def in_tag(name: str) -> str:
    return name.replace("/", "\u2215")


def plugin(events: EventAccumulator, name: str) -> dict[str, bytes]:
    """The tags of a plugin."""
    return events.PluginTagToContent(name)


def test_scalars_are_the_reviews(events: EventAccumulator, review: Review) -> None:
    assert value(events, "evaluation/accuracy") == pytest.approx(review.model.overall.accuracy)
    for scores in review.model.classes:
        name = in_tag(scores.name)
        assert value(events, f"{BY_CLASS}_recall/{name}") == pytest.approx(scores.recall)
        assert value(events, f"{BY_CLASS}_precision/{name}") == pytest.approx(scores.precision)


def test_no_tag_opens_a_group_of_its_own(events: EventAccumulator) -> None:
    groups = {tag.partition("/")[0] for tag in plugin(events, "scalars")}
    assert groups == {"evaluation", *(f"{BY_CLASS}_{measure}" for measure in ("precision", "recall", "F1", "AUC"))}
    assert all(tag.count("/") == 1 for tag in plugin(events, "scalars"))


def test_pictures_are_large_enough_to_read(events: EventAccumulator) -> None:
    tags = plugin(events, "images")
    assert set(tags) == {"review_confusion_matrix", "review_worst_mistakes", "review_calibration"}
    for tag in tags:
        width, height, _ = value(events, tag)
        assert int(width) > 700
        assert int(height) > 600


def test_each_class_has_a_pr_curve(events: EventAccumulator, review: Review) -> None:
    curves = plugin(events, "pr_curves")
    assert len(curves) == len(DATASET.class_names)
    for curve in review.predictions.curves:
        (tag,) = [tag for tag in curves if f"/{in_tag(curve.name)}/" in tag]
        true_positives, false_positives, true_negatives, false_negatives, precision, recall = value(events, tag)
        assert (true_positives + false_negatives == curve.positives).all()
        assert (false_positives + true_negatives == curve.negatives).all()
        assert recall == pytest.approx(true_positives / curve.positives)
        assert (precision[0], recall[0]) == pytest.approx((curve.positives / 1000, 1))


def test_texts_tell_the_verdict_and_the_configuration(events: EventAccumulator, review: Review) -> None:
    assert review.verdict.headline in value(events, "1_verdict").item().decode()
    configuration = value(events, "6_configuration").item().decode()
    assert "| learning_rate | 0.001 |" in configuration
    assert "| kept epoch | 2, the last |" in configuration


def test_hparams_hold_the_configuration_and_name_metrics_that_exist(events: EventAccumulator) -> None:
    contents = {
        tag: plugin_data_pb2.HParamsPluginData.FromString(content) for tag, content in plugin(events, "hparams").items()
    }
    start = contents["_hparams_/session_start_info"].session_start_info
    assert start.group_name == "a run"
    assert start.hparams["epochs"].number_value == 2
    experiment = contents["_hparams_/experiment"].experiment
    scalars = plugin(events, "scalars")
    # Columns of all runs are those of one of them, which may not be the one that has trials.
    assert {metric.name.tag for metric in experiment.metric_infos} - scalars.keys() == {TRIAL_ACCURACY}


def test_hparams_compares_the_trials_of_a_search_beside_a_run_without_one(review: Review, tmp_path: Path) -> None:
    trials = (
        Trial(1, 0.75, {"learning_rate": 0.5, "batch_size": 16}),
        Trial(2, None, {"learning_rate": 9.0, "batch_size": 32}),
    )
    write_tensorboard(review, str(tmp_path / "1"), "/nowhere", "1")
    write_tensorboard(dataclasses.replace(review, trials=trials), str(tmp_path / "2"), "/nowhere", "2")
    runs = PluginEventMultiplexer()
    runs.AddRunsFromDirectory(str(tmp_path)).Reload()
    context = Context(TBContext(data_provider=MultiplexerDataProvider(runs, str(tmp_path))))
    wanted = [api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE]
    request = api_pb2.ListSessionGroupsRequest(slice_size=9, allowed_statuses=wanted)
    groups = list_session_groups.Handler(RequestContext(), context, "", request).run().session_groups
    shown = {group.sessions[0].name: group for group in groups}
    assert shown.keys() == {"1", "2", "2/trials/1", "2/trials/2"}
    assert [shown[f"2/trials/{n}"].hparams["learning_rate"].number_value for n in (1, 2)] == [0.5, 9.0]
    assert shown["2/trials/1"].hparams["epochs"] == shown["2"].hparams["epochs"]
    scores = {name: {m.name.tag: m.value for m in group.metric_values} for name, group in shown.items()}
    assert scores["2/trials/1"] == {TRIAL_ACCURACY: 0.75}
    assert scores["2/trials/2"] == {}
    assert shown["2/trials/2"].sessions[0].status == api_pb2.STATUS_FAILURE


def test_the_trainings_curves_stand_below_the_same_name(directory: Path, review: Review) -> None:
    for split in ("train", "validation"):
        assert list((directory / split).glob("events.out.tfevents.*"))
    accuracy = {curve.split: curve for curve in review.training if curve.metric == "accuracy"}
    assert accuracy["train"].epochs == accuracy["validation"].epochs == (1, 2)
    assert accuracy["validation"].values[-1] == pytest.approx(review.model.overall.accuracy, abs=1e-3)
