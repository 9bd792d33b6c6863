"""What every job that plans its work is told."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class RunOptions(ABC):
    """The flags of `options.add_what` and `options.add_run`; each job adds its own."""

    inputs: tuple[str, ...]
    output: str
    max_failed_fraction: float
    retry_failed: bool
    prune: bool
    # audio that the run may take on, in hours; None: all of it
    max_hours: float | None
    # what it takes on first: largest, oldest
    first: str
    asset_timeout_s: float
    # for Beam, unchanged, completed with the default runner
    beam_args: tuple[str, ...]

    @abstractmethod
    def that_change_rows(self) -> dict[str, Any]:
        """The options behind the configuration hash."""

    def told(self) -> dict[str, Any]:
        """All options, as a run tells of them: nothing secret, and no list."""
        return asdict(self)
