"""What was read of an asset: everything its rows need but the words."""

from dataclasses import dataclass

from transforms import storage
from transforms.assets import WorkItem
from transforms.audio import AudioInfo


@dataclass(frozen=True)
class Failure:
    """Why an asset could not be (wholly) transcribed."""

    # read, open, decode, recognize, features
    stage: str
    error_type: str
    message: str
    # another try may succeed
    retriable: bool


def one_line(text: object) -> str:
    """A message as a failure carries it: one line that any table can hold, of 500 characters at most."""
    return " ".join(storage.printable(str(text)).split())[:500]


@dataclass(frozen=True)
class HeardTrack:
    """One channel of an asset, or their mix."""

    channel: int | None
    n_windows: int
    speech_s: float
    # identified from several windows, and its probability; None: given, or left to each window
    language: str | None = None
    language_probability: float | None = None


@dataclass(frozen=True)
class Heard:
    """An asset after its file was read to its end, or as far as it went."""

    item: WorkItem
    content_sha256: str = ""
    info: AudioInfo | None = None
    duration_s: float = 0.0
    tracks: tuple[HeardTrack, ...] = ()
    failure: Failure | None = None
    flags: tuple[str, ...] = ()
    # of the object store, where the file is on one
    etag: str | None = None

    @property
    def usable(self) -> bool:
        """Whether there is audio to write a transcript of: not where another try may well read all of it."""
        return self.info is not None and self.duration_s > 0 and not (self.failure and self.failure.retriable)
