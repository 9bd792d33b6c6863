"""Disfluencies of spoken English: fillers, false starts and words said twice, each by a rule.

The classes are those of Shriberg (1994, "Preliminaries to a theory of speech disfluencies"). What can be meant is left
alone: a text that is nothing but fillers, "mm-hmm" and "uh-huh" for yes, "had had", "very, very", digits.
"""

import re

from transforms.text.edits import Replacement, Rule
from transforms.text.english import is_english

# pauses, as they are written around what is taken out
PAUSES = " \t\n,—–…"
SENTENCE_ENDS = ".?!"
# what may stand before the first word of a sentence
QUOTES = "\"'“‘«„"
OPENING = QUOTES + "([ \t\n"
# neither part of "uh-huh" or "um's" nor the unit in "5 mm"; "ER" is a place
FILLER = r"(?<![\w'’-])(?:[Uu]h+m*|[Uu]m+|[Ee]rm?|[Hh]m+|[Mm]h+m+|(?<!\d)(?<!\d\s)[Mm]m+)(?![\w'’]|-\w)"
FILLERS = re.compile(rf"{FILLER}(?:[{PAUSES}]*{FILLER})*")
# after fillers that begin a sentence: all up to its first word
BEFORE_SENTENCE = re.compile(rf"(?:[{PAUSES}{SENTENCE_ENDS}]+|{FILLER})*")

# words that nobody says twice on purpose; "that that", "had had", "is is", "in in", "you you" can be meant
NEVER_TWICE = (
    r"an?|the|and|but|or|if|when|because|of|to|at|with|from|i|we|they|s?he|my|your|our|their|"
    r"(?:it|s?he|there)['’]s|i['’](?:m|ve)|(?:we|they)['’]re"
)
REPETITION = re.compile(
    rf"(?<![\w'’-])(?P<first>{NEVER_TWICE})(?:(?:[{PAUSES}]+|-+\s*)(?P=first)(?![\w'’]|-\w))+", re.IGNORECASE
)
# a word that breaks off, and up to two before it that are said again too: "I wen- I went"; "no-nonsense" has no space
FALSE_START = re.compile(
    r"(?<![\w'’-])(?P<before>(?:[\w'’]+\s+){0,2})(?P<part>\w+)(?:-+,?\s+|(?P<dash>[—–])\s*)(?=(?P=before)(?P=part)\w)",
    re.IGNORECASE,
)


def fillers_rule(text: str) -> list[Replacement]:
    """Takes out "uh", "um", "er", "hm" and "mhm" with the commas around them, unless nothing else is said."""
    replacements: list[Replacement] = []
    n_said = sum(c.isalnum() for c in text)
    for match in FILLERS.finditer(text):
        if replacements and match.start() < replacements[-1].end:
            continue
        new = _at_start(text, match) if _is_first(text, match) else _inside(text, match)
        n_said -= sum(c.isalnum() for c in text[new.start : new.end]) - sum(c.isalnum() for c in new.after)
        replacements.append(new)
    return replacements if n_said else []


def _is_first(text: str, match: re.Match[str]) -> bool:
    """Whether a sentence begins with the fillers, or what somebody is quoted to say."""
    head = text[: match.start()]
    sentence = head.rstrip(OPENING)
    return not sentence or sentence[-1] in SENTENCE_ENDS or (head[-1] in QUOTES and match[0][0].isupper())


def _inside(text: str, match: re.Match[str]) -> Replacement:
    """Fillers inside a sentence, with the pauses around them; one space stays between words."""
    start, end = len(text[: match.start()].rstrip(PAUSES)), match.end()
    while end < len(text) and text[end] in PAUSES:
        end += 1
    follows = text[end : end + 1]
    divides = start < match.start() and (follows.isalnum() or follows in OPENING)
    return Replacement(start, end, " " if divides and follows else "")


def _at_start(text: str, match: re.Match[str]) -> Replacement:
    """Fillers at the start of a sentence: the next word takes over the capital."""
    start, end = match.start(), BEFORE_SENTENCE.match(text, match.end()).end()  # type: ignore[union-attr]
    if end == len(text):
        return Replacement(len(text[:start].rstrip()), end, "")
    return _removed(text, start, end)


def false_starts_rule(text: str) -> list[Replacement]:
    """Takes out a word that breaks off with a dash, where what follows begins with it: "I wen- I went".

    Before a long dash it has to be no word: "no—nobody" can be meant.
    """
    found = FALSE_START.finditer(text)
    return [_removed(text, *m.span()) for m in found if not (m["dash"] and is_english(m["part"].lower()))]


def repetitions_rule(text: str) -> list[Replacement]:
    """Takes out what is said again of words that nobody says twice on purpose: "the the", "I, I"."""
    return [Replacement(match.end("first"), match.end(), "") for match in REPETITION.finditer(text)]


def _removed(text: str, start: int, end: int) -> Replacement:
    """Takes out [start, end) at the start of words; the word that follows takes over the capital."""
    if text[start].isupper():
        return Replacement(start, end + 1, text[end].upper())
    return Replacement(start, end, "")


# in the order in which they have to run
DISFLUENCIES: dict[str, Rule] = {
    "disfluency.fillers": fillers_rule,
    "disfluency.false_starts": false_starts_rule,
    "disfluency.repetitions": repetitions_rule,
}
