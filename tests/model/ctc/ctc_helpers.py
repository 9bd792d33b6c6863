"""Small outputs of CTC networks, what their paths write by the definition, and a language model written by hand."""

from itertools import groupby, product

import numpy as np

# log10: sentences of "the cat sat"; "hat" has no 2-gram
ARPA = r"""
made by hand

\data\
ngram 1=7
ngram 2=5
ngram 3=2

\1-grams:
-99	<s>	-0.4
-0.9	</s>
-2.5	<unk>
-0.7	the	-0.3
-1.1	cat	-0.2
-1.3	sat	-0.1
-1.6	hat	-0.05

\2-grams:
-0.2	<s> the	-0.25
-0.5	the cat	-0.15
-0.6	cat sat	-0.35
-0.3	sat </s>
-0.8	sat the

\3-grams:
-0.1	<s> the cat
-0.15	cat sat </s>

\end\
"""


def log_softmax(scores):
    """In float64, over the last axis."""
    scores = np.asarray(scores, np.float64)
    return scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True)


def random_logprobs(seed, *shape, spread=2.0):
    return log_softmax(np.random.default_rng(seed).normal(scale=spread, size=shape))


def written_by(path, blank):
    """The labels of a path: repeats are one, blanks none."""
    return tuple(label for label, _ in groupby(path) if label != blank)


def all_paths(logprobs, blank):
    """Every path with the labels it writes and its natural log-probability. logprobs: [n_frames, n_labels]."""
    n_frames, n_labels = logprobs.shape
    for path in product(range(n_labels), repeat=n_frames):
        yield path, written_by(path, blank), float(logprobs[np.arange(n_frames), list(path)].sum())


def total_gain(scorer, labels):
    """What a scorer adds to a text step by step, its end included."""
    state, total = scorer.begin(), 0.0
    for label in labels:
        total += scorer.gains(state)[label]
        state = scorer.advance(state, label)
    return total + scorer.end(state)
