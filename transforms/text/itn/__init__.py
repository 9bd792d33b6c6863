"""Inverse text normalisation: spoken forms as they are written, "twenty five percent" as "25%".

A language is a tuple of (name, rule) in the order in which the rules run; names are the same in all languages
("itn_money"), and every rule leaves alone what is written already.
"""

from collections.abc import Collection

from model.errors import BeamscribeError
from transforms.text.edits import Rule
from transforms.text.itn import english

LANGUAGES: dict[str, tuple[tuple[str, Rule], ...]] = {"en": english.RULES}


def itn_names(language: str = "en") -> tuple[str, ...]:
    """The names of a language's rules, in the order in which they run; none for a language without rules."""
    return tuple(name for name, _ in LANGUAGES.get(language, ()))


def parse_names(text: str) -> tuple[str, ...]:
    """Names of rules separated by commas, in the order in which the rules run. Raises BeamscribeError."""
    asked = {name.strip() for name in text.split(",")}
    if unknown := sorted(asked.difference(itn_names())):
        raise BeamscribeError(f"--itn_rules {unknown[0]}: there is no such rule; give some of {','.join(itn_names())}")
    return tuple(name for name in itn_names() if name in asked)


def itn_rules(language: str, names: Collection[str] | None = None) -> list[tuple[str, Rule]]:
    """The rules of a language, in the order in which they have to run: those of these names, or all.

    A language without rules has none.
    """
    return [(name, rule) for name, rule in LANGUAGES.get(language, ()) if names is None or name in names]
