"""Values as Kubernetes takes them, for the configuration; a wrong one is refused, saying what is expected."""

import re
from typing import Annotated

from pydantic import AfterValidator

_NAME = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
_LABEL_PART = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_EFFECT = r"(:(NoSchedule|PreferNoSchedule|NoExecute))?"


def _pattern(pattern: str, expectation: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(f"expected {expectation}")
        return value

    return AfterValidator(check)


def is_namespace(text: str) -> bool:
    """Whether a text can be the name of a namespace of Kubernetes."""
    return re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", text) is not None


def is_name(text: str) -> bool:
    """Whether a text can be the name of an object of Kubernetes."""
    return re.fullmatch(_NAME, text) is not None


_QUANTITY = r"[0-9]{1,12}(\.[0-9]{1,9})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?"

Quantity = Annotated[str, _pattern(_QUANTITY, "a quantity of Kubernetes, such as 500m, 2 or 4Gi")]
"""Cores ("500m", "2") or bytes ("2Gi")."""

Size = Annotated[str, _pattern(rf"(?=[0.]*[1-9]){_QUANTITY}", "a size above 0, such as 4Gi")]
"""Bytes of a volume."""


def _by_digest(image: str) -> str:
    """``name:tag@digest`` becomes ``name@digest``: a node fetches by it anyway, and some engines refuse both."""
    name, at, digest = image.partition("@")
    if not at:
        return image
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}@{digest}"


Image = Annotated[
    str,
    _pattern(
        r"[A-Za-z0-9\[][-A-Za-z0-9_.:/\[\]]{0,500}(@sha256:[0-9a-f]{64})?",
        "the name of an image, such as registry.example.org/fashion-mnist:1.0, or with @sha256: and 64 hex digits",
    ),
    AfterValidator(_by_digest),
]
"""A name with a digest has no tag: the digest says which content, and says it for ever."""

Name = Annotated[str, _pattern(_NAME, "a name of Kubernetes: lower case letters, digits, hyphens and dots")]
"""The name of an object."""

FlinkVersion = Annotated[str, _pattern(r"1\.(19|[2-9]\d)|[2-9]\.\d", "two numbers such as 1.19, or later")]

SecretName = Annotated[str, _pattern(rf"{_NAME}\??", "a Secret's name, with ? at the end where it may be missing")]

SecretKey = Annotated[
    str, _pattern(rf"{_NAME}/[-._A-Za-z0-9]+\??", "SECRET/KEY, with ? at the end where it may be missing")
]

ResourceName = Annotated[str, _pattern(rf"{_NAME}/{_LABEL_PART}", "a resource's name, such as nvidia.com/gpu")]

MountPath = Annotated[str, _pattern(r"/[^:\s]+", "an absolute path in the container, such as /models")]

EnvName = Annotated[str, _pattern(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable")]

LabelName = Annotated[str, _pattern(rf"({_NAME}/)?{_LABEL_PART}", "a name such as team or example.org/team")]

LabelValue = Annotated[str, _pattern(rf"({_LABEL_PART})?", "at most 63 letters, digits, hyphens, underscores and dots")]

Toleration = Annotated[
    str,
    _pattern(
        rf"({_NAME}/)?{_LABEL_PART}(=({_LABEL_PART})?)?{_EFFECT}",
        "KEY, KEY=VALUE, KEY:EFFECT or KEY=VALUE:EFFECT with the effect NoSchedule, PreferNoSchedule or NoExecute",
    ),
]

Endpoint = Annotated[str, _pattern(r"https?://[^/\s]+/?", "an address such as http://minio-service.kubeflow:9000")]
