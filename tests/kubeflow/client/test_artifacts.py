"""Artifacts come through Kubeflow's page or from the object store, whichever gives them whole."""

import json
from pathlib import Path

import boto3
import pytest

from tests.kubeflow.client.cluster import EVENTS, NAME, RUN, WHOLE, Cluster, Fetch, left, sealed
from tests.object_stores import BUCKET, endpoint, s3  # noqa: F401 - fixtures
from tfx_pipeline.kubeflow.client import cluster_run
from tfx_pipeline.kubeflow.client.connection import Connection
from tfx_pipeline.kubeflow.client.fetch import fetch
from tfx_pipeline.kubeflow.client.server import Server
from tfx_pipeline.process.errors import UserError


@pytest.mark.parametrize("gone", ["report", "tensorboard"])
def test_artifacts_that_were_deleted_are_said_and_nothing_is_left(
    gone: str, cluster: Cluster, bring: Fetch, output: Path
) -> None:
    cluster.full()
    place = cluster.store.path(cluster.uri(RUN, "evaluation-review", gone))
    place.rename(place.with_name("elsewhere"))
    with pytest.raises(UserError, match=rf"/evaluation-review/try-1/{gone}: has no objects any more"):
        bring()
    assert left(output) == []
    assert not (output / ".fetch").exists()


def test_without_noted_names_the_page_gives_an_archive_where_its_store_says_that_a_folder_is_no_key(
    cluster: Cluster, bring: Fetch, output: Path
) -> None:
    cluster.full(noted=False)
    with pytest.raises(UserError, match="the page gives no whole archive of it"):
        bring()
    cluster.page.store = (4, 38)
    bring()
    assert left(output) == WHOLE


def test_an_event_file_of_which_the_page_gives_no_bytes_is_not_taken_for_brought(
    cluster: Cluster, bring: Fetch, output: Path
) -> None:
    cluster.full()
    place = cluster.store.path(cluster.uri(RUN, "evaluation-review", "tensorboard")) / EVENTS[1]
    place.unlink()
    (place / "inside").mkdir(parents=True)
    (place / "inside" / "file").touch()
    with pytest.raises(UserError, match="it has no bytes"):
        bring()
    assert left(output) == []


def test_an_archive_that_broke_off_is_not_taken_for_whole(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full(noted=False)
    cluster.page.store, cluster.page.lost = (4, 38), 1
    with pytest.raises(UserError, match="the page gives no whole archive of it"):
        bring()
    assert left(output) == []


def test_another_page_in_place_of_the_report_is_not_taken_for_it(cluster: Cluster, bring: Fetch, output: Path) -> None:
    cluster.full()
    cluster.put(cluster.uri(RUN, "evaluation-review", "report"), "<html>Log in</html>")
    with pytest.raises(UserError, match="what answers is no report, perhaps a page for a log-in"):
        bring()
    assert left(output) == []


def test_the_log_in_is_the_clients(cluster: Cluster, output: Path) -> None:
    cluster.full()
    cluster.state.token = "right"
    fetch(Server(Connection(cluster.host, token="right")), [RUN], output, lambda _: None)
    assert left(output) == WHOLE


def test_where_kubeflow_has_several_users_the_page_is_below_pipeline_and_ml_metadata_is_not(
    cluster: Cluster, output: Path
) -> None:
    cluster.full()
    cluster.state.prefix = "/pipeline"
    server = Server(Connection(f"{cluster.host}/pipeline", namespace="ml"))
    fetch(server, [RUN], output, lambda _: None)
    assert left(output) == WHOLE
    assert {query["namespace"] for query in cluster.page.queries} == {"ml"}


def in_the_store(cluster: Cluster, client: boto3.client) -> None:
    """Puts all objects into a real object store."""
    folder = cluster.store.path(f"minio://{BUCKET}")
    for path in (path for path in folder.rglob("*") if path.is_file()):
        client.put_object(Bucket=BUCKET, Key=str(path.relative_to(folder)), Body=path.read_bytes())


def test_what_the_page_of_2_16_does_not_give_comes_from_the_object_store(
    cluster: Cluster,
    bring: Fetch,
    output: Path,
    s3: boto3.client,  # noqa: F811
) -> None:
    cluster.full()
    cluster.page.version = "2.16"
    in_the_store(cluster, s3)
    bring()
    assert left(output) == WHOLE


def test_without_a_page_all_comes_from_the_object_store(
    cluster: Cluster,
    bring: Fetch,
    output: Path,
    s3: boto3.client,  # noqa: F811
) -> None:
    cluster.full(runtime_config={"pipeline_root": f"minio://{BUCKET}/v2/artifacts/"})
    in_the_store(cluster, s3)
    cluster.state.page = None
    bring()
    assert left(output) == WHOLE
    manifest = json.loads((output / "runs" / NAME / "run.json").read_text())
    assert (manifest["metrics"]["accuracy"], manifest["data"], manifest["data_gate"]["ok"]) == (0.875, None, True)


def test_without_a_page_a_profiles_own_place_is_known(
    cluster: Cluster,
    output: Path,
    s3: boto3.client,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster_run, "PROFILE_ROOT", f"minio://{BUCKET}/{{}}/v2/artifacts")
    monkeypatch.setattr(cluster_run, "STOCK_ROOT", f"minio://{BUCKET}/nowhere")
    cluster.full()
    in_the_store(cluster, s3)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for item in page["Contents"]:
            s3.copy_object(Bucket=BUCKET, Key=f"ml/{item['Key']}", CopySource={"Bucket": BUCKET, "Key": item["Key"]})
            s3.delete_object(Bucket=BUCKET, Key=item["Key"])
    cluster.state.page = None
    fetch(Server(Connection(cluster.host, namespace="ml")), [RUN], output, lambda _: None)
    assert left(output) == WHOLE


def test_without_a_page_and_without_the_object_store_both_reasons_are_said(
    cluster: Cluster, bring: Fetch, output: Path
) -> None:
    cluster.full()
    cluster.state.page = None
    with pytest.raises(UserError) as error:
        bring()
    assert str(error.value).startswith(
        f"--fetch {RUN}: nobody says where its artifacts are: {cluster.host}: cannot ask"
    )
    assert "check the location, MINIO_ENDPOINT" in str(error.value)
    assert "\n" not in str(error.value)
    assert left(output) == []


def test_a_name_that_leads_out_of_the_folder_is_not_followed(
    cluster: Cluster,
    bring: Fetch,
    output: Path,
    s3: boto3.client,  # noqa: F811
) -> None:
    cluster.full(noted=False)
    cluster.page.version = "2.16"
    in_the_store(cluster, s3)
    prefix = cluster.uri(RUN, "evaluation-review", "tensorboard").removeprefix(f"minio://{BUCKET}/")
    s3.put_object(Bucket=BUCKET, Key=f"{prefix}/../../../../evil.tfevents", Body=b"x")
    with pytest.raises(UserError, match="whose name leads out of its folder"):
        bring()
    assert left(output) == []


def test_a_noted_name_that_leads_out_of_the_folder_is_not_followed(
    cluster: Cluster, bring: Fetch, output: Path
) -> None:
    cluster.full()
    events = ("tfx.ModelRun", sealed("../evil.tfevents"))
    cluster.record(RUN, "evaluation-review", tensorboard=events, report=("system.HTML", {}))
    with pytest.raises(UserError, match="whose name leads out of its folder"):
        bring()
    assert left(output) == []
