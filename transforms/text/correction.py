"""Correction by a user's vocabulary after decoding: what was heard amiss is written as the term that it sounds like.

A rule with guards. It is to mend more than it breaks although most words of a text are right and most terms of a
vocabulary are not said in it:

- a word that is common English stays, unless the user listed it as what a term sounds like;
- a word of which the recogniser was sure stays; where it did not say how sure it was, likeness has to be greater;
- the term has to be like the word by sound and spelling, and clearly more so than any other term;
- in languages other than English only what the user listed, or another way to write a term's own letters, is mended.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher
from math import log2
from typing import NamedTuple

from model.recognizer import UNSPACED_LANGUAGES
from transforms.text.corrector import Corrector, Match
from transforms.text.edits import Replacement
from transforms.text.english import is_common, is_english
from transforms.text.tokens import POSSESSIVE, Span, Token, spans_of, tokens_of
from transforms.text.vocabulary import Term

RULE = "vocabulary"

# up to the one a word is in doubt, up to the other it may be wrong; English words have to be in doubt
MAX_DOUBTFUL, MAX_UNSURE = 0.75, 0.9
# the likeness that is needed: of a word in doubt that is not English; of one that may be wrong, or of which it is not
# known; of a rare English word; of several words, one of them at least rare or not English
LIKENESS_DOUBTFUL, LIKENESS_UNSURE, LIKENESS_RARE, LIKENESS_SEVERAL = 0.72, 0.84, 0.86, 0.86
MIN_MARGIN = 0.04
# letters of the words that a term was split into: shorter ones stand beside each other by chance, as in "but I"
MIN_PART = 3
# a term of twice the weight needs so much less, within bounds
LIKENESS_A_DOUBLING, MOST_FOR_WEIGHT = 0.03, 0.06


class Heard(NamedTuple):
    """A word as the recogniser wrote it, with its punctuation, and how sure it was: None where it did not say."""

    word: str
    probability: float | None


class Proposal(NamedTuple):
    """A text in the place of a span, and how like it that is, up to 1."""

    likeness: float
    span: Span
    after: str


def correct(text: str, words: Sequence[Heard], corrector: Corrector, language: str) -> list[Replacement]:
    """What of a segment's text is to be written as a term of the vocabulary.

    words: those of the segment; empty where the recogniser gave none. language: that of the text.
    """
    if language in UNSPACED_LANGUAGES:
        return []
    tokens = tokens_of(text)
    probabilities = _probabilities(tokens, words)
    shouts = text.isupper()
    proposals = []
    for span in spans_of(text, tokens, corrector.max_words + 1):
        probability = _least(probabilities[span.first : span.last])
        found = _term_for(text, span, probability, corrector, language)
        if found and (after := _styled(found.term.text, text[span.start], shouts)) != text[span.start : span.end]:
            proposals.append(Proposal(found.likeness, span, after))
    return [Replacement(p.span.start, p.span.end, p.after) for p in _best(proposals)]


def _probabilities(tokens: Sequence[Token], words: Sequence[Heard]) -> list[float | None]:
    """Of each token, by the words that the recogniser gave; None where an earlier rule wrote it."""
    heard = [(token.word, word.probability) for word in words for token in tokens_of(word.word)]
    written = [token.word for token in tokens]
    if [word for word, _ in heard] == written:
        return [probability for _, probability in heard]
    found: list[float | None] = [None] * len(tokens)
    matcher = SequenceMatcher(None, [word for word, _ in heard], written, autojunk=False)
    for at_heard, at_written, n in matcher.get_matching_blocks():
        for i in range(n):
            found[at_written + i] = heard[at_heard + i][1]
    return found


def _least(probabilities: Sequence[float | None]) -> float | None:
    """That of the least sure word; None where one is not known."""
    known = [p for p in probabilities if p is not None]
    return min(known) if len(known) == len(probabilities) else None


def _term_for(text: str, span: Span, probability: float | None, corrector: Corrector, language: str) -> Match | None:
    """What the span may be written as. probability: of its least sure word."""
    is_everyday = language == "en" and all(is_common(word) for word in span.words)
    in_doubt = probability is not None and probability <= MAX_DOUBTFUL
    term = corrector.same(span.letters)
    if term and (not is_everyday or _is_split(text, span, in_doubt)) and not _loses_possessive(span, term):
        return Match(term, 1.0, 1.0)
    if (term := corrector.listed(span.letters)) and (in_doubt or probability is None or not is_everyday):
        return Match(term, 1.0, 1.0)
    return None if language != "en" or is_everyday else _near(span, probability, corrector)


def _is_split(text: str, span: Span, in_doubt: bool) -> bool:
    """Whether everyday words that join to a term's letters are that term: with hyphens, or long ones in doubt."""
    if len(span.tokens) == 1:
        return False
    return "-" in text[span.start : span.end] or (in_doubt and all(len(t.word) >= MIN_PART for t in span.tokens))


def _loses_possessive(span: Span, term: Term) -> bool:
    """Whether "Herod's" would become "Herods"."""
    return span.tokens[-1].ending != span.ending and not POSSESSIVE.search(term.text)


def _near(span: Span, probability: float | None, corrector: Corrector) -> Match | None:
    """The term that the span is most like, if it is enough so."""
    needed = _needed(span, probability)
    if needed is None or span.tokens[-1].ending != span.ending:
        return None
    match = corrector.nearest(span.letters)
    # a term and a word beside it are like that term; it is written already
    if match is None or any(corrector.same(token.stem) == match.term for token in span.tokens):
        return None
    eased = max(-MOST_FOR_WEIGHT, min(MOST_FOR_WEIGHT, LIKENESS_A_DOUBLING * log2(match.term.weight)))
    return match if match.likeness >= needed - eased and match.margin >= MIN_MARGIN else None


def _needed(span: Span, probability: float | None) -> float | None:
    """How like a term the span has to be; None where nothing is like enough."""
    is_known, n_words = all(is_english(word) for word in span.words), len(span.tokens)
    if probability is None:
        return None if is_known else LIKENESS_SEVERAL if n_words > 1 else LIKENESS_UNSURE
    if probability > (MAX_DOUBTFUL if is_known else MAX_UNSURE):
        return None
    if n_words > 1:
        return LIKENESS_SEVERAL
    if is_known:
        return LIKENESS_RARE
    return LIKENESS_DOUBTFUL if probability <= MAX_DOUBTFUL else LIKENESS_UNSURE


def _best(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Those that do not overlap, in order: the likest first, of equal ones the longest, then the one further left."""
    taken: set[int] = set()
    chosen = []
    for proposal in sorted(proposals, key=lambda p: (-p.likeness, p.span.first - p.span.last, p.span.first)):
        own = range(proposal.span.first, proposal.span.last)
        if taken.isdisjoint(own):
            taken.update(own)
            chosen.append(proposal)
    return sorted(chosen, key=lambda p: p.span.first)


def _styled(term: str, first: str, shouts: bool) -> str:
    """A term in the case of what it replaces, which begins with `first`: capitals throughout, or one at the start."""
    if shouts:
        return term.upper()
    return term[:1].upper() + term[1:] if term.islower() and first.isupper() else term
