"""A checkout over HTTPS from a real server that asks for a token."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.steps.git.conftest import TOKEN
from tests.steps.git.servers import HttpsServer, Repository, git
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.git.checkout import Checkout
from tfx_pipeline.steps.git.secrets import Secret
from tools.ports import held_ports

Get = Callable[..., Checkout]
MakeSecret = Callable[..., Secret]


@pytest.fixture
def token(secret: MakeSecret, https: HttpsServer) -> Secret:
    """The right token, as `echo` writes it, and the certificate to trust."""
    return secret("git-token", {"token": f"{TOKEN}\n", "ca.crt": https.certificate.read_text()})


def refused(get: Get, url: str, secret: Secret) -> str:
    with pytest.raises(UserError) as error:
        get(url, "main", token=secret)
    line = str(error.value)
    assert "\n" not in line
    assert TOKEN not in line
    return line


def test_branch_tag_and_commit_are_checked_out_with_a_token(
    get: Get, https: HttpsServer, repository: Repository, token: Secret, tmp_path: Path
) -> None:
    git(repository.work, "tag", "v1", "main~1")
    repository.push()
    first, second = (git(repository.work, "rev-parse", ref) for ref in ("main~1", "main"))
    for ref, commit in {"main": second, "HEAD": second, "v1": first, first: first, first[:9]: first}.items():
        assert get(https.url(repository), ref, token=token).commit == commit
    assert (tmp_path / "out/modules/__init__.py").read_text() == "VERSION = 1\n"


def test_secret_may_have_a_user_name_and_a_password(
    get: Get, https: HttpsServer, repository: Repository, secret: MakeSecret
) -> None:
    content = {"username": "robot", "password": TOKEN, "ca.crt": https.certificate.read_text()}
    assert get(https.url(repository), token=secret("git-login", content)).subject == "Second"


def test_wrong_token_is_refused_naming_the_secret(
    get: Get, https: HttpsServer, repository: Repository, secret: MakeSecret
) -> None:
    wrong = secret("git-token", {"token": "expired", "ca.crt": https.certificate.read_text()})
    line = refused(get, https.url(repository), wrong)
    assert "the token in Secret git-token is not accepted" in line
    assert "expired" not in line


def test_private_repository_without_a_token_is_refused_naming_the_flag(
    get: Get, https: HttpsServer, repository: Repository, secret: MakeSecret
) -> None:
    certificate_only = secret("git-ca", {"ca.crt": https.certificate.read_text()})
    line = refused(get, https.url(repository), certificate_only)
    assert "it asks for a login; put a token into a Secret and name that in kubeflow.repo_token_secret" in line


def test_secret_without_a_token_is_refused_naming_its_keys(
    get: Get, https: HttpsServer, repository: Repository, secret: MakeSecret
) -> None:
    line = refused(get, https.url(repository), secret("git-token", {"key": TOKEN}))
    assert line.startswith("Secret git-token: no key token or password at ")


def test_certificate_of_an_unknown_authority_is_refused(
    get: Get, https: HttpsServer, repository: Repository, secret: MakeSecret
) -> None:
    line = refused(get, https.url(repository), secret("git-token", {"token": TOKEN}))
    assert f"the certificate of [localhost]:{https.port} is not trusted" in line
    assert https.seen == []


def test_missing_repository_is_refused_naming_it(
    get: Get, https: HttpsServer, repository: Repository, token: Secret
) -> None:
    line = refused(get, https.url(repository).replace("fashion", "other"), token)
    assert "/other.git: there is no such repository" in line


def test_server_that_does_not_listen_is_refused_naming_it(get: Get, token: Secret) -> None:
    with held_ports(0) as (port,):
        assert f"[localhost]:{port} cannot be reached" in refused(get, f"https://localhost:{port}/fashion.git", token)


def test_token_is_in_no_argument_and_no_variable(
    get: Get, https: HttpsServer, repository: Repository, token: Secret, recorded: Callable[[str, str], Path]
) -> None:
    record = recorded("git", 'printf "%s\\n" "$@"; env')
    get(https.url(repository), token=token)
    text = record.read_text()
    assert https.url(repository) in text
    assert TOKEN not in text
    assert "s3cr" not in text


def test_token_goes_to_no_other_server(
    get: Get, https: HttpsServer, repository: Repository, secret: MakeSecret, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = secret("git-token", {"token": TOKEN, "ca.crt": https.certificate.read_text()})
    redirecting = https.redirecting_url(repository)
    line = refused(get, redirecting, token)
    assert "it asks for a login" in line
    assert set(https.seen) == {""}
