"""No secret is kept or shown."""

import pytest

from tfx_pipeline.process import redaction
from tfx_pipeline.process.redaction import redact, redact_all


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "MINIO_SECRET_KEY": "s3cr3t+value/=",
        "KFP_TOKEN": "eyJhbGciOi",
        "SSH_PRIVATE_KEY": "-----BEGIN KEY-----\nb3BlbnNzaC1rZXk\n-----END KEY-----",
        "GOOGLE_APPLICATION_CREDENTIALS": "/etc/passwd",
        "SOME_TOKEN": "short",
    }.items():
        monkeypatch.setenv(name, value)
    redaction._environment_secrets.cache_clear()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET https://user:pass@host/x?y=1", "GET https://user:[redacted]@host/x?y=1"),
        ("https://ghp_token@github.example/x.git", "https://[redacted]@github.example/x.git"),
        (
            "https://b.s3.example/k?X-Amz-Credential=AK%2F1&X-Amz-Date=2&X-Amz-Signature=ab12",
            "https://b.s3.example/k?X-Amz-Credential=[redacted]&X-Amz-Date=2&X-Amz-Signature=[redacted]",
        ),
        ("http://h/?access_token=abc&page=2", "http://h/?access_token=[redacted]&page=2"),
        ("['--s3_secret_access_key=abc', '--runner=X']", "['--s3_secret_access_key=[redacted]', '--runner=X']"),
        ("--password abc", "--password [redacted]"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", "{'Authorization': 'Basic [redacted]'}"),
        ("{'Set-Cookie': 'a=b; Path=/'}", "{'Set-Cookie': '[redacted]'}"),
        ("Cookie: session=abc; b=c\nHost: x", "Cookie: [redacted]\nHost: x"),
        ("Bearer abcdefgh12", "Bearer [redacted]"),
        ("key s3cr3t+value/= was refused", "key [redacted] was refused"),
        ("?x=s3cr3t%2Bvalue%2F%3D", "?x=[redacted]"),
        ("b3BlbnNzaC1rZXk", "[redacted]"),
    ],
)
def test_secrets_are_replaced(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ssh://git@host/path.git",
        "epoch 1/2  accuracy 0.4650  loss 1.6128",
        "https://host:8080/path?page=2#part",
        "credentials are read from /etc/passwd",
        "a short word",
        "tokens: 12, the key to it, --no-token --epochs 3",
        "give --token or KFP_TOKEN",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_every_text_in_nested_values_is_searched() -> None:
    value = {"a": [1, "eyJhbGciOi", {"b": ("https://u:p@h", None, 0.5)}]}
    assert redact_all(value) == {"a": [1, "[redacted]", {"b": ["https://u:[redacted]@h", None, 0.5]}]}


def test_a_secret_that_is_told_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_told", set())
    redaction.hide("MTcw/MDAw")
    redaction.hide("short")
    assert redact("MTcw/MDAw, MTcw%2FMDAw and a short word") == "[redacted], [redacted] and a short word"
