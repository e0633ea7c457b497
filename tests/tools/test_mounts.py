"""Which folders of the host the container sees: what a command's arguments name, through links and TOML files too."""

from pathlib import Path

import pytest

from tests.tools.test_env import bash


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    return folder


def mounts(checkout: Path, *arguments: str, home: str = "/root") -> list[str]:
    return bash('argument_mounts "$@" | outermost', *arguments, root=checkout, HOME=home).stdout.splitlines()


def test_folders_named_by_arguments_are_mounted_once(checkout: Path, data: Path) -> None:
    arguments = ("--data-dir", str(data), f"--output-dir={data}/sub", "../data/sub", "--epochs=3", "dense")
    assert mounts(checkout, *arguments) == [str(data)]


@pytest.mark.parametrize("argument", ["{0}", "--set=data.dir={0}", "data.dir={0}", "--data-dir={0}", "~/sub/..", "~"])
def test_a_folder_is_found_in_every_form_of_an_argument(checkout: Path, data: Path, argument: str) -> None:
    assert mounts(checkout, argument.format(data), home=str(data)) == [str(data)]


@pytest.mark.parametrize(
    "options",
    [
        "--temp_location {0}",
        "--runner=FlinkRunner  --temp_location={0}/new -x",
        "--beam-args=--temp_location {0}",
        "--set=run.beam_args=--a=b --c {0} --d",
    ],
)
def test_a_folder_is_found_among_the_options_of_another_program(checkout: Path, data: Path, options: str) -> None:
    assert mounts(checkout, options.format(data)) == [str(data)]


def test_a_path_with_a_space_is_one_path(checkout: Path, data: Path) -> None:
    (data / "sub with").mkdir()
    assert mounts(checkout, f"--output-dir={data}/sub with/x", f"{data}/sub with") == [f"{data}/sub with"]


@pytest.mark.parametrize("name", ["with space", "comma, and", 'quote"s', "s3:", "naïve", "a=b"])
def test_any_name_is_mounted(checkout: Path, data: Path, name: str) -> None:
    (data / name).mkdir()
    assert mounts(checkout, f"{data}/{name}") == [f"{data}/{name}"]


def test_a_folder_still_to_be_made_is_seen_through_the_nearest_that_exists(checkout: Path, data: Path) -> None:
    assert mounts(checkout, str(data / "new" / "deeper")) == [str(data)]


def test_a_file_is_seen_through_its_folder(checkout: Path, data: Path) -> None:
    (data / "file").touch()
    assert mounts(checkout, f"--data-dir={data}/file") == [str(data)]


def test_what_a_toml_file_names_is_seen(checkout: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    text = f"""
    output_dir = "{data}/sub"  # here
    dir = '../more'
    model = "dense"
    """
    (checkout / "my.toml").write_text(text)
    assert mounts(checkout, "--config", "my.toml") == [str(data / "sub"), str(tmp_path / "more")]
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "other.toml").write_text(f"[run]\noutput_dir='{data}'\n")
    assert mounts(checkout, f"--config={tmp_path}/settings/other.toml") == [str(data), str(tmp_path / "settings")]


def test_a_link_is_followed_link_by_link(checkout: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").mkdir()
    (tmp_path / "alias" / "link").symlink_to("../data/sub")
    (checkout / "output").symlink_to(tmp_path / "alias" / "link")
    expected = [str(tmp_path / "alias" / "link"), str(data / "sub")]
    assert mounts(checkout, "output/new") == expected


def test_links_in_the_checkout_are_followed_without_being_named(checkout: Path, data: Path, tmp_path: Path) -> None:
    (checkout / "modules" / "models").mkdir(parents=True)
    (checkout / "modules" / "models" / "mine.py").symlink_to("../../../mine/mine.py")
    (checkout / "output").symlink_to(data)
    (checkout / "inner").symlink_to("modules")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.py").touch()
    assert bash("checkout_mounts | outermost", root=checkout).stdout.splitlines() == [str(data), str(tmp_path / "mine")]


def test_a_loop_of_links_ends(checkout: Path) -> None:
    (checkout / "loop").symlink_to("loop")
    assert mounts(checkout, "loop/x") == []


def test_what_links_in_a_folder_lead_to_is_seen(checkout: Path, data: Path, tmp_path: Path) -> None:
    (data / "sub" / "train-images-idx3-ubyte").touch()
    (tmp_path / "links" / "raw").mkdir(parents=True)
    (tmp_path / "links" / "raw" / "images").symlink_to(data / "sub" / "train-images-idx3-ubyte")
    (checkout / "inside").symlink_to(tmp_path / "links")
    assert mounts(checkout, f"{tmp_path}/links") == [str(data / "sub"), str(tmp_path / "links")]
    assert mounts(checkout, "inside") == [str(data / "sub"), str(tmp_path / "links")]


def test_every_folder_that_a_data_set_of_links_leads_to_is_seen(checkout: Path, tmp_path: Path) -> None:
    """As image tools lay splits out: a link for each image, by class, to a store with a folder for each class."""
    expected = {str(tmp_path / "links"), str(tmp_path / "disk")}
    for name in "abc":
        store = tmp_path / "store" / name
        (store / "sub").mkdir(parents=True)
        expected.add(str(store))
        for split in ("train", "test"):
            (tmp_path / "links" / "data" / "images" / split / name).mkdir(parents=True)
            for number in range(200):
                (store / f"{split}{number}").touch()
                link = tmp_path / "links" / "data" / "images" / split / name / f"{number}.png"
                link.symlink_to(store / f"{split}{number}")
    # And one that the store itself has elsewhere.
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "far.png").touch()
    (tmp_path / "store" / "c" / "train199").unlink()
    (tmp_path / "store" / "c" / "train199").symlink_to(tmp_path / "disk" / "far.png")
    assert set(mounts(checkout, f"--data-dir={tmp_path}/links")) == expected


def test_folders_that_lie_beside_each_other_are_seen_through_a_link_each(checkout: Path, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / "store" / name).mkdir(parents=True)
        (tmp_path / "links").mkdir(exist_ok=True)
        (tmp_path / "links" / name).symlink_to(tmp_path / "store" / name)
    expected = [str(tmp_path / "links"), *(str(tmp_path / "store" / name) for name in "ab")]
    assert mounts(checkout, f"{tmp_path}/links") == expected


@pytest.mark.parametrize(
    "path",
    ["/", "/etc/hosts", "/usr/bin/env", "/usr/share", "/proc/self", "/opt/venv/bin/python", "/opt/new", "/home/new"],
)
def test_neither_the_checkout_nor_system_folders_are_mounted(checkout: Path, path: str) -> None:
    assert mounts(checkout, str(checkout), "output", path, f"--output-dir={path}", "s3://b/x") == []


def test_debians_data_sets_are_mounted_though_they_lie_in_usr(checkout: Path) -> None:
    script = (
        "may_be_mounted /usr/share/datasets/fashion-mnist && ! may_be_mounted /usr/share && ! may_be_mounted /usr/lib/x"
    )
    assert bash(script, root=checkout).returncode == 0


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/a/b", "type=bind,source=/a/b,target=/a/b"),
        ('/a, "b"', 'type=bind,"source=/a, ""b""","target=/a, ""b"""'),
    ],
)
def test_commas_and_quotes_are_kept_from_the_engines_parser(path: str, mount: str) -> None:
    assert bash('bind "$1"', path).stdout == f"{mount}\n"
