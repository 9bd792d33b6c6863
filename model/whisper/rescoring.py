"""N-grams on what a search has found: the hypotheses of a window, ranked again with a language model's opinion.

Re-scoring of n-best lists: Ostendorf et al. 1991, "Integration of diverse recognition methodologies through
reevaluation of N-best sentence hypotheses". A Whisper knows a good deal of language itself, so this is for what it
cannot know: how people speak in one place about one thing.
"""

from collections.abc import Sequence

from model.ctc.fusion import known_form
from model.ctc.language_model import load_language_model
from model.ctc.ngram import sentence_logprob
from model.ctc.options import LanguageModelUse
from model.ctc.texts import fold
from model.errors import BeamscribeError


class Rescorer:
    """Ranks hypotheses by (what the search ranked them by + alpha ln P_lm(words) + beta n_words), all a token."""

    def __init__(self, use: LanguageModelUse) -> None:
        if use.units != "words":
            raise BeamscribeError(f"--lm_units {use.units}: a Whisper's hypotheses are scored by words alone")
        self._model = load_language_model(use)
        self._alpha, self._beta = use.alpha, use.beta

    def best(self, texts: Sequence[str], scores: Sequence[float], lengths: Sequence[int]) -> int:
        """Which hypothesis of a window is the best.

        scores: what the search ranked them by, natural log a token, of their `lengths` in tokens.
        """
        gains = [self._gain(text) / max(length, 1) for text, length in zip(texts, lengths, strict=True)]
        return max(range(len(texts)), key=lambda i: scores[i] + gains[i])

    def _gain(self, text: str) -> float:
        words = [known_form(word, self._model) for word in fold(text).split()]
        return self._alpha * sentence_logprob(self._model, words) + self._beta * len(words)
