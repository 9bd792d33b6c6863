"""Profanity: masked, tagged or left."""

import re
from collections.abc import Sequence

from transforms.text.edits import Replacement, Rule

MODES = ("leave", "mask", "tag")
TAGGED = "[PROFANITY]"
# whole words: their inflections are named, so that no other word is hit that holds them
DEFAULT = (
    "arsehole arseholes asshole assholes bastard bastards bitch bitches bitching bollocks bullshit cock cocks "
    "cocksucker cocksuckers crap crappy cunt cunts damn damned dammit goddamn goddamned dick dickhead dickheads "
    "dicks dipshit fuck fucked fucker fuckers fuckin fucking fucks motherfucker motherfuckers motherfucking piss "
    "pissed pisses prick pricks pussy shit shite shits shitted shitting shitty slut sluts twat twats wank wanker "
    "wankers whore whores"
).split()


def profanity_rule(mode: str, words: Sequence[str] = ()) -> Rule:
    """Masks all but the first letter of profane words, or writes a tag for them. words: instead of our list."""
    ways = sorted((re.escape(word) for word in words or DEFAULT), key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(ways)})(?!\w)", re.IGNORECASE)

    def rule(text: str) -> list[Replacement]:
        return [Replacement(*m.span(), TAGGED if mode == "tag" else _masked(m[0])) for m in pattern.finditer(text)]

    return rule if mode != "leave" else lambda text: []


def _masked(word: str) -> str:
    return word[0] + "*" * (len(word) - 1)
