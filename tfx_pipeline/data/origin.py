"""Where each example comes from: a small file beside the examples that leads from a number in a split to a file.

Each line of `origins-SPLIT.jsonl` is a run of examples, [first example, file] for a file with one image, and
[first example, file, unit, first number] for one with many, such as [70, "train-1.parquet", "row", 0].
"""

import json
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

_FILE: Final = "origins-{}.jsonl"


class Run(NamedTuple):
    """Examples that follow each other in one file: `length` of them, from the number `first` of a `unit` on.

    A file with one image has no unit.
    """

    file: str
    length: int = 1
    unit: str = ""
    first: int = 0


def origins(examples_uri: str, split: str, indices: Sequence[int]) -> list[str]:
    """Names what examples of a split were made of.

    Args:
        examples_uri: The artifact of example-gen; a folder of any file system that TFX reads.
        split: The split's name.
        indices: Numbers of examples in it, from 0, in the order of its files.

    Returns:
        For each, the file as it lies in the data folder, and where it has several images, which: `train/Coat/7.png`,
        `train-00000-of-00002.parquet row 7`; `example 7` where nothing was noted, as in older artifacts.
    """
    from tfx.dsl.io import fileio  # noqa: PLC0415  whoever only writes needs no TFX

    file = f"{examples_uri}/{_FILE.format(split)}"
    if not fileio.exists(file):
        return [f"example {index:,}" for index in indices]
    with fileio.open(file, "r") as lines:
        runs = [json.loads(line) for line in lines]
    starts = [run[0] for run in runs]
    return [_text(runs[bisect_right(starts, index) - 1], index) for index in indices]


def _text(run: Sequence[object], index: int) -> str:
    start, file, *numbered = run
    return f"{file} {numbered[0]} {int(str(numbered[1])) + index - int(str(start))}" if numbered else str(file)


class Writer:
    """Notes the origins of a split in a folder, as they come; files below `root` are named from there."""

    def __init__(self, folder: Path, split: str, root: str = "") -> None:
        """Begins the split's file."""
        self._output = (folder / _FILE.format(split)).open("w", encoding="utf-8")
        self._root, self._start, self._end = root, 0, Run("")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._output.close()

    def add(self, run: Run) -> None:
        """Notes the next examples; a run that goes on where the last one ended takes no line."""
        if not run.unit or run._replace(length=0) != self._end:
            name = run.file.removeprefix(self._root).lstrip("/")
            numbered = [run.unit, run.first] if run.unit else []
            self._output.write(json.dumps([self._start, name, *numbered], ensure_ascii=False) + "\n")
        self._start += run.length
        self._end = run._replace(length=0, first=run.first + run.length)


def noted(folder: Path, split: str) -> Path | None:
    """The file of a split in a folder, or None where there is none."""
    file = folder / _FILE.format(split)
    return file if file.exists() else None


def files(folder: Path) -> list[Path]:
    """The files that were written into a folder."""
    return sorted(folder.glob(_FILE.format("*")))
