"""What becomes of requests that a store is late with, breaks off, or refuses: in one line, after a few tries."""

import os
import random
from dataclasses import replace
from functools import partial

import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from botocore.exceptions import ClientError

from model.errors import BeamscribeError
from tests.stores.fault_proxy import fault_proxy
from tests.stores.objects import put, requests_of
from transforms import storage, store_azure, store_s3, stores

DATA = random.Random(1).randbytes(700_000)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(stores, "FIRST_DELAY_S", 0.01)


def test_read_that_is_cut_goes_on_where_it_was(store, folder):
    (path,) = put(folder, "a.wav", data=DATA)
    with fault_proxy(store.port, cut_after_bytes=200_000) as proxy, store.at(proxy.port).in_use():
        assert storage.read_whole(path) == DATA
        assert proxy.n_faults > 0


def test_slow_store_is_waited_for(store, folder):
    (path,) = put(folder, "a.wav", data=DATA)
    with fault_proxy(store.port, delay_s=0.05) as proxy, store.at(proxy.port).in_use():
        assert storage.read_whole(path) == DATA


def every_request(folder):
    """Each function that talks to a store, and what it gives for a folder with one object `a`."""
    path = folder + "/a"
    return [
        (lambda: storage.stat(path).size_bytes, 5),
        (lambda: [info.path for info in storage.list_files(folder)], [path]),
        (lambda: len(storage.match(folder + "/*")), 1),
        (lambda: storage.is_folder(folder), True),
        (lambda: storage.read_whole(path), b"sound"),
        (lambda: storage.write_whole(folder + "/b", b"more"), None),
        (lambda: storage.move(folder + "/b", folder + "/c"), None),
        (lambda: storage.delete([folder + "/c"]), None),
    ]


def test_every_request_is_tried_again_when_the_store_is_busy(store, folder):
    put(folder, "a")
    with fault_proxy(store.port) as proxy, store.at(proxy.port).in_use():
        for request, result in every_request(folder):
            proxy.busy = stores.N_TRIES - 1
            assert request() == result
            assert proxy.busy == 0


def test_every_request_is_given_up_in_one_line(store, folder):
    put(folder, "a")
    with fault_proxy(store.port) as proxy, store.at(proxy.port).in_use():
        for request, _ in every_request(folder):
            proxy.busy = 1000
            proxy.requests.clear()
            with pytest.raises(OSError, match="not ready in 5 tries") as raised:
                request()
            assert len(requests_of(proxy)) == stores.N_TRIES
            check_line(raised.value, store, "503")


def check_line(error, store, *words):
    """One line that names the path and the words, and no key."""
    text = str(error)
    assert "\n" not in text
    assert text.startswith(store.scheme + "://")
    assert all(word in text for word in words)
    for secret in filter(None, (store.key, store.key[:12])):
        assert secret not in text
    assert error.__cause__ is None


def test_bucket_that_is_absent(store):
    absent = store.bucket.replace("calls", "absent")
    for request in (
        partial(storage.is_folder, absent + "/x"),
        partial(storage.read_whole, absent + "/x"),
        partial(storage.write_whole, absent + "/x", b"sound"),
        lambda: list(storage.list_files(absent)),
        partial(storage.match, absent + "/*.wav"),
    ):
        with pytest.raises(FileNotFoundError) as raised:
            request()
        check_line(raised.value, store, "absent")


@pytest.mark.parametrize("scheme", ["s3", "azfs"])
def test_wrong_key_is_refused_at_once(scheme, request):
    store = request.getfixturevalue(scheme)
    wrong = replace(store, key="AAAA" + store.key[4:])
    with fault_proxy(store.port) as proxy, wrong.at(proxy.port).in_use():
        for call, _ in every_request(store.bucket):
            proxy.requests.clear()
            with pytest.raises(PermissionError, match="check the credentials") as raised:
                call()
            assert len(proxy.requests) == 1
            check_line(raised.value, wrong, "403")


def test_no_credentials(monkeypatch, tmp_path):
    monkeypatch.setattr(FileSystems, "_pipeline_options", PipelineOptions(["--s3_endpoint_url=http://127.0.0.1:9"]))
    for name in [*os.environ]:
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_", "STORAGE_EMULATOR")):
            monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "CLOUDSDK_CONFIG", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "absent"))
    # no look at the addresses where clouds tell their own machines who they are
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    for path in ("s3://calls/a", "gs://calls/a"):
        with pytest.raises(PermissionError, match="no valid credentials") as raised:
            storage.stat(path)
        assert str(raised.value).startswith(path)
    with pytest.raises(BeamscribeError, match="azfs:// needs --azure_connection_string"):
        storage.stat("azfs://account/calls/a")


def test_endpoint_that_nobody_listens_on(store):
    with store.at(9).in_use(), pytest.raises(ConnectionError, match="no answer in 5 tries") as raised:
        storage.stat(store.bucket + "/a")
    check_line(raised.value, store, "check the network and the endpoint")


@pytest.mark.parametrize("scheme", ["s3", "azfs"])
def test_object_that_changes_while_it_is_read(scheme, request):
    """Google's store is asked the same, but its emulator takes no conditions."""
    store = request.getfixturevalue(scheme)
    folder = store.folder()
    with store.in_use():
        check_change_is_noticed(folder)


def check_change_is_noticed(folder):
    (path,) = put(folder, "a.wav", data=DATA * 4)
    with storage.open_read(path) as file:
        file.read(10)
        put(folder, "a.wav", data=DATA * 5)
        file.seek(-10, os.SEEK_END)
        with pytest.raises(OSError, match="changed while it was read"):
            file.read(10)


@pytest.mark.parametrize("scheme", ["s3", "azfs"])
def test_object_that_is_replaced_between_look_and_read_is_read_whole_as_it_is_now(scheme, request, monkeypatch):
    store = request.getfixturevalue(scheme)
    with store.in_use():
        (path,) = put(store.folder(), "lease.json", data=b"old")
        look = storage.stat

        def look_and_replace(path):
            info = look(path)
            monkeypatch.setattr(storage, "stat", look)
            put(path.rsplit("/", 1)[0], "lease.json", data=b"new one")
            return info

        monkeypatch.setattr(storage, "stat", look_and_replace)
        assert storage.read_whole(path) == b"new one"


def test_words_of_clients_are_told_apart():
    """What no server here says: credentials that a provider did not give, parts of a batch, an upload too late."""
    azure, s3 = store_azure.AzureStore(None), store_s3.S3Store(None)
    assert azure.fault(ClientAuthenticationError("DefaultAzureCredential failed")).no_credentials
    assert azure.fault(HttpResponseError("broken off")).passing
    late = {"Error": {"Code": "RequestTimeout"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    assert s3.fault(ClientError(late, "PutObject")).passing
    assert s3.fault(ValueError("a bug of ours")) is None
