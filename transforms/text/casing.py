"""Case and punctuation for English text that has none, as connectionist recognisers write it.

It is a repair, no model: the first word and "I" get a capital, so do days and months and the names that the user's
vocabulary knows, and a stop ends the text. Text that has any case or punctuation is left as it is.
"""

import re

from transforms.text.corrector import Corrector
from transforms.text.edits import Replacement, Rule
from transforms.text.english import is_common
from transforms.text.mentions import Mention, mentions
from transforms.text.tokens import Token, tokens_of

RULE = "casing"

PUNCTUATION = re.compile(r"[.,;:?!…]")
# "march" and "may" are other words too
CAPITALISED = re.compile(
    "(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|april|june|july|august|september|"
    "october|november|december|i(?:['’](?:d|ll|m|ve))?"
)


def casing_rule(corrector: Corrector) -> Rule:
    """A rule that writes bare English text as sentences are written. corrector: of the names to know; may be empty."""

    def rule(text: str) -> list[Replacement]:
        return _repair(text, corrector) if is_bare(text) else []

    return rule


def is_bare(text: str) -> bool:
    """Whether a text is all in one case, and without punctuation."""
    return (text.islower() or text.isupper()) and not PUNCTUATION.search(text)


def _repair(text: str, corrector: Corrector) -> list[Replacement]:
    tokens = tokens_of(text)
    named = [m for m in mentions(text, corrector) if _is_name(m)]
    in_names = {i for m in named for i in range(m.span.first, m.span.last)}
    written = [Replacement(m.span.start, m.span.end, m.term.text) for m in named]
    written += [Replacement(m.span.end, m.span.end + len(m.span.ending), m.span.ending.lower()) for m in named]
    written += [Replacement(t.start, t.end, _cased(t)) for i, t in enumerate(tokens) if i not in in_names]
    written.sort()
    first = written[0]
    written[0] = Replacement(first.start, first.end, first.after[:1].upper() + first.after[1:])
    end = len(text.rstrip())
    return [r for r in [*written, Replacement(end, end, ".")] if text[r.start : r.end] != r.after]


def _is_name(mention: Mention) -> bool:
    """Whether a term says anything of case: one that has capitals, and is no everyday word ("rose") besides."""
    words = mention.span.words
    return not mention.term.text.islower() and (len(words) > 1 or not is_common(words[0]))


def _cased(token: Token) -> str:
    stem = token.word.removesuffix(token.ending.lower())
    return token.word.capitalize() if CAPITALISED.fullmatch(stem) else token.word
