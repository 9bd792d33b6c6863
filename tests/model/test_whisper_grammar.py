"""The rules of timestamps, one by one."""

import numpy as np
import tensorflow as tf

from model.whisper.grammar import Progress, advance, at_start, continuations
from tests.model.whisper_helpers import TINY_GRAMMAR as GRAMMAR

TEXT = [token for token in range(GRAMMAR.eot) if token not in GRAMMAR.suppress_tokens]
END = [GRAMMAR.eot]
TIMESTAMPS = list(range(GRAMMAR.timestamp_begin, GRAMMAR.n_vocab))
# timestamps as unlikely as makes their sum less than the best text
TEXT_IS_LIKELIER = np.where(np.arange(GRAMMAR.n_vocab) < GRAMMAR.timestamp_begin, 0.0, -20.0).astype(np.float32)


def progress_after(tokens: list[int]) -> Progress:
    progress = at_start(GRAMMAR, [])
    for token in tokens:
        progress = advance(GRAMMAR, progress, tf.constant(token))
    return progress


def allowed(tokens: list[int], logits: np.ndarray = TEXT_IS_LIKELIER) -> dict[int, float]:
    """Next token -> log-probability, of those that may follow."""
    found = continuations(GRAMMAR, progress_after(tokens), tf.constant(logits), n_best=len(TIMESTAMPS))
    # the text has more tokens than one `n_best`: turned round, the others come first
    turned = np.where(np.arange(len(logits)) < GRAMMAR.eot, -logits, logits)
    assert len(TEXT) <= 2 * len(TIMESTAMPS), turned
    return {int(t): float(p) for t, p in zip(found.tokens, found.logprobs, strict=True) if np.isfinite(p)}
