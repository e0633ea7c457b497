"""What a step uses of an artifact."""

from typing import Protocol


class Artifact(Protocol):
    """An artifact of TFX, or one that behaves like it.

    Attributes:
        uri: Local path of the artifact's directory.
    """

    uri: str

    def get_int_custom_property(self, key: str) -> int:
        """Reads an integer; 0 where there is none."""

    def get_string_custom_property(self, key: str) -> str:
        """Reads a text; "" where there is none."""

    def set_int_custom_property(self, key: str, value: int) -> None:
        """Writes an integer."""

    def set_string_custom_property(self, key: str, value: str) -> None:
        """Writes a text."""
