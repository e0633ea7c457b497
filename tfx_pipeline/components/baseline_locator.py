"""baseline-locator: finds the pushed model against which the evaluator compares the new one."""

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Model

from tfx_pipeline.steps.baseline_locator import locate_baseline


@component
def BaselineLocator(  # noqa: N802 - TFX names function components like classes
    baseline: OutputArtifact[Model],
    serving_dir: Parameter[str],
    baseline_version: Parameter[str] = "newest",
) -> None:
    """Copies a pushed model into an artifact; see ``locate_baseline``.

    A Resolver would do the same locally, but open-source Kubeflow Pipelines cannot run one. It is a copy because
    Kubeflow uploads only what lies under the artifact's own URI.
    """
    locate_baseline(baseline, serving_dir, baseline_version)
