"""Log-probabilities of a CTC network -> text with the times of its labels and words."""

from collections.abc import Sequence

import numpy as np

from model.ctc.alignment import align
from model.ctc.decoded import Decoded, assemble
from model.ctc.fusion import CharacterFusion, Scorer, Scorers, WordFusion
from model.ctc.hotwords import HotWords
from model.ctc.language_model import load_language_model
from model.ctc.options import CtcDecodeOptions
from model.ctc.prefix_search import prefix_beam_search
from model.ctc.vocabulary import CtcVocabulary
from model.errors import BeamscribeError

# a label that is a thousand times less likely in a frame than the likeliest one begins nothing there
LABEL_MARGIN = 7.0


class CtcDecoder:
    """Decodes as its options say. Loaded once a process: it holds the language model."""

    def __init__(self, vocabulary: CtcVocabulary, options: CtcDecodeOptions) -> None:
        self.vocabulary, self.options = vocabulary, options
        self._scorer = _scorer(vocabulary, options)

    def decode(self, logprobs: np.ndarray, n_frames: Sequence[int]) -> list[Decoded]:
        """The best hypothesis of each row. logprobs: [n, n_frames_max, n_labels]; n_frames: of each row."""
        if logprobs.shape[2] != len(self.vocabulary):
            raise BeamscribeError(
                f"the network has {logprobs.shape[2]} outputs and its vocabulary {len(self.vocabulary)} labels: "
                "give the vocabulary that it was trained with"
            )
        if self.options.is_greedy:
            return greedy(logprobs, n_frames, self.vocabulary)
        return beam_search(logprobs, n_frames, self.vocabulary, beam_width=self.options.beam_width, scorer=self._scorer)


def greedy(logprobs: np.ndarray, n_frames: Sequence[int], vocabulary: CtcVocabulary) -> list[Decoded]:
    """The labels of the likeliest path of each row (Graves et al. 2006, section 3.2).

    logprobs: [n, n_frames_max, n_labels] natural log. n_frames: of each row.
    """
    paths, best = logprobs.argmax(axis=2), logprobs.max(axis=2)
    return [
        _greedy_row(paths[row, :n], float(best[row, :n].sum(dtype=np.float64)), logprobs[row], vocabulary)
        for row, n in enumerate(n_frames)
    ]


def beam_search(
    logprobs: np.ndarray,
    n_frames: Sequence[int],
    vocabulary: CtcVocabulary,
    *,
    beam_width: int,
    scorer: Scorer | None = None,
) -> list[Decoded]:
    """The best hypothesis of each row by prefix beam search, on the likeliest path that writes it.

    logprobs: [n, n_frames_max, n_labels] natural log. n_frames: of each row.
    """
    beams = prefix_beam_search(
        logprobs, n_frames, vocabulary.blank, beam_width=beam_width, margin=LABEL_MARGIN, scorer=scorer
    )
    best = [prefixes[0] for prefixes in beams]
    alignments = align(logprobs, n_frames, [prefix.labels for prefix in best], vocabulary.blank)
    decoded = []
    for own, prefix, alignment in zip(logprobs, best, alignments, strict=True):
        # a search writes nothing that no path says
        assert alignment is not None
        decoded.append(
            assemble(prefix.labels, alignment.frames, own, vocabulary, logprob=prefix.logprob, score=prefix.score)
        )
    return decoded


def _greedy_row(path: np.ndarray, logprob: float, logprobs: np.ndarray, vocabulary: CtcVocabulary) -> Decoded:
    """path: [n_frames] the likeliest label of each frame."""
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    ends = np.append(starts[1:], len(path))
    is_label = path[starts] != vocabulary.blank
    frames = list(zip(starts[is_label].tolist(), ends[is_label].tolist(), strict=True))
    labels = path[starts][is_label].tolist()
    return assemble(labels, frames, logprobs, vocabulary, logprob=logprob, score=logprob)


def _scorer(vocabulary: CtcVocabulary, options: CtcDecodeOptions) -> Scorer | None:
    scorers: list[Scorer] = []
    if use := options.language_model:
        fusion = WordFusion if use.units == "words" else CharacterFusion
        scorers.append(fusion(load_language_model(use), vocabulary, alpha=use.alpha, beta=use.beta))
    if options.hotwords:
        scorers.append(HotWords(options.hotwords, vocabulary))
    return Scorers(scorers) if len(scorers) > 1 else next(iter(scorers), None)
