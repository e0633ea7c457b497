"""Cron expressions as robfig/cron 1.2 reads them, which Kubeflow's API and scheduler use."""

import datetime
import itertools

import pytest

from tfx_pipeline.kubeflow.client.cron import parse_cron, parse_schedule
from tfx_pipeline.process.errors import UserError

NOON = datetime.datetime(2026, 1, 1, 12, 0, 0)
"""A Thursday."""


def times(text: str, count: int = 3) -> list[str]:
    return [f"{moment:%m-%d %H:%M:%S}" for moment in itertools.islice(parse_cron(text).times(NOON), count)]


@pytest.mark.parametrize(
    ("text", "expression", "expected"),
    [
        # Kubeflow takes five fields for second to month: it would start a run three minutes past each hour.
        ("0 3 * * *", "0 0 3 * * *", ["01-02 03:00:00", "01-03 03:00:00", "01-04 03:00:00"]),
        ("30 0 3 * * *", "30 0 3 * * *", ["01-02 03:00:30", "01-03 03:00:30", "01-04 03:00:30"]),
        ("  0  12 * * * ", "0 0 12 * * *", ["01-02 12:00:00", "01-03 12:00:00", "01-04 12:00:00"]),
        ("*/20 12 * * *", "0 */20 12 * * *", ["01-01 12:20:00", "01-01 12:40:00", "01-02 12:00:00"]),
        ("40/10 12 * * *", "0 40/10 12 * * *", ["01-01 12:40:00", "01-01 12:50:00", "01-02 12:40:00"]),
        ("0 8-18/5 ? * ?", "0 0 8-18/5 ? * ?", ["01-01 13:00:00", "01-01 18:00:00", "01-02 08:00:00"]),
        ("0 0 * * mon-FRI", "0 0 0 * * mon-FRI", ["01-02 00:00:00", "01-05 00:00:00", "01-06 00:00:00"]),
        ("0 0 1 feb,Mar *", "0 0 0 1 feb,Mar *", ["02-01 00:00:00", "03-01 00:00:00", "02-01 00:00:00"]),
        # A day of month or a weekday, where neither begins with a star; else both.
        ("0 0 1,15 * sun", "0 0 0 1,15 * sun", ["01-04 00:00:00", "01-11 00:00:00", "01-15 00:00:00"]),
        ("0 0 */10 * sun", "0 0 0 */10 * sun", ["01-11 00:00:00", "02-01 00:00:00", "03-01 00:00:00"]),
        ("0 0 29 2 *", "0 0 0 29 2 *", ["02-29 00:00:00"]),
        ("@daily", "0 0 0 * * *", ["01-02 00:00:00", "01-03 00:00:00", "01-04 00:00:00"]),
        ("@weekly", "0 0 0 * * 0", ["01-04 00:00:00", "01-11 00:00:00", "01-18 00:00:00"]),
    ],
)
def test_an_expression_names_times(text: str, expression: str, expected: list[str]) -> None:
    assert parse_cron(text).expression == expression
    assert times(text, len(expected)) == expected


def test_times_keep_their_zone() -> None:
    noon = NOON.replace(tzinfo=datetime.UTC)
    assert next(parse_cron("@hourly").times(noon)) == noon + datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            "got 0 fields, expected minute, hour, day of month, month and weekday, with seconds before them or without",
        ),
        ("0 3 * *", "got 4 fields, expected minute"),
        ("0 0 3 * * * 2027", "got 7 fields, expected minute"),
        ("0 25 * * *", "hour: got '25', expected 0 to 23"),
        ("60 * * * *", "minute: got '60', expected 0 to 59"),
        ("61 0 3 * * *", "second: got '61', expected 0 to 59"),
        ("0 0 0 * *", "day of month: got '0', expected 1 to 31"),
        ("0 0 L * *", "day of month: got 'L', expected 1 to 31"),
        ("0 0 1 13 *", "month: got '13', expected 1 to 12, or jan to dec"),
        ("0 0 * * 7", "weekday: got '7', expected 0 to 6, or sun to sat"),
        ("0 0 * * mo", "weekday: got 'mo', expected 0 to 6, or sun to sat"),
        ("0 0 * * fri-mon", "weekday: got 'fri-mon', expected a range from a smaller to a greater value"),
        ("0 0 * * 1#2", "weekday: got '1#2', expected a value, a range such as 1-5"),
        ("0,, 3 * * *", "minute: got '', expected a value, a range"),
        ("0 -3 * * *", "hour: got '-3', expected a value, a range"),
        ("0 *-5 * * *", "hour: got '*-5', expected a value, a range"),
        ("*/0 * * * *", "minute: got '*/0', expected a step of 1 to 59"),
        ("*/90 * * * *", "minute: got '*/90', expected a step of 1 to 59"),
        ("0 0 30 2 *", "day of month: 30 does not come in month 2 in years"),
        ("0 0 31 apr,jun *", "day of month: 31 does not come in month apr,jun in years"),
        ("CRON_TZ=Europe/Berlin 0 3 * * *", "time zone: Kubeflow takes none for a schedule"),
        ("TZ=UTC 0 0 3 * * *", "time zone: Kubeflow takes none for a schedule"),
        ("@often", "expected one of @yearly, @annually, "),
        ("@every 1h", "expected one of @yearly, @annually, "),
    ],
)
def test_a_mistake_is_one_line_that_names_the_field(text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        parse_cron(text, "--schedule")
    assert str(error.value).startswith(f"{' '.join(['--schedule', *text.split()])}: {message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", ["0", "11", "-1", "two", "1.5", ""])
def test_how_many_runs_at_once_is_what_the_api_takes(number: str) -> None:
    with pytest.raises(UserError) as error:
        parse_schedule("@daily", number, catch_up=False)
    assert str(error.value) == f"--max-concurrency {number}: expected a whole number from 1 to 10"
    assert parse_schedule("@daily", "10", catch_up=False).max_concurrency == 10
