"""Finding speech: from the samples of a recording to the regions in which somebody speaks, block by block."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from model.errors import BeamscribeError
from model.recognizer import SAMPLE_RATE_HZ

# a cut through unbroken speech leaves at least this much on its far side
MIN_REST_S = 1.0
# speech probabilities are averaged over this many frames before the quietest is looked for; odd
SMOOTHING_FRAMES = 5
# recordings of a word or two, shorter than this, are heard as after silence
SHORT_RECORDING_S = 1.0


@dataclass(frozen=True)
class SpeechOptions:
    """What counts as speech, and how it is cut into windows. Part of the configuration hash."""

    # speech starts at a frame at least this probable ...
    threshold: float = 0.5
    # ... and may end at one less probable than this share of the threshold: 0.35 at 0.5
    negative_ratio: float = 0.7
    # shorter bursts are dropped as clicks; a "yes" said alone is seen for little longer
    min_speech_s: float = 0.1
    # shorter pauses belong to the speech around them; fluent readers give few longer ones to cut at
    min_silence_s: float = 0.2
    # audio kept on each side of speech: the network notices soft first and last consonants late
    pad_s: float = 0.3
    # longer pauses are cut out of a window, shorter ones stay in it as they are
    max_gap_s: float = 2.0
    # the longest window, as long as the recogniser takes
    max_window_s: float = 30.0
    # how much of the recording one window may reach over, pauses that were cut out included
    max_extent_s: float = 60.0
    # whether a window may go on after a pause that is cut out
    joins_over_pauses: bool = True

    def __post_init__(self) -> None:
        ordered = {
            "0 < threshold < 1": 0 < self.threshold < 1,
            "0 < negative_ratio <= 1": 0 < self.negative_ratio <= 1,
            "0 <= min_speech_s <= 1": 0 <= self.min_speech_s <= MIN_REST_S,
            "0 < min_silence_s <= 10": 0 < self.min_silence_s <= 10,
            "0 <= 2 * pad_s <= max_gap_s": 0 <= 2 * self.pad_s <= self.max_gap_s,
            "4 + 2 * pad_s <= max_window_s": 4 * MIN_REST_S + 2 * self.pad_s <= self.max_window_s,
            "max_window_s <= max_extent_s <= 300": self.max_window_s <= self.max_extent_s <= 300,
        }
        for rule, holds in ordered.items():
            if not holds:
                raise BeamscribeError(f"the speech options must keep to {rule}; these do not: {self}")


class Detector(Protocol):
    """Gives each frame a probability of speech (`model.vad.VoiceActivityDetector`)."""

    frame_samples: int
    # how much `advance` takes at once, whole frames
    block_samples: int

    def start(self, *, is_short: bool = False) -> Any:
        """The state before a recording, short or not."""

    def advance(self, samples: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
        """Probabilities of the next frames, and the state after them."""


class Region(NamedTuple):
    """A stretch of speech in samples of the recording, its padding not included."""

    start: int
    end: int


def to_samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)


def stream_probabilities(blocks: Iterable[np.ndarray], detector: Detector) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks [n] of any sizes -> (samples, probabilities a frame) in blocks of the detector's size, the last shorter.

    The detector's blocks lie at fixed places of the recording: the probabilities do not depend on how it arrives. While
    it looks at one, the next is read.
    """
    looking: tuple[np.ndarray, Future] | None = None
    with ThreadPoolExecutor(1, "detect") as pool:
        for samples in rebuffer(blocks, detector.block_samples):
            if looking is None:
                # a block this short is the whole recording
                state = detector.start(is_short=len(samples) < to_samples(SHORT_RECORDING_S))
                looking = samples, pool.submit(detector.advance, samples, state)
                continue
            before, (probabilities, state) = looking[0], looking[1].result()
            looking = samples, pool.submit(detector.advance, samples, state)
            yield before, probabilities
        if looking is not None:
            yield looking[0], looking[1].result()[0]


def rebuffer(blocks: Iterable[np.ndarray], n_samples: int) -> Iterator[np.ndarray]:
    """The same samples in blocks of n_samples, the last one shorter, none empty."""
    held: list[np.ndarray] = []
    n_held = 0
    for block in blocks:
        held.append(block)
        n_held += len(block)
        if n_held >= n_samples:
            joined = np.concatenate(held)
            n_whole = n_held - n_held % n_samples
            yield from np.split(joined[:n_whole], n_whole // n_samples)
            held, n_held = [joined[n_whole:].copy()], n_held - n_whole
    if n_held:
        yield np.concatenate(held)


def frame_rms(samples: np.ndarray, frame_samples: int) -> np.ndarray:
    """Root mean square of each frame: [n] -> [ceil(n / frame_samples)]; the last is filled with zeros."""
    frames = np.pad(samples, (0, -len(samples) % frame_samples)).reshape(-1, frame_samples)
    return np.sqrt(np.mean(np.square(frames), axis=1))


class RegionFinder:
    """Hysteresis over the probabilities of one recording's frames, as they come.

    Speech runs from a frame of at least `threshold` to the first frame below `negative_ratio` of it after which no
    frame reaches `threshold` for `min_silence_s`. Speech too long for one window is cut at its quietest frame.
    """

    def __init__(self, options: SpeechOptions, frame_samples: int) -> None:
        self._options = options
        self._frame_samples = frame_samples
        self._negative_threshold = options.negative_ratio * options.threshold
        self._min_speech = self._frames(options.min_speech_s)
        self._min_silence = self._frames(options.min_silence_s)
        self._max_speech = to_samples(options.max_window_s - 2 * options.pad_s) // frame_samples
        self._min_rest = self._frames(MIN_REST_S)
        self._frame = 0
        # the first frame of the open region, and of the silence that may turn out to end it
        self._start: int | None = None
        self._silence: int | None = None
        # (probability, rms) of each frame of the open region
        self._history: list[tuple[float, float]] = []

    def _frames(self, seconds: float) -> int:
        return -(-to_samples(seconds) // self._frame_samples)

    @property
    def settled_samples(self) -> int:
        """No region still to come starts before this."""
        return self._frame_samples * (self._frame if self._start is None else self._start)

    def push(self, probabilities: np.ndarray, rms: np.ndarray) -> Iterator[Region]:
        """Takes the next frames; regions that they complete."""
        for probability, level in zip(probabilities.tolist(), rms.tolist(), strict=True):
            yield from self._step(probability, level)

    def finish(self, n_samples: int) -> Iterator[Region]:
        """The last region of a recording of n_samples."""
        if self._start is not None:
            for start, end in self._close(self._frame if self._silence is None else self._silence):
                yield Region(start, min(end, n_samples))

    def _step(self, probability: float, level: float) -> Iterator[Region]:
        is_speech = probability >= self._options.threshold
        if self._start is None and is_speech:
            self._start = self._frame
        if self._start is not None:
            self._history.append((probability, level))
            if is_speech:
                self._silence = None
            elif self._silence is None and probability < self._negative_threshold:
                self._silence = self._frame
        self._frame += 1
        if self._start is None:
            return
        if self._silence is not None:
            if self._frame - self._silence >= self._min_silence:
                yield from self._close(self._silence)
        elif self._frame - self._start >= self._max_speech + self._min_rest:
            yield self._cut(self._start, self._frame)

    def _close(self, end: int) -> Iterator[Region]:
        while self._start is not None and end - self._start > self._max_speech:
            yield self._cut(self._start, end)
        assert self._start is not None
        if end - self._start >= self._min_speech:
            yield self._region(self._start, end)
        self._start, self._silence, self._history = None, None, []

    def _cut(self, start: int, end: int) -> Region:
        """Splits the open region, known to last to `end`, in the second half of what fits a window."""
        latest = min(self._max_speech, end - start - self._min_rest)
        length = quietest_frame(self._history, self._max_speech // 2, latest)
        self._start = start + length
        self._history = self._history[length:]
        return self._region(start, self._start)

    def _region(self, start: int, end: int) -> Region:
        return Region(start * self._frame_samples, end * self._frame_samples)


def quietest_frame(history: list[tuple[float, float]], first: int, last: int) -> int:
    """The frame in first..last, both included, that is least like speech and, among equals, least loud."""
    probabilities, levels = (smooth(np.array(values)) for values in zip(*history, strict=True))
    # in fluent speech all probabilities are near one: the level decides between those within 0.05
    likeness = np.round(probabilities[first : last + 1] * 20)
    return first + int(np.lexsort((levels[first : last + 1], likeness))[0])


def smooth(values: np.ndarray) -> np.ndarray:
    """Moving average over SMOOTHING_FRAMES, ends repeated: [n] -> [n]."""
    padded = np.pad(values, SMOOTHING_FRAMES // 2, mode="edge")
    return np.convolve(padded, np.full(SMOOTHING_FRAMES, 1 / SMOOTHING_FRAMES), mode="valid")
