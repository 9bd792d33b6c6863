"""What the steps of a pipeline have to be told wherever they run: a worker on another machine knows nothing.

Beam hands its options to workers on some runners only, and none shares the memory of the process that started the run.
"""

from dataclasses import dataclass

from transforms import stopping, stores


@dataclass(frozen=True)
class Site:
    """How stores are reached, and where it says that the run is to stop."""

    # Beam's own flags
    beam_args: tuple[str, ...] = ()
    # a file that is there from when the run was told to stop; None: the run is in this process
    stop_path: str | None = None

    def enter(self) -> None:
        """To be called in the set-up of a step."""
        stores.use(self.beam_args)
        stopping.look_for(self.stop_path)
