"""Each function of transforms.storage on each of three real object stores, and what faults come to."""

import os
import random
import re
import sys
from dataclasses import replace
from functools import partial

import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from model.errors import BeamscribeError
from tests.stores.fault_proxy import fault_proxy
from transforms import remote_file, storage, store_azure, store_gcs, store_s3, stores

NAMES = [
    "plain.wav",
    "a b/deep/x[1]*?#%20é.wav",
    "emoji 😀.wav",
    "new\nline.wav",
    "q'\"&<+=.wav",
    "[x]",
    "n" * 200 + "/" + "m" * 200,
]
DATA = random.Random(1).randbytes(700_000)


@pytest.fixture
def folder(store):
    return store.folder()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(stores, "FIRST_DELAY_S", 0.01)


def put(folder, *names, data=b"sound"):
    paths = [storage.join(folder, name) for name in names]
    for path in paths:
        storage.write_whole(path, data)
    return paths


def requests_of(proxy):
    """What the proxy was asked, without the look at the bucket that Google's client takes for its own traces."""
    return [request for request in proxy.requests if not request.startswith("GET /storage/v1/b/calls?")]


def put_marker(store, folder):
    """An empty object whose name ends with a slash, as the web consoles of stores make it for a folder."""
    stores.store_of(folder).write(folder + "/", b"")


@pytest.mark.parametrize("name", NAMES)
def test_an_object_of_any_name_is_written_described_listed_read_and_deleted(folder, name):
    (path,) = put(folder, name, data=DATA)
    info = storage.stat(path)
    assert (info.path, info.size_bytes) == (path, len(DATA))
    assert info.modified_at_us > 1_600_000_000_000_000
    assert info.etag
    assert storage.etag(path) == info.etag
    (listed,) = storage.list_files(folder)
    assert (listed.path, listed.size_bytes, listed.etag) == (path, len(DATA), info.etag)
    # a listing may round the time to what HTTP can say
    assert abs(listed.modified_at_us - info.modified_at_us) <= 1_000_000
    assert storage.read_whole(path) == DATA
    with storage.open_read(path) as file:
        assert file.seek(-10, os.SEEK_END) == len(DATA) - 10
        assert file.read() == DATA[-10:]
        file.seek(300_000)
        assert file.read(7) == DATA[300_000:300_007]
        file.seek(len(DATA) + 5)
        assert file.read(1) == b""
    storage.delete([path])
    assert storage.stat(path) is None
    assert storage.etag(path) is None


def test_listing_and_looking_agree_on_time_and_etag(folder):
    """Planning compares what one run saw in a listing with what the next sees."""
    (path,) = put(folder, "a.wav")
    (listed,) = storage.list_files(folder)
    assert listed == storage.stat(path)
    assert storage.match(path[:-4] + "*") == [listed]


def test_etag_changes_with_the_content(folder):
    (path,) = put(folder, "a.wav", data=b"one")
    before = storage.etag(path)
    put(folder, "a.wav", data=b"two")
    assert storage.etag(path) != before


def test_names_are_no_globs_and_globs_are(folder):
    paths = put(folder, "x[1].wav", "x1.wav", "x2.wav", "deep/x1.wav", "deep/x1.txt")
    assert [storage.stat(f"{folder}/{name}") for name in ("x?.wav", "*.wav", "x[12].wav")] == [None] * 3
    assert storage.stat(paths[0]).path == paths[0]
    matched = {g: [i.path for i in storage.match(f"{folder}/{g}")] for g in ("x?.wav", "x[12].wav", "**.wav", "*/*")}
    assert matched["x?.wav"] == matched["x[12].wav"] == [paths[1], paths[2]]
    assert matched["**.wav"] == sorted(paths[:4])
    assert matched["*/*"] == sorted(paths[3:])
    storage.delete([f"{folder}/x?.wav"])
    assert {info.path for info in storage.list_files(folder)} == set(paths)


def test_markers_of_folders_are_no_files(store, folder):
    put_marker(store, folder)
    put_marker(store, folder + "/empty")
    (path,) = put(folder, "a.wav")
    assert [info.path for info in storage.list_files(folder)] == [path]
    assert [info.path for info in storage.match(folder + "/**")] == [path]
    assert storage.stat(folder + "/empty/") is None
    storage.delete_folder(folder)
    assert not storage.is_folder(folder)


def test_folder_is_what_something_is_below(folder):
    put(folder, "deep/a.wav")
    assert storage.is_folder(folder)
    assert storage.is_folder(folder + "/deep")
    assert not storage.is_folder(folder + "/dee")
    assert not storage.is_folder(folder + "/deep/a.wav")


def test_folder_is_told_by_one_short_request(store, folder):
    put(folder, "a", "b")
    with fault_proxy(store.port) as proxy, store.at(proxy.port).in_use():
        assert storage.is_folder(folder)
        (request,) = requests_of(proxy)
        assert re.search(r"max-?(keys|results)=1\b", request, re.IGNORECASE)


def test_listing_by_the_page_is_complete_and_in_order(folder):
    paths = put(folder, *(f"{n:02d}" for n in range(7)))
    assert [info.path for info in storage._listed(folder + "/", at_most=3)] == paths


def test_root_of_a_bucket_is_a_folder_and_no_file(store):
    (path,) = put(store.bucket, "at the root")
    assert storage.is_folder(store.bucket)
    assert storage.stat(store.bucket) is None
    assert path in {info.path for info in storage.list_files(store.bucket)}
    storage.delete([path])


def test_move_replaces_and_may_be_done_again(folder):
    source, destination = put(folder, "staged/a [1]#.parquet", "a=1/a.parquet", data=b"new")
    put(folder, "a=1/a.parquet", data=b"old")
    for _ in range(2):
        storage.move(source, destination)
        assert storage.read_whole(destination) == b"new"
        assert storage.stat(source) is None
    with pytest.raises(FileNotFoundError):
        storage.move(source, folder + "/elsewhere")


def test_move_cut_between_copy_and_deletion_is_finished_by_the_next(folder):
    source, destination = put(folder, "from", "to", data=b"new")
    stores.store_of(source).copy(source, destination)
    storage.move(source, destination)
    assert [info.path for info in storage.list_files(folder)] == [destination]


def test_delete_takes_what_is_missing_and_folders_of_any_size(folder, monkeypatch):
    for module, constant in (
        (store_s3, "DELETES_A_REQUEST"),
        (store_azure, "DELETES_A_REQUEST"),
        (store_gcs, "REQUESTS_A_BATCH"),
    ):
        monkeypatch.setattr(module, constant, 3)
    paths = put(folder, *NAMES, "other/a")
    storage.delete([folder + "/missing", paths[0]])
    storage.delete_folder(folder + "/other")
    assert {info.path for info in storage.list_files(folder)} == set(paths[1:-1])
    storage.delete_folder(folder)
    storage.delete_folder(folder)
    assert list(storage.list_files(folder)) == []
    storage.delete([])


def test_nothing_is_not_written(folder):
    with pytest.raises(ValueError, match="nothing to write"):
        storage.write_whole(folder + "/empty", b"")
    assert not storage.is_folder(folder)


def test_a_part_that_is_read_is_all_that_is_fetched(store, folder):
    data = DATA * 30
    (path,) = put(folder, "long.wav", data=data)
    with fault_proxy(store.port) as proxy, store.at(proxy.port).in_use():
        with storage.open_read(path) as file:
            assert file.read(64) == data[:64]
            file.seek(-64, os.SEEK_END)
            assert file.read(64) == data[-64:]
        assert proxy.bytes_down < 2.2 * remote_file.BLOCK_BYTES
        assert storage.read_whole(path) == data


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


def test_large_object_goes_up_and_moves_in_parts(s3, monkeypatch):
    monkeypatch.setattr(
        store_s3, "TRANSFER", store_s3.TransferConfig(5 << 20, multipart_chunksize=5 << 20, use_threads=False)
    )
    data = DATA * 16
    with s3.in_use(), fault_proxy(s3.port) as proxy, s3.at(proxy.port).in_use():
        (path,) = put(s3.folder(), "large", data=data)
        assert len(proxy.requests) == 2 + 3
        storage.move(path, path + "r")
        assert storage.read_whole(path + "r") == data


@pytest.mark.parametrize(("scheme", "extra"), [("s3", "aws"), ("gs", "gcp"), ("azfs", "azure")])
def test_client_that_is_not_installed(scheme, extra, monkeypatch):
    monkeypatch.setattr(FileSystems, "_pipeline_options", PipelineOptions([]))
    monkeypatch.setitem(sys.modules, stores.CLIENTS[scheme][0], None)
    with pytest.raises(BeamscribeError, match=rf"pip install 'beamscribe\[{extra}\]'"):
        storage.stat(f"{scheme}://calls/b/a")


def test_scheme_that_nobody_knows(monkeypatch):
    monkeypatch.setattr(FileSystems, "_pipeline_options", PipelineOptions([]))
    with pytest.raises(BeamscribeError, match=r"s3a://; there are s3://, gs://, azfs://, hdfs://"):
        storage.stat("s3a://calls/a")


def test_account_of_another_connection(azfs):
    with azfs.in_use(), pytest.raises(BeamscribeError, match="the connection is to the account devstoreaccount1"):
        storage.stat("azfs://other/calls/a")


def test_paths():
    assert storage.normalise("S3://Calls/Folder//") == "s3://Calls/Folder"
    assert storage.normalise("gs://calls/a%20b/x#[1]?") == "gs://calls/a%20b/x#[1]?"
    assert storage.normalise("file:///tmp/a%20b/") == "/tmp/a b"
    assert storage.join("s3://calls/", "a", "b") == "s3://calls/a/b"


def test_any_file_system_of_beam_will_do(s3, monkeypatch):
    """What other schemes go through, here in front of the S3 server."""
    monkeypatch.setattr(stores, "CLIENTS", {})
    with s3.in_use():
        folder = s3.folder()
        paths = put(folder, "a.wav", "deep/b.wav", data=DATA)
        assert type(stores.store_of(folder)).__name__ == "BeamStore"
        assert [info.path for info in storage.list_files(folder)] == paths
        assert storage.read_whole(paths[0]) == DATA
        storage.move(paths[0], paths[1])
        assert storage.is_folder(folder + "/deep")
        assert storage.stat(paths[0]) is None
        assert storage.stat(paths[1]).size_bytes == len(DATA)
        with pytest.raises(FileNotFoundError):
            storage.read_whole(paths[0])
        storage.delete_folder(folder)
        assert list(storage.list_files(folder)) == []
