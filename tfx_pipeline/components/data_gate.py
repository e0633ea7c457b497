"""data-gate: looks at every example and stops the run before training when the data is not what it must be."""

import json
import logging
from typing import Any, Final, get_args

from tensorflow_data_validation.utils import anomalies_util
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import Artifact, BaseChannel, artifact_utils, channel_utils, component_spec, standard_artifacts

from tfx_pipeline.components.statistics_gen import counted_examples
from tfx_pipeline.config.limits import Limits, Mode
from tfx_pipeline.data.origin import origins
from tfx_pipeline.gate.anomalies import checks_of
from tfx_pipeline.gate.beam import profile_splits
from tfx_pipeline.gate.likeness import Likeness
from tfx_pipeline.gate.near_images import NearImages
from tfx_pipeline.gate.profile import SplitProfile
from tfx_pipeline.gate.repetitions import Pair
from tfx_pipeline.gate.report import Report, judge
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.record.splits import require_all, split_files
from tfx_pipeline.steps.table import DATA_GATE

logger = logging.getLogger(__name__)

REPORT_KEY: Final = "report"


class DataGateSpec(component_spec.ComponentSpec):
    """data-gate's contract.

    ``mode`` is "stop" or "warn"; ``limits`` holds the values of ``Limits`` as JSON, so that a cached result is tied to
    them. ``report`` receives ``Report.to_dict``; where the run is stopped there is none, and the log has the checks.
    """

    PARAMETERS = {  # noqa: RUF012 - TFX's form
        "mode": component_spec.ExecutionParameter(type=str),
        "limits": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
    }
    # A standard type: Kubeflow keeps a type's name only, and would have to be told the class of one of our own.
    OUTPUTS = {REPORT_KEY: component_spec.ChannelParameter(type=standard_artifacts.JsonValue)}  # noqa: RUF012


class Executor(base_beam_executor.BaseBeamExecutor):
    """Profiles the splits file by file, merges the profiles and compares them with the limits."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Checks the data; see ``DataGateSpec`` for the keys of the three dictionaries.

        Raises:
            DataGateError: The data lies beyond a limit and the mode is "stop".
            UserError: The mode is another word, or there are other examples than example-gen wrote.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        mode = exec_properties["mode"]
        if mode not in get_args(Mode):
            expected = " or ".join(get_args(Mode))
            raise UserError(f"data gate: got the mode {mode!r}, expected {expected}; start the run with one")
        limits = Limits.model_validate_json(exec_properties["limits"])
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        profiles, common, near = self._profile(examples, limits)
        require_all(DATA_GATE.name, examples, {split: profile.examples for split, profile in profiles.items()})
        report = judge(
            mode,
            profiles,
            common,
            counted_examples(artifact_utils.get_single_instance(input_dict["statistics"])),
            _found(input_dict["anomalies"]),
            limits,
            near,
            lambda split, indices: [f"{split} {name}" for name in origins(examples.uri, split, indices)],
        )
        _log(report)
        report.enforce()
        artifact_utils.get_single_instance(output_dict[REPORT_KEY]).value = report.to_dict()

    def _profile(
        self, examples: Artifact, limits: Limits
    ) -> tuple[dict[str, SplitProfile], dict[Pair, int], NearImages]:
        splits = artifact_utils.decode_split_names(examples.split_names)
        result = f"{self._get_tmp_dir()}profiles.json"
        with self._make_beam_pipeline() as pipeline:
            profile_splits(pipeline, split_files(examples, splits), result, Likeness.of(limits))
        with fileio.open(result, "r") as file:
            content = json.load(file)
        profiles = {split: SplitProfile.from_dict(content["profiles"].get(split, {})) for split in splits}
        common = {(first, second): count for first, second, count in content["common"]}
        return profiles, common, NearImages.from_json(content["near"])


def _found(anomalies: list[Artifact]) -> list[Any]:
    """What ExampleValidator found in any split."""
    return [
        check
        for split in artifact_utils.decode_split_names(artifact_utils.get_single_instance(anomalies).split_names)
        for check in checks_of(
            split,
            anomalies_util.load_anomalies_binary(f"{artifact_utils.get_split_uri(anomalies, split)}/SchemaDiff.pb"),
        )
    ]


def _log(report: Report) -> None:
    passed = [check for check in report.checks if check.ok]
    for check in passed:
        logger.info("passed: %s", check)
    for check in report.checks:
        if not check.ok:
            logger.error("anomaly: %s", check)
    logger.info("%d of %d checks passed", len(passed), len(report.checks))


class DataGate(base_beam_component.BaseBeamComponent):
    """Compares every example with the reviewed limits.

    ExampleValidator only records, and sees no pixels in an image that is one value of bytes.
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self, *, examples: BaseChannel, statistics: BaseChannel, anomalies: BaseChannel, mode: Any, limits: Limits
    ) -> None:
        """Makes a data gate.

        Args:
            examples: Raw tf.Examples.
            statistics: StatisticsGen's output for them.
            anomalies: ExampleValidator's output for them.
            mode: "stop" or "warn", or a runtime parameter.
            limits: The limits in force.
        """
        super().__init__(
            DataGateSpec(
                examples=examples,
                statistics=statistics,
                anomalies=anomalies,
                mode=mode,
                limits=limits.model_dump_json(),
                report=channel_utils.as_channel([standard_artifacts.JsonValue()]),
            )
        )
