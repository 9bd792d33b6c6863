"""How alike two English words are by sound and by spelling.

Sound is Metaphone (Philips 1990) as in jellyfish, made coarser: what recognisers mix up counts as one sound. Words
of several parts are compared as if they were written together.
"""

import re
import unicodedata

from jellyfish import metaphone
from rapidfuzz.distance import Levenshtein

# of Metaphone's consonants, those that differ by voice alone or by little: b p, j sh, th t; and half vowels
MERGED = str.maketrans({"B": "P", "J": "X", "0": "T", "H": None, "W": None, "Y": None, " ": None})
FIRST_VOWEL = re.compile(r"^[AEIOU]")


def letters_of(text: str) -> str:
    """The letters and digits of a text: lower case, without accents, punctuation and spaces."""
    letters = text.casefold()
    if letters.isascii() and letters.isalnum():
        return letters
    return "".join(c for c in unicodedata.normalize("NFKD", letters) if c.isalnum())


def sound_of(letters: str) -> str:
    """What letters sound like, a character a consonant. Of vowels one at the beginning counts, whichever it is."""
    return FIRST_VOWEL.sub("A", metaphone(letters)).translate(MERGED)


def likeness(letters: str, sound: str, other_letters: str, other_sound: str) -> float:
    """From 0, nothing in common, to 1, equal: the mean of the likeness of sounds and that of spellings."""
    by_sound = Levenshtein.normalized_similarity(sound, other_sound)
    by_spelling = Levenshtein.normalized_similarity(letters, other_letters)
    return (by_sound + by_spelling) / 2


def shortened(sound: str) -> set[str]:
    """The sound itself, and all that are left where one of its characters is taken out.

    Two sounds that differ by one character have one of these in common (symmetric deletion, SymSpell, Garbe 2012).
    """
    return {sound, *(sound[:i] + sound[i + 1 :] for i in range(len(sound)))}
