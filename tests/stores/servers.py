"""Real object stores on loopback, each started when the first test asks for it and stopped when the session ends."""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from tests.stores.processes import free_port, running
from tests.stores.swift import ACCESS_KEY, SECRET_KEY, swift

INSTALLED = Path(os.environ.get("BEAMSCRIBE_TEST_SERVERS", Path(sys.prefix) / "servers"))
# Azurite's own, the same everywhere and no secret
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
STORES = ("s3", "gs", "azfs")


@dataclass(frozen=True)
class ObjectStore:
    """A running store and how to reach it."""

    scheme: str
    # an existing bucket
    bucket: str
    port: int
    key: str

    @property
    def flags(self) -> list[str]:
        """Beam's flags for it."""
        url = f"http://127.0.0.1:{self.port}"
        if self.scheme == "s3":
            keys = [f"--s3_access_key_id={ACCESS_KEY}", f"--s3_secret_access_key={self.key}"]
            return [f"--s3_endpoint_url={url}", *keys, "--s3_region_name=us-east-1"]
        if self.scheme == "azfs":
            endpoint = f"BlobEndpoint={url}/{AZURE_ACCOUNT}"
            account = f"AccountName={AZURE_ACCOUNT};AccountKey={self.key}"
            return [f"--azure_connection_string=DefaultEndpointsProtocol=http;{account};{endpoint}"]
        return []

    @property
    def environment(self) -> dict[str, str]:
        """The variables that its client needs."""
        return {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{self.port}"} if self.scheme == "gs" else {}

    def at(self, port: int) -> "ObjectStore":
        """The same store, through something that listens on another port."""
        return replace(self, port=port)

    def folder(self) -> str:
        """A new, empty folder."""
        return f"{self.bucket}/{uuid4().hex[:12]}"

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """This process reaches the store, as a pipeline with its flags does."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.setattr(FileSystems, "_pipeline_options", PipelineOptions(self.flags))
            yield


def _swift(folder: Path) -> contextlib.AbstractContextManager[int]:
    return swift(_installed("swift"), folder)


@contextlib.contextmanager
def _gcs(folder: Path) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--in-memory", "--quiet", "--host=127.0.0.1"]
    with running([*command, f"--port={port}"], port, folder / "log"):
        yield port


@contextlib.contextmanager
def _azurite(folder: Path) -> Iterator[int]:
    port = free_port()
    program = _installed("azurite") / "node_modules/azurite/dist/src/blob/main.js"
    quiet = ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence"]
    with running(["node", program, *quiet, "--blobPort", str(port)], port, folder / "log"):
        yield port


def _installed(name: str) -> Path:
    from tests.conftest import missing

    if not (INSTALLED / name).exists():
        missing(f"the test server {name} in {INSTALLED}: make test installs it")
    return INSTALLED / name


@contextlib.contextmanager
def started(scheme: str, folder: Path) -> Iterator[ObjectStore]:
    """Runs the server of a scheme, with a bucket in it."""
    server = {"s3": _swift, "gs": _gcs, "azfs": _azurite}[scheme]
    bucket = {"s3": "s3://calls", "gs": "gs://calls", "azfs": f"azfs://{AZURE_ACCOUNT}/calls"}[scheme]
    with server(folder) as port:
        store = ObjectStore(scheme, bucket, port, {"s3": SECRET_KEY, "azfs": AZURE_KEY}.get(scheme, ""))
        with store.in_use():
            _make_bucket(scheme)
        yield store


def _make_bucket(scheme: str) -> None:
    from transforms.stores import store_of

    client = store_of(f"{scheme}://")._client
    if scheme == "s3":
        client.create_bucket(Bucket="calls")
    elif scheme == "gs":
        client.create_bucket("calls")
    else:
        client.create_container("calls")


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """OpenStack Swift with its S3 interface."""
    with started("s3", tmp_path_factory.mktemp("swift")) as store:
        yield store


@pytest.fixture(scope="session")
def gs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """The emulator of Google Cloud Storage."""
    with started("gs", tmp_path_factory.mktemp("gcs")) as store:
        yield store


@pytest.fixture(scope="session")
def azfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """Azurite."""
    with started("azfs", tmp_path_factory.mktemp("azurite")) as store:
        yield store


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    """Each store in turn, in use."""
    found: ObjectStore = request.getfixturevalue(request.param)
    with found.in_use():
        yield found


@pytest.fixture
def folder(store: ObjectStore) -> str:
    """A new, empty folder of each store in turn."""
    return store.folder()
