"""pusher: publishes a blessed model to the serving directory, whole or not at all."""

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Model, ModelBlessing, ModelEvaluation, PushedModel

from tfx_pipeline.steps.pusher import push_model


@component
def Pusher(  # noqa: N802 - TFX names function components like classes
    model: InputArtifact[Model],
    model_blessing: InputArtifact[ModelBlessing],
    pushed_model: OutputArtifact[PushedModel],
    baseline_model: InputArtifact[Model],
    evaluation: InputArtifact[ModelEvaluation],
    serving_dir: Parameter[str],
    keep_versions: Parameter[int],
) -> None:
    """Pushes the model with its card if it is blessed, and deletes old versions; see ``push_model``.

    TFX's own Pusher copies in place, so that a server may load half a model, and its destination is not a parameter
    that Kubeflow can ask for on its "Create run" page.
    """
    push_model(model, model_blessing, pushed_model, serving_dir, evaluation, baseline_model, keep_versions)
