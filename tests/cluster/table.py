"""The table of runners by properties that the suite writes into docs/operations.md."""

from pathlib import Path

from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "operations.md"
START, END = "<!-- runners -->\n", "<!-- end of runners -->\n"


class Outcomes:
    """Which properties hold on which runner."""

    def __init__(self, runners: list[str]) -> None:
        self._runners = runners
        self._found: dict[str, dict[str, str]] = {}

    def holds(self, what: str, runner: str, how: str = "yes") -> None:
        """A property was seen to hold."""
        self._found.setdefault(what, {})[runner] = how

    def write(self, page: Path = PAGE) -> None:
        """Writes the table into its place, where every runner was looked at."""
        seen = {runner for by_runner in self._found.values() for runner in by_runner}
        text = page.read_text()
        if seen != {*self._runners} or START not in text:
            return
        before, rest = text.split(START)
        _, after = rest.split(END)
        page.write_text(before + START + self.markdown() + END + after)

    def markdown(self) -> str:
        """The table."""
        lines = [
            "| | " + " | ".join(self._runners) + " |",
            "| --- " * (len(self._runners) + 1) + "|",
        ]
        for what, by_runner in self._found.items():
            lines.append(f"| {what} | " + " | ".join(by_runner.get(runner, "–") for runner in self._runners) + " |")
        return "\n".join(lines) + "\n"
