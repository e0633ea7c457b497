"""Names in pictures: in a font of this machine that has their characters, else by the class's number."""

import functools
from collections.abc import Sequence
from typing import Final

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

DEFAULT: Final = "DejaVu Sans"
_NO_FONTS: Final = ("Last Resort", "cm", "STIX")
"""How the names of Matplotlib's own fonts begin that have boxes for letters, or mathematics."""


def families(names: Sequence[str]) -> list[str]:
    """The fonts that pictures with these names take, the usual one first; Matplotlib asks each for a character."""
    chosen, lacking = [DEFAULT], set("".join(names)) - _characters(_path(DEFAULT))
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: font.name) if lacking else ():
        if not font.name.startswith(_NO_FONTS) and (has := lacking & _characters(font.fname)):
            chosen.append(font.name)
            lacking -= has
    return list(dict.fromkeys(chosen))


def pictured(names: Sequence[str]) -> tuple[str, ...]:
    """The names as pictures show them: where no font has a character, with the number that tells the class apart."""
    drawn: set[str] = set().union(*(_characters(_path(family)) for family in families(names)))
    return tuple(name if drawn.issuperset(name) else _numbered(label, name, drawn) for label, name in enumerate(names))


def legend(names: Sequence[str]) -> str:
    """Which class a number in a picture stands for, in words; "" where all have their names."""
    numbers = [(label, name) for label, name in enumerate(names) if pictured(names)[label] != name]
    return "".join(f" Class {label} is {name}." for label, name in numbers)


def _numbered(label: int, name: str, drawn: set[str]) -> str:
    rest = "".join(character for character in name if character in drawn).strip()
    return f"class {label} ({rest})" if rest else f"class {label}"


def _path(family: str) -> str:
    return str(font_manager.findfont(family))


@functools.cache
def _characters(path: str) -> frozenset[str]:
    return frozenset(map(chr, FT2Font(path).get_charmap()))
