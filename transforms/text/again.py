"""Talks from the rows of tables: what the model wrote, as far as it was kept, so that other rules can be applied."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from transforms.text.edits import Edit
from transforms.text.talk import REDACTED, Said, Secret
from transforms.text.words import PlacedWord, before_edits


def said_again(
    segment: Mapping[str, Any], words: Iterable[Mapping[str, Any]], text_rules: Collection[str]
) -> tuple[Said, str]:
    """A segment as it was before any of `text_rules` changed it, and its text then.

    Words that a rule had written together stay together. What was redacted stays redacted.
    """
    edits = [Edit(**edit) for edit in segment["edits"]]
    marks = [edit for edit in edits if edit.rule.startswith(REDACTED + "_")]
    cuts = [edit for edit in edits if edit.rule not in text_rules and edit not in marks]
    hidden = tuple(Secret(e.start, e.end, e.rule.removeprefix(REDACTED + "_"), e.after) for e in marks)
    raw_text = segment["raw_text"]
    placed = tuple(
        replace(word, word=raw_text[word.start : word.end].strip() or word.word)
        for word in before_edits(_placed(segment["text"], words), edits)
    )
    left = raw_text
    for cut in cuts:
        left = left[: cut.start] + left[cut.end :]
    return Said(raw_text, tuple(cuts), placed, segment["language"], hidden), left


def _placed(text: str, words: Iterable[Mapping[str, Any]]) -> Sequence[PlacedWord]:
    placed, at = [], 0
    for row in words:
        at = max(at, text.find(row["word"], at))
        end = min(at + len(row["word"]), len(text))
        placed.append(PlacedWord(min(at, end), end, row["word"], row["start_s"], row["end_s"], row["probability"]))
        at = end
    return placed
