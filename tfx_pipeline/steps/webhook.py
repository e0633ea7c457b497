"""Posts how a run ended to a webhook: Slack's, Microsoft Teams', or one's own."""

import dataclasses
import json
import logging
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Final

logger = logging.getLogger(__name__)

SECRET_MOUNT: Final = "/etc/notify"  # noqa: S105 - a path
_PATIENCE: Final = 10  # seconds for the whole exchange
_TEAMS_HOSTS: Final = ("webhook.office.com", "logic.azure.com", "powerplatform.com", "powerautomate.com")
_ADAPTIVE_CARD: Final = "application/vnd.microsoft.card.adaptive"


@dataclasses.dataclass(frozen=True)
class Result:
    """How a run ended; None for what is not known.

    Attributes:
        run: Its id.
        name: What Kubeflow's page calls it.
        state: "succeeded" or "failed".
        failed_step: The step that failed; several are joined by commas.
        verdict: "blessed" or "refused".
        accuracy: From 0 to 1.
        link: The run's page; only its path where the page's address is not known.
    """

    run: str
    name: str
    state: str
    failed_step: str | None = None
    verdict: str | None = None
    accuracy: float | None = None
    link: str | None = None

    def __str__(self) -> str:
        where = f" at {self.failed_step}" if self.failed_step else ""
        model = ""
        if self.verdict:
            accuracy = "" if self.accuracy is None else f", accuracy {self.accuracy:.4f}"
            model = f": model {self.verdict}{accuracy}"
        return f"{self.name} {self.state}{where}{model}"


def notify(result: Result, secret: str, secret_dir: str) -> None:
    """Posts a result; says in the log where it cannot, and never what the address is.

    Args:
        result: What to post.
        secret: Name of the Secret, for messages.
        secret_dir: Where it is mounted: ``url``, and if need be ``page``, the address of Kubeflow's page, and
            ``format``, ``text`` or ``card``, where the address does not tell which one the webhook takes.
    """
    url, page, form = (_read(Path(secret_dir, key)) for key in ("url", "page", "format"))
    if not url:
        logger.warning("nothing is sent: the Secret %s has no key url, or is not in this namespace", secret)
        return
    result = dataclasses.replace(result, link=f"{page.rstrip('/')}/#/runs/details/{result.run}")
    takes_cards = form == "card" if form else _takes_cards(url)
    outcome = _within(_PATIENCE, lambda: _post(url, body(result, card=takes_cards)))
    logger.info("%s: %s", result, outcome)


def body(result: Result, *, card: bool) -> dict[str, Any]:
    """What is posted.

    Args:
        result: How the run ended.
        card: Whether the webhook takes an Adaptive Card, as those of Microsoft Teams do.

    Returns:
        The fields of the result, ``text`` in Slack's form, and with a card what Teams reads.
    """
    link = f" {result.link}" if result.link else ""
    content = {**dataclasses.asdict(result), "text": _escaped(f"{result}{link}")}
    return content | _card(result) if card else content


def _escaped(text: str) -> str:
    """Text without the three characters that mean something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _card(result: Result) -> dict[str, Any]:
    facts = {
        "state": result.state,
        "failed step": result.failed_step,
        "verdict": result.verdict,
        "accuracy": None if result.accuracy is None else f"{result.accuracy:.4f}",
        "run": result.run,
    }
    elements = [
        {"type": "TextBlock", "text": str(result), "weight": "Bolder", "wrap": True},
        {"type": "FactSet", "facts": [{"title": name, "value": value} for name, value in facts.items() if value]},
    ]
    content: dict[str, Any] = {"type": "AdaptiveCard", "version": "1.4", "body": elements}
    content["$schema"] = "http://adaptivecards.io/schemas/adaptive-card.json"
    if result.link and "://" in result.link:
        content["actions"] = [{"type": "Action.OpenUrl", "title": "Open the run", "url": result.link}]
    return {"type": "message", "attachments": [{"contentType": _ADAPTIVE_CARD, "content": content}]}


def _takes_cards(url: str) -> bool:
    try:
        host = urllib.parse.urlsplit(url).hostname or ""
    except ValueError:
        return False
    return any(host == known or host.endswith(f".{known}") for known in _TEAMS_HOSTS)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follows none: what is posted is for this address alone."""


def _post(url: str, content: dict[str, Any]) -> str:
    """Posts JSON; what came of it, in words without the address, which errors of libraries may hold."""
    try:
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            return "not sent: the address in the Secret is not one of http:// or https://"
        headers = {"Content-Type": "application/json", "User-Agent": "tfx-pipeline"}
        request = urllib.request.Request(url, json.dumps(content).encode(), headers)  # noqa: S310 - checked above
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=_PATIENCE) as answer:
            return f"sent, the webhook answered {answer.status}"
    except urllib.error.HTTPError as error:
        return f"not sent, the webhook answered {error.code}"
    except Exception as error:  # noqa: BLE001 - whatever it is, the run has ended as it has
        return f"not sent: {type(getattr(error, 'reason', error)).__name__}"


def _within(seconds: float, action: Any) -> str:
    """Does something in a thread that is left behind where it takes longer: a server may send a byte now and then."""
    outcome = [f"not sent: the webhook did not answer in {seconds} s"]
    thread = threading.Thread(target=lambda: outcome.insert(0, action()), daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome[0]
