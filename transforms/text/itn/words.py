"""A text as words that a grammar of spoken forms looks at, and the scan that makes a rule of such a grammar."""

import re
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import NamedTuple

from transforms.text.edits import Replacement, Rule

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_HYPHENS = frozenset("-‐‑")
# rules follow one another over the same text: each of its versions is taken apart once
_N_KEPT_TEXTS = 64


def word_set(words: str) -> frozenset[str]:
    """The words of a line or of several."""
    return frozenset(words.split())


class Word(NamedTuple):
    """One word in lower case, its characters [start, end), and what stands between it and the word before."""

    said: str
    start: int
    end: int
    gap: str


class Found(NamedTuple):
    """Words [first, end) and what is written for them."""

    first: int
    end: int
    written: str


class Words:
    """The words of a text, by their index: none ("") before the first and after the last."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.seen = frozenset(_WORD.findall(text.lower().replace("’", "'")))

    @cached_property
    def _words(self) -> list[Word]:
        words = []
        reached = 0
        for match in _WORD.finditer(self.text):
            start, end = match.span()
            words.append(Word(match[0].lower().replace("’", "'"), start, end, self.text[reached:start]))
            reached = end
        return words

    @cached_property
    def _said(self) -> list[str]:
        return [word.said for word in self._words]

    def __len__(self) -> int:
        return len(self._words)

    def places(self, said: frozenset[str]) -> list[int]:
        """Where one of these words stands."""
        return [i for i, word in enumerate(self._said) if word in said]

    def said(self, i: int) -> str:
        """The word, whatever stands before it."""
        return self._said[i] if 0 <= i < len(self._said) else ""

    def gap(self, i: int) -> str:
        """What stands between the word and the one before it; a full stop where there is none."""
        return self._words[i].gap if 0 < i < len(self._words) else "."

    def joined(self, i: int) -> bool:
        """Whether nothing but spaces or one hyphen separates the word from the one before it."""
        gap = self.gap(i)
        return gap.isspace() or gap in _HYPHENS

    def on(self, i: int) -> str:
        """The word where the phrase goes on with it; none where it ends before."""
        return self.said(i) if self.joined(i) else ""

    def before(self, i: int) -> str:
        """The word before this one in the same phrase, a percent sign too."""
        if self.joined(i):
            return self.said(i - 1)
        gap = self.gap(i)
        return "%" if gap[:1] == "%" and gap[1:].isspace() else ""

    def after_comma(self, i: int) -> bool:
        """Whether a comma and spaces, and no more, stand before the word."""
        gap = self.gap(i)
        return gap[:1] == "," and gap[1:].isspace()

    def lately(self, i: int, n: int) -> frozenset[str]:
        """The `n` words before this one."""
        return frozenset(word.said for word in self._words[max(0, i - n) : i])

    def start_of(self, i: int) -> int:
        """The character at which the word starts."""
        return self._words[i].start

    def end_of(self, i: int) -> int:
        """The character after the word."""
        return self._words[i].end

    def written(self, i: int) -> str:
        """The word as the text has it."""
        word = self._words[i]
        return self.text[word.start : word.end]

    def between(self, first: int, end: int) -> str:
        """The text of the words [first, end)."""
        return self.text[self._words[first].start : self._words[end - 1].end]

    def up_to(self, i: int, said: str) -> "Words":
        """The same words, and at this place another one, with which they end."""
        words = Words(self.text)
        words.__dict__["_words"] = [*self._words[:i], self._words[i]._replace(said=said)]
        return words


words_of = lru_cache(maxsize=_N_KEPT_TEXTS)(Words)

Find = Callable[[Words, int], Found | None]


def rule_of(find: Find, starts: frozenset[str] | None, needs: frozenset[str] | None = None) -> Rule:
    """A rule that asks `find` at the words in `starts` (None: at every word) of a text.

    A text that has none of the words in `needs` (if not given: in `starts`) costs a look at a set.
    """
    needed = needs or starts or frozenset()

    def rule(text: str) -> list[Replacement]:
        words = words_of(text)
        if needed.isdisjoint(words.seen):
            return []
        return [
            Replacement(words.start_of(found.first), words.end_of(found.end - 1), found.written)
            for found in _scan(words, find, starts)
        ]

    return rule


def _scan(words: Words, find: Find, starts: frozenset[str] | None) -> list[Found]:
    """What is found from the left, each after the one before."""
    all_found: list[Found] = []
    reached = 0
    for i in range(len(words)) if starts is None else words.places(starts):
        found = find(words, i) if i >= reached else None
        if found and found.first >= reached:
            all_found.append(found)
            reached = found.end
    return all_found
