"""A text as those who look for secrets read it."""

from dataclasses import dataclass
from functools import cached_property

from transforms.text.redaction.found import Found
from transforms.text.redaction.runs import Run, runs
from transforms.text.redaction.tokens import Token, tokens_of

# characters before a number in which it may be announced
BEFORE = 80
# words that may have been digits, in what is announced
N_MISHEARD = 2


@dataclass(frozen=True)
class Reading:
    """A text, its tokens and its runs: each is worked out when it is first asked for, and once."""

    text: str

    @cached_property
    def tokens(self) -> list[Token]:
        return tokens_of(self.text)

    @cached_property
    def digit_runs(self) -> list[Run]:
        return runs(self.tokens)

    @cached_property
    def letter_runs(self) -> list[Run]:
        """Runs of letters and digits."""
        return runs(self.tokens, letters=True)

    @cached_property
    def loose_runs(self) -> list[Run]:
        """Runs of digits, with words among them that may have been digits."""
        return runs(self.tokens, n_misheard=N_MISHEARD)

    def before(self, run: Run) -> str:
        """What is said before a run."""
        start = self._start(run)
        return self.text[max(0, start - BEFORE) : start]

    def found(self, run: Run, kind: str) -> Found:
        """A run as a find."""
        return Found(self._start(run), self.tokens[run.parts[-1].last - 1].end, kind, run.value)

    def _start(self, run: Run) -> int:
        return self.tokens[run.parts[0].first].start
