"""What recognisers have in common whose network gives log-probabilities of labels, frame by frame."""

from collections.abc import Callable, Sequence

import numpy as np

from model.ctc.decoded import Decoded
from model.ctc.decoding import CtcDecoder
from model.ctc.hypotheses import to_hypothesis
from model.ctc.options import CtcDecodeOptions
from model.ctc.vocabulary import CtcVocabulary
from model.recognizer import SAMPLE_RATE_HZ, DecodeOptions, Hypothesis

WINDOW_S = 30
WINDOW_SAMPLES = WINDOW_S * SAMPLE_RATE_HZ
# seconds that a trained network's batches are filled up to, and the rows of each: a row's numbers depend on neither its
# neighbours nor their number when all batches of a length have one shape
BATCHES = ((2, 16), (5, 8), (10, 4), (20, 4), (WINDOW_S, 2))
# of a term that is to be expected, in natural log for the whole of it; what its weight multiplies
TERM_BONUS = 4.0
# what is said where there is no frame
NOTHING = Decoded((), (), "", (), logprob=0.0, score=0.0)


class FrameRecognizer:
    """All of a `model.recognizer.Recognizer` but its network. Safe to share between threads.

    Windows have one length: the zeros that fill them up are left out before the network sees them.
    """

    window_samples = WINDOW_SAMPLES
    window_lengths: tuple[int, ...] = (WINDOW_SAMPLES,)
    multilingual = False

    def __init__(self, vocabulary: CtcVocabulary, language: str, options: DecodeOptions) -> None:
        self.vocabulary, self.language = vocabulary, language
        self._word_timestamps = options.word_timestamps
        self._decoder = CtcDecoder(vocabulary, search_options(options))

    def hypothesis(self, logprobs: np.ndarray, frame_s: float) -> Hypothesis:
        """Of one window. logprobs: [n_frames, n_labels] natural log."""
        # each alone: what a search takes along for longer rows beside it would only cost time
        [decoded] = self._decoder.decode(logprobs[None], [len(logprobs)]) if len(logprobs) else [NOTHING]
        return to_hypothesis(decoded, frame_s, self.language, self._word_timestamps)

    def sample(
        self,
        waveforms: Sequence[np.ndarray],
        languages: Sequence[str],
        seeds: Sequence[int],
        holds: Callable[[int, Hypothesis], bool],
    ) -> list[list[Hypothesis]]:
        """Nothing: a CTC network says each frame by itself, and does not go in circles."""
        return [[] for _ in waveforms]

    def search_wider(self, waveforms: Sequence[np.ndarray], languages: Sequence[str]) -> list[Hypothesis]:
        """Nothing: a wider beam hardly ever finds more without a language model."""
        return []

    def align(self, waveforms: Sequence[np.ndarray], hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        """As they are: words come with their times."""
        return list(hypotheses)

    def identify(self, waveforms: Sequence[np.ndarray]) -> list[dict[str, float]]:
        """The one language that the model knows."""
        return [{self.language: 1.0}] * len(waveforms)


def search_options(options: DecodeOptions) -> CtcDecodeOptions:
    """The part of a recogniser's options that decides on the search."""
    hotwords = tuple((phrase.text, TERM_BONUS * phrase.weight) for phrase in options.bias)
    return CtcDecodeOptions(options.beam_size, options.language_model, hotwords)


def without_zeros(waveform: np.ndarray) -> np.ndarray:
    """Without the zeros that fill a window up."""
    sounding = np.flatnonzero(waveform)
    return waveform[: int(sounding[-1]) + 1 if len(sounding) else 0]
