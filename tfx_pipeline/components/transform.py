"""The executor of transform in packages that were compiled when it counted examples: TFX's own."""

from tfx.components.transform.executor import Executor as Executor  # noqa: PLC0414 - what such a package names
