"""Texts as words, figures and signs, and what a word says when digits or letters are read out."""

import re
from dataclasses import dataclass

TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[^\w\s]|_")

DIGITS = {
    word: digit
    for digit, words in enumerate(
        ("zero oh o nought naught nil", "one", "two", "three", "four for fore", "five", "six", "seven", "eight", "nine")
    )
    for word in words.split()
}
# digits only beside other digits; some of them only between others
UNSURE_DIGITS = frozenset(("for", "fore", "o", "oh", "nil"))
MISHEARD_DIGITS = frozenset(("for", "fore"))
TEENS = {
    word: str(number)
    for number, word in enumerate(
        ("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen").split(),
        10,
    )
}
TENS = {word: number for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
NUMBER_WORDS = frozenset((*DIGITS, *TEENS, *TENS))
TIMES = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
NATO = {
    word: word[0]
    for word in (
        "alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike november oscar "
        "papa quebec romeo sierra tango uniform victor whiskey whisky xray yankee zulu"
    ).split()
}
# what is said between the digits of one number
HESITATIONS = frozenset(
    "um uh uhm er erm ah eh hm hmm mm okay ok so and then sorry wait let me see again yes yeah yep right next "
    "now well like pause hang hold on a second is it's that's its dash hyphen minus space slash comma".split()
)
MAX_HESITATIONS = 4


@dataclass(frozen=True)
class Token:
    """A word, a figure or a sign at characters [start, end) of a text."""

    start: int
    end: int
    # as it stands there
    text: str
    # in lower case
    word: str

    @property
    def is_word(self) -> bool:
        return self.word[0].isalpha()

    @property
    def is_number(self) -> bool:
        """Whether it is a number below a hundred in words, or any in figures."""
        return self.word[0].isdecimal() or self.word in NUMBER_WORDS


def tokens_of(text: str) -> list[Token]:
    """All of a text but white space."""
    return [Token(m.start(), m.end(), m[0], m[0].casefold()) for m in TOKEN.finditer(text)]
