"""Any other file system that Beam knows, such as hdfs://, through Beam's own interface."""

from collections.abc import Sequence
from typing import Any

from apache_beam.io.filesystem import BeamIOError, CompressionTypes, FileMetadata, FileSystem
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from model.errors import BeamscribeError
from transforms.stores import Fault, FileInfo


def make(scheme: str, options: PipelineOptions) -> "BeamStore":
    """Beam's file system of a scheme. Raises BeamscribeError where it knows none."""
    try:
        return BeamStore(FileSystems.get_filesystem(f"{scheme}://"))
    except BeamIOError as error:
        raise BeamscribeError(
            f"{scheme}:// needs a client that is absent: pip install 'apache-beam[hadoop]'"
        ) from error
    except ValueError as error:
        raise BeamscribeError(
            f"no file system is known for {scheme}://; there are s3://, gs://, azfs://, hdfs://"
        ) from error


class BeamStore:
    """A file system of Beam as transforms.stores.Store asks for it. It tries again by itself, as Beam sees fit."""

    def __init__(self, system: FileSystem) -> None:
        self._system = system

    def stat(self, path: str) -> FileInfo | None:
        return _info(self._system.metadata(path)) if self._system.exists(path) else None

    def page(self, prefix: str, after: Any, at_most: int | None) -> tuple[list[FileInfo], Any]:
        pattern = prefix + "**"
        (found,) = self._system.match([pattern], [at_most])
        infos = [_info(metadata) for metadata in found.metadata_list if metadata.path.startswith(prefix)]
        return sorted(infos, key=lambda info: info.path), None

    def read(self, info: FileInfo, start: int, size: int) -> bytes:
        with self._system.open(info.path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            file.seek(start)
            return file.read(size)

    def write(self, path: str, data: bytes) -> None:
        with self._system.create(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            file.write(data)

    def copy(self, source: str, destination: str) -> None:
        self._system.copy([source], [destination])

    def delete(self, paths: Sequence[str]) -> None:
        self._system.delete([path for path in paths if self._system.exists(path)])

    def fault(self, error: Exception) -> Fault | None:
        return Fault(type(error).__name__, 400) if isinstance(error, (BeamIOError, OSError)) else None


def _info(metadata: FileMetadata) -> FileInfo:
    seconds = metadata.last_updated_in_seconds
    return FileInfo(metadata.path, metadata.size_in_bytes, round(seconds * 1_000_000) if seconds else None)
