"""A checkout over SSH from a real server: what is fetched, who is trusted, and what happens to the key."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data.servers import silent_server
from tests.steps.git.servers import Repository, SshServer, git, make_key
from tfx_pipeline.config.git_remote import parse_url
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.git.checkout import Checkout, _fetch
from tfx_pipeline.steps.git.command import Git
from tfx_pipeline.steps.git.environment import git_environment, ssh_command
from tfx_pipeline.steps.git.secrets import Secret
from tools.ports import held_ports

Get = Callable[..., Checkout]
MakeSecret = Callable[..., Secret]


def refused(get: Get, url: str, ref: str, secret: Secret) -> str:
    """The one line with which a checkout is refused."""
    with pytest.raises(UserError) as error:
        get(url, ref, ssh=secret)
    line = str(error.value)
    assert "\n" not in line
    assert "PRIVATE KEY" not in line
    return line


def version(folder: Path) -> str:
    return (folder / "out/modules/__init__.py").read_text().strip()


def test_branch_is_checked_out_at_its_tip(
    get: Get, ssh: SshServer, repository: Repository, ssh_secret: Secret, tmp_path: Path
) -> None:
    checkout = get(ssh.url(repository), "main", ssh=ssh_secret)
    assert checkout == Checkout(git(repository.work, "rev-parse", "main"), "Second")
    assert version(tmp_path) == "VERSION = 2"


def test_only_modules_is_written(
    get: Get, ssh: SshServer, repository: Repository, ssh_secret: Secret, tmp_path: Path
) -> None:
    get(ssh.url(repository), ssh=ssh_secret)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["modules"]


def test_head_is_the_default_branch(get: Get, ssh: SshServer, repository: Repository, ssh_secret: Secret) -> None:
    git(repository.work, "checkout", "--quiet", "-b", "trial")
    trial = repository.commit({"modules/__init__.py": "VERSION = 3\n"})
    assert get(ssh.url(repository), "HEAD", ssh=ssh_secret).commit == git(repository.work, "rev-parse", "main")
    assert get(ssh.url(repository), "trial", ssh=ssh_secret).commit == trial


@pytest.mark.parametrize("options", [(), ("-a", "-m", "Release")])
def test_tag_is_checked_out_as_the_commit_that_it_names(
    get: Get, ssh: SshServer, repository: Repository, ssh_secret: Secret, options: tuple[str, ...]
) -> None:
    git(repository.work, "tag", *options, "v1.0", "main~1")
    repository.push()
    assert get(ssh.url(repository), "v1.0", ssh=ssh_secret) == (git(repository.work, "rev-parse", "main~1"), "First")


@pytest.mark.parametrize("allowed", ["true", "false"])
@pytest.mark.parametrize("digits", [40, 8])
def test_commit_is_checked_out_whether_or_not_the_server_hands_out_commits(
    get: Get, ssh: SshServer, repository: Repository, ssh_secret: Secret, tmp_path: Path, allowed: str, digits: int
) -> None:
    git(repository.bare, "config", "uploadpack.allowAnySHA1InWant", allowed)
    commit = git(repository.work, "rev-parse", "main~1")
    assert get(ssh.url(repository), commit[:digits], ssh=ssh_secret).commit == commit
    assert version(tmp_path) == "VERSION = 1"


def test_moved_branch_gives_another_commit(
    get: Get, ssh: SshServer, repository: Repository, ssh_secret: Secret
) -> None:
    before = get(ssh.url(repository), "main", ssh=ssh_secret).commit
    after = repository.commit({"modules/__init__.py": "VERSION = 3\n"})
    assert get(ssh.url(repository), "main", ssh=ssh_secret).commit == after != before


@pytest.mark.parametrize("allowed", ["true", "false"])
@pytest.mark.parametrize("ref", ["nowhere", "0" * 40, "abcdef1", "refs/heads/nowhere"])
def test_missing_ref_is_refused_naming_it(
    get: Get, ssh: SshServer, repository: Repository, ssh_secret: Secret, allowed: str, ref: str
) -> None:
    git(repository.bare, "config", "uploadpack.allowAnySHA1InWant", allowed)
    assert f"has no branch, tag or commit {ref};" in refused(get, ssh.url(repository), ref, ssh_secret)


def test_branch_is_fetched_without_its_history(
    ssh: SshServer, repository: Repository, ssh_secret: Secret, tmp_path: Path
) -> None:
    command = ssh_command(ssh.client_key, ssh_secret.directory / "known_hosts")
    repo = Git(tmp_path / "fetched", git_environment(tmp_path, {}, command), 60)
    commit = _fetch(repo, parse_url(ssh.url(repository)), "main")
    assert repo.run("rev-list", "--count", commit).strip() == "1"
    assert git(repository.work, "rev-list", "--count", "main") == "2"


def test_wrong_key_is_refused_naming_the_secret(
    get: Get, ssh: SshServer, repository: Repository, secret: MakeSecret, tmp_path: Path
) -> None:
    key = make_key(tmp_path / "other").read_text()
    wrong = secret("ssh-key-secret", {"id_rsa": key, "known_hosts": ssh.known_hosts})
    line = refused(get, ssh.url(repository), "main", wrong)
    assert "does not accept the key in Secret ssh-key-secret" in line


def test_unknown_host_is_refused_saying_how_to_trust_it(
    get: Get, ssh: SshServer, repository: Repository, secret: MakeSecret
) -> None:
    other = f"git.example.org {ssh.host_key}\n"
    unknown = secret("ssh-key-secret", {"id_rsa": ssh.client_key.read_text(), "known_hosts": other})
    line = refused(get, ssh.url(repository), "main", unknown)
    assert f"has no key for [127.0.0.1]:{ssh.port}" in line
    assert f"ssh-keyscan -p {ssh.port} 127.0.0.1 > known_hosts, compare" in line


def test_changed_host_key_is_refused_as_a_possible_attack(
    get: Get, ssh: SshServer, repository: Repository, secret: MakeSecret, tmp_path: Path
) -> None:
    make_key(tmp_path / "imposter")
    kind, key = (tmp_path / "imposter.pub").read_text().split()[:2]
    content = {"id_rsa": ssh.client_key.read_text(), "known_hosts": f"[127.0.0.1]:{ssh.port} {kind} {key}\n"}
    line = refused(get, ssh.url(repository), "main", secret("ssh-key-secret", content))
    assert f"the key of [127.0.0.1]:{ssh.port} is not the one in known_hosts" in line
    assert "someone may be in between" in line


@pytest.mark.parametrize("known_hosts", [None, "", "\n"])
def test_missing_known_hosts_is_refused_before_the_server_is_asked(
    get: Get, ssh: SshServer, secret: MakeSecret, known_hosts: str | None
) -> None:
    content = {"id_rsa": ssh.client_key.read_text()} | ({} if known_hosts is None else {"known_hosts": known_hosts})
    with held_ports(0) as (port,):
        line = refused(get, f"ssh://git@127.0.0.1:{port}/fashion.git", "main", secret("ssh-key-secret", content))
    assert line.startswith("Secret ssh-key-secret: no key known_hosts, so the server cannot be trusted; make it with")
    assert "ssh-keygen -lf known_hosts" in line


def test_missing_secret_is_refused_saying_how_to_make_it(
    get: Get, ssh: SshServer, repository: Repository, tmp_path: Path
) -> None:
    line = refused(get, ssh.url(repository), "main", Secret("ssh-key-secret", tmp_path / "not-mounted"))
    assert "kubectl create secret generic ssh-key-secret --from-file=id_rsa --from-file=known_hosts" in line


def test_key_may_be_called_ssh_privatekey_and_may_have_lost_its_last_line_end(
    get: Get, ssh: SshServer, repository: Repository, secret: MakeSecret
) -> None:
    key = ssh.client_key.read_text().strip().replace("\n", "\r\n")
    content = {"ssh-privatekey": key, "known_hosts": ssh.known_hosts.strip()}
    assert get(ssh.url(repository), ssh=secret("deploy-key", content)).subject == "Second"


@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_unusable_key_is_refused_saying_why(
    get: Get, ssh: SshServer, repository: Repository, secret: MakeSecret, tmp_path: Path, passphrase: str
) -> None:
    key = make_key(tmp_path / "locked", passphrase).read_text() if passphrase else "no key at all\n"
    line = refused(
        get, ssh.url(repository), "main", secret("ssh-key-secret", {"id_rsa": key, "known_hosts": ssh.known_hosts})
    )
    assert ("has a passphrase" if passphrase else "is not one that OpenSSH can read") in line


def test_missing_repository_is_refused_naming_it(
    get: Get, ssh: SshServer, repository: Repository, ssh_secret: Secret
) -> None:
    line = refused(get, ssh.url(repository).replace("fashion.git", "other.git"), "main", ssh_secret)
    assert "other.git: there is no such repository, or the key or token may not read it" in line


def test_server_that_does_not_listen_is_refused_naming_it(get: Get, secret: MakeSecret, ssh: SshServer) -> None:
    content = {"id_rsa": ssh.client_key.read_text(), "known_hosts": ssh.known_hosts}
    with held_ports(0) as (port,):
        line = refused(get, f"ssh://git@127.0.0.1:{port}/fashion.git", "main", secret("ssh-key-secret", content))
    assert f"[127.0.0.1]:{port} cannot be reached" in line


def test_silent_server_costs_the_time_limit_and_no_more(get: Get, ssh_secret: Secret) -> None:
    with silent_server() as url, pytest.raises(UserError, match=r"^git: not done after 1 s;"):
        get(f"ssh://git@{url.removeprefix('http://')}/fashion.git", ssh=ssh_secret, seconds=1)


def test_ssh_reads_the_key_from_a_private_file_in_a_private_directory(
    get: Get, ssh: SshServer, repository: Repository, ssh_secret: Secret, recorded: Callable[[str, str], Path]
) -> None:
    record = recorded(
        "ssh", 'for word; do case $word in */key) stat -c "%a %u" "$word" "${word%/key}"; esac; done; id -u'
    )
    get(ssh.url(repository), ssh=ssh_secret)
    file, directory, uid = record.read_text().splitlines()[:3]
    assert (file, directory) == (f"600 {uid}", f"700 {uid}")


def test_neither_arguments_nor_variables_hold_the_key(
    get: Get, ssh: SshServer, repository: Repository, ssh_secret: Secret, recorded: Callable[[str, str], Path]
) -> None:
    records = [recorded(program, 'printf "%s\\n" "$@"; env') for program in ("ssh", "git")]
    get(ssh.url(repository), ssh=ssh_secret)
    secret_line = ssh.client_key.read_text().splitlines()[1]
    for record in records:
        text = record.read_text()
        assert ssh.url(repository) in text or "127.0.0.1" in text
        assert secret_line not in text
        assert "PRIVATE KEY" not in text


def test_settings_of_the_user_and_the_machine_take_no_part(
    get: Get,
    ssh: SshServer,
    repository: Repository,
    ssh_secret: Secret,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = '[url "ssh://127.0.0.1:1/"]\n\tinsteadOf = ssh://\n[core]\n\tsshCommand = false\n'
    (tmp_path / ".gitconfig").write_text(settings)
    for name, value in {
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": str(tmp_path / ".gitconfig"),
        "GIT_SSH_COMMAND": "false",
        "GIT_SSH": "false",
        "GIT_DIR": str(tmp_path / "elsewhere"),
        "GIT_TRACE": str(tmp_path / "trace"),
    }.items():
        monkeypatch.setenv(name, value)
    assert get(ssh.url(repository), ssh=ssh_secret).subject == "Second"
    assert not (tmp_path / "trace").exists()


def test_ssh_reads_no_configuration_and_asks_nobody(
    get: Get, ssh: SshServer, repository: Repository, ssh_secret: Secret, recorded: Callable[[str, str], Path]
) -> None:
    record = recorded("ssh", 'printf "%s " "$@"')
    get(ssh.url(repository), ssh=ssh_secret)
    options = record.read_text()
    assert options.startswith("-F none -i ")
    for option in (
        "BatchMode=yes",
        "GlobalKnownHostsFile=/dev/null",
        "IdentitiesOnly=yes",
        "StrictHostKeyChecking=yes",
    ):
        assert f"-o {option} " in options
    assert re.search(r'UserKnownHostsFile="[^"]+/known_hosts" ', options)


def test_missing_program_is_named(
    get: Get, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"^git: not found in the image"):
        get("ssh://git@127.0.0.1/fashion.git")


def test_repository_without_the_package_is_refused(
    get: Get, ssh: SshServer, repository: Repository, ssh_secret: Secret
) -> None:
    commit = repository.commit({"modules/__init__.py": None, "src/modules/__init__.py": ""})
    line = refused(get, ssh.url(repository), "main", ssh_secret)
    assert f"commit {commit[:12]} has no modules/__init__.py" in line


def test_link_in_the_package_is_refused_naming_it(
    get: Get, ssh: SshServer, repository: Repository, ssh_secret: Secret
) -> None:
    (repository.work / "modules/shared").symlink_to("/etc")
    repository.commit({})
    assert "modules/shared at commit" in (line := refused(get, ssh.url(repository), "main", ssh_secret))
    assert "is a symbolic link; commit the files themselves" in line
