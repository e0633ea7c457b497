"""An InferenceService of KServe for the models in the serving place: TensorFlow Serving, with protocol v1."""

from pathlib import PurePosixPath
from typing import Final, NamedTuple

from modules.dataset import DATASET
from tfx_pipeline.config.kubeflow import KubeflowConfig, StepSettings
from tfx_pipeline.kubeflow.manifests.render import as_yaml, rendered
from tfx_pipeline.kubeflow.pod import Manifest, checked_namespace, object_name, without_empty
from tfx_pipeline.kubeflow.step_settings import check_serving_place, serving_uri, settings_of
from tfx_pipeline.process import object_store
from tfx_pipeline.process.errors import UserError
from tfx_pipeline.steps.table import PUSHER

GOOGLE_KEY: Final = "gcloud-application-credentials.json"
"""The key of a Secret that KServe mounts as Google's key file."""

LONGEST_LABEL: Final = 63
"""Characters of one label of a host's name."""

ANNOTATION: Final = "serving.kserve.io/s3"


class Storage(NamedTuple):
    """Where KServe fetches models.

    Attributes:
        uri: The place, in the words of KServe.
        keys: Where the credentials are, as SECRET/KEY, by the name of the key that KServe looks for; none where the
            pod's identity counts.
        annotations: What KServe must know of an S3 store beside its credentials.
    """

    uri: str
    keys: dict[str, str]
    annotations: dict[str, str]


def kserve_manifest(config: KubeflowConfig, namespace: str = "") -> str:
    """Writes the manifest.

    Args:
        config: Says where models are pushed, and who may read them.
        namespace: Where KServe serves; by default where a stand-alone Kubeflow is.

    Returns:
        YAML for ``kubectl apply -f -``: the InferenceService, and where the store asks for keys, the Secret and the
        ServiceAccount through which KServe finds them. A Secret is printed without its values; a comment has the
        command that copies them.

    Raises:
        UserError: No volume is mounted where models are pushed, KServe cannot serve one version from there, or the
            namespace is too long.
    """
    storage = storage_of(config)
    _check_version(config, storage)
    name = object_name(DATASET.name)
    metadata: Manifest = {
        "name": name,
        "namespace": checked_namespace(namespace),
        "labels": dict(config.labels),
    }
    _check_host(name, metadata["namespace"])
    access = without_empty({**metadata, "name": f"{metadata['name']}-storage"})
    documents = rendered(
        "kserve.yaml",
        metadata=without_empty(metadata),
        access=access,
        account=access["name"] if storage.keys else config.service_account,
        keys=storage.keys,
        annotations=storage.annotations or None,
        uri=storage.uri,
        version=config.kserve_version,
        canary=config.kserve_canary,
        runtime_version=config.kserve_runtime_version,
    )
    return as_yaml(documents, _comment(storage, metadata, access) if storage.keys else [])


def _check_version(config: KubeflowConfig, storage: Storage) -> None:
    # KServe 0.16 to 0.20 mount the whole claim where storageUris asks for a folder of it.
    if config.kserve_version and storage.uri.startswith("pvc://"):
        raise UserError(
            f"kubeflow.kserve_version {config.kserve_version}: KServe serves one version from an object store alone, "
            f"not from {storage.uri}; leave it out for the newest, or push to a store with --serving-uri"
        )


def _check_host(name: str, namespace: str) -> None:
    host = f"{name}-predictor-{namespace}"
    if len(host) > LONGEST_LABEL:
        raise UserError(
            f"--namespace {namespace}: KServe makes {host} of it, a name of {len(host)} characters; expected a "
            f"namespace of at most {LONGEST_LABEL - len(host) + len(namespace)}"
        )


def storage_of(config: KubeflowConfig) -> Storage:
    """Says in KServe's words where models are pushed.

    Raises:
        UserError: No volume is mounted there.
    """
    check_serving_place(config)
    uri, settings = serving_uri(config).rstrip("/"), settings_of(PUSHER.name, config)
    scheme, _, path = uri.partition("://")
    if not object_store.handles(uri):
        return Storage(_claim_uri(uri, settings), {}, {})
    if scheme == "minio":
        secret, endpoint = config.minio_secret, config.minio_endpoint.rstrip("/")
        keys = {"AWS_ACCESS_KEY_ID": f"{secret}/accesskey", "AWS_SECRET_ACCESS_KEY": f"{secret}/secretkey"}
        return Storage(f"s3://{path}", keys, _annotations(endpoint, "us-east-1"))
    return Storage(uri, *(_google_keys(settings) if scheme == "gs" else _amazon_keys(settings)))


def _claim_uri(path: str, settings: StepSettings) -> str:
    place = PurePosixPath(path)
    mount = max((mount for mount in settings.pvc_mounts if place.is_relative_to(mount)), key=len)
    return f"pvc://{settings.pvc_mounts[mount]}/{place.relative_to(mount)}".removesuffix("/.")


def _amazon_keys(settings: StepSettings) -> tuple[dict[str, str], dict[str, str]]:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    keys = {name: settings.secret_env[name].removesuffix("?") for name in names if name in settings.secret_env}
    env = settings.env
    endpoint = env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL", "")
    region = env.get("AWS_DEFAULT_REGION") or env.get("AWS_REGION", "")
    return (keys, _annotations(endpoint, region)) if len(keys) == len(names) else ({}, {})


def _google_keys(settings: StepSettings) -> tuple[dict[str, str], dict[str, str]]:
    file = PurePosixPath(settings.env.get("GOOGLE_APPLICATION_CREDENTIALS", ""))
    secret = settings.secret_files.get(str(file.parent))
    return ({GOOGLE_KEY: f"{secret.removesuffix('?')}/{file.name}"} if secret else {}), {}


def _annotations(endpoint: str, region: str) -> dict[str, str]:
    """The annotations of a Secret from which KServe reads how an S3 store is reached."""
    scheme, _, host = endpoint.rstrip("/").partition("://")
    https = str(int(scheme == "https"))
    found = {"endpoint": host, "usehttps": host and https, "verifyssl": host and https, "region": region}
    return {f"{ANNOTATION}-{name}": value for name, value in found.items() if value}


def _comment(storage: Storage, metadata: Manifest, access: Manifest) -> list[str]:
    """How the Secret gets its values, which no manifest should hold."""
    kubectl = f"kubectl -n {metadata['namespace']}"
    literals = [f'--from-literal={name}="$({_value(kubectl, source)})"' for name, source in storage.keys.items()]
    create = f"{kubectl} create secret generic {access['name']} --dry-run=client -o yaml {' '.join(literals)}"
    return [
        "Before it, once: the keys, as KServe calls them.",
        f"{create} | {kubectl} apply --server-side --field-manager=keys -f -",
    ]


def _value(kubectl: str, source: str) -> str:
    secret, _, key = source.partition("/")
    path = key.replace(".", "\\.")
    return f"{kubectl} get secret {secret} -o 'jsonpath={{.data.{path}}}' | base64 -d"
