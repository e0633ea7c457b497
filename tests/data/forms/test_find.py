"""IDX files where people have them: in sub-folders, in archives, beside other things."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data.forms.conftest import Sample

Resolved = Callable[[Path], str]
Refusal = Callable[[Path], str]
TRAIN_IMAGES = "train-images-idx3-ubyte"


@pytest.fixture
def idx_files(sample: Sample, tmp_path: Path) -> Path:
    return tmp_path / "idx"


def zipped(folder: Path, archive: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in folder.iterdir():
            file.write(path, f"{prefix}{path.name}")
    return archive


def test_files_in_a_sub_folder_are_found(idx_files: Path, tmp_path: Path, resolved: Resolved) -> None:
    shutil.copytree(idx_files, tmp_path / "data/FashionMNIST/raw")
    (tmp_path / "data/lost+found").mkdir(mode=0)
    (tmp_path / "data/loop").symlink_to(tmp_path / "data")
    (tmp_path / "data/again").symlink_to(tmp_path / "data/FashionMNIST")
    line = resolved(tmp_path / "data")
    assert "data: IDX files in" in line
    assert "raw (custom data), 200 train + 50 eval images" in line


def test_folders_that_carry_the_files_names_are_none(idx_files: Path, tmp_path: Path, resolved: Resolved) -> None:
    for path in list(shutil.copytree(idx_files, tmp_path / "kaggle").iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
        path.mkdir()
        (path / path.name).write_bytes(b"")
    resolved(tmp_path / "kaggle")


def test_whole_idx_files_are_taken_whatever_lies_beside_them(idx_files: Path, resolved: Resolved) -> None:
    (idx_files / "mnist.npz").write_bytes(b"")
    (idx_files / "archive.zip").write_bytes(b"")
    resolved(idx_files)


@pytest.mark.parametrize("prefix", ["", "FashionMNIST/raw/"])
def test_an_archive_is_read(idx_files: Path, tmp_path: Path, resolved: Resolved, prefix: str) -> None:
    (tmp_path / "download").mkdir()
    archive = zipped(idx_files, tmp_path / "download/archive.ZIP", prefix)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(f"__MACOSX/{prefix}._{TRAIN_IMAGES}", b"")
        file.writestr("../../outside", b"")
    for data_dir in (archive, archive.parent):
        assert resolved(data_dir).startswith(f"data: IDX files of ZIP archives in {archive.parent} (custom")
    assert not list(tmp_path.rglob("outside"))


def test_a_bad_file_in_an_archive_is_named_as_it_lies_there(idx_files: Path, tmp_path: Path, refusal: Refusal) -> None:
    (idx_files / TRAIN_IMAGES).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0")
    archive = zipped(idx_files, tmp_path / "clothes.zip")
    assert refusal(archive).startswith(f"{archive}/{TRAIN_IMAGES}: the file is a Git-LFS pointer")


def test_an_archive_without_a_data_set_is_refused_naming_what_it_holds(tmp_path: Path, refusal: Refusal) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/inner.zip").write_bytes(b"")
    archive = zipped(tmp_path / "folder", tmp_path / "outer.zip")
    line = refusal(archive)
    assert line.startswith(f"{archive}: lacks {TRAIN_IMAGES}, ")
    assert line.endswith("found inner.zip")


def encrypted(archive: Path) -> None:
    content = archive.read_bytes()
    archive.write_bytes(content.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"))


def damaged(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 4
    archive.write_bytes(content)


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (encrypted, "is encrypted; unpack it and name the folder"),
        (damaged, "cannot be read ("),
        (lambda archive: archive.write_bytes(archive.read_bytes()[:-9]), "expected a ZIP archive"),
        (lambda archive: archive.write_bytes(b"<!doctype html>"), "the file is a web page"),
        (lambda archive: archive.write_bytes(b""), "the file is empty; expected a ZIP archive"),
    ],
)
def test_a_bad_archive_is_refused_naming_it(
    idx_files: Path, tmp_path: Path, refusal: Refusal, alter: Callable[[Path], object], expected: str
) -> None:
    archive = zipped(idx_files, tmp_path / "archive.zip")
    alter(archive)
    line = refusal(archive)
    assert line.startswith(f"{archive}: ")
    assert expected in line


def test_an_archive_that_the_disk_has_no_room_for_is_refused(idx_files: Path, tmp_path: Path, refusal: Refusal) -> None:
    archive = tmp_path / "archive.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for number in range(2_000):  # 8 TB of promises
            file.writestr(str(number), b"")
    content = bytearray(archive.read_bytes())
    place = content.index(b"PK\x01\x02")
    while place >= 0:
        content[place + 24 : place + 28] = b"\xfe\xff\xff\xff"
        place = content.find(b"PK\x01\x02", place + 1)
    archive.write_bytes(content)
    assert "unpacks to 8,589,934,588,000 bytes, and the data cache's disk has" in refusal(archive)


def test_two_data_sets_are_refused_naming_both(idx_files: Path, tmp_path: Path, refusal: Refusal) -> None:
    for name in ("FashionMNIST", "MNIST"):
        shutil.copytree(idx_files, tmp_path / "data" / name / "raw")
    data = tmp_path / "data"
    assert (
        f"{data}: holds more than one data set (IDX files in {data}/FashionMNIST/raw, IDX files in {data}/MNIST/raw)"
        in (refusal(data))
    )


def test_what_lacks_a_file_is_named_where_it_lies(idx_files: Path, tmp_path: Path, refusal: Refusal) -> None:
    shutil.copytree(idx_files, tmp_path / "data/raw")
    (tmp_path / "data/raw" / TRAIN_IMAGES).unlink()
    for number in range(6):
        (tmp_path / "data/raw" / f"note {number}").touch()
    assert refusal(tmp_path / "data").startswith(f"{tmp_path}/data/raw: lacks {TRAIN_IMAGES}; expected a folder with")
    assert refusal(tmp_path / "data").endswith("found note 0, note 1, note 2, note 3, note 4 and 4 more")


def test_a_tree_too_large_to_look_through_is_refused(tmp_path: Path, refusal: Refusal) -> None:
    for number in range(201):
        (tmp_path / "data" / str(number)).mkdir(parents=True)
    assert "has over 200 sub-folders; name the one with the data set" in refusal(tmp_path / "data")


@pytest.mark.parametrize("name", ["sib?", "a [b]", "*", "{a,b}", "back\\slash", "#1 & 100%"])
def test_a_folder_whose_name_is_a_pattern_is_that_folder(
    sample: Sample, tmp_path: Path, resolved: Callable[[Path], str], name: str
) -> None:
    for other in ("sib1", "a b", "a", "b"):
        (tmp_path / "data" / other).mkdir(parents=True)
        (tmp_path / "data" / other / "train-images-idx3-ubyte").write_bytes(b"another's")
    shutil.copytree(tmp_path / "idx", tmp_path / "data" / name)
    resolved(tmp_path / "data" / name)
