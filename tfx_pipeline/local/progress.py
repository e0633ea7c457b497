"""How each component of a run went."""

from collections.abc import Sequence
from typing import Protocol

from tfx_pipeline.record.run_record import ComponentRun, State


class Display(Protocol):
    """What shows components as they come and go."""

    def started(self, component: str) -> None:
        """A component begins."""

    def finished(self, component: str, state: State, seconds: float) -> None:
        """A component ended after so many seconds."""

    def note(self, text: str) -> None:
        """Something that a person should know of, in one line."""


class Progress:
    """Remembers how each component went, and passes it on to a display.

    Attributes:
        components: By id, in their order of execution.
        executions: ML Metadata's execution of each component that finished.
    """

    def __init__(self, display: Display) -> None:
        """Begins with no components."""
        self._display = display
        self.components: dict[str, ComponentRun] = {}
        self.executions: dict[str, int] = {}

    def expect(self, components: Sequence[str]) -> None:
        """Names the components in their order, before any runs."""
        self.components = {name: ComponentRun(name, "not run", 0.0) for name in components}

    def started(self, component: str) -> None:
        """A component begins."""
        self._display.started(component)

    def finished(self, component: str, state: State, seconds: float, execution: int | None) -> None:
        """A component ended."""
        self.components[component] = ComponentRun(component, state, round(seconds, 3))
        if execution is not None:
            self.executions[component] = execution
        self._display.finished(component, state, seconds)

    def note(self, text: str) -> None:
        """Something that a person should know of, in one line."""
        self._display.note(text)
