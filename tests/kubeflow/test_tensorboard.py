"""A TensorBoard that reads events from an object store, as its pod runs it."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import gcsfs
import pytest
import tensorflow as tf

from tests.object_stores import BUCKET
from tests.small_run import ROOT
from tfx_pipeline.kubeflow.tensorboard import EventFolder
from tfx_pipeline.process.errors import UserError

ARTIFACTS = "v2/artifacts/fashion-mnist"


def write_events(folder: Path, **scalars: float) -> Path:
    """Writes one event file."""
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=0):
        for name, value in scalars.items():
            tf.summary.scalar(name, value)
    writer.close()
    return max(folder.glob("*tfevents*"), key=lambda path: path.stat().st_mtime_ns)


def upload(client: boto3.client, file: Path, key: str) -> None:
    client.upload_file(str(file), BUCKET, key)


@contextmanager
def tensorboard(*arguments: str, prefix: str = "") -> Iterator[Callable[[str], Any]]:
    """Runs the pod's command on a free port; gives a function that asks its HTTP API."""
    command = [sys.executable, "-m", "tfx_pipeline.kubeflow.tensorboard", *arguments]
    command += ["--port", "0", "--reload_interval", "1", "--refresh", "0.5"]
    with subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            port = next(m[1] for line in server.stderr if (m := re.search(r"http://\S+?:(\d+)/", line)))

            def ask(path: str) -> Any:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{prefix}/data/{path}") as answer:
                    return json.load(answer)

            yield ask
            loaded = Path(f"/proc/{server.pid}/maps").read_text()
            assert "/tensorflow/" not in loaded, "TensorFlow takes seconds and half a gigabyte"
        finally:
            server.terminate()
            assert server.wait(20) == 0


def until(condition: Callable[[], Any]) -> Any:
    """Asks again until it is true, for a minute."""
    end = time.monotonic() + 60
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.2)
    return found


def test_it_serves_the_scalars_of_an_object_store_and_those_that_come_later(
    s3: boto3.client,
    tmp_path: Path,
) -> None:
    first = write_events(tmp_path / "first", accuracy=0.875)
    upload(s3, first, f"{ARTIFACTS}/run-1/evaluation-review/9f/tensorboard/{first.name}")
    upload(s3, first, f"{ARTIFACTS}/run-1/trainer/7c/model/Format-Serving/saved_model.pb")
    with tensorboard("--logdir", f"minio://{BUCKET}/{ARTIFACTS}") as ask:
        assert until(lambda: ask("runs")) == ["run-1"]
        tags = ask("plugin/scalars/tags")
        assert list(tags["run-1"]) == ["accuracy"]
        assert ask("plugin/scalars/scalars?run=run-1&tag=accuracy")[0][1:] == [0, 0.875]
        second = write_events(tmp_path / "second", accuracy=0.75)
        upload(s3, second, f"{ARTIFACTS}/run-2/evaluation-review/8e/tensorboard/{second.name}")
        assert until(lambda: len(ask("runs")) == 2)
        assert sorted(ask("runs")) == ["run-1", "run-2"]


def test_a_path_prefix_and_a_local_folder_are_served_as_kubeflows_page_asks(tmp_path: Path) -> None:
    write_events(tmp_path / "run", loss=0.25)
    flags = ("tensorboard", f"--logdir={tmp_path}", "--path_prefix=/tensorboard/viewer-1/", "--bind_all")
    with tensorboard(*flags, prefix="/tensorboard/viewer-1") as ask:
        assert until(lambda: ask("runs")) == ["run"]


def test_events_that_grow_are_copied_from_where_the_copy_ends(s3: boto3.client, tmp_path: Path) -> None:
    file = write_events(tmp_path / "logs", accuracy=0.5)
    content = file.read_bytes()
    events = EventFolder(f"minio://{BUCKET}/logs", tmp_path / "copy")
    for end in (len(content) // 2, len(content), len(content)):
        s3.put_object(Bucket=BUCKET, Key=f"logs/{file.name}", Body=content[:end])
        assert events.refresh() == 1
        assert (tmp_path / "copy" / file.name).read_bytes() == content[:end]


@pytest.mark.parametrize("review", ["evaluation-review", "judgement"])
def test_curves_of_a_training_are_there_before_the_review_and_once(
    review: str, s3: boto3.client, tmp_path: Path
) -> None:
    file = write_events(tmp_path / "train", accuracy=0.5)
    events = EventFolder(f"minio://{BUCKET}/{ARTIFACTS}", tmp_path / "copy")
    for folder in ("trainer/7c/model_run", f"{review}/9f/tensorboard"):
        upload(s3, file, f"{ARTIFACTS}/run-1/{folder}/train/{file.name}")
        events.refresh()
        assert [p for p in (tmp_path / "copy").rglob("*") if p.is_file()] == [tmp_path / "copy/run-1/train" / file.name]


def test_nothing_is_written_outside_the_copy(s3: boto3.client, tmp_path: Path) -> None:
    s3.put_object(Bucket=BUCKET, Key="logs/a/../../../evil.tfevents", Body=b"1")
    assert EventFolder(f"minio://{BUCKET}/logs", tmp_path / "copy").refresh() == 0
    assert list(tmp_path.iterdir()) == []


def test_google_cloud_storage_is_read_too(gcs: str, tmp_path: Path) -> None:
    file = write_events(tmp_path / "logs", accuracy=0.5)
    gcsfs.GCSFileSystem(use_listings_cache=False).put_file(str(file), f"{BUCKET}/logs/train/{file.name}")
    assert EventFolder(f"{gcs}/logs", tmp_path / "copy").refresh() == 1
    assert (tmp_path / "copy/train" / file.name).read_bytes() == file.read_bytes()


def test_a_bucket_that_is_not_there_is_one_line(s3: boto3.client, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^minio://absent/logs: .*; check the location, MINIO_ENDPOINT"):
        EventFolder("minio://absent/logs", tmp_path).refresh()
    command = [sys.executable, "-m", "tfx_pipeline.kubeflow.tensorboard", "--logdir", "minio://absent/logs"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: minio://absent/logs: ")
    assert "Traceback" not in done.stderr


def test_a_folder_without_events_is_waited_for(s3: boto3.client, tmp_path: Path) -> None:
    assert EventFolder(f"minio://{BUCKET}/later", tmp_path).refresh() == 0
