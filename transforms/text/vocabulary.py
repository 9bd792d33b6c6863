"""A user's own words: a text file of terms, one a line.

    # term, weight, how it may be heard; the last two may be left out
    Kubernetes
    Dr. Nguyen	2	doctor win|doctor new yen
    Ceftriaxone,1.5

Columns are separated by tabs, or by commas in a line that has no tab. `#` begins a comment at the start of a line or
after a space, so that "C#" is a term.
"""

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from model.errors import BeamscribeError
from transforms import storage

# a comment: not the # of C#
COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
COLUMNS = "term, weight, sounds-like"


@dataclass(frozen=True)
class Term:
    """A word or phrase to expect, as it is to be written."""

    text: str
    # how much the decoder is drawn to it: a factor on the usual
    weight: float = 1.0
    # other ways to spell what is heard where it is said
    sounds_like: tuple[str, ...] = ()


def read_vocabulary(path: str) -> list[Term]:
    """The terms of a file on any file system, in order; BeamscribeError names the line that is wrong and the mend."""
    path = storage.normalise(path)
    try:
        text = storage.read_whole(path).decode("utf-8-sig")
    except OSError as error:
        raise BeamscribeError(f"{path}: not a readable vocabulary ({error}); give a text file") from error
    except UnicodeDecodeError as error:
        raise BeamscribeError(f"{path}: a vocabulary is text in UTF-8; save it as that") from error
    terms: dict[str, tuple[int, Term]] = {}
    for number, term in _terms(text, path):
        line, known = terms.setdefault(term.text, (number, term))
        if known != term:
            raise BeamscribeError(f"{path}: line {number}: {term.text!r} is on line {line} too, otherwise; keep one")
    if not terms:
        raise BeamscribeError(f"{path}: a vocabulary without a term; write one a line, or leave the vocabulary out")
    return [term for _, term in terms.values()]


def _terms(text: str, path: str) -> Iterator[tuple[int, Term]]:
    """The number and the term of each line that has one."""
    for number, line in enumerate(unicodedata.normalize("NFC", text).splitlines(), 1):
        line = COMMENT.sub("", line).lstrip()
        if line:
            try:
                yield number, _term(line)
            except ValueError as error:
                raise BeamscribeError(f"{path}: line {number}: {error}; a line is {COLUMNS}") from error


def _term(line: str) -> Term:
    cells = [" ".join(cell.split()) for cell in line.split("\t" if "\t" in line else ",")]
    if len(cells) > 3:
        raise ValueError(f"{len(cells)} columns: separate them by tabs where a term has commas")
    text, weight, alternatives = (*cells, "", "")[:3]
    if not any(c.isalnum() for c in text):
        raise ValueError(f"the term {text!r} has no letter and no digit")
    sounds_like = tuple(filter(None, (" ".join(heard.split()) for heard in alternatives.split("|"))))
    return Term(text, _weight(weight), sounds_like)


def _weight(cell: str) -> float:
    try:
        weight = float(cell or 1.0)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise ValueError(f"the weight {cell!r} is not a number above 0")
    return weight
