"""What is posted when a run has ended, and what a webhook may do without harm."""

import logging
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.webhook import Webhook
from tfx_pipeline.steps import webhook
from tfx_pipeline.steps.webhook import Result, body, notify

BLESSED = Result("0f-1", "fashion-mnist run", "succeeded", None, "blessed", 0.89344)
FAILED = Result(
    "0f-2", "fashion-mnist <b>", "failed", "data-gate", link="https://kubeflow.example.org/#/runs/details/0f-2"
)

Send = Callable[..., str]


@pytest.fixture
def send(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Send:
    """Posts with a Secret of some keys; returns the log."""

    def send_it(result: Result = BLESSED, **keys: str) -> str:
        for key, value in keys.items():
            (tmp_path / key).write_text(value)
        with caplog.at_level(logging.INFO):
            notify(result, "hook", str(tmp_path))
        return caplog.text

    return send_it


def test_the_fields_and_slacks_text_are_posted(hook: Webhook, send: Send) -> None:
    log = send(url=f"{hook.url}\n", page="https://kubeflow.example.org/pipeline/")
    link = "https://kubeflow.example.org/pipeline/#/runs/details/0f-1"
    assert hook.posted == [
        {
            "path": "/hooks/T0SECRET",
            "run": "0f-1",
            "name": "fashion-mnist run",
            "state": "succeeded",
            "failed_step": None,
            "verdict": "blessed",
            "accuracy": 0.89344,
            "link": link,
            "text": f"fashion-mnist run succeeded: model blessed, accuracy 0.8934 {link}",
        }
    ]
    assert "sent, the webhook answered 200" in log


def test_without_the_pages_address_the_link_is_its_path(hook: Webhook, send: Send) -> None:
    send(url=hook.url)
    assert hook.posted[0]["link"] == "/#/runs/details/0f-1"


def test_text_has_nothing_that_slack_would_take_for_a_command() -> None:
    assert body(FAILED, card=False)["text"] == (
        "fashion-mnist &lt;b&gt; failed at data-gate https://kubeflow.example.org/#/runs/details/0f-2"
    )


def test_a_card_has_what_is_known_and_a_button() -> None:
    content = body(FAILED, card=True)
    assert content["type"] == "message"
    (attachment,) = content["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    assert card["body"][0]["text"] == "fashion-mnist <b> failed at data-gate"
    assert [fact["title"] for fact in card["body"][1]["facts"]] == ["state", "failed step", "run"]
    assert card["actions"][0]["url"] == FAILED.link


def test_a_card_has_no_button_to_a_page_whose_address_is_not_known() -> None:
    assert "actions" not in body(BLESSED, card=True)["attachments"][0]["content"]


@pytest.mark.parametrize(
    ("url", "card"),
    [
        ("https://hooks.slack.com/services/T0/B0/x", False),
        ("https://prod-12.westeurope.logic.azure.com:443/workflows/x", True),
        ("https://default1.4.environment.api.powerplatform.com:443/powerautomate/x", True),
        ("https://contoso.webhook.office.com/webhookb2/x", True),
        ("https://example.org/?u=logic.azure.com", False),
        ("http://[", False),
    ],
)
def test_teams_is_known_by_its_address(url: str, card: bool) -> None:
    assert webhook._takes_cards(url) is card


@pytest.mark.parametrize(("form", "card"), [("card", True), ("text", False), ("", False)])
def test_the_secret_can_say_what_the_webhook_takes(form: str, card: bool, hook: Webhook, send: Send) -> None:
    send(url=hook.url, format=form)
    assert ("attachments" in hook.posted[0]) is card


@pytest.mark.parametrize("status", [302, 307, 400, 500])
def test_another_answer_is_a_line_in_the_log(status: int, hook: Webhook, send: Send) -> None:
    hook.status = status
    assert f"not sent, the webhook answered {status}" in send(url=hook.url)
    assert [posted["path"] for posted in hook.posted] == ["/hooks/T0SECRET"]


def test_a_webhook_that_hangs_is_left_behind(hook: Webhook, send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_PATIENCE", 0.2)
    hook.silence.clear()
    assert "not sent" in send(url=hook.url)


def test_a_server_that_sends_a_byte_now_and_then_is_left_behind(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        from threading import Event, Thread  # noqa: PLC0415

        done = Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                while not done.wait(0.1):
                    connection.sendall(b"H")

        thread = Thread(target=drip, daemon=True)
        thread.start()
        assert "the webhook did not answer in 0.3 s" in send(url=f"http://127.0.0.1:{server.getsockname()[1]}/T0SECRET")
        done.set()
        thread.join(5)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/T0SECRET",
        "http://no.such.host.invalid/T0SECRET",
        "https://127.0.0.1:1/T0 SECRET",
        "file:///etc/T0SECRET",
        "T0SECRET",
        "http://[T0SECRET",
        "http://hooks.example.org:T0SECRET/",
    ],
)
def test_an_address_that_is_none_is_a_line_without_it(url: str, send: Send) -> None:
    log = send(url=url)
    assert "not sent" in log
    assert "SECRET" not in log
    assert "Traceback" not in log


@pytest.mark.parametrize("keys", [{}, {"url": ""}, {"URL": "http://127.0.0.1:1"}])
def test_a_secret_without_the_address_is_named(keys: dict[str, str], send: Send) -> None:
    assert "the Secret hook has no key url, or is not in this namespace" in send(**keys)
