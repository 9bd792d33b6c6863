"""Correction by a user's vocabulary after decoding: what was heard amiss is written as the term that it sounds like.

A rule with guards. It is to mend more than it breaks although most words of a text are right and most terms of a
vocabulary are not said in it:

- a word that is common English stays, unless the user listed it as what a term sounds like;
- a word of which the recogniser was sure stays; where it did not say how sure it was, likeness has to be greater;
- the term has to be like the word by sound and spelling, and clearly more so than any other term;
- in languages other than English only what the user listed, or another way to write a term's own letters, is mended.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from math import log2
from typing import NamedTuple

from model.recognizer import UNSPACED_LANGUAGES
from transforms.text.corrector import Corrector
from transforms.text.edits import Replacement
from transforms.text.english import is_common, is_english
from transforms.text.tokens import POSSESSIVE, Token, can_join, tokens_of
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


@dataclass(frozen=True)
class Span:
    """Words [first, last) of a text, taken as one."""

    first: int
    last: int
    tokens: tuple[Token, ...]
    # the least of its words'
    probability: float | None
    # a possessive ending that stays as it is
    ending: str
    letters: str

    @property
    def start(self) -> int:
        return self.tokens[0].start

    @property
    def end(self) -> int:
        return self.tokens[-1].end - len(self.ending)

    @property
    def words(self) -> list[str]:
        """In lower case, the last one without its ending."""
        return [*(token.word for token in self.tokens[:-1]), self.tokens[-1].word.removesuffix(self.ending.lower())]


class Proposal(NamedTuple):
    """A term in the place of a span; `value` is its likeness."""

    value: float
    span: Span
    term: Term


def correct(text: str, words: Sequence[Heard], corrector: Corrector, language: str) -> list[Replacement]:
    """What of a segment's text is to be written as a term of the vocabulary.

    words: those of the segment; empty where the recogniser gave none. language: that of the text.
    """
    if language in UNSPACED_LANGUAGES:
        return []
    tokens = tokens_of(text)
    spans = _spans(text, tokens, _probabilities(tokens, words), corrector.max_words + 1)
    shouts = text.isupper()
    proposals = [
        proposal
        for span in spans
        if (proposal := _proposal(text, span, corrector, language))
        and _styled(proposal, text, shouts) != text[span.start : span.end]
    ]
    return [Replacement(p.span.start, p.span.end, _styled(p, text, shouts)) for p in _best(proposals)]


def hits(text: str, corrector: Corrector) -> Counter[str]:
    """How often each term stands in a text; of terms that overlap the longest counts."""
    tokens = tokens_of(text)
    spans = _spans(text, tokens, [None] * len(tokens), corrector.max_words)
    found = [Proposal(len(s.tokens), s, term) for s in spans if (term := corrector.same(s.letters))]
    return Counter(proposal.term.text for proposal in _best(found))


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


def _spans(text: str, tokens: Sequence[Token], probabilities: Sequence[float | None], most: int) -> Iterator[Span]:
    """All runs of up to so many words that nothing but spaces, hyphens or a short form's stop divides."""
    for first in range(len(tokens)):
        for last in range(first + 1, min(first + most, len(tokens)) + 1):
            if last > first + 1 and not can_join(text, tokens[last - 2], tokens[last - 1]):
                break
            own = tuple(tokens[first:last])
            known = [p for p in probabilities[first:last] if p is not None]
            probability = min(known) if len(known) == len(own) else None
            for ending in dict.fromkeys(("", own[-1].ending)):
                letters = "".join(token.letters for token in own)
                yield Span(first, last, own, probability, ending, letters[:-1] if ending else letters)


def _proposal(text: str, span: Span, corrector: Corrector, language: str) -> Proposal | None:
    """What the span may be written as."""
    is_everyday = language == "en" and all(is_common(word) for word in span.words)
    in_doubt = span.probability is not None and span.probability <= MAX_DOUBTFUL
    term = corrector.same(span.letters)
    if term is not None:
        allowed = not is_everyday or _is_split(text, span, in_doubt)
        return Proposal(1.0, span, term) if allowed and not _loses_possessive(span, term) else None
    term = corrector.listed(span.letters)
    if term is not None and (in_doubt or span.probability is None or not is_everyday):
        return Proposal(1.0, span, term)
    if language != "en" or is_everyday:
        return None
    return _near(span, corrector)


def _is_split(text: str, span: Span, in_doubt: bool) -> bool:
    """Whether everyday words that join to a term's letters are that term: with hyphens, or long ones in doubt."""
    if len(span.tokens) == 1:
        return False
    return "-" in text[span.start : span.end] or (in_doubt and all(len(t.word) >= MIN_PART for t in span.tokens))


def _loses_possessive(span: Span, term: Term) -> bool:
    """Whether "Herod's" would become "Herods"."""
    return span.tokens[-1].ending != span.ending and not POSSESSIVE.search(term.text)


def _near(span: Span, corrector: Corrector) -> Proposal | None:
    """The term that the span is most like, if it is enough so."""
    needed = _needed(span)
    if needed is None or span.tokens[-1].ending != span.ending:
        return None
    match = corrector.nearest(span.letters)
    # a term and a word beside it are like that term; it is written already
    if match is None or any(corrector.same(token.stem) == match.term for token in span.tokens):
        return None
    eased = max(-MOST_FOR_WEIGHT, min(MOST_FOR_WEIGHT, LIKENESS_A_DOUBLING * log2(match.term.weight)))
    if match.likeness < needed - eased or match.margin < MIN_MARGIN:
        return None
    return Proposal(match.likeness, span, match.term)


def _needed(span: Span) -> float | None:
    """How like a term the span has to be; None where none is like enough."""
    is_known = all(is_english(word) for word in span.words)
    if span.probability is None:
        return None if is_known else LIKENESS_SEVERAL if len(span.tokens) > 1 else LIKENESS_UNSURE
    if span.probability > (MAX_DOUBTFUL if is_known else MAX_UNSURE):
        return None
    if len(span.tokens) > 1:
        return LIKENESS_SEVERAL
    if is_known:
        return LIKENESS_RARE
    return LIKENESS_DOUBTFUL if span.probability <= MAX_DOUBTFUL else LIKENESS_UNSURE


def _best(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Those that do not overlap, in order: the likest first, of equal ones the longest, the one further left."""
    taken: set[int] = set()
    chosen = []
    for proposal in sorted(proposals, key=lambda p: (-p.value, p.span.first - p.span.last, p.span.first)):
        own = range(proposal.span.first, proposal.span.last)
        if taken.isdisjoint(own):
            taken.update(own)
            chosen.append(proposal)
    return sorted(chosen, key=lambda p: p.span.first)


def _styled(proposal: Proposal, text: str, shouts: bool) -> str:
    """The term in the case of what it replaces: capitals throughout, or one at the beginning, where it has none."""
    term = proposal.term.text
    if shouts:
        return term.upper()
    return term[:1].upper() + term[1:] if term.islower() and text[proposal.span.start].isupper() else term
