"""What a person sees of a run: a row a component, the epochs, a summary."""

import logging
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console as RichConsole
from rich.status import Status

from tfx_pipeline.process.redaction import redact
from tfx_pipeline.record.run_record import State

MARKS: dict[State, str] = {
    "succeeded": "[green]✓[/]",
    "cached": "[cyan]↺[/]",
    "failed": "[red]✗[/]",
    "not run": "[dim]·[/]",
}


class Console:
    """Writes to the terminal; elsewhere, the same lines without colour and spinner."""

    def __init__(self, stream: TextIO) -> None:
        """Makes a console.

        Args:
            stream: Where it writes.
        """
        self._console = RichConsole(file=stream, highlight=False, emoji=False, soft_wrap=True)
        self._status: Status | None = None

    def line(self, text: str = "", style: str = "") -> None:
        """Writes one line, without secrets."""
        self._console.print(redact(text), style=style, markup=False)

    def started(self, component: str) -> None:
        """Shows a spinner while a component runs, where the output is a terminal."""
        if self._console.is_terminal:
            self._status = self._console.status(component)
            self._status.start()

    def finished(self, component: str, state: State, seconds: float) -> None:
        """Writes the row of a component."""
        self.close()
        time = f"{seconds:6.1f} s" if state in ("succeeded", "failed") else f"{state:>8}"
        self._console.print(f"{MARKS[state]} {component:<18} {time}")

    def note(self, text: str) -> None:
        """Writes one line that begins with note."""
        self.line(f"note: {text}")

    def close(self) -> None:
        """Stops the spinner."""
        if self._status:
            self._status.stop()
            self._status = None

    def rows(self, rows: Sequence[tuple[str, str]]) -> None:
        """Writes labelled values, one a line."""
        width = max(len(label) for label, _ in rows)
        for label, value in rows:
            self._console.print(f"  [bold]{label:<{width}}[/]  ", end="")
            self._console.print(redact(value), markup=False)


class EpochHandler(logging.Handler):
    """Shows the training's own log records, one line an epoch, on the console."""

    def __init__(self, console: Console) -> None:
        """Makes a handler for the logger of ``modules``."""
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record's message, indented below the component that runs."""
        self._console.line(f"    {record.getMessage()}", style="dim")
