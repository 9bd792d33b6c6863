"""What the steps of a pipeline have to be told wherever they run: a worker on another machine knows nothing.

Beam hands its options to workers on some runners only, and none shares the memory of the process that started the run.
"""

from dataclasses import dataclass, field

from transforms import stopping, stores
from transforms.seal import Seal


@dataclass(frozen=True)
class Site:
    """How stores are reached, and where it says that the run is to stop."""

    # Beam's own flags
    beam_args: tuple[str, ...] = ()
    # a file that is there from when the run was told to stop; None: the run is in this process
    stop_path: str | None = None
    # closes what is staged where something in it is to be hidden; None: it may be read
    seal: Seal | None = field(default=None, repr=False)

    @property
    def is_here(self) -> bool:
        """Whether the steps run in the process that started the run."""
        return self.stop_path is None

    def enter(self) -> None:
        """To be called in the set-up of a step."""
        stores.use(self.beam_args)
        stopping.look_for(self.stop_path)
