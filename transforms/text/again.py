"""Talks from the rows of tables: what the model wrote, as far as it was kept, so that other rules can be applied."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from model.recognizer import TimedWord
from transforms.text.edits import Edit, apply_edits
from transforms.text.talk import REDACTED, Said, Secret
from transforms.text.words import PlacedWord, before_edits, placed


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
    timed = [TimedWord(row["word"], row["start_s"], row["end_s"], row["probability"]) for row in words]
    before = tuple(_before(word, edits, raw_text) for word in placed(segment["text"], timed))
    return Said(raw_text, tuple(cuts), before, segment["language"], hidden), apply_edits(raw_text, cuts)


def _before(word: PlacedWord, edits: Sequence[Edit], raw_text: str) -> PlacedWord:
    """A word of a text as it was before the edits."""
    start, end = before_edits(edits, word.start, word.end)
    return replace(word, start=start, end=end, word=raw_text[start:end].strip() or word.word)
