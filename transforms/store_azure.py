"""Azure Blob Storage, through Microsoft's own client: azfs://ACCOUNT/CONTAINER/NAME."""

import os
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from apache_beam.internal.azure.auth import get_service_credentials
from apache_beam.options.pipeline_options import AzureOptions, PipelineOptions
from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import BlobClient, BlobServiceClient

from model.errors import BeamscribeError
from transforms.stores import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, Fault, FileInfo

DELETES_A_REQUEST = 256
COPY_POLL_S = 0.5
# tried once: transforms.stores tries again
ONCE: dict[str, Any] = {
    "retry_total": 0,
    "connection_timeout": CONNECT_TIMEOUT_S,
    "read_timeout": READ_TIMEOUT_S,
    # one request for what transforms.remote_file asks for at once
    "max_single_get_size": 16 << 20,
}
NO_ANSWER = (ServiceRequestError, ServiceResponseError, ConnectionError, TimeoutError)


def make(scheme: str, options: PipelineOptions) -> "AzureStore":
    """The store that Beam's options for Azure describe. Raises BeamscribeError where they name none."""
    azure = options.view_as(AzureOptions)
    connection = azure.azure_connection_string or os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    try:
        if connection:
            return AzureStore(BlobServiceClient.from_connection_string(connection, **ONCE))
        if azure.blob_service_endpoint:
            credential = get_service_credentials(options)
            return AzureStore(BlobServiceClient(azure.blob_service_endpoint, credential=credential, **ONCE))
    except ValueError:
        # its text holds what it could not read
        raise BeamscribeError("--azure_connection_string or --blob_service_endpoint cannot be read") from None
    raise BeamscribeError("azfs:// needs --azure_connection_string, or --blob_service_endpoint")


class AzureStore:
    """Blob Storage as transforms.stores.Store asks for it."""

    def __init__(self, client: BlobServiceClient) -> None:
        self._client = client

    def _blob(self, path: str) -> BlobClient:
        container, name = self._split(path)
        return self._client.get_blob_client(container, name)

    def _split(self, path: str) -> tuple[str, str]:
        """Container and name. Raises BeamscribeError for an account that the client is not for."""
        account, _, rest = path.removeprefix("azfs://").partition("/")
        if self._client.account_name not in (None, account):
            raise BeamscribeError(f"{path}: the connection is to the account {self._client.account_name}")
        container, _, name = rest.partition("/")
        return container, name

    def stat(self, path: str) -> FileInfo | None:
        try:
            found = self._blob(path).get_blob_properties()
        except ResourceNotFoundError:
            return None
        return FileInfo(path, found.size, _micros(found.last_modified), found.etag.strip('"'))

    def page(self, prefix: str, after: Any, at_most: int | None) -> tuple[list[FileInfo], Any]:
        container, start = self._split(prefix)
        folder = prefix.removesuffix(start)
        found = self._client.get_container_client(container).list_blobs(
            name_starts_with=start, results_per_page=at_most
        )
        pages: Any = found.by_page(continuation_token=after)
        infos = [
            FileInfo(folder + blob.name, blob.size, _micros(blob.last_modified), blob.etag.strip('"'))
            for blob in next(pages, ())
        ]
        return infos, pages.continuation_token or None

    def read(self, info: FileInfo, start: int, size: int) -> bytes:
        unchanged: dict[str, Any] = {"etag": f'"{info.etag}"', "match_condition": MatchConditions.IfNotModified}
        return self._blob(info.path).download_blob(offset=start, length=size, **unchanged).readall()

    def write(self, path: str, data: bytes) -> None:
        self._blob(path).upload_blob(data, overwrite=True)

    def copy(self, source: str, destination: str) -> None:
        blob = self._blob(destination)
        status: Any = blob.start_copy_from_url(self._blob(source).url)["copy_status"]
        while status == "pending":
            time.sleep(COPY_POLL_S)
            status = blob.get_blob_properties().copy.status
        if status != "success":
            raise ServiceResponseError(f"the copy ended as {status}")

    def delete(self, paths: Sequence[str]) -> None:
        names = [self._split(path) for path in paths]
        container = self._client.get_container_client(names[0][0])
        for start in range(0, len(names), DELETES_A_REQUEST):
            batch = [name for _, name in names[start : start + DELETES_A_REQUEST]]
            for answer in container.delete_blobs(*batch, raise_on_any_failure=False):
                if answer.status_code >= 400 and answer.status_code != 404:
                    raise HttpResponseError(response=answer)

    def fault(self, error: Exception) -> Fault | None:
        if isinstance(error, HttpResponseError) and error.status_code is not None:
            return Fault(str(getattr(error, "error_code", None) or type(error).__name__), error.status_code)
        if isinstance(error, ClientAuthenticationError):
            return Fault(type(error).__name__, no_credentials=True)
        # without a status: the answer broke off
        if isinstance(error, (*NO_ANSWER, HttpResponseError)):
            return Fault(type(error).__name__)
        return Fault(type(error).__name__, 400) if isinstance(error, AzureError) else None


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
