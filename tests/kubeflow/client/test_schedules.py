"""Schedules against a small API server: made, replaced without a gap, listed and ended."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kubeflow.api_server import API, State, api_server
from tfx_pipeline.kubeflow.client.connection import Connection
from tfx_pipeline.kubeflow.client.cron import parse_schedule
from tfx_pipeline.kubeflow.client.schedules import end_schedule, schedule_lines, set_schedule
from tfx_pipeline.kubeflow.client.server import Server, Version
from tfx_pipeline.process.errors import UserError

VERSION = Version("id-fashion-mnist", "version-2", "second")
NIGHTLY = parse_schedule("0 3 * * *", None, catch_up=False)


@pytest.fixture
def server() -> Iterator[tuple[Server, State]]:
    with api_server() as (host, state):
        yield Server(Connection(host)), state


def make(server: Server, name: str = "fashion-mnist", schedule: Any = NIGHTLY) -> str:
    options = {"experiment": "nightly", "arguments": {"epochs": 3}, "service_account": "trainers"}
    return set_schedule(server, name, schedule, VERSION, **options)


def test_a_schedule_runs_the_version_with_all_that_a_run_has(server: tuple[Server, State]) -> None:
    line = make(server[0], schedule=parse_schedule("0 3 * * *", "2", catch_up=True))
    (made,) = server[1].schedules
    assert made["pipeline_version_reference"] == {
        "pipeline_id": "id-fashion-mnist",
        "pipeline_version_id": "version-2",
    }
    assert made["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}}
    assert made["runtime_config"] == {"parameters": {"epochs": 3}}
    assert (made["service_account"], made["experiment_id"]) == ("trainers", "experiment-1")
    assert (made["max_concurrency"], made["no_catchup"], made["status"]) == ("2", None, "ENABLED")
    assert re.match(r"scheduled fashion-mnist at '0 0 3 \* \* \*': (\d{4}-\d\d-\d\d 03:00:00, ){3}\.\.\. by the", line)


def test_times_that_were_missed_are_not_made_up_for_unless_asked(server: tuple[Server, State]) -> None:
    make(server[0])
    assert server[1].schedules[0]["no_catchup"] is True


def test_a_schedule_takes_the_place_of_those_of_its_name(server: tuple[Server, State]) -> None:
    make(server[0])
    make(server[0], "another")
    (first,) = [made["recurring_run_id"] for made in server[1].schedules if made["display_name"] == "fashion-mnist"]
    server[1].enabled_schedules.clear()
    server[1].requests.clear()
    line = make(server[0], schedule=parse_schedule("0 4 * * *", None, catch_up=False))
    assert line.startswith("replaced the schedule fashion-mnist at '0 0 4 * * *'")
    assert [(made["display_name"], made["status"]) for made in server[1].schedules] == [
        ("another", "ENABLED"),
        ("fashion-mnist", "ENABLED"),
    ]
    changes = [request for request in server[1].requests if not request.startswith("GET")]
    new = server[1].schedules[-1]["recurring_run_id"]
    path = f"{API}/recurringruns"
    assert changes == [
        f"POST {path}", f"POST {path}/{first}:disable", f"POST {path}/{new}:enable", f"DELETE {path}/{first}",
    ]  # fmt: skip
    assert max(server[1].enabled_schedules) == 2


def test_a_schedule_that_was_made_to_rest_is_replaced_by_one_that_counts(server: tuple[Server, State]) -> None:
    make(server[0])
    server[1].schedules[0]["status"] = "DISABLED"
    make(server[0])
    assert [made["status"] for made in server[1].schedules] == ["ENABLED"]


def test_a_schedule_that_cannot_be_made_leaves_the_old_one(server: tuple[Server, State]) -> None:
    make(server[0])
    old = [dict(made) for made in server[1].schedules]
    server[1].refused = {"POST /recurringruns"}
    with pytest.raises(UserError, match=r"cannot make the schedule: 500 refused"):
        make(server[0])
    assert server[1].schedules == old


@pytest.mark.parametrize("action", ["disable", "enable"])
def test_a_schedule_that_cannot_take_over_leaves_the_old_one(server: tuple[Server, State], action: str) -> None:
    make(server[0])
    old = [dict(made) for made in server[1].schedules]
    # The lists, the experiment and the new schedule come before: 3 more requests, so its number is known.
    new = f"schedule-{len(server[1].requests) + 3}"
    server[1].refused = {f"POST /recurringruns/{new if action == 'enable' else old[0]['recurring_run_id']}:{action}"}
    with pytest.raises(UserError, match=rf"cannot {action} the schedule fashion-mnist: 500 refused$"):
        make(server[0])
    assert server[1].schedules == old


def test_a_server_that_goes_away_while_one_takes_over_is_said(server: tuple[Server, State]) -> None:
    make(server[0])
    new = f"schedule-{len(server[1].requests) + 3}"
    server[1].refused = {f"POST /recurringruns/{new}:enable", f"DELETE /recurringruns/{new}"}
    with pytest.raises(UserError, match=r"cannot delete .* no schedule of this name may be left .*see --schedules"):
        make(server[0])


def test_a_schedule_that_cannot_be_deleted_rests(server: tuple[Server, State]) -> None:
    make(server[0])
    old = server[1].schedules[0]["recurring_run_id"]
    server[1].refused = {f"DELETE /recurringruns/{old}"}
    with pytest.raises(
        UserError, match=r"cannot delete the schedule fashion-mnist: 500 refused; it rests, the new one"
    ):
        make(server[0])
    assert [made["status"] for made in server[1].schedules] == ["DISABLED", "ENABLED"]
    server[1].refused = set()
    make(server[0])
    assert [made["status"] for made in server[1].schedules] == ["ENABLED"]


def test_schedules_are_listed_with_their_last_and_next_run(server: tuple[Server, State]) -> None:
    make(server[0])
    make(server[0], "rests")
    make(server[0], "not-by-this-program")
    first, rests, other = server[1].schedules
    server[1].runs = [
        {"recurring_run_id": first["recurring_run_id"], "created_at": "2026-01-02T03:00:04Z", "state": "FAILED"},
        {"recurring_run_id": first["recurring_run_id"], "created_at": "2026-01-03T03:00:05Z", "state": "SUCCEEDED"},
    ]
    rests["status"] = "DISABLED"
    other["trigger"] = {"periodic_schedule": {"interval_second": "3600"}}
    lines = schedule_lines(server[0])
    rows = [re.split(r"  +", line) for line in lines]
    assert rows[0] == ["name", "schedule", "state", "last run", "next run"]
    assert rows[1][:4] == ["fashion-mnist", "0 0 3 * * *", "enabled", "2026-01-03 03:00:05 succeeded"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d 03:00:00", rows[1][4])
    assert rows[2] == ["rests", "0 0 3 * * *", "disabled", "none yet", "-"]
    assert rows[3] == ["not-by-this-program", "every 3600 s", "enabled", "none yet", "-"]
    assert "UTC" in lines[-1]


def test_five_fields_that_the_api_has_begin_with_the_second(server: tuple[Server, State]) -> None:
    make(server[0])
    server[1].schedules[0]["trigger"]["cron_schedule"]["cron"] = "0 30 * * *"
    assert schedule_lines(server[0])[1].endswith(":30:00")


def test_a_schedule_that_the_server_cannot_read_is_listed_by_its_id(server: tuple[Server, State]) -> None:
    server[1].schedules = [{"recurring_run_id": "broken", "error": {"code": 13, "message": "Failed to convert"}}]
    assert schedule_lines(server[0])[1].split() == ["broken", "-", "none", "yet", "-"]


def test_a_server_without_schedules_says_so(server: tuple[Server, State]) -> None:
    assert schedule_lines(server[0]) == ["no schedules"]


def test_a_schedule_ends_and_its_runs_go_on(server: tuple[Server, State]) -> None:
    make(server[0])
    make(server[0], "another")
    lines: list[str] = []
    end_schedule(server[0], "fashion-mnist", lines.append)
    assert lines == ["ended the schedule fashion-mnist, at '0 0 3 * * *'"]
    assert [made["display_name"] for made in server[1].schedules] == ["another"]


def test_a_schedule_that_is_not_there_is_one_line(server: tuple[Server, State]) -> None:
    with pytest.raises(UserError, match=r"^--unschedule fashion-mnist: no schedule has this name; there are none$"):
        end_schedule(server[0], "fashion-mnist", print)
    make(server[0])
    with pytest.raises(UserError, match=r"^--unschedule fashion-mnst: no schedule has this name, did you mean fash"):
        end_schedule(server[0], "fashion-mnst", print)
