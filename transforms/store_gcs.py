"""Google Cloud Storage, through Google's own client."""

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import google.auth
import requests
import urllib3
from apache_beam.io.gcp.gcsio import create_storage_client
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from google.api_core.exceptions import GoogleAPICallError, NotFound, from_http_response
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud import storage

from transforms.stores import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, Fault, FileInfo

REQUESTS_A_BATCH = 100
# tried once: transforms.stores tries again
ONCE: dict[str, Any] = {"timeout": (CONNECT_TIMEOUT_S, READ_TIMEOUT_S), "retry": None}
NO_ANSWER = (requests.RequestException, urllib3.exceptions.HTTPError, TransportError, ConnectionError, TimeoutError)


def make(scheme: str, options: PipelineOptions) -> "GcsStore":
    """The store that Beam's options for Google describe, as whom they say."""
    return GcsStore(options)


class GcsStore:
    """Cloud Storage as transforms.stores.Store asks for it."""

    def __init__(self, options: PipelineOptions) -> None:
        self._options = options
        self._made: storage.Client | None = None

    @property
    def _client(self) -> storage.Client:
        # made at the first request, which tells of absent credentials in its own words
        if self._made is None:
            self._made = _client(self._options)
        return self._made

    def _blob(self, path: str) -> storage.Blob:
        bucket, name = split(path)
        return self._client.bucket(bucket).blob(name)

    def stat(self, path: str) -> FileInfo | None:
        blob = self._blob(path)
        try:
            blob.reload(**ONCE)
        except NotFound:
            return None
        return _info(blob)

    def page(self, prefix: str, after: Any, at_most: int | None) -> tuple[list[FileInfo], Any]:
        bucket, start = split(prefix)
        found = self._client.list_blobs(bucket, prefix=start, page_token=after, page_size=at_most, **ONCE)
        infos = [_info(blob) for blob in next(found.pages, ())]
        return infos, found.next_page_token

    def read(self, info: FileInfo, start: int, size: int) -> bytes:
        blob = self._blob(info.path)
        # raw: as it is stored, where the client would unpack what is marked as gzip
        return blob.download_as_bytes(
            start=start,
            end=start + size - 1,
            raw_download=True,
            checksum=None,
            if_generation_match=int(info.etag or 0),
            **ONCE,
        )

    def write(self, path: str, data: bytes) -> None:
        self._blob(path).upload_from_string(data, content_type="application/octet-stream", **ONCE)

    def copy(self, source: str, destination: str) -> None:
        blob, token = self._blob(source), None
        while True:
            token, _, _ = self._blob(destination).rewrite(blob, token=token, **ONCE)
            if token is None:
                return

    def delete(self, paths: Sequence[str]) -> None:
        for start in range(0, len(paths), REQUESTS_A_BATCH):
            with self._client.batch(raise_exception=False) as batch:
                for path in paths[start : start + REQUESTS_A_BATCH]:
                    self._blob(path).delete()
            for answer in batch._responses:
                if answer.status_code >= 400 and answer.status_code != 404:
                    raise from_http_response(answer)

    def fault(self, error: Exception) -> Fault | None:
        if isinstance(error, GoogleAPICallError):
            return Fault(type(error).__name__, int(error.code or 500))
        if isinstance(error, NO_ANSWER):
            return Fault(type(error).__name__)
        return Fault(type(error).__name__, no_credentials=True) if isinstance(error, GoogleAuthError) else None


def split(path: str) -> tuple[str, str]:
    """Bucket and name."""
    bucket, _, name = path.removeprefix("gs://").partition("/")
    return bucket, name


def _client(options: PipelineOptions) -> storage.Client:
    """Beam's client. Raises GoogleAuthError at once where Beam would look for credentials five times, in 30 s."""
    if os.environ.get("STORAGE_EMULATOR_HOST") or options.view_as(GoogleCloudOptions).no_auth:
        return storage.Client.create_anonymous_client()
    google.auth.default()
    return create_storage_client(options)


def _info(blob: storage.Blob) -> FileInfo:
    return FileInfo(f"gs://{blob.bucket.name}/{blob.name}", blob.size, _micros(blob.updated), str(blob.generation))


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
