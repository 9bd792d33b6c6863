"""Which words are English, and how common they are: the frequency dictionary that comes with symspellpy.

It is what Google Books' counts and SCOWL's spelling lists have in common: 82,834 words, the commonest first, with
inflected forms and the better-known names, without possessives (https://github.com/wolfgarbe/SymSpell). American
spellings that it lacks are as common as the British ones that Whisper's normaliser knows for them.
"""

import re
from functools import cache
from importlib.resources import files

DICTIONARY = "frequency_dictionary_en_82_765.txt"
# words before this place are met every day; behind it are rare ones and the names of few
N_COMMON = 30_000
CONTRACTION = re.compile(r"\w+(?:n['’]t|['’](?:d|ll|m|re|ve))")
POSSESSIVE = re.compile(r"['’]s$")


@cache
def ranks() -> dict[str, int]:
    """The place of each English word in the order of their frequency, from 0."""
    from whisper_normalizer.english import EnglishSpellingNormalizer

    text = (files("symspellpy") / DICTIONARY).read_text(encoding="utf-8-sig")
    places = {line.partition(" ")[0]: rank for rank, line in enumerate(text.splitlines())}
    for british, american in EnglishSpellingNormalizer().mapping.items():
        if british in places:
            places.setdefault(american, places[british])
    return places


def is_english(word: str) -> bool:
    """Whether a lower-case word is in the dictionary at all, or made of one that is, with an apostrophe."""
    return POSSESSIVE.sub("", word) in ranks() or CONTRACTION.fullmatch(word) is not None


def is_common(word: str) -> bool:
    """Whether a lower-case word is one that people use every day; letters, numerals and contractions are."""
    word = POSSESSIVE.sub("", word)
    everyday = len(word) < 2 or word.isdecimal() or CONTRACTION.fullmatch(word)
    return bool(everyday) or ranks().get(word, N_COMMON) < N_COMMON
