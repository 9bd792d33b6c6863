"""Where the terms of a vocabulary stand in a text, and how often."""

from collections import Counter
from typing import NamedTuple

from transforms.text.corrector import Corrector
from transforms.text.tokens import Span, spans_of, tokens_of
from transforms.text.vocabulary import Term


class Mention(NamedTuple):
    """A term where it stands, in whatever case and with whatever spaces."""

    span: Span
    term: Term


def mentions(text: str, corrector: Corrector) -> list[Mention]:
    """The terms in a text, in order; of those that overlap the one that begins first, and of these the longest."""
    found: list[Mention] = []
    spans = spans_of(text, tokens_of(text), corrector.max_words)
    named = [Mention(span, term) for span in spans if (term := corrector.same(span.letters))]
    for mention in sorted(named, key=lambda m: (m.span.first, -m.span.last)):
        if not found or mention.span.first >= found[-1].span.last:
            found.append(mention)
    return found


def hits(text: str, corrector: Corrector) -> Counter[str]:
    """How often each term stands in a text."""
    return Counter(mention.term.text for mention in mentions(text, corrector))
