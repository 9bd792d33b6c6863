"""Each function of transforms.storage on each of three real object stores."""

import os
import random
import re
import sys

import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from model.errors import BeamscribeError
from tests.stores.fault_proxy import fault_proxy
from tests.stores.objects import put, requests_of
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
    assert listed == info
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
