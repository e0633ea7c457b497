"""The data gate's verdict: which checks failed, in one line for a person and as JSON for later steps."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

from modules.dataset import DATASET
from tfx_pipeline.config.limits import EXPECTED, Limits
from tfx_pipeline.gate.check import Check
from tfx_pipeline.gate.drift_checks import check_pair
from tfx_pipeline.gate.near_checks import NamesOf, check_near, numbers
from tfx_pipeline.gate.near_images import NearImages
from tfx_pipeline.gate.profile import SplitProfile
from tfx_pipeline.gate.split_checks import EVERY_EXAMPLE, WRONG_LABELS, check_split
from tfx_pipeline.gate.tail_checks import check_tails
from tfx_pipeline.process.errors import UserError

OF_CLASSES: Final = frozenset({"max_class_deviation", "max_image_deviation"})
"""The limits on what each class looks like, which were measured."""

NOTHING_NEAR: Final = NearImages({}, {})

MEASURE: Final = "python -m tfx_pipeline.gate.measure --data-dir FOLDER"


class DataGateError(UserError):
    """The data lies beyond the limits; the message names the first anomaly and says how many there are.

    Attributes:
        report: What ``Report.to_dict`` gives, since a step that failed leaves no artifact.
    """

    def __init__(self, message: str, report: Mapping[str, Any] | None = None) -> None:
        """Takes the message and the report."""
        super().__init__(message)
        self.report = report


@dataclasses.dataclass(frozen=True)
class Report:
    """Everything that the data gate checked.

    Attributes:
        mode: "stop" or "warn".
        checks: Each check, passed or not.
        counts: Examples by split.
        left_out: What was not checked, for want of expected values.
    """

    mode: str
    checks: Sequence[Check]
    counts: Mapping[str, int]
    left_out: Sequence[str] = ()

    @property
    def anomalies(self) -> list[Check]:
        """The checks that failed, the most telling first."""
        return [check for check in self.checks if not check.ok]

    @property
    def headline(self) -> str:
        """The verdict in one line."""
        found = self.anomalies
        if not found:
            return f"{len(self.checks)} checks passed{self._without}"
        count = "1 anomaly" if len(found) == 1 else f"{len(found)} anomalies, the first"
        return f"{count}: {found[0]}"

    @property
    def _without(self) -> str:
        if not self.left_out:
            return ""
        names = ", ".join(self.left_out)
        return f"; each class's {names} not checked: measure what to expect with {MEASURE} and give it to --config"

    @property
    def _guess(self) -> str:
        """Where much of what is known of the classes is missed, it was probably measured on another data set."""
        of_classes = [check for check in self.checks if check.setting in OF_CLASSES]
        missed = sum(not check.ok for check in of_classes)
        if missed <= len(of_classes) / 3:
            return ""
        return (
            f"{missed} of {len(of_classes)} figures of the classes are not what the limits expect: if these are other "
            f"images than the limits were measured on, measure your own with {MEASURE} and give them to --config; else "
        )

    def to_dict(self) -> dict[str, Any]:
        """The report as what JSON can hold."""
        return {
            "mode": self.mode,
            "ok": not self.anomalies,
            "anomalies": len(self.anomalies),
            "headline": self.headline,
            "examples": dict(self.counts),
            "checks": [check.to_dict() for check in self.checks],
        }

    def enforce(self) -> None:
        """Stops the run where there are anomalies, unless they are only to be recorded and nothing fails by them.

        Raises:
            DataGateError: There are anomalies and the mode is "stop", or labels outside the classes in either mode.
        """
        found = self.anomalies
        if found and self.mode == "stop":
            setting = f"set data_gate.{found[0].setting} or " if found[0].setting else ""
            raise DataGateError(
                f"data gate: {self.headline}; {self._guess}correct the data or, if it is as it should be, {setting}"
                "record it with --data-gate warn (tfx_pipeline/config/limits.toml has the reasons)",
                self.to_dict(),
            )
        if unusable := [check for check in found if check.name == WRONG_LABELS]:  # no loss and no metric takes them
            names = f"the {len(DATASET.class_names)} class_names of modules/dataset.py"
            raise DataGateError(f"data gate: {unusable[0]}; number the labels from 0, in the order of {names}")


def judge(
    mode: str,
    profiles: Mapping[str, SplitProfile],
    common: Mapping[tuple[str, str], int],
    counted: Mapping[str, int],
    found: Sequence[Check],
    limits: Limits,
    near: NearImages = NOTHING_NEAR,
    names_of: NamesOf = numbers,
) -> Report:
    """Makes all checks.

    Args:
        mode: "stop" or "warn".
        profiles: What each split holds.
        common: Distinct images that stand in two splits, by the two names in the order of the profiles.
        counted: Examples that the statistics of each split were computed on.
        found: ExampleValidator's anomalies.
        limits: The limits in force.
        near: Images that are nearly the same.
        names_of: Names images of a split by their numbers.

    Returns:
        The report.
    """
    checks = [check for split, profile in profiles.items() for check in check_split(split, profile, limits)]
    for first, second in itertools.combinations(profiles, 2):
        shared = common.get((first, second), 0)
        checks += check_pair((first, second), profiles[first], profiles[second], shared, limits)
        checks += check_tails((first, second), profiles[first], profiles[second], limits)
    checks += check_near(near, profiles, limits, names_of)
    for split, count in counted.items():
        examples = profiles[split].examples
        checks.append(
            Check("examples in the statistics", split, count, "count", examples, examples, reason=EVERY_EXAMPLE)
        )
    checks += _unnamed(found, checks)
    left_out = [name.removeprefix("expected_").replace("_", " ") for name in EXPECTED if not getattr(limits, name)]
    return Report(mode, checks, {split: profile.examples for split, profile in profiles.items()}, left_out)


def _unnamed(found: Sequence[Check], checks: Sequence[Check]) -> list[Check]:
    """The validator's anomalies that no check names already: it finds wrong labels and missing values, too."""
    named = {(check.split, check.feature) for check in checks if check.feature and not check.ok}
    return [anomaly for anomaly in found if (anomaly.split, anomaly.feature) not in named]
