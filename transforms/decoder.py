"""Files decoded in a process of their own, so that whatever their bytes do to a decoder costs that file alone.

    with closing(Decoder()) as decoder, storage.open_read(path) as file:
        samples = decoder.open(file).samples(channel=None)
        for block in samples:
            ...
        print(samples.duration_s, samples.failure)

The decoder's process asks for the bytes of the file: they are read here, where the credentials are, and what reading
raises is raised here.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, TypeVar

import numpy as np

from model.recognizer import SAMPLE_RATE_HZ
from transforms.audio_source import AudioInfo
from transforms.channel_samples import Asked
from transforms.decoder_messages import Tracks, ending_of, failure_of, info_of, read_of, samples_of, tracks_of
from transforms.decoder_process import Death, DecoderDiedError, DecoderProcess, OutOfTimeError, Patience
from transforms.frames import FrameError
from transforms.heard import Failure, one_line

T = TypeVar("T")

ASSET_TIMEOUT_S = 600.0
# above what the process has before it opens anything, about 0.3 GB of address space
MEMORY_LIMIT_BYTES = 2 << 30
# A file of more sound than four days is taken for one that expands without end.
MAX_ASSET_S = 100 * 3600.0
# so that a leak in a decoder does not come near the limit
_MAX_ASSETS_A_PROCESS = 1000
# A stuck decoder whose worker is gone ends after so many times the time-out.
_STUCK_TIMEOUTS = 2
_NO_ANSWER = (DecoderDiedError, FrameError, OutOfTimeError)


class DecodeFailedError(Exception):
    """A file cannot be decoded at all; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Decoder:
    """A decoder's process and what may be asked of it. One thread owns it, and opens one file after the other."""

    def __init__(
        self,
        asset_timeout_s: float = ASSET_TIMEOUT_S,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES,
        max_asset_s: float = MAX_ASSET_S,
    ) -> None:
        """asset_timeout_s: how long the thread may wait for the sound of one file, reading the file included.

        The time between two blocks of samples, when the recogniser is at work, does not count.
        """
        self.asset_timeout_s = asset_timeout_s
        self.memory_limit_bytes = memory_limit_bytes
        self.max_asset_s = max_asset_s
        self._process: DecoderProcess | None = None
        self._busy = False
        self._last: DecodedFile | None = None
        self._n_opened = 0

    @property
    def pid(self) -> int | None:
        """The process; None where none is running."""
        return None if self._process is None else self._process.pid

    def open(self, file: BinaryIO, start_s: float | None = None, end_s: float | None = None) -> "DecodedFile":
        """The sound of a file, or of a part of it. The file stays the caller's to close. Raises what the file raises.

        start_s, end_s: bounds of the part; None: from its start, to its end.
        """
        if (self._last and self._last.deaths) or self._n_opened % _MAX_ASSETS_A_PROCESS == 0:
            self.close()
        self._n_opened += 1
        self._last = DecodedFile(self, self._n_opened, file, start_s, end_s)
        return self._last

    def close(self) -> None:
        """Ends the process. The next file gets a new one."""
        if self._process is not None:
            self._process.kill()
        self._process, self._busy = None, False

    def answers(
        self, request: dict[str, Any], file: BinaryIO, patience: Patience
    ) -> Iterator[tuple[dict[str, Any], bytearray]]:
        """The messages that answer a request, the last one `done`. What of the file is asked for is read on the way.

        Raises DecodeFailedError, one of _NO_ANSWER, and what reading the file raises.
        """
        patience.check()
        process = self._idle_process()
        self._busy = True
        process.send(request, b"", patience)
        while True:
            header, body = process.receive(patience)
            if header.get("say") == "read":
                process.send({}, _read(file, *read_of(header, request["size_bytes"]), patience), patience)
                continue
            self._busy = header.get("say") not in ("done", "failed")
            if header.get("say") == "failed":
                raise DecodeFailedError(failure_of(header))
            yield header, body
            if not self._busy:
                return

    def _idle_process(self) -> DecoderProcess:
        """The process; a new one if it is gone, or busy with what nobody waits for any more."""
        if self._busy or (self._process is not None and not self._process.alive):
            self.close()
        if self._process is None:
            self._process = DecoderProcess(self.memory_limit_bytes, _STUCK_TIMEOUTS * self.asset_timeout_s)
        return self._process


class DecodedFile:
    """The sound of one file. Made by Decoder.open.

    A process that dies over it is replaced by a fresh one, once, and what it was asked is asked again.
    """

    def __init__(
        self, decoder: Decoder, number: int, file: BinaryIO, start_s: float | None, end_s: float | None
    ) -> None:
        self.deaths: list[Death] = []
        self._decoder = decoder
        self._file = file
        self._patience = Patience(decoder.asset_timeout_s)
        self._same = {
            "asset": number,
            "size_bytes": file.seek(0, os.SEEK_END),
            "start_s": start_s,
            "end_s": end_s,
        }

    def probe(self) -> AudioInfo:
        """What the file says of its sound. Raises DecodeFailedError, and what reading the file raises."""
        return self._ask(info_of, do="probe")

    def tracks(self, asked: Asked) -> Tracks:
        """The channels to take of those asked for: `mix`, `separate`, or their numbers.

        Raises DecodeFailedError, also for a channel that the file has not got, and what reading the file raises.
        """
        return self._ask(tracks_of, do="tracks", asked=asked)

    def samples(self, channel: int | None) -> "Samples":
        """One channel, or the mix of all, as blocks of samples."""
        return Samples(self, channel, self._decoder.max_asset_s)

    def answers(self, **request: Any) -> Iterator[tuple[dict[str, Any], bytearray]]:
        """See Decoder.answers."""
        return self._decoder.answers({**self._same, **request}, self._file, self._patience)

    def failure_after(self, error: Exception) -> Failure | None:
        """What to make of one of _NO_ANSWER: None where a fresh process is to be asked again."""
        self._decoder.close()
        if isinstance(error, OutOfTimeError):
            return _timeout(self._patience.limit_s)
        death = error.death if isinstance(error, DecoderDiedError) else Death(f"sent nonsense ({error})")
        self.deaths.append(death)
        return None if len(self.deaths) == 1 else _died(self.deaths)

    def _ask(self, understand: Callable[[dict[str, Any]], T], **request: Any) -> T:
        while True:
            try:
                header, _ = next(self.answers(**request))
                return understand(header)
            except _NO_ANSWER as error:
                failure = self.failure_after(error)
                if failure is not None:
                    raise DecodeFailedError(failure) from error


class Samples:
    """Blocks of float32 samples [n] at 16 kHz. Made by DecodedFile.samples, iterated once.

    After the last block it is known how long the sound is, and what was wrong with the file where it ended early.
    Iterating raises DecodeFailedError where nothing of the file can be used, and what reading the file raises.
    """

    def __init__(self, file: DecodedFile, channel: int | None, max_s: float) -> None:
        self.duration_s = 0.0
        self.failure: Failure | None = None
        # `mixed_channels`: unlike channels were mixed into one
        self.flags: tuple[str, ...] = ()
        self._file = file
        self._channel = channel
        self._max_samples = max_s * SAMPLE_RATE_HZ
        self._n_delivered = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        finished = False
        while not finished and self.failure is None:
            try:
                yield from self._rest()
                finished = True
            except _NO_ANSWER as error:
                self._stop(self._file.failure_after(error))

    def _rest(self) -> Iterator[np.ndarray]:
        """From the start of the file, but what was delivered already: the same bytes decode to the same samples."""
        n_come = 0
        for header, body in self._file.answers(do="samples", channel=self._channel):
            if header.get("say") == "done":
                ending = ending_of(header, self._n_delivered)
                self.duration_s, self.failure, self.flags = ending.duration_s, ending.failure, ending.flags
                return
            block = samples_of(header, body)
            n_come += len(block)
            n_new = min(n_come - self._n_delivered, len(block))
            if n_new > 0:
                self._n_delivered += n_new
                yield block[len(block) - n_new :]
            if self._n_delivered > self._max_samples:
                self._stop(_too_long(self._max_samples / SAMPLE_RATE_HZ))
                return

    def _stop(self, failure: Failure | None) -> None:
        """What was delivered until here is all there is."""
        self.failure = failure
        self.duration_s = self._n_delivered / SAMPLE_RATE_HZ


def _read(file: BinaryIO, offset: int, size: int, patience: Patience) -> bytes:
    """The bytes from `offset`, fewer only where the file ends before."""
    with patience.spend():
        file.seek(offset)
        pieces = []
        while size and (piece := file.read(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)


def _timeout(limit_s: float) -> Failure:
    message = f"decoding took longer than {limit_s:g} s; raise --asset_timeout_s if the file is worth it"
    return Failure("decode", "DecodeTimeout", message, retriable=False)


def _died(deaths: Sequence[Death]) -> Failure:
    first, second = deaths[0].what, deaths[-1].what
    what = f"{first}, twice" if first == second else f"{first}, and in the second try {second}"
    mend = "run it again" if any(death.from_outside for death in deaths) else "convert the file anew, or leave it out"
    retriable = any(death.from_outside for death in deaths)
    return Failure("decode", "DecoderDied", one_line(f"the decoder {what}; {mend}"), retriable)


def _too_long(limit_s: float) -> Failure:
    message = (
        f"the file decodes to more than {limit_s / 3600:g} h of sound, and was left there; "
        "if that is no mistake, name parts of it in a manifest (start_s, end_s)"
    )
    return Failure("decode", "AudioDecodeError", message, retriable=False)
