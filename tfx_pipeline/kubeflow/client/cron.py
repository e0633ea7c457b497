"""When schedules start runs: cron expressions as Kubeflow's scheduler reads them (robfig/cron 1.2), checked."""

import dataclasses
import datetime
import itertools
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from tfx_pipeline.process.errors import UserError


class _Field(NamedTuple):
    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()


_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 6, _WEEKDAYS),
)
_SHORTHANDS: Final = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_ITEM: Final = re.compile(r"(?:(?P<all>[*?])|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?", re.ASCII)
_TIME_ZONE: Final = re.compile(r"(CRON_)?TZ=")
_LAYOUT: Final = "minute, hour, day of month, month and weekday, with seconds before them or without"
_MOST_AT_ONCE: Final = 10
"""Runs of one schedule: the limit of Kubeflow's API."""
_LONGEST: Final = 5 * 366
"""Days, about, after which Kubeflow's scheduler stops looking for a day that fits."""


@dataclasses.dataclass(frozen=True)
class Cron:
    """When something is to happen, by the clock of the cluster's scheduler.

    Attributes:
        expression: What Kubeflow is told: six fields, the second first. It takes five for second to month.
        values: What each field allows: second, minute, hour, day of month, month, and weekday from 0, which is Sunday.
        both_days: Whether a day must fit both as day of month and as weekday: one of them begins with a star.
    """

    expression: str
    values: tuple[frozenset[int], ...]
    both_days: bool

    def times(self, after: datetime.datetime) -> Iterator[datetime.datetime]:
        """Lists the times after another, up to five years later."""
        seconds, minutes, hours = (sorted(values) for values in self.values[:3])
        for number in range(_LONGEST):
            day = after.date() + datetime.timedelta(days=number)
            if not self._fits(day):
                continue
            for hour, minute, second in itertools.product(hours, minutes, seconds):
                moment = datetime.datetime.combine(day, datetime.time(hour, minute, second), after.tzinfo)
                if moment > after:
                    yield moment

    def _fits(self, day: datetime.date) -> bool:
        fits = (day.day in self.values[3], day.isoweekday() % 7 in self.values[5])
        return day.month in self.values[4] and (all(fits) if self.both_days else any(fits))


def parse_cron(text: str, given: str = "") -> Cron:
    """Reads an expression.

    Args:
        text: Five fields as for cron, six with seconds before them, or a shorthand such as ``@daily``.
        given: The flag it was given with, for the error.

    Returns:
        It, as Kubeflow is told.

    Raises:
        UserError: A field is wrong, which the line names, or it never fires: Kubeflow's scheduler would then start runs
            without end.
    """
    words = text.split()
    given = f"{given} {' '.join(words)}".strip()
    if words and _TIME_ZONE.match(words[0]):
        raise UserError(
            f"{given}: time zone: Kubeflow takes none for a schedule; times are those of cronScheduleTimezone in the "
            "cluster's ConfigMap pipeline-install-config, UTC unless it was changed"
        )
    if words and words[0].startswith("@"):
        words = _written_out(words, given)
    if len(words) not in (5, 6):
        raise UserError(f"{given}: got {len(words)} fields, expected {_LAYOUT}")
    words = words if len(words) == len(_FIELDS) else ["0", *words]
    values = tuple(_values(word, field, given) for word, field in zip(words, _FIELDS, strict=True))
    both = any(item[:1] in ("*", "?") for word in (words[3], words[5]) for item in word.split(","))
    cron = Cron(" ".join(words), values, both)
    if not any(cron.times(datetime.datetime.now(datetime.UTC))):
        raise UserError(f"{given}: day of month: {words[3]} does not come in month {words[4]} in years")
    return cron


@dataclasses.dataclass(frozen=True)
class Schedule:
    """When runs are to start.

    Attributes:
        cron: The times.
        max_concurrency: How many of its runs may be under way at once, 1 to 10.
        catch_up: Whether times that passed while it could not start a run are made up for, each with a run; else only
            the latest is.
    """

    cron: Cron
    max_concurrency: int = 1
    catch_up: bool = False


def parse_schedule(cron: str, max_concurrency: str | None, *, catch_up: bool) -> Schedule:
    """Reads the flags.

    Raises:
        UserError: One is not what it should be.
    """
    text = "1" if max_concurrency is None else max_concurrency
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_AT_ONCE:
        raise UserError(f"--max-concurrency {text}: expected a whole number from 1 to {_MOST_AT_ONCE}")
    return Schedule(parse_cron(cron, "--schedule"), int(text), catch_up)


def _written_out(words: list[str], given: str) -> list[str]:
    written = _SHORTHANDS.get(" ".join(words))
    if written is None:
        raise UserError(f"{given}: expected one of {', '.join(_SHORTHANDS)}, or {_LAYOUT}")
    return written.split()


def _values(word: str, field: _Field, given: str) -> frozenset[int]:
    return frozenset(value for item in word.split(",") for value in _range(item, field, f"{given}: {field.name}"))


def _range(item: str, field: _Field, given: str) -> range:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise UserError(
            f"{given}: got '{item}', expected a value, a range such as 1-5, or * or a value with a step, */5"
        )
    if match["all"]:
        first, last = field.least, field.most
    else:
        first = _number(match["first"], field, given)
        # robfig/cron: "N/step" goes up to the greatest value.
        last = _number(match["last"], field, given) if match["last"] else field.most if match["step"] else first
    step = int(match["step"] or 1)
    if first > last:
        raise UserError(f"{given}: got '{item}', expected a range from a smaller to a greater value")
    if not 1 <= step <= max(1, field.most - field.least):
        raise UserError(f"{given}: got '{item}', expected a step of 1 to {field.most - field.least}")
    return range(first, last + 1, step)


def _number(word: str, field: _Field, given: str) -> int:
    lower = word.lower()
    number = field.names.index(lower) + field.least if lower in field.names else -1
    number = int(word) if word.isdigit() else number
    if not field.least <= number <= field.most:
        names = f", or {field.names[0]} to {field.names[-1]}" if field.names else ""
        raise UserError(f"{given}: got '{word}', expected {field.least} to {field.most}{names}")
    return number
