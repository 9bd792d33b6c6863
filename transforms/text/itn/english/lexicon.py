"""The English words that numbers are said with, and the small words that tell what a number is for."""

from transforms.text.itn.words import word_set

DIGITS = {
    word: value
    for value, word in enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"))
}
UNITS = {word: value for word, value in DIGITS.items() if value}
TEENS = {
    word: value
    for value, word in enumerate(
        ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
        start=10,
    )
}
TENS = {
    word: 10 * value
    for value, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
    )
} | {"fourty": 40}
UNDER_20 = UNITS | TEENS
UNDER_100 = UNDER_20 | TENS
# short scale: https://en.wikipedia.org/wiki/Long_and_short_scales
SCALES = {
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "quadrillion": 10**15,
    "quintillion": 10**18,
}
# a number of so many of these is written with the word: 5 million
SPOKEN_SCALES = {value: word for word, value in SCALES.items() if value >= 10**6}
BIG = frozenset(SCALES) | {"hundred"}
OH = frozenset({"oh", "o"})
MANY = {"double": 2, "triple": 3}
NUMBER_STARTS = frozenset(UNDER_100) | {"zero"}
NUMBERS = NUMBER_STARTS | BIG
ARTICLES = frozenset({"a", "an"})

_IRREGULAR = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def _ordinal_of(word: str) -> str:
    return _IRREGULAR.get(word) or (word[:-1] + "ieth" if word.endswith("y") else word + "th")


# the ordinal, and the cardinal that is said in its place
ORDINALS = {_ordinal_of(word): word for word in (*UNDER_100, *BIG)}

MONTHS = word_set("january february march april may june july august september october november december")
# months that are verbs too
VERB_MONTHS = frozenset({"may", "march"})

PRONOUNS = word_set("i you he she it we they who that which this these those there one")
# words that do not name a thing of which there may be several, so that a number before them stands alone
FUNCTION_WORDS = word_set(
    """a an and as at because before after but by during each every for from he her his i if in into is it its my not
    of on or our over per she since so than that the their then there they this through till to until was we were
    when where which while who will with would you your are has had have"""
)
# what is counted: a number before one of these is no year, no time and no code
COUNTED = word_set(
    """years year months month weeks week days day hours hour minutes minute seconds people men women children students
    percent per dollars dollar euros pounds pound cents cent miles mile feet foot meters metres yards inches times
    pages page points point votes seats cars units"""
)
