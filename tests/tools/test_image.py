"""What tools/image decides without an engine, and what the programs inside the images make of their surroundings."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.tools.test_env import ROOT, bash
from tools import gpu_packages

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


def image(script: str, *arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return bash(f'source "{ROOT}/tools/lib/image.sh"; {script}', *arguments, root=root)


def load(name: str) -> Any:
    """Loads a program of the image, which is no module of a package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / "docker" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("target", "ending"), [("", ""), ("runtime", ""), ("runtime-cpu", "-cpu")])
def test_the_default_image_is_the_one_of_the_package(target: str, ending: str) -> None:
    assert image('image_name "$@"', *([target] if target else [])).stdout == f"tfx-fashion-mnist:0.1.0{ending}\n"


def test_the_default_image_is_named_after_the_data_set(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "dataset.py").write_text('DATASET: Final = ImageDataset(\n    name="digits-8x8",\n')
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "2.0"\n')
    assert image("image_name", root=tmp_path).stdout == "tfx-digits-8x8:2.0\n"


def test_an_unknown_target_is_refused_with_the_known_ones() -> None:
    done = image("image_name gpu")
    assert done.returncode == 1
    assert "expected runtime or runtime-cpu" in done.stderr


@pytest.mark.parametrize(
    ("name", "without"),
    [("host:5000/a/fashion:1.0", "host:5000/a/fashion"), ("host:5000/fashion", "host:5000/fashion")],
)
def test_a_registrys_port_is_no_tag(name: str, without: str) -> None:
    assert image('without_tag "$1"', name).stdout == f"{without}\n"


@pytest.mark.parametrize(
    ("remote", "seen"),
    [
        ("https://me:secret@example.org/fashion.git", "https://example.org/fashion.git"),
        ("git@example.org:me/fashion.git", "https://example.org/me/fashion.git"),
        ("/home/me/fashion", ""),
    ],
)
def test_an_image_tells_its_source_without_secrets_and_folders(tmp_path: Path, remote: str, seen: str) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
    assert image("source_address", root=tmp_path).stdout.strip() == seen


def test_a_changed_checkout_is_not_passed_off_as_its_commit(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=me", "-c", "user.email=me@example.org"]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    clean = image("revision", root=tmp_path).stdout.strip()
    (tmp_path / "new").touch()
    assert image("revision", root=tmp_path).stdout.strip() == f"{clean}-dirty"
    assert len(clean) == 40


ENGINE = """
engine=(podman); has_image() { true; }; cache_dir=$1
podman() { echo "$*" >>"$cache_dir/said"; while [[ $1 != --digestfile ]]; do shift; done; echo "$answer" >"$2"; }
answer=$2; image_push "$3" """


def test_a_pushed_image_is_named_by_its_digest(tmp_path: Path) -> None:
    done = image(ENGINE, str(tmp_path), DIGEST, "host:5000/fashion:1.0")
    assert done.stdout == f"host:5000/fashion@{DIGEST}\n"


@pytest.mark.parametrize("name", ["fashion:1.0", f"host/fashion@{DIGEST}", ""])
def test_a_name_that_cannot_be_pushed_is_refused_before_anything_is_sent(tmp_path: Path, name: str) -> None:
    done = image(ENGINE, str(tmp_path), DIGEST, name)
    assert done.returncode == 1
    assert "expected one such as" in done.stderr or "name a tag" in done.stderr
    assert not (tmp_path / "said").exists()


@pytest.fixture
def packages(tmp_path: Path) -> Callable[..., Path]:
    """Makes files below a folder like site-packages."""

    def make(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("VALUE = 1\n")
        return tmp_path

    return make


def test_tests_headers_and_other_services_are_left_out_and_nothing_else(packages: Callable[..., Path]) -> None:
    trim = load("trim")
    kept = ["a/code.py", "scipy/stats/_page_trend_test.py", "botocore/data/s3/service.json", "botocore/data/x.json"]
    gone = [
        "a/tests/test_code.py",
        "a/x.h",
        "tensorflow/include/y",
        "tfx/a/b_test.py",
        "botocore/data/ec2/service.json",
    ]
    root = packages(*kept, *gone)
    for path in trim.unused(root):
        trim.remove(path)
    left = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert left == sorted(kept)


def test_bytecode_is_the_same_whenever_it_is_made(packages: Callable[..., Path]) -> None:
    trim = load("trim")
    source = packages("a.py") / "a.py"
    made = source.parent / "__pycache__" / f"a.{sys.implementation.cache_tag}.pyc"
    contents = []
    for when in (1_000_000_000, 1_700_000_000):
        made.unlink(missing_ok=True)
        subprocess.run(["touch", "-d", f"@{when}", source], check=True)
        trim.bytecode([source])
        contents.append(made.read_bytes())
    assert contents[0] == contents[1]


def test_a_library_is_stripped_once_and_not_written_anew(packages: Callable[..., Path]) -> None:
    trim = load("trim")
    root = packages("text.so")
    (root / "none.so").write_bytes(elf(b"\x03"))
    (root / "some.so").write_bytes(elf(b"\x02"))
    assert [name for name in ("none.so", "some.so", "text.so") if trim.has_symbols(root / name)] == ["some.so"]


def elf(kind: bytes) -> bytes:
    """A 64-bit ELF file of a header and one section of a kind."""
    header = bytearray(64)
    header[:5] = b"\x7fELF\x02"
    header[40:48] = (64).to_bytes(8, "little")
    header[58:62] = (64).to_bytes(2, "little") + (1).to_bytes(2, "little")
    return bytes(header) + bytes(4) + kind + bytes(59)


def test_the_list_of_packages_has_no_time_and_no_random_number() -> None:
    document = {"serialNumber": "urn:uuid:1", "metadata": {"timestamp": "now", "tools": []}, "components": [1]}
    command = [sys.executable, ROOT / "tools" / "docker" / "sbom.py"]
    done = subprocess.run(command, input=json.dumps(document), check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == {"metadata": {"tools": []}, "components": [1]}


BUILD = {"cuda_version": "12.5.1", "cudnn_version": "9"}


def test_a_cuda_library_that_no_package_has_is_named() -> None:
    files = {f"nvidia/x/lib/{name}" for name in gpu_packages.needed(BUILD) - {"libcudnn.so.9"}}
    problems = gpu_packages.missing(gpu_packages.needed(BUILD), files, {"nvidia/x/lib"})
    assert problems == ["libcudnn.so.9: in none of the packages"]


def test_a_cuda_library_where_tensorflow_does_not_look_is_named() -> None:
    files = {f"nvidia/x/lib/{name}" for name in gpu_packages.needed(BUILD)}
    problems = gpu_packages.missing({"libcufft.so.11"}, files, {"nvidia/cufft/lib"})
    assert problems == ["libcufft.so.11: is in nvidia/x/lib/libcufft.so.11, where TensorFlow does not look for it"]


def test_the_extra_has_the_packages_of_cuda_and_each_has_a_hash() -> None:
    blocks = gpu_packages.requirements(ROOT)
    assert {block[0].partition("==")[0] for block in blocks} >= {"nvidia-cudnn-cu12", "nvidia-cublas-cu12"}
    assert all(any("--hash=sha256:" in line for line in block) for block in blocks)
