"""From what the model wrote in a channel to what goes into the tables: redacted, ruled, every change on record.

Secrets are looked for in the whole talk of a channel, because a number that is read out goes on over pauses; first in
what the model wrote, then once more in what the rules made of it. What is found takes effect on the raw text, so no
step after that sees it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from transforms.text.edits import Edit, Replacement, apply_edits, made
from transforms.text.words import PlacedWord, before_edits, follow

# what stands in the place of a secret: its class, and where a key was given a keyed hash of it
TAG = re.compile(r"\[[A-Z_]+(?::[0-9a-f]+)?\]")
REDACTED = "redact"
# a rule may bring out a secret that hid before; each time all is done again. Then the whole text of the segment goes
MAX_ROUNDS = 4

# A rule of texts: looks at a text and its words and says what to replace, in order and without overlap
TextRule = Callable[[str, Sequence[PlacedWord]], list[Replacement]]
# the rules of a language by name, in the order in which they are applied
RulesOf = Callable[[str], Sequence[tuple[str, TextRule]]]


@dataclass(frozen=True)
class Secret:
    """Characters [start, end) of a talk that nobody is to read, and what stands in their place."""

    start: int
    end: int
    # class, in lower case
    kind: str
    tag: str


FindSecrets = Callable[[str], Sequence[Secret]]


@dataclass(frozen=True)
class Said:
    """A segment as the model wrote it."""

    raw_text: str
    # what guards took out, one after another: nothing is put in its place
    cuts: tuple[Edit, ...]
    # those that the guards left, in characters of the raw text
    words: tuple[PlacedWord, ...]
    language: str
    # tags in the raw text that an earlier redaction left there
    hidden: tuple[Secret, ...] = ()


@dataclass(frozen=True)
class Written:
    """A segment as it goes into the tables: the edits lead from the raw text to the text."""

    raw_text: str
    text: str
    edits: tuple[Edit, ...]
    # in characters of the text
    words: tuple[PlacedWord, ...]


def write(talk: Sequence[Said], rules_of: RulesOf, find_secrets: FindSecrets | None = None) -> list[Written]:
    """The segments of a channel, in order, after redaction and rules."""
    if find_secrets is None:
        return [_written(said, said.hidden, rules_of) for said in talk]
    found = _by_segment([said.raw_text for said in talk], find_secrets)
    secrets = [[*said.hidden, *own] for said, own in zip(talk, found, strict=True)]
    for _ in range(MAX_ROUNDS):
        done = [_written(said, own, rules_of) for said, own in zip(talk, secrets, strict=True)]
        left = _by_segment([written.text for written in done], find_secrets)
        left = [[s for s in own if not _is_tag(w.text, s)] for w, own in zip(done, left, strict=True)]
        if not any(left):
            return done
        for own, written, new in zip(secrets, done, left, strict=True):
            own += [_in_raw(secret, written, own) for secret in new]
    for own, said, new in zip(secrets, talk, left, strict=True):
        if new:
            own[:] = [Secret(0, len(said.raw_text), new[0].kind, new[0].tag)]
    return [_written(said, own, rules_of) for said, own in zip(talk, secrets, strict=True)]


def _by_segment(texts: Sequence[str], find_secrets: FindSecrets) -> list[list[Secret]]:
    """The secrets of a talk in characters of its segments; one that goes on into the next is in both."""
    found: list[list[Secret]] = [[] for _ in texts]
    starts = [0]
    for text in texts:
        starts.append(starts[-1] + len(text) + 1)
    segment = 0
    for secret in sorted(find_secrets("\n".join(texts)), key=lambda s: s.start):
        while starts[segment + 1] <= secret.start:
            segment += 1
        for index in range(segment, len(texts)):
            start, end = secret.start - starts[index], secret.end - starts[index]
            if end <= 0:
                break
            start, end = _trimmed(texts[index], max(0, start), min(end, len(texts[index])))
            if start < end:
                found[index].append(replace(secret, start=start, end=end))
    return found


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch without white space at its ends."""
    inside = text[start:end]
    return start + len(inside) - len(inside.lstrip()), end - len(inside) + len(inside.rstrip())


def _is_tag(text: str, secret: Secret) -> bool:
    return any(m.start() <= secret.start and secret.end <= m.end() for m in TAG.finditer(text))


def _in_raw(secret: Secret, written: Written, known: Sequence[Secret]) -> Secret:
    """Where in the raw text, before redaction, what was found in the text comes from: rather more than less."""
    start, end = before_edits(written.edits, secret.start, secret.end)
    start, end = before_edits(_tagging(_without_overlap(known)), start, end)
    return replace(secret, start=start, end=end)


def _written(said: Said, secrets: Sequence[Secret], rules_of: RulesOf) -> Written:
    raw_text, marks, cuts, words = _redacted(said, _without_overlap(secrets))
    text = apply_edits(raw_text, cuts)
    words = _followed(words, raw_text, cuts)
    edits = [*marks, *cuts]
    for name, rule in rules_of(said.language):
        new = made(name, text, _sparing_tags(text, rule(text, words)))
        words = _followed(words, text, new)
        text = apply_edits(text, new)
        edits += new
    return Written(raw_text, text, tuple(edits), tuple(words))


def _followed(words: Sequence[PlacedWord], text: str, edits: Sequence[Edit]) -> list[PlacedWord]:
    followed = list(words)
    for edit in edits:
        text = apply_edits(text, [edit])
        followed = follow(followed, edit, text)
    return followed


def _sparing_tags(text: str, replacements: list[Replacement]) -> list[Replacement]:
    """Without what would change a tag."""
    tags = [m.span() for m in TAG.finditer(text)]
    return [r for r in replacements if not any(r.start < end and start < r.end for start, end in tags)]


def _without_overlap(secrets: Sequence[Secret]) -> list[Secret]:
    """Secrets in order; those that overlap are one, named by the longest."""
    joined: list[Secret] = []
    for secret in sorted(secrets, key=lambda s: (s.start, -s.end)):
        if joined and secret.start < joined[-1].end:
            last = joined[-1]
            name = max(last, secret, key=lambda s: s.end - s.start)
            joined[-1] = replace(name, start=last.start, end=max(last.end, secret.end))
        else:
            joined.append(secret)
    return joined


def _tagging(secrets: Sequence[Secret]) -> list[Edit]:
    """The edits, one after another, that put tags in the place of secrets."""
    moved, edits = 0, []
    for secret in secrets:
        edits.append(Edit(f"{REDACTED}_{secret.kind}", secret.start + moved, secret.end + moved, None, secret.tag))
        moved += len(secret.tag) - (secret.end - secret.start)
    return edits


def _redacted(said: Said, secrets: Sequence[Secret]) -> tuple[str, list[Edit], list[Edit], list[PlacedWord]]:
    """The raw text with tags for secrets, an edit that tells of each, the cuts and the words in its characters."""
    if not secrets:
        return said.raw_text, [], list(said.cuts), list(said.words)
    cut_by = _cut_by(said.raw_text, said.cuts)
    text, words, marks = said.raw_text, list(said.words), []
    for hiding in _tagging(secrets):
        start, tag = hiding.start, hiding.after
        rules = set(cut_by[start : hiding.end])
        cut_by[start : hiding.end] = [rules.pop() if len(rules) == 1 else None] * len(tag)
        text = apply_edits(text, [hiding])
        words = [replace(w, probability=None) if w.start <= start < w.end else w for w in follow(words, hiding, text)]
        marks.append(replace(hiding, end=start + len(tag)))
    return text, marks, _as_cuts(text, cut_by), words


def _cut_by(text: str, cuts: Sequence[Edit]) -> list[str | None]:
    """For each character the rule that cuts it; None: it stays."""
    rules: list[str | None] = [None] * len(text)
    left = list(range(len(text)))
    for cut in cuts:
        for index in left[cut.start : cut.end]:
            rules[index] = cut.rule
        del left[cut.start : cut.end]
    return rules


def _as_cuts(text: str, cut_by: Sequence[str | None]) -> list[Edit]:
    """The cuts again, the last first."""
    cuts, end = [], len(text)
    while end:
        start = end - 1
        while start and cut_by[start - 1] == cut_by[end - 1]:
            start -= 1
        if rule := cut_by[end - 1]:
            cuts.append(Edit(rule, start, end, text[start:end], ""))
        end = start
    return cuts
