"""Which URLs and refs are accepted."""

import pytest

from tfx_pipeline.config.git_remote import check_ref, is_abbreviated_commit, is_commit, parse_url
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.git.secrets import keyscan_advice


@pytest.mark.parametrize(
    ("url", "host", "port", "is_ssh", "known_as"),
    [
        ("git@github.com:me/fashion.git", "github.com", None, True, "github.com"),
        ("ssh://git@git.example.org/ml/fashion", "git.example.org", None, True, "git.example.org"),
        ("ssh://git@git.example.org:2222/ml/fashion", "git.example.org", 2222, True, "[git.example.org]:2222"),
        ("ssh://git@git.example.org:22/ml/fashion", "git.example.org", 22, True, "git.example.org"),
        ("ssh://[::1]:2222/fashion", "::1", 2222, True, "[::1]:2222"),
        ("git@[::1]:fashion.git", "::1", None, True, "::1"),
        ("https://git.example.org/ml/fashion.git", "git.example.org", None, False, "git.example.org"),
    ],
)
def test_url_is_taken_apart(url: str, host: str, port: int | None, is_ssh: bool, known_as: str) -> None:
    remote = parse_url(url)
    assert remote == (url, host, port, is_ssh)
    assert remote.known_hosts_name == known_as


@pytest.mark.parametrize(
    "url",
    [
        "", "fashion", "/srv/fashion.git", "file:///srv/fashion.git", "http://git.example.org/fashion.git",
        "git://git.example.org/fashion.git", "ext::sh -c id", "--upload-pack=id", "-oProxyCommand=id:x",
        "ssh://-oProxyCommand=id/x", "git@-oProxyCommand=id:x", "git@host:--upload-pack=id", "https://git.example.org",
        "ssh://git@host:port/x", "git@host:x\ny", "https://git.example.org/a b",
    ],
)  # fmt: skip
def test_other_urls_are_refused_saying_what_is_expected(url: str) -> None:
    with pytest.raises(UserError, match=r"expected ssh://git@HOST/PATH, git@HOST:PATH or https://HOST/PATH$"):
        parse_url(url)


@pytest.mark.parametrize(
    "url",
    ["https://me:t0ken@git.example.org/x", "https://t0ken@git.example.org/x", "ssh://git:t0ken@git.example.org/x"],
)
def test_url_with_a_token_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(UserError, match=r"put it into a Secret and name that in kubeflow\.repo_token_secret") as error:
        parse_url(url)
    assert "t0ken" not in str(error.value)


@pytest.mark.parametrize(
    "ref", ["main", "HEAD", "v1.0", "feature/a-b_c", "refs/heads/main", "a" * 40, "münchen", "x@y"]
)
def test_branches_tags_and_commits_are_accepted(ref: str) -> None:
    assert check_ref(ref) == ref


@pytest.mark.parametrize(
    "ref",
    [
        "", "-d", "--upload-pack=id", "+main", "main:other", "main~1", "main^", "a..b", "main@{1}",
        "a b", "a\n", "*", "/a", "a/", "a//b", "a.lock",
    ],
)  # fmt: skip
def test_expressions_options_and_refspecs_are_refused(ref: str) -> None:
    with pytest.raises(UserError, match="expected the name of a branch or tag, a commit, or HEAD"):
        check_ref(ref)


def test_only_a_full_id_is_a_fixed_commit() -> None:
    assert is_commit("0123456789abcdef0123456789abcdef01234567")
    assert not is_commit("0123456")
    assert is_abbreviated_commit("0123456")
    assert not is_abbreviated_commit("feature")


def test_advice_names_the_port_only_where_there_is_one() -> None:
    assert "ssh-keyscan github.com > known_hosts" in keyscan_advice(parse_url("git@github.com:me/x"))
    assert "ssh-keyscan -p 2222 h > known_hosts" in keyscan_advice(parse_url("ssh://git@h:2222/x"))
