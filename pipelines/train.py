"""`beamscribe train`: a small recogniser trained from nothing, written as a folder that `--model` takes.

    read manifests → keep the features → train epoch by epoch, keeping the state → write the best weights and a card

The same command again goes on where a run was stopped, and comes to the same weights.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from model.ctc.config import ARCHITECTURES, VOCABULARY_KINDS, CtcConfig
from model.ctc.features import log_mel
from model.ctc.texts import fold, vocabulary_of
from model.ctc.train_options import TrainOptions
from model.errors import BeamscribeError
from model.precision import PRECISIONS
from pipelines.cli import quiet
from pipelines.options import Parser, beam_args
from transforms import storage, stores
from transforms.estimates import length_text
from transforms.training_clips import file_versions, read_training_clips

if TYPE_CHECKING:
    from model.ctc.data import Clip, Clips
    from model.ctc.progress import Epoch
    from model.ctc.training import Trained

STATE_FOLDER = "training"


@dataclass(frozen=True)
class TrainJob:
    """What one training is asked to do."""

    manifests: tuple[str, ...]
    # manifests of clips by which the best epoch is chosen; none: the last is kept
    development: tuple[str, ...]
    output: Path
    config: CtcConfig
    # of a vocabulary of pieces
    n_pieces: int
    options: TrainOptions
    # clips are decoded by tensorflow-io
    read_in_graph: bool


def parser() -> Parser:
    """The parser of the flags."""
    made = Parser(prog="beamscribe train", description="Trains a CTC recogniser on clips.", allow_abbrev=False)
    config, options = CtcConfig(), TrainOptions()
    what = made.add_argument_group("what to train, on what")
    manifest = (
        ".jsonl, .csv, .parquet with columns uri and reference, and if you like start_s, end_s, channel; or a "
        "folder of TFRecords that beamscribe features --format tfrecord wrote"
    )
    what.add_argument("--manifest", nargs="+", action="extend", required=True, metavar="FILE", help=manifest)
    what.add_argument(
        "--dev_manifest",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="clips to choose the best epoch by, and to stop early by (default: none, the last epoch is kept)",
    )
    what.add_argument(
        "--read_in_graph",
        action="store_true",
        help="read clips by tensorflow-io: in parallel, of local files, the mix of their channels (docs/models.md)",
    )
    what.add_argument("--output", required=True, metavar="DIR", help="local folder of the model")
    what.add_argument("--architecture", choices=ARCHITECTURES, default=config.architecture)
    what.add_argument("--depth", type=int, default=config.depth, help="layers or blocks (default: %(default)s)")
    what.add_argument("--width", type=int, default=config.width, help="of each (default: %(default)s)")
    what.add_argument("--dropout", type=float, default=config.dropout, help="(default: %(default)s)")
    what.add_argument("--vocabulary_kind", choices=VOCABULARY_KINDS, default=config.vocabulary_kind)
    what.add_argument("--pieces", type=int, help="labels of a vocabulary of pieces (default: 256)")
    what.add_argument("--language", default=config.language, help="that is spoken (default: %(default)s)")
    _add_how(made, options)
    made.epilog = "Every other flag goes to Beam: --s3_endpoint_url …"
    return made


def _add_how(made: Parser, options: TrainOptions) -> None:
    how = made.add_argument_group("how to train")
    how.add_argument("--epochs", type=int, default=options.epochs, help="at most (default: %(default)s)")
    how.add_argument("--batch_size", type=int, default=options.batch_size, help="(default: %(default)s)")
    how.add_argument("--learning_rate", type=float, default=options.learning_rate, help="the highest (default: 1e-3)")
    how.add_argument("--warmup_steps", type=int, default=options.warmup_steps, help="(default: %(default)s)")
    how.add_argument("--patience", type=int, default=options.patience, help="epochs without a better score")
    how.add_argument(
        "--join_clips", type=int, default=options.join_clips, help="clips joined to one utterance, at most (default: 1)"
    )
    how.add_argument("--no_augment", action="store_true", help="learn the clips as they are")
    how.add_argument("--precision", choices=PRECISIONS, default=options.precision, help="of products")
    how.add_argument("--checkpoint_every", type=int, default=options.checkpoint_every, help="steps (default: 200)")
    how.add_argument("--seed", type=int, default=options.seed, help="of all that is random (default: %(default)s)")


def train_job(argv: Sequence[str]) -> TrainJob:
    """Parses and checks the flags. Raises BeamscribeError for what cannot be honoured."""
    made = parser()
    args, rest = made.parse_known_args(argv)
    stores.use(beam_args(rest, made))
    if not storage.is_local(args.output):
        raise BeamscribeError(f"--output {args.output}: needs a local folder; copy the model when it is done")
    if args.pieces is not None and args.vocabulary_kind != "pieces":
        raise BeamscribeError("--pieces is of --vocabulary_kind pieces: leave it out")
    if args.read_in_graph and any(os.path.isdir(name) for name in (*args.manifest, *args.dev_manifest)):
        raise BeamscribeError("--read_in_graph reads clips, and a folder of TFRecords has none: leave one of them out")
    config = CtcConfig(
        architecture=args.architecture,
        depth=args.depth,
        width=args.width,
        dropout=args.dropout,
        vocabulary_kind=args.vocabulary_kind,
        language=args.language,
    )
    options = TrainOptions(
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        warmup_steps=args.warmup_steps,
        patience=args.patience,
        join_clips=args.join_clips,
        augment=not args.no_augment,
        precision=args.precision,
        checkpoint_every=args.checkpoint_every,
        seed=args.seed,
    )
    n_pieces = 256 if args.pieces is None else args.pieces
    output = Path(storage.normalise(args.output))
    manifests, development = tuple(args.manifest), tuple(args.dev_manifest)
    return TrainJob(manifests, development, output, config, n_pieces, options, args.read_in_graph)


def train_model(job: TrainJob) -> "Trained":
    """Trains, and writes the folder. BeamscribeError for clips that cannot be learnt, and for divergence."""
    with quiet():
        from model.ctc.card import write_card
        from model.ctc.training import train

    clips = _clips(job, job.manifests)
    development = _clips(job, job.development) if job.development else None
    vocabulary = vocabulary_of(clips.texts, job.config.vocabulary_kind, job.n_pieces)
    print(f"{len(clips)} clips ({length_text(_seconds(job, clips))}), {len(vocabulary)} labels", flush=True)
    with _bar() as bar:
        trained = train(
            job.config, vocabulary, clips, development, job.output, job.options, _shown_on(bar), _print_epoch
        )
    write_card(job.output, trained, job.options, _seconds(job, clips) / 3600, len(clips))
    return trained


def _clips(job: TrainJob, manifests: Sequence[str]) -> "Clips":
    """The features of manifests, kept in the output so that they are made once for each state of their files."""
    from model.ctc.data import INDEX_FILE, read_clips, write_clips
    from model.ctc.examples import example_manifest

    digest = hashlib.sha256(repr(job.config.log_mel).encode())
    if job.read_in_graph:
        # other resamplers and decoders, other last digits
        digest.update(b"in graph")
    for manifest in manifests:
        path = storage.normalise(manifest)
        is_examples = os.path.isdir(path)
        if is_examples:
            path = str(example_manifest(Path(path)))
        try:
            digest.update(path.encode() + storage.read_whole(path))
            # a manifest of examples has the sha256 of its files
            versions = [] if is_examples else file_versions(path)
        except OSError as error:
            raise BeamscribeError(f"{manifest} cannot be read ({error}); check path and rights") from error
        digest.update("\n".join(versions).encode("utf-8", "surrogateescape"))
    folder = job.output / STATE_FOLDER / f"clips-{digest.hexdigest()[:16]}"
    if (folder / INDEX_FILE).exists():
        return read_clips(folder)
    return write_clips(folder, _read(job, manifests), job.config.log_mel)


def _read(job: TrainJob, manifests: Sequence[str]) -> Iterator["Clip"]:
    from model.ctc.data import Clip
    from model.ctc.examples import read_examples

    with tqdm(desc="reading", unit=" clips", disable=None, leave=False) as bar:
        for manifest in manifests:
            if os.path.isdir(manifest):
                for uri, reference, features in read_examples(Path(manifest), job.config.log_mel):
                    yield Clip(uri, fold(reference), features)
                    bar.update()
                continue
            for clip in read_training_clips([manifest], job.read_in_graph):
                yield Clip(clip.uri, fold(clip.reference), log_mel(clip.samples, job.config.log_mel))
                bar.update()


def _seconds(job: TrainJob, clips: "Clips") -> float:
    return int(clips.starts[-1]) * job.config.log_mel.hop / job.config.log_mel.sample_rate_hz


def _bar() -> "tqdm[None]":
    return tqdm(unit=" steps", disable=None, leave=False)


def _shown_on(bar: "tqdm[None]") -> Callable[[int, int, int, float], None]:
    def show(epoch: int, step: int, n_steps: int, loss: float) -> None:
        if step == 1 or bar.total != n_steps:
            bar.reset(n_steps)
        bar.set_description(f"epoch {epoch + 1}, loss {loss:.3f}", refresh=False)
        bar.update(step - bar.n)

    return show


def _print_epoch(number: int, epoch: "Epoch") -> None:
    figures = ", ".join(f"{name} {value:.4f}" for name, value in epoch.figures().items())
    tqdm.write(f"epoch {number}: {figures}")
    sys.stdout.flush()


def command(argv: Sequence[str]) -> int:
    """`beamscribe train`. Returns the exit status; raises BeamscribeError."""
    job = train_job(argv)
    trained = train_model(job)
    print(f"kept: epoch {trained.best_epoch}, {trained.n_parameters:,} parameters\nmodel: {job.output}")
    if trained.n_left_out:
        print(f"{trained.n_left_out} clips were left out: they have no text, or are too short for it")
    return 0


if __name__ == "__main__":
    from pipelines.cli import leave, run

    leave(run("train", sys.argv[1:]))
