"""Amazon S3 and what speaks like it, through boto3."""

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import boto3
from apache_beam.options.pipeline_options import PipelineOptions, S3Options
from boto3.s3.transfer import TransferConfig
from botocore import exceptions
from botocore.config import Config

from model.errors import BeamscribeError
from transforms.stores import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, Fault, FileInfo

DELETES_A_REQUEST = 1000
# a larger object goes up in parts, which S3 takes up to 5 GB each
TRANSFER = TransferConfig(multipart_threshold=64 << 20, multipart_chunksize=64 << 20, use_threads=False)
NO_CREDENTIALS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
)
NO_ANSWER = (
    exceptions.HTTPClientError,
    exceptions.ConnectionError,
    exceptions.IncompleteReadError,
    ConnectionError,
    TimeoutError,
)


def make(scheme: str, options: PipelineOptions) -> "S3Store":
    """The store that Beam's options for S3 describe; what they leave out is found as boto3 does.

    Raises BeamscribeError for options that make no sense.
    """
    try:
        return S3Store(_client(options.view_as(S3Options)))
    except (ValueError, exceptions.BotoCoreError) as error:
        raise BeamscribeError(f"s3:// cannot be set up: {error}") from error


def _client(s3: S3Options) -> Any:
    return boto3.session.Session().client(
        "s3",
        endpoint_url=s3.s3_endpoint_url,
        aws_access_key_id=s3.s3_access_key_id,
        aws_secret_access_key=s3.s3_secret_access_key,
        aws_session_token=s3.s3_session_token,
        region_name=s3.s3_region_name,
        api_version=s3.s3_api_version,
        use_ssl=not s3.s3_disable_ssl,
        verify=s3.s3_verify,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"total_max_attempts": 1},
            max_pool_connections=50,
            # newer checksums, which stores other than Amazon's do not know
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


class S3Store:
    """S3 as transforms.stores.Store asks for it."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def stat(self, path: str) -> FileInfo | None:
        bucket, key = split(path)
        try:
            found = self._client.head_object(Bucket=bucket, Key=key)
        except exceptions.ClientError as error:
            if _status(error) == 404:
                return None
            raise
        return FileInfo(path, found["ContentLength"], _micros(found["LastModified"]), found["ETag"].strip('"'))

    def page(self, prefix: str, after: Any, at_most: int | None) -> tuple[list[FileInfo], Any]:
        bucket, start = split(prefix)
        asked = {"Bucket": bucket, "Prefix": start, "ContinuationToken": after, "MaxKeys": at_most}
        page = self._client.list_objects_v2(**{name: value for name, value in asked.items() if value is not None})
        infos = [
            FileInfo(
                f"s3://{bucket}/{found['Key']}", found["Size"], _micros(found["LastModified"]), found["ETag"].strip('"')
            )
            for found in page.get("Contents", ())
        ]
        return infos, page.get("NextContinuationToken")

    def read(self, info: FileInfo, start: int, size: int) -> bytes:
        bucket, key = split(info.path)
        asked = {"Range": f"bytes={start}-{start + size - 1}", "IfMatch": f'"{info.etag}"'}
        return self._client.get_object(Bucket=bucket, Key=key, **asked)["Body"].read()

    def write(self, path: str, data: bytes) -> None:
        bucket, key = split(path)
        self._client.upload_fileobj(io.BytesIO(data), bucket, key, Config=TRANSFER)

    def copy(self, source: str, destination: str) -> None:
        (from_bucket, from_key), (bucket, key) = split(source), split(destination)
        self._client.copy({"Bucket": from_bucket, "Key": from_key}, bucket, key, Config=TRANSFER)

    def delete(self, paths: Sequence[str]) -> None:
        bucket = split(paths[0])[0]
        keys = [{"Key": split(path)[1]} for path in paths]
        for start in range(0, len(keys), DELETES_A_REQUEST):
            batch = {"Objects": keys[start : start + DELETES_A_REQUEST], "Quiet": True}
            for failed in self._client.delete_objects(Bucket=bucket, Delete=batch).get("Errors", ()):
                if failed["Code"] != "NoSuchKey":
                    status = 403 if failed["Code"] == "AccessDenied" else 503
                    answer = {"Error": failed, "ResponseMetadata": {"HTTPStatusCode": status}}
                    raise exceptions.ClientError(answer, "DeleteObjects")

    def fault(self, error: Exception) -> Fault | None:
        if isinstance(error, NO_CREDENTIALS):
            return Fault(type(error).__name__, no_credentials=True)
        if isinstance(error, exceptions.ClientError):
            word = error.response["Error"]["Code"]
            # an upload that took too long, which S3 calls a bad request
            return Fault(word, 408 if word == "RequestTimeout" else _status(error))
        if isinstance(error, NO_ANSWER):
            return Fault(type(error).__name__)
        return Fault(type(error).__name__, 400) if isinstance(error, exceptions.BotoCoreError) else None


def split(path: str) -> tuple[str, str]:
    """Bucket and key."""
    bucket, _, key = path.removeprefix("s3://").partition("/")
    return bucket, key


def _status(error: exceptions.ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]


def _micros(moment: datetime) -> int:
    # whole seconds: some stores list fractions of them, and none tells them of a single object
    return int(moment.timestamp()) * 1_000_000
