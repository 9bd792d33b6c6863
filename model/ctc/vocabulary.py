"""What the outputs of a CTC network stand for: characters or pieces of words, and the blank between them.

Two ways to write words: characters with a separator between words ("|" in wav2vec2, or a space), or pieces as
SentencePiece writes them, of which "▁" begins a word.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from model.errors import BeamscribeError

PIECE_START = "▁"
# in the order they are looked for in files that do not say
SEPARATORS = ("|", " ", PIECE_START)
# the blank of files that do not say: wav2vec2's padding, then the names that other toolkits write
BLANKS = ("<pad>", "[PAD]", "<blank>", "<blk>", "[blank]", "")


@dataclass(frozen=True)
class CtcVocabulary:
    """The labels of a network's outputs, in their order."""

    # what each output writes, the blank included; special ones ("<s>", "[UNK]") write nothing
    labels: tuple[str, ...]
    # index of the blank
    blank: int = 0
    # the label between words, or "▁" where pieces begin words with it
    separator: str = " "

    def __post_init__(self) -> None:
        if not 0 <= self.blank < len(self.labels):
            raise BeamscribeError(f"CTC vocabulary: blank {self.blank} is none of the {len(self.labels)} labels")
        if len(set(self.labels)) < len(self.labels):
            twice = next(label for label in self.labels if self.labels.count(label) > 1)
            raise BeamscribeError(f"CTC vocabulary: label {twice!r} is listed twice; keep one")
        if self.separator not in SEPARATORS:
            raise BeamscribeError(f"CTC vocabulary: separator {self.separator!r} is none of {SEPARATORS}")
        if not any(" " in written for written in self.written):
            raise BeamscribeError(f"CTC vocabulary: separator {self.separator!r} is in none of its labels; add it")
        if inside := next((label for label in self.labels if self.separator in label[1:]), None):
            raise BeamscribeError(f"CTC vocabulary: label {inside!r} goes over the end of a word; part it")

    @classmethod
    def of_characters(cls, alphabet: str) -> "CtcVocabulary":
        """Blank, space and each character of the alphabet, in this order."""
        return cls(("<blank>", " ", *alphabet))

    @property
    def is_pieces(self) -> bool:
        return self.separator == PIECE_START

    def __len__(self) -> int:
        """How many outputs the network has, the blank's included."""
        return len(self.labels)

    @cached_property
    def written(self) -> tuple[str, ...]:
        """What each label adds to a text, with a space where words part; "" for the blank and special labels."""
        return tuple(
            "" if i == self.blank or _is_special(label) else label.replace(self.separator, " ")
            for i, label in enumerate(self.labels)
        )

    def encode(self, text: str) -> list[int]:
        """The fewest labels that write the text, of equally few those with the longest first.

        Case is folded where the labels have one case only. BeamscribeError on what no labels write.
        """
        words = self._fold(text).split()
        target = "".join(" " + word for word in words) if self.is_pieces else " ".join(words)
        fewest = _fewest_labels(target, self._by_text, self._longest)
        if fewest is None:
            raise BeamscribeError(self._why_not(target))
        return fewest

    def text(self, labels: Sequence[int]) -> str:
        """What the labels write, without the blanks and repeats of a CTC path; single spaces between words."""
        return " ".join("".join(self.written[label] for label in labels).split())

    def words(self, labels: Sequence[int]) -> list[tuple[int, int]]:
        """The words that the labels write: ranges [start, end) of labels, without the separators around them."""
        ranges: list[tuple[int, int]] = []
        parted = True
        for i, label in enumerate(labels):
            written = self.written[label]
            parted = parted or written.startswith(" ")
            if written.strip():
                ranges.append((i if parted else ranges.pop()[0], i + 1))
                parted = False
        return ranges

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def read(cls, path: Path) -> "CtcVocabulary":
        """Of a file that `to_json` wrote, or of wav2vec2's `vocab.json`: an object of labels and their indices."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(content, dict) and isinstance(content.get("labels"), list):
                return cls(tuple(map(str, content["labels"])), int(content["blank"]), str(content["separator"]))
            return cls._of_indices({str(label): int(index) for label, index in content.items()})
        except BeamscribeError as error:
            raise BeamscribeError(f"{path}: {error}") from error
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise BeamscribeError(
                f"{path} is no CTC vocabulary ({error!r}): give an object of labels and their indices, or of labels, "
                "blank and separator"
            ) from error

    @classmethod
    def _of_indices(cls, indices: Mapping[str, int]) -> "CtcVocabulary":
        if sorted(indices.values()) != list(range(len(indices))):
            raise BeamscribeError("CTC vocabulary: the indices of its labels do not run from 0 on without a gap")
        labels = tuple(sorted(indices, key=indices.__getitem__))
        blank = next((indices[label] for label in BLANKS if label in indices), None)
        if blank is None:
            raise BeamscribeError(f"CTC vocabulary: no label is the blank; name it one of {BLANKS}")
        return cls(labels, blank, next((label for label in SEPARATORS if label in indices), PIECE_START))

    @cached_property
    def _by_text(self) -> dict[str, int]:
        return {written: i for i, written in enumerate(self.written) if written}

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._by_text), default=0)

    def _fold(self, text: str) -> str:
        letters = "".join(self._by_text)
        if letters == letters.upper():
            return text.upper()
        return text.lower() if letters == letters.lower() else text

    def _why_not(self, target: str) -> str:
        characters = set("".join(self._by_text))
        unknown = next((character for character in target if character not in characters), None)
        what = f"{unknown!r} in " if unknown else ""
        return f"the model's labels cannot write {what}{target.strip()[:80]!r}: spell it with what they write"


def _is_special(label: str) -> bool:
    return len(label) > 2 and (label[0], label[-1]) in (("<", ">"), ("[", "]"))


def _fewest_labels(target: str, by_text: Mapping[str, int], longest: int) -> list[int] | None:
    """The fewest labels that write the target; None where none do."""
    # of what is left from each position on: how many labels it takes, and the length of the first of them
    steps: list[tuple[float, int]] = [(math.inf, 0)] * len(target) + [(0, 0)]
    for start in reversed(range(len(target))):
        for length in range(min(longest, len(target) - start), 0, -1):
            n_labels = 1 + steps[start + length][0]
            if n_labels < steps[start][0] and target[start : start + length] in by_text:
                steps[start] = (n_labels, length)
    if steps[0][0] == math.inf:
        return None
    labels, start = [], 0
    while start < len(target):
        end = start + steps[start][1]
        labels.append(by_text[target[start:end]])
        start = end
    return labels
