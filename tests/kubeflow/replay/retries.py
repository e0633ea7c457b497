"""When the server tries a step again: KFP's retry policy as Argo understands it.

Argo tells two classes of loss apart: `Failed`, the container ended with a code other than 0, and `Error`, the pod is
gone. Kubeflow Pipelines 2.16 leaves it to Argo's own policy, which knows the first alone; the workflow controller of
2.17 comes with a default for all workflows that knows the second alone.
"""

import dataclasses
from typing import Any, Final

FAILED: Final = "Failed"
LOST: Final = "Error"
RETRIED: Final = {"2.16": FAILED, "2.17": LOST}
DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "2.16": {},
    "2.17": {"maxRetryCount": 2, "backoffDuration": "0s", "backoffMaxDuration": "604800s"},
}
"""What holds for a step without a policy of its own: on 2.17, the controller's default, which waits for nothing."""


class BrokenPolicyError(Exception):
    """Argo cannot read the policy, and fails the step at its first retry."""


@dataclasses.dataclass
class Retries:
    """The retries of one step.

    Attributes:
        policy: The task's `retryPolicy`; {} without one.
        version: Of Kubeflow Pipelines.
    """

    policy: dict[str, Any]
    version: str
    done: int = 0
    waited: float = 0.0

    def again(self, loss: str) -> bool:
        """Whether there is another attempt, which begins after a wait that is only counted here.

        Args:
            loss: `FAILED` or `LOST`.

        Raises:
            BrokenPolicyError: The factor is no whole number.
        """
        policy = self.policy or DEFAULTS[self.version]
        if self.done >= int(policy.get("maxRetryCount", 0)) or loss != RETRIED[self.version]:
            return False
        factor = float(policy.get("backoffFactor", 1))
        if factor != int(factor):
            raise BrokenPolicyError(f"backoff factor {factor}")
        self.waited += _seconds(policy.get("backoffDuration", "0s")) * factor**self.done
        self.done += 1
        # The window counts from the start of the first attempt; without one, KFP passes 0.
        return self.waited < _seconds(policy.get("backoffMaxDuration", "0s"))


def _seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))
