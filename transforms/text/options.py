"""What becomes of the model's text: which rules, in which order, what is redacted."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial
from typing import Any

from transforms.seal import derived
from transforms.text import talk
from transforms.text.casing import RULE as CASING
from transforms.text.casing import casing_rule
from transforms.text.correction import RULE as VOCABULARY
from transforms.text.correction import Heard, correct
from transforms.text.corrector import Corrector
from transforms.text.disfluency import DISFLUENCIES
from transforms.text.edits import Replacement, Rule
from transforms.text.itn import itn_names, itn_rules
from transforms.text.profanity import profanity_rule
from transforms.text.redaction.options import RedactionOptions
from transforms.text.redaction.replace import secrets
from transforms.text.vocabulary import Term
from transforms.text.words import PlacedWord

# names of all rules that may change a text; those of redaction begin with `redact_`
TEXT_RULES = frozenset((*DISFLUENCIES, CASING, VOCABULARY, *itn_names(), "profanity"))
# of rules that are made before the text is read, for each set of options and language
N_KEPT = 32


@dataclass(frozen=True)
class TextOptions:
    """What is done to texts after recognition; by default nothing."""

    # words that the user expects, which others that sound like them may stand for
    vocabulary: tuple[Term, ...] = ()
    # whether fillers and stumbled repetitions go
    removes_disfluencies: bool = False
    # whether texts without capitals and stops get them
    repairs_casing: bool = False
    # names of rules that write numbers, dates, amounts … in figures
    itn: tuple[str, ...] = ()
    # "leave", "mask" or "tag"
    profanity: str = "leave"
    # what is profane, instead of the list that comes with the program
    profane_words: tuple[str, ...] = ()
    # None: nothing is hidden
    redaction: RedactionOptions | None = field(default=None, repr=False)

    @property
    def changes_nothing(self) -> bool:
        return self == TextOptions(profane_words=self.profane_words)

    def told(self) -> dict[str, Any]:
        """What a run may say of them: no key, no name, no list, but equal for equal options only."""
        redaction = None
        if self.redaction:
            given = self.redaction
            key_id = derived(given.key, "fingerprint").hex()[:16] if given.key else None
            redaction = asdict(given) | {"key": key_id, "names": digest(given.names)}
        return asdict(self) | {
            "vocabulary": digest([asdict(term) for term in self.vocabulary]),
            "profane_words": digest(self.profane_words),
            "redaction": redaction,
        }


def digest(what: Sequence[Any]) -> str | None:
    """Stands for a list in what a run tells of itself."""
    if not what:
        return None
    return f"{len(what)} of sha256 {hashlib.sha256(json.dumps(list(what)).encode()).hexdigest()[:16]}"


def write(said: Sequence[talk.Said], options: TextOptions) -> list[talk.Written]:
    """The segments of a channel, in order, after redaction and rules."""
    find_secrets = partial(secrets, options=options.redaction) if options.redaction else None
    return talk.write(said, partial(rules_of, options), find_secrets)


@lru_cache(N_KEPT)
def rules_of(options: TextOptions, language: str) -> tuple[tuple[str, talk.TextRule], ...]:
    """The rules for texts of a language, in the order in which they are applied.

    Words go first, because later rules read them; capitals come before the vocabulary, which writes its own; figures
    follow it, as it knows none; what is profane is looked for at the end, in what readers will see.
    """
    rules: list[tuple[str, talk.TextRule]] = []
    corrector = corrector_of(options.vocabulary)
    if options.removes_disfluencies and language == "en":
        rules += [(name, _of_text(rule)) for name, rule in DISFLUENCIES.items()]
    if options.repairs_casing and language == "en":
        rules.append((CASING, _of_text(casing_rule(corrector))))
    if options.vocabulary:
        rules.append((VOCABULARY, _of_words(corrector, language)))
    if options.itn:
        rules += [(name, _of_text(rule)) for name, rule in itn_rules(language, options.itn)]
    if options.profanity != "leave":
        rules.append(("profanity", _of_text(profanity_rule(options.profanity, options.profane_words))))
    return tuple(rules)


@lru_cache(N_KEPT)
def corrector_of(vocabulary: tuple[Term, ...]) -> Corrector:
    """The index of a vocabulary."""
    return Corrector(vocabulary)


def _of_words(corrector: Corrector, language: str) -> talk.TextRule:
    """The correction by a vocabulary, which needs to know how sure the recogniser was of each word."""

    def rule_of_words(text: str, words: Sequence[PlacedWord]) -> list[Replacement]:
        return correct(text, [Heard(word.word, word.probability) for word in words], corrector, language)

    return rule_of_words


def _of_text(rule: Rule) -> talk.TextRule:
    """A rule that needs to know the text alone."""

    def rule_of_text(text: str, words: Sequence[PlacedWord]) -> list[Replacement]:
        return rule(text)

    return rule_of_text
