"""Cookies from files as browsers and curl write them, from headers, and what is wrong with them in one line."""

from pathlib import Path

import pytest

from tfx_pipeline.kubeflow.client.cookies import read_cookies
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.process.redaction import redact

HOST = "https://kubeflow.example.org/pipeline"
LATER = 4_102_444_800  # 2100-01-01; a fixed moment, since tests are named after it


def line(name: str, value: str, **changes: object) -> str:
    fields = {"domain": "kubeflow.example.org", "subdomains": "FALSE", "path": "/", "secure": "TRUE", "expires": LATER}
    return "\t".join(str(field) for field in [*(fields | changes).values(), name, value])


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KFP_COOKIES", raising=False)


@pytest.mark.parametrize(
    ("content", "header"),
    [
        ("authservice_session=MTcw; csrf=a=b", "authservice_session=MTcw; csrf=a=b"),
        ("Cookie: oauth2_proxy_kubeflow=djI%3D|17\n", "oauth2_proxy_kubeflow=djI%3D|17"),
        ("\ufeff# saved by hand\r\na=1;\r\nb=2\r\n", "a=1; b=2"),
        (f"# Netscape HTTP Cookie File\n\n{line('session', 'abc==')}\n", "session=abc=="),
        (f"#HttpOnly_{line('session', 'abc')}\n", "session=abc"),
        (line("session", "abc", domain=".example.org", subdomains="TRUE"), "session=abc"),
        (line("session", "abc", expires=0), "session=abc"),
        (line("session", "abc", expires=f"{LATER}.5"), "session=abc"),
        (f"{line('wide', '1')}\n{line('narrow', '2', path='/pipeline')}", "narrow=2; wide=1"),
        (f"{line('ours', '1')}\n{line('old', '2', expires=1)}", "ours=1"),
        (f"{line('ours', '1')}\n{line('other', '2', domain='example.com')}", "ours=1"),
        (f"{line('ours', '1')}\n{line('other', '2', domain='example.org')}", "ours=1"),
        (f"{line('ours', '1')}\n{line('other', '2', path='/dex')}", "ours=1"),
        (f"{line('ours', '1')}\n{line('other', '2', path='/pipe')}", "ours=1"),
    ],
)
def test_a_file_has_the_cookies_of_the_server(content: str, header: str, tmp_path: Path) -> None:
    path = tmp_path / "cookies.txt"
    path.write_text(content, encoding="utf-8")
    assert read_cookies(str(path), HOST) == header


def test_cookies_themselves_are_taken_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_cookies("session=abc", HOST) == "session=abc"
    monkeypatch.setenv("KFP_COOKIES", "Cookie: session=def")
    assert read_cookies("", "") == "session=def"
    (tmp_path / "jar").write_text(line("session", "ghi"))
    monkeypatch.setenv("KFP_COOKIES", str(tmp_path / "jar"))
    assert read_cookies("", HOST) == "session=ghi"
    assert read_cookies("session=abc", HOST) == "session=abc"


def test_without_any_there_are_none() -> None:
    assert read_cookies("", HOST) == ""


def test_a_cookie_that_was_read_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "jar").write_text(line("session", "topsecret%3D"))
    read_cookies(str(tmp_path / "jar"), HOST)
    assert redact("the server says topsecret%3D") == "the server says [redacted]"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no cookies that can be read; expected a cookie jar in Netscape's format, or NAME=VALUE; NAME=VALUE"),
        ("topsecret", "has no cookies that can be read"),
        ("session=topsecret\nother", "has no cookies that can be read"),
        ("session=topsecrét", "has no cookies that can be read"),
        ('[{"name": "session", "value": "topsecret"}]', "has no cookies that can be read"),
        (line("session", "topsecret", domain="example.com"), f"has no cookie for {HOST}, only for example.com"),
        (line("session", "topsecret", expires=1), "its cookies for kubeflow.example.org have expired; log in again"),
    ],
)
def test_a_file_without_cookies_for_the_server_is_one_line(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "cookies.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_cookies(str(path), HOST)
    assert str(error.value).startswith(f"--cookies {path}: {message}")
    assert "topsecr" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_cookie_for_https_is_not_sent_without(tmp_path: Path) -> None:
    (tmp_path / "jar").write_text(line("session", "abc"))
    with pytest.raises(UserError, match=r"has no cookie for http://kubeflow\.example\.org"):
        read_cookies(str(tmp_path / "jar"), "http://kubeflow.example.org")


def test_a_jar_needs_the_address(tmp_path: Path) -> None:
    (tmp_path / "jar").write_text(line("session", "abc"))
    with pytest.raises(UserError, match=r"--cookies .*jar: give --host too"):
        read_cookies(str(tmp_path / "jar"), "")


def test_an_address_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "jar").write_text(line("session", "abc"))
    with pytest.raises(UserError, match=r"^--host http://\[::1: Invalid IPv6 URL$"):
        read_cookies(str(tmp_path / "jar"), "http://[::1")


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"^--cookies .*/none\.txt: No such file or directory; expected a cookie jar"):
        read_cookies(str(tmp_path / "none.txt"), HOST)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"^--cookies .*/binary: not a text; expected"):
        read_cookies(str(tmp_path / "binary"), HOST)
    monkeypatch.setenv("KFP_COOKIES", "topsecret")
    with pytest.raises(UserError, match=r"^KFP_COOKIES: No such file or directory; expected"):
        read_cookies("", HOST)
