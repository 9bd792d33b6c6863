"""The command line: `beamscribe COMMAND …`. Every error that the user can mend is one line on standard error."""

import atexit
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

# before TensorFlow and Beam are loaded: their chatter (no GPU found, optional clients absent) is not for the reader
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
# TensorFlow then does not load Keras with it, a second; what trains loads it itself
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
logging.basicConfig(level=logging.ERROR, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
logging.getLogger("pipelines").setLevel(os.environ.get("BEAMSCRIBE_LOG", "INFO"))
# a failed bundle is told of once, at the end, in one line
logging.getLogger("apache_beam").setLevel(logging.CRITICAL)

from model.errors import BeamscribeError
from pipelines.supervise import is_local, watch_over

EXIT_OK, EXIT_USAGE, EXIT_INTERRUPTED = 0, 2, 130
COMMANDS = ("transcribe", "plan", "show", "export", "correct", "evaluate", "features", "models", "finetune", "train")
USAGE = """usage: beamscribe COMMAND [FLAGS]

commands:
  transcribe   read audio, find the speech, recognise it, write the tables
  plan         list what transcribe would do, with the same flags; runs nothing
  show         print the transcripts of an output folder
  export       write subtitles and texts from the tables
  correct      apply other rules to the texts of tables, without recognising again
  evaluate     score transcripts against references
  features     work out spectral, time-domain and learned features, or TFRecords for training
  models       list, show, verify, import, export and measure models
  finetune     tune a Whisper on clips with references
  train        train a small recogniser from nothing on clips with references

beamscribe COMMAND --help lists the flags of a command.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. Exit status: see docs/operations.md."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE, end="", file=sys.stdout if argv else sys.stderr)
        return EXIT_OK if argv else EXIT_USAGE
    return run(argv[0], argv[1:])


def run(name: str, argv: Sequence[str]) -> int:
    """Runs one command and turns what it raises into a line and an exit status."""
    try:
        return _command(name)(argv)
    except BeamscribeError as error:
        print(f"beamscribe {name}: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps off the terminal what TensorFlow's libraries print while they load, before they read any setting."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _command(name: str) -> Callable[[Sequence[str]], int]:
    # imported here: `beamscribe show` need not load TensorFlow, nor `--help` Beam
    if name == "transcribe":
        with quiet():
            from pipelines.transcribe import command
    elif name == "plan":
        with quiet():
            from pipelines.plan import command
    elif name == "show":
        from pipelines.show import command
    elif name == "export":
        from pipelines.export import command
    elif name == "correct":
        with quiet():
            from pipelines.correct import command
    elif name == "evaluate":
        with quiet():
            from pipelines.evaluate import command
    elif name == "features":
        with quiet():
            from pipelines.features import command
    elif name == "models":
        from pipelines.models import command
    elif name == "finetune":
        with quiet():
            from pipelines.finetune import finetune_command
        return finetune_command
    elif name == "train":
        with quiet():
            from pipelines.train import command
    else:
        raise BeamscribeError(f"unknown command {name}; the commands are {', '.join(COMMANDS)}")
    return command


def leave(status: int) -> NoReturn:
    """Ends the process at once: threads of TensorFlow and gRPC that end late can abort one that is done."""
    if "apache_beam.runners.portability.job_server" in sys.modules:
        # a job server that Beam has started for this run is stopped at exit only
        atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def entry() -> NoReturn:
    """The installed command. The long jobs have a process of their own, which may die."""
    argv = sys.argv[1:]
    if argv[:1] in (["transcribe"], ["features"]) and is_local(argv):
        leave(watch_over(lambda: main(argv)))
    leave(main(argv))


if __name__ == "__main__":
    entry()
