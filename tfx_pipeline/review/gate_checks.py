"""Reads what the data gate checked from its report."""

from collections.abc import Mapping
from typing import Any

from tfx_pipeline.gate.check import Check as GateCheck
from tfx_pipeline.review.content import Check, Gate


def read_gate(report: Mapping[str, Any]) -> Gate:
    """Puts the report of the data gate into words.

    Args:
        report: What ``tfx_pipeline.gate.report.Report.to_dict`` returned.

    Returns:
        The checks, those that did not pass first.
    """
    checks = sorted((_check(found) for found in report["checks"]), key=lambda check: check.passed)
    return Gate(report["headline"], tuple(checks))


def _check(found: Mapping[str, Any]) -> Check:
    names = ("name", "split", "figure", "unit", "low", "high")
    written = GateCheck(**{name: found[name] for name in names})
    subject = f"{found['name']}, {found['class']}" if found["class"] else found["name"]
    return Check(subject, found["split"], written.limit, written.written(found["figure"]), passed=found["ok"])
