"""source-checkout: the code that later steps import as ``modules``, from a Git repository instead of the image.

How it reaches them: the checkout is an artifact, an input ``source`` of each step that runs the user's code. On
Kubeflow, the entrypoint takes that input out of the step's inputs before anything else is imported, and puts its
directory first on Python's path (``tfx_pipeline.kubeflow.step.modules_checkout``), so TFX's own components need not
know of it. The artifact holds ``modules`` alone: a repository that is a copy of this project does not replace
``tfx_pipeline`` as well.

An artifact rather than the run's workspace volume: Kubeflow's cache then knows the code as an input. A branch that
moved is another artifact, so transform and trainer run again; a full commit is the same artifact, so nothing does.
A volume is empty in the next run, when the cache says that the checkout is done, and takes a storage class.
"""

from tfx.dsl.component.experimental.annotations import OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.types.artifact import Artifact

from tfx_pipeline.steps.git import CHECKOUT_KEY
from tfx_pipeline.steps.source_checkout import SSH_MOUNT, TOKEN_MOUNT, GitRepository, check_out_modules
from tfx_pipeline.steps.table import SOURCE_CHECKOUT


class Checkout(Artifact):
    """A directory that holds ``modules``; its custom property ``commit`` says of which commit."""

    TYPE_NAME = "git.Checkout"


@component
def SourceCheckout(  # noqa: N802 - TFX names function components like classes
    source: OutputArtifact[Checkout],
    repo_url: Parameter[str],
    repo_ref: Parameter[str],
    ssh_secret: Parameter[str],
    ssh_dir: Parameter[str],
    token_secret: Parameter[str],
    token_dir: Parameter[str],
) -> None:
    """Fetches one revision and writes its ``modules``; see ``check_out_modules``."""
    check_out_modules(
        source=source,
        repo_url=repo_url,
        repo_ref=repo_ref,
        ssh_secret=ssh_secret,
        ssh_dir=ssh_dir,
        token_secret=token_secret,
        token_dir=token_dir,
    )


def source_checkout(repository: GitRepository) -> BaseComponent:
    """Makes the step that checks out ``modules`` of a repository."""
    return SourceCheckout(
        repo_url=repository.url,
        repo_ref=repository.ref,
        ssh_secret=repository.ssh_secret,
        ssh_dir=SSH_MOUNT,
        token_secret=repository.token_secret,
        token_dir=TOKEN_MOUNT,
    ).with_id(SOURCE_CHECKOUT.name)


def run_code_from(checkout: BaseComponent, *steps: BaseComponent) -> None:
    """Makes steps import ``modules`` from a checkout.

    Args:
        checkout: What ``source_checkout`` made.
        steps: The components, TFX's own among them; each gets the input ``source``.
    """
    for step in steps:
        step.spec.inputs[CHECKOUT_KEY] = checkout.outputs[CHECKOUT_KEY]
