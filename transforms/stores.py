"""What the pipelines ask of an object store, which stores there are, and what becomes of a request that fails.

Amazon S3, Google Cloud Storage and Azure Blob Storage are reached by their own clients, which Beam's options
(`--s3_endpoint_url`, `--azure_connection_string` …) and environment variables configure as they do for Beam's file
systems. Those would make a new client for every call, take the names of objects for globs, and try again for ten
minutes whatever went wrong. Any other scheme that Beam knows (`hdfs://`) goes through its file system.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, TypeVar

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils.retry import FuzzedExponentialIntervals

from model.errors import BeamscribeError

log = logging.getLogger(__name__)
Result = TypeVar("Result")

N_TRIES = 5
FIRST_DELAY_S = 1.0  # 1 + 2 + 4 + 8 s, each shortened at random by up to a half
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10, 60
PASSING_STATUSES = {408, 429, 500, 502, 503, 504}
# scheme: module, the extra that brings its client
CLIENTS = {
    "s3": ("transforms.store_s3", "aws"),
    "gs": ("transforms.store_gcs", "gcp"),
    "azfs": ("transforms.store_azure", "azure"),
}
_made: dict[str, tuple[PipelineOptions | None, "Store"]] = {}
_making = threading.Lock()
# the flags that `use` was last called with
_used: tuple[str, ...] | None = None


@dataclass(frozen=True)
class FileInfo:
    """A file as its store describes it."""

    path: str
    # None: it cannot be looked at
    size_bytes: int | None
    # microseconds since the epoch, UTC; None where the store does not say
    modified_at_us: int | None
    # changes with the content; None where the store has none, as local disks
    etag: str | None = None


class ReplacedError(OSError):
    """An object is no longer the one that was opened."""


@dataclass(frozen=True)
class Fault:
    """What a store's exception means."""

    # its word for it (NoSuchBucket, SlowDown), or the name of the exception: never its text, which can hold keys
    word: str
    # of HTTP; None: there was no answer
    status: int | None = None
    # there is nothing to prove with who is asking
    no_credentials: bool = False

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed a little later."""
        return not self.no_credentials and (self.status is None or self.status in PASSING_STATUSES)

    def error(self, path: str) -> OSError:
        """One line on a path."""
        path = path.replace("\n", "\\n")
        said = self.word if self.status is None else f"{self.status} {self.word}"
        scheme = path.split("://")[0]
        if self.no_credentials:
            return PermissionError(f"{path}: no valid credentials for {scheme}:// were found ({said})")
        if self.status in (401, 403):
            return PermissionError(f"{path}: access refused ({said}); check the credentials for {scheme}:// and rights")
        if self.status == 404:
            return FileNotFoundError(f"{path}: no such object or bucket ({said})")
        if self.status == 412:
            return ReplacedError(f"{path}: changed while it was read")
        if self.status is None:
            return ConnectionError(f"{path}: no answer in {N_TRIES} tries ({said}); check the network and the endpoint")
        if self.passing:
            return OSError(f"{path}: the store was not ready in {N_TRIES} tries ({said}); try again later")
        return OSError(f"{path}: the store declined the request ({said})")


class Store(Protocol):
    """An object store. Paths are whole, as in `s3://bucket/name`; any name is taken as it is, never as a glob.

    Each call is one request or few, tried once; it raises what the client raises.
    """

    def stat(self, path: str) -> FileInfo | None:
        """What is known of one object."""

    def page(self, prefix: str, after: Any, at_most: int | None) -> tuple[list[FileInfo], Any]:
        """Objects whose path starts with a prefix, by name, and what to give as `after` to get those behind them.

        after: None at first, and in the answer where there are no more. at_most: None is as many as the store likes.
        """

    def read(self, info: FileInfo, start: int, size: int) -> bytes:
        """At most `size` bytes of an object that `stat` described, from byte `start` on. 412 if it has changed."""

    def write(self, path: str, data: bytes) -> None:
        """Puts an object in place, whole."""

    def copy(self, source: str, destination: str) -> None:
        """Copies an object within the store, replacing what is there."""

    def delete(self, paths: Sequence[str]) -> None:
        """Deletes objects of one bucket; those that are gone already are no error."""

    def fault(self, error: Exception) -> Fault | None:
        """What an exception of the client means; None: it is none of the client's."""


def use(beam_args: tuple[str, ...]) -> None:
    """Lets this process reach stores as Beam's flags say, whether or not Beam itself tells it of them."""
    global _used
    with _making:
        if _used != beam_args or FileSystems._pipeline_options is None:
            FileSystems.set_options(PipelineOptions(list(beam_args)))
            _used = beam_args


def store_of(path: str) -> Store:
    """The store that a path with a scheme is in, made once a process. Raises BeamscribeError where there is none."""
    scheme = path.split("://")[0]
    # the options of the pipeline, in the driver and in Beam's workers
    options = FileSystems._pipeline_options
    with _making:
        if scheme not in _made or _made[scheme][0] is not options:
            _made[scheme] = (options, _make(scheme, options or PipelineOptions([])))
        return _made[scheme][1]


def _make(scheme: str, options: PipelineOptions) -> Store:
    module, extra = CLIENTS.get(scheme, ("transforms.store_beam", ""))
    try:
        return import_module(module).make(scheme, options)
    except ImportError as error:
        raise BeamscribeError(
            f"{scheme}:// needs a client that is absent: pip install 'beamscribe[{extra}]'"
        ) from error


def tried(store: Store, path: str, request: Callable[[], Result]) -> Result:
    """The result of a request, tried again after a passing fault. What the store raises comes as OSError.

    FileNotFoundError: no such object or bucket; PermissionError: credentials; ConnectionError: no answer.
    """
    for delay_s in (*FuzzedExponentialIntervals(FIRST_DELAY_S, N_TRIES - 1), None):
        try:
            return request()
        except Exception as error:
            fault = store.fault(error)
            if fault is None:
                raise
            if delay_s is None or not fault.passing:
                # not `from error`: its text can hold keys and signatures
                raise fault.error(path) from None
            log.debug("%s: %s %s, tried again in %.1f s", path, fault.status or "no answer", fault.word, delay_s)
        time.sleep(delay_s)
    raise AssertionError("the last try returns or raises")
