"""Which places a program in the container of tools/env may use: those that the host has afterwards."""

from pathlib import Path

import pytest

from tfx_pipeline.process import host_paths
from tfx_pipeline.process.errors import UserError


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of the host that the container sees."""
    folder = tmp_path / "seen"
    folder.mkdir()
    monkeypatch.setenv(host_paths.FOLDERS, f"{folder}\n/mnt/a, b")
    return folder


@pytest.mark.parametrize("path", [".", "new/deeper"])
def test_a_place_in_a_folder_of_the_host_is_taken(seen: Path, path: str) -> None:
    host_paths.require_visible(seen / path, "--output-dir")
    host_paths.require_visible(f"/mnt/a, b/{path}", "--output-dir")


@pytest.mark.parametrize("path", ["/opt/x", "/", "/var/x", "/usr/x", "/home/x", "/mnt/a", "{seen}-2", "{seen}/../x"])
def test_a_place_that_is_gone_with_the_container_is_refused(seen: Path, path: str) -> None:
    with pytest.raises(UserError, match=r"^--output-dir .*: the container .* does not see .*; make the folder first"):
        host_paths.require_visible(path.format(seen=seen), "--output-dir")


def test_a_link_that_leads_out_is_refused_with_its_target(seen: Path) -> None:
    (seen / "output").symlink_to("/big/disk/out")
    with pytest.raises(UserError, match=r"does not see /big/disk/out of this machine, by the link .*/seen/output;"):
        host_paths.require_visible(seen / "output", "--output-dir")
    with pytest.raises(UserError, match="does not see /big/disk/out/new of this machine"):
        host_paths.require_visible(seen / "output" / "new", "--output-dir")


def test_a_folder_of_links_that_lead_out_is_refused(seen: Path) -> None:
    (seen / "raw").mkdir()
    (seen / "raw" / "train-images-idx3-ubyte").symlink_to("/elsewhere/images")
    with pytest.raises(
        UserError, match=r"--data-dir .* does not see /elsewhere/images .* by the link .*/train-images-"
    ):
        host_paths.require_visible(seen, "--data-dir")


def test_without_a_container_every_place_is_the_hosts() -> None:
    host_paths.require_visible("/opt/x", "--output-dir")


def test_home_is_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(host_paths.HOME, "/home/me")
    assert [host_paths.expanded(path) for path in ("~", "~/x", "/~/x", "~x/y", "")] == [
        "/home/me",
        "/home/me/x",
        "/~/x",
        "~x/y",
        "",
    ]


@pytest.mark.parametrize("name", ["sib?", "run [1]", "*", "a\\b", "[", "x [y/output"])
def test_a_path_that_is_a_pattern_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"^--output-dir /out/.*: has .*, by which TensorFlow and Apache Beam mean"):
        host_paths.require_no_pattern(Path("/out", name), "--output-dir")


@pytest.mark.parametrize("name", ["{a,b}", "run 1]", "it's", "$HOME", "100%", "#1", "a&b;c", "\u00e9t\u00e9"])
def test_a_path_that_only_a_shell_would_read_otherwise_is_taken(name: str) -> None:
    host_paths.require_no_pattern(Path("/out", name), "--output-dir")
