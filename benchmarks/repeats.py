"""Whether a transcript goes round in circles: phrases that it repeats in a row more often than they were said."""

from collections.abc import Sequence

MAX_PHRASE_WORDS = 8
# a word may be heard twice where it was said once
TOLERATED_REPEATS = 1


def times_in_a_row(words: Sequence[str]) -> dict[tuple[str, ...], int]:
    """How often each phrase of 1 to 8 words comes at most without anything in between."""
    longest: dict[tuple[str, ...], int] = {}
    for n_words in range(1, MAX_PHRASE_WORDS + 1):
        times: list[int] = []
        for start in range(len(words) - n_words + 1):
            phrase = tuple(words[start : start + n_words])
            before = start - n_words
            repeats = before >= 0 and tuple(words[before:start]) == phrase
            times.append(times[before] + 1 if repeats else 1)
            longest[phrase] = max(longest.get(phrase, 0), times[-1])
    return longest


def repeated_too_often(said: str, written: str) -> dict[str, int]:
    """Phrases written in a row more often than they were said in a row, plus one: how often. Both texts normalised.

    A phrase that was never said counts as said once: mishearing is not repeating.
    """
    in_speech = times_in_a_row(said.split())
    return {
        " ".join(phrase): times
        for phrase, times in times_in_a_row(written.split()).items()
        if times > in_speech.get(phrase, 1) + TOLERATED_REPEATS
    }
