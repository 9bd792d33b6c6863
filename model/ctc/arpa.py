"""Reads ARPA files, the text format of n-gram models that SRILM, KenLM, IRSTLM and others write.

    \\data\\
    ngram 1=3
    ngram 2=1

    \\1-grams:
    -1.2 <tab> word <tab> -0.3
    ...
    \\end\\

Numbers are logarithms to base 10: of the probability before the words, of the back-off weight after them.
"""

import gzip
import math
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from model.ctc.ngram import END, ROOT, UNKNOWN, WORD_BITS, NgramModel
from model.errors import BeamscribeError

LN_10 = math.log(10)
# of an unknown word where the file lists no "<unk>": one word in ten million
UNKNOWN_LOG10 = -7.0
GZIP_MAGIC = b"\x1f\x8b"
# a minute of reading, and a gigabyte while it is read
MAX_NGRAMS = 10_000_000

Read = TypeVar("Read")


def read_arpa(path: Path) -> NgramModel:
    """The model of a file, plain or gzip. BeamscribeError names the line that is not understood."""
    return _read(path, _Reader.read)


def read_counts(path: Path) -> list[int]:
    """How many n-grams a file lists of each order, by its head. BeamscribeError as of `read_arpa`."""
    return _read(path, lambda reader: reader.head()[0])


def _read(path: Path, part: Callable[["_Reader"], Read]) -> Read:
    try:
        with path.open("rb") as file:
            is_gzip = file.read(2) == GZIP_MAGIC
        with gzip.open(path) if is_gzip else path.open("rb") as file:
            return part(_Reader(path, iter(file)))
    except (OSError, EOFError, zlib.error) as error:
        raise BeamscribeError(f"cannot read the language model {path}: {error}") from error


class _Reader:
    """Reads one file from its first line to its last."""

    def __init__(self, path: Path, lines: Iterator[bytes]) -> None:
        self.path = path
        self.n_line = 0
        self.lines = self._counted(lines)
        self.words: dict[bytes, int] = {}
        # of each order; nodes are numbered on from order to order
        self.edges: list[np.ndarray] = []
        self.logprobs = [np.zeros(1, np.float32)]
        self.backoffs = [np.zeros(1, np.float32)]

    def read(self) -> NgramModel:
        counts, mark = self.head()
        for order, count in enumerate(counts, 1):
            if mark != b"\\%d-grams:" % order:
                raise self._error(f"the {order}-grams ought to begin here")
            self._add(order, *self._section(order, count))
            mark = self._next()
        if mark != b"\\end\\":
            raise self._error("the file ought to end here, by what its head says of the number of n-grams")
        return NgramModel(
            order=len(counts),
            words={word.decode("utf-8", "replace"): index for word, index in self.words.items()},
            edges=np.concatenate(self.edges),
            logprobs=np.concatenate(self.logprobs),
            backoffs=np.concatenate(self.backoffs),
            n_contexts=1 + sum(len(edges) for edges in self.edges[:-1]),
        )

    def _counted(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """The lines that hold something, without the spaces around them."""
        for self.n_line, line in enumerate(lines, 1):
            if stripped := line.strip():
                yield stripped

    def _next(self) -> bytes:
        line = next(self.lines, None)
        if line is None:
            raise self._error("the file ends too early; fetch or make it again")
        return line

    def head(self) -> tuple[list[int], bytes]:
        """How many n-grams there are of each order, and the line that follows. What precedes the head is a comment."""
        while self._next() != b"\\data\\":
            pass
        counts: list[int] = []
        while match := re.fullmatch(rb"ngram\s+(\d+)\s*=\s*(\d+)", line := self._next()):
            if int(match[1]) != len(counts) + 1:
                raise self._error("the orders ought to be 1, 2, ... in turn")
            counts.append(int(match[2]))
        if sum(counts) > MAX_NGRAMS:
            raise self._error(
                f"it lists {sum(counts):,} n-grams, and at most {MAX_NGRAMS:,} are read: prune it, or make a binary of "
                "it with KenLM's build_binary"
            )
        return counts, line

    def _section(self, order: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """The n-grams of one order: words [count, order] int64; probabilities and back-off weights [count, 2]."""
        words = np.zeros((count, order), np.int64)
        numbers = np.zeros((count, 2))
        for row in range(count):
            fields = self._next().split()
            if len(fields) not in (order + 1, order + 2):
                raise self._error(f"a {order}-gram ought to be a number, {order} words and perhaps another number")
            try:
                numbers[row] = float(fields[0]), float(fields[order + 1]) if len(fields) == order + 2 else 0.0
            except ValueError:
                numbers[row] = np.nan
            if not np.isfinite(numbers[row]).all():
                raise self._error("its numbers are none")
            words[row] = [self._word(word, is_new=order == 1) for word in fields[1 : order + 1]]
        if order == 1:
            words, numbers = self._with_unknown(words, numbers)
        return words, numbers * LN_10

    def _word(self, word: bytes, is_new: bool) -> int:
        if word == b"<UNK>":
            word = UNKNOWN.encode()
        if is_new == (word in self.words):
            text = word.decode("utf-8", "replace")
            raise self._error(f"{text!r} is listed twice" if is_new else f"{text!r} is not among the 1-grams")
        return self.words.setdefault(word, len(self.words))

    def _with_unknown(self, words: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if END.encode() not in self.words:
            raise self._error(f"{END} is not among the 1-grams; make the model of whole sentences")
        if UNKNOWN.encode() in self.words:
            return words, numbers
        index = self._word(UNKNOWN.encode(), is_new=True)
        return np.vstack([words, [index]]), np.vstack([numbers, [UNKNOWN_LOG10, 0.0]])

    def _add(self, order: int, words: np.ndarray, numbers: np.ndarray) -> None:
        nodes = np.full(len(words), ROOT, np.int64)
        first = 1
        for length in range(order - 1):
            edges = nodes << WORD_BITS | words[:, length]
            places = np.searchsorted(self.edges[length], edges)
            is_listed = np.isin(edges, self.edges[length])
            if not is_listed.all():
                raise self._error(f"above, a {order}-gram is listed without its first {length + 1} words; prune both")
            nodes = first + places
            first += len(self.edges[length])
        edges = nodes << WORD_BITS | words[:, order - 1]
        order_of = np.argsort(edges)
        if (np.diff(edges[order_of]) == 0).any():
            raise self._error(f"above, a {order}-gram is listed twice")
        self.edges.append(edges[order_of])
        self.logprobs.append(numbers[order_of, 0].astype(np.float32))
        self.backoffs.append(numbers[order_of, 1].astype(np.float32))

    def _error(self, what: str) -> BeamscribeError:
        return BeamscribeError(f"language model {self.path}, line {self.n_line}: {what}")
