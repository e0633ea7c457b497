"""A small API server on loopback: what kfp.Client asks of Kubeflow's, at the same addresses and in the same words.

Addresses and messages are those of the v2beta1 REST API (kubeflow/pipelines, backend/api/v2beta1), and of v1beta1 for
Argo's workflow and the logs. What it says of a run's progress is recorded: see `tests.kubeflow.recorded`.
"""

import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

from tests.kubeflow.page import Page

API = "/apis/v2beta1"
V1 = "/apis/v1beta1"
V1_ALPHA = "/apis/v1alpha1"


class State:
    """What the server holds, and how it is to behave."""

    def __init__(self) -> None:
        self.token = ""
        self.pipelines: dict[str, list[dict[str, Any]]] = {}
        self.packages: list[list[Any]] = []
        self.experiments: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.schedules: list[dict[str, Any]] = []
        self.enabled_schedules: list[int] = []
        self.refused: set[str] = set()
        self.retried: list[str] = []
        self.retry_status = 200
        self.progress: list[dict[str, Any]] = [{"state": "SUCCEEDED"}]
        self.workflow: dict[str, Any] | None = None
        self.logs: dict[str, str] = {}
        self.behind_page = False
        self.ended: dict[str, dict[str, Any]] = {}
        self.page: Page | None = None
        self.prefix = ""
        self.login_page = False
        self.failures: list[int] = []
        self.requests: list[str] = []


class ApiError(Exception):
    """An answer in the server's error format."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    state: State

    def log_message(self, *args: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        query = {key: values[0] for key, values in urllib.parse.parse_qs(url.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.state.requests.append(f"{self.command} {url.path}")
        try:
            path = url.path.removeprefix(self.state.prefix)
            self._check(f"{self.command} {path.removeprefix(API)}")
            if self.state.behind_page and url.path == "/k8s/pod/logs":
                self._send(*self._log_of_page(query))
                return
            if self.state.page and (answer := self.state.page.answer(path, query, body)):
                self._send(*answer)
                return
            if not url.path.startswith(self.state.prefix):
                self._send(200, b"<html>Kubeflow's dashboard</html>", "text/html")
                return
            content = self._route(path.removeprefix(API), query, body)
        except ApiError as error:
            content = {"error": str(error), "code": 3, "message": str(error), "details": []}
            self._send(error.status, json.dumps(content).encode())
            return
        if isinstance(content, str):
            self._send(200, content.encode(), "text/plain")
            return
        if self.state.login_page:
            self._send(200, b"<html>Log in</html>", "text/html")
            return
        self._send(200, json.dumps(content).encode())

    def _log_of_page(self, query: dict[str, str]) -> tuple[int, bytes, str]:
        """Kubeflow's page, frontend/server/handlers/pod-logs.ts."""
        log = self.state.logs.get(query["podname"]) if query["podnamespace"] == "kubeflow" else None
        return (404, b"pod not found", "text/html") if log is None else (200, log.encode(), "text/plain")

    def _check(self, request: str) -> None:
        if request in self.state.refused:
            raise ApiError(500, "refused")
        if self.state.failures:
            raise ApiError(self.state.failures.pop(0), "upstream connect error")
        if self.state.token and self.headers.get("Authorization") != f"Bearer {self.state.token}":
            raise ApiError(401, "Unauthenticated")

    def _send(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _route(self, path: str, query: dict[str, str], body: bytes) -> dict[str, Any] | str:
        if path.startswith(V1_ALPHA) and not self.state.behind_page:
            return self._log(path.removeprefix(V1_ALPHA))
        if path.startswith(V1):
            return self._route_v1(path.removeprefix(V1))
        if path == "/healthz":
            return {"multi_user": False}
        collection, _, name = path.lstrip("/").partition("/")
        routes = {
            "experiments": lambda: self._experiments(query, body),
            "pipelines": lambda: self._pipelines(path, query, body),
            "recurringruns": lambda: self._recurring_runs(name, query, body),
            "runs": lambda: self._runs(name, query, body),
        }
        if collection not in routes:
            raise ApiError(404, f"Not Found: {path}")
        return routes[collection]()

    def _pipelines(self, path: str, query: dict[str, str], body: bytes) -> dict[str, Any]:
        state = self.state
        if path == "/pipelines":
            wanted = json.loads(query["filter"])["predicates"][0]["stringValue"]
            found = {"pipelines": [{"pipeline_id": f"id-{wanted}", "display_name": wanted}]}
            return found if wanted in state.pipelines else {}
        if path == "/pipelines/upload":
            self._take_package(body)
            state.pipelines[query["name"]] = [_version(query["name"], 1)]
            return {"pipeline_id": f"id-{query['name']}", "display_name": query["name"]}
        if path == "/pipelines/upload_version":
            self._take_package(body)
            versions = state.pipelines[query["pipelineid"].removeprefix("id-")]
            versions.insert(0, _version(query["name"], len(versions) + 1))
            return {**versions[0], "pipeline_id": query["pipelineid"]}
        if match := re.fullmatch(r"/pipelines/id-(.+)/versions", path):
            return {"pipeline_versions": state.pipelines[match[1]]}
        if match := re.fullmatch(r"/pipelines/id-(.+)/versions/version-(\d+)", path):
            spec, platform = state.packages[int(match[2]) - 1]
            spec = {"pipeline_spec": spec, "platform_spec": platform}
            return {**_version(match[1], int(match[2])), "pipeline_spec": spec}
        raise ApiError(404, f"Not Found: {path}")

    def _runs(self, name: str, query: dict[str, str], body: bytes) -> dict[str, Any]:
        state = self.state
        if not name:
            return self._start(json.loads(body)) if body else self._list_runs(query)
        run_id, _, action = name.partition(":")
        if run_id in state.ended:
            return {**state.ended[run_id], "run_id": run_id}
        if run_id != "run-1":
            raise ApiError(404, f"Failed to get a run: Failed to fetch run {run_id}: Run {run_id} not found")
        if action == "retry":
            return self._retry(run_id)
        return {**(state.progress.pop(0) if len(state.progress) > 1 else state.progress[0]), "run_id": run_id}

    def _route_v1(self, path: str) -> dict[str, Any] | str:
        if path == "/runs/run-1" and self.state.workflow:
            return {"run": {"id": "run-1"}, "pipeline_runtime": {"workflow_manifest": json.dumps(self.state.workflow)}}
        raise ApiError(404, "Not Found")

    def _log(self, path: str) -> str:
        # The log alone has an address there: ../backend/src/apiserver/main.go, in 2.5 to 2.17.
        match = re.fullmatch(r"/runs/run-1/nodes/(.+)/log", path)
        if match and match[1] in self.state.logs:
            return self.state.logs[match[1]]
        raise ApiError(404, "Not Found")

    def _retry(self, run_id: str) -> dict[str, Any]:
        if self.state.retry_status != 200:
            raise ApiError(self.state.retry_status, "Not Found" if self.state.retry_status == 404 else "refused")
        self.state.retried.append(run_id)
        return {}

    def _recurring_runs(self, path: str, query: dict[str, str], body: bytes) -> dict[str, Any]:
        schedules = self.state.schedules
        if self.command == "GET":
            return self._list_schedules(query)
        if not path:
            return self._make_schedule(json.loads(body))
        schedule_id, _, action = path.partition(":")
        (schedule,) = [schedule for schedule in schedules if schedule["recurring_run_id"] == schedule_id]
        if action:
            schedule["status"] = {"enable": "ENABLED", "disable": "DISABLED"}[action]
        else:
            # Without this, Kubernetes deletes the runs that are under way too.
            assert query["propagation_policy"] == "ORPHAN"
            schedules.remove(schedule)
        self._count_schedules()
        return {}

    def _list_schedules(self, query: dict[str, str]) -> dict[str, Any]:
        found = self.state.schedules
        if "filter" in query:
            wanted = json.loads(query["filter"])["predicates"][0]["stringValue"]
            found = [schedule for schedule in found if schedule["display_name"] == wanted]
        start = int(query.get("page_token") or 0)
        end = start + min(int(query["page_size"]), 2)
        return {"recurringRuns": found[start:end], "next_page_token": str(end) if end < len(found) else ""}

    def _make_schedule(self, made: dict[str, Any]) -> dict[str, Any]:
        if len(made["trigger"]["cron_schedule"]["cron"].split()) not in (5, 6):
            raise ApiError(400, "Failed to create a recurring run: Schedule cron is not a supported format")
        if not 1 <= int(made["max_concurrency"]) <= 10:
            raise ApiError(400, "Max concurrency of a recurring run must be at least 1 and at most 10")
        number = len(self.state.requests)
        status = "ENABLED" if made["mode"] == "ENABLE" else "DISABLED"
        # The API writes whole numbers of 64 bits as text, and leaves out what is false.
        made |= {"max_concurrency": str(made["max_concurrency"]), "no_catchup": made["no_catchup"] or None}
        self.state.schedules.append({**made, "recurring_run_id": f"schedule-{number}", "status": status})
        self._count_schedules()
        return self.state.schedules[-1]

    def _count_schedules(self) -> None:
        self.state.enabled_schedules.append(sum(made["status"] == "ENABLED" for made in self.state.schedules))

    def _list_runs(self, query: dict[str, str]) -> dict[str, Any]:
        if "filter" not in query:
            return self._list_ended(query)
        wanted = json.loads(query["filter"])["predicates"][0]
        assert wanted["key"] == "recurring_run_id"
        runs = [run for run in self.state.runs if run.get("recurring_run_id") == wanted["stringValue"]]
        return {"runs": runs[-1 : -1 - int(query["page_size"]) : -1]}

    def _list_ended(self, query: dict[str, str]) -> dict[str, Any]:
        assert query["sort_by"] == "created_at desc"
        runs = [{**run, "run_id": run_id} for run_id, run in self.state.ended.items()]
        runs.sort(key=lambda run: run["created_at"], reverse=True)
        start = int(query.get("page_token") or 0)
        end = start + min(int(query["page_size"]), 2)
        return {"runs": runs[start:end], "next_page_token": str(end) if end < len(runs) else ""}

    def _take_package(self, body: bytes) -> None:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        (part,) = message_from_bytes(head + body).get_payload()
        documents = list(yaml.safe_load_all(part.get_payload(decode=True)))
        if documents[0]["schemaVersion"] != "2.1.0" or "reject" in documents[0]["pipelineInfo"].get("description", ""):
            raise ApiError(400, "Failed to create a pipeline: InvalidInputError: unsupported schema version")
        self.state.packages.append(documents)

    def _experiments(self, query: dict[str, str], body: bytes) -> dict[str, Any]:
        if self.command == "POST":
            made = {**json.loads(body), "experiment_id": f"experiment-{len(self.state.experiments) + 1}"}
            self.state.experiments.append(made)
            return made
        wanted = json.loads(query["filter"])["predicates"][0]["stringValue"]
        return {"experiments": [e for e in self.state.experiments if e["display_name"] == wanted]}

    def _start(self, run: dict[str, Any]) -> dict[str, Any]:
        if run.get("runtime_config", {}).get("parameters", {}).get("data_version") == "refused":
            raise ApiError(400, "Failed to create a new run: InvalidInputError: parameter data_version")
        self.state.runs.append(run)
        return {**run, "run_id": "run-1", "state": "PENDING"}


def _version(name: str, number: int) -> dict[str, Any]:
    return {"pipeline_version_id": f"version-{number}", "display_name": name}


@contextmanager
def api_server() -> Iterator[tuple[str, State]]:
    """Runs a server; gives its address and what it holds."""
    state = State()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"state": state}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
