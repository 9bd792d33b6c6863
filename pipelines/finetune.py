"""`beamscribe finetune`: a Whisper tuned on clips with references, written as a folder that `--model` takes.

    read manifests → hold out some texts → train epoch by epoch, keeping the state → write the best weights

The same command again goes on where a run was stopped, and comes to the same weights.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from model.augmentation import CHANGES, Augmentation
from model.errors import BeamscribeError
from model.registry import ModelFiles, resolve_model
from model.whisper.tuning_options import SIDES, TARGETS, TUNES, Epoch, TrainingOptions, TuneOptions
from pipelines.cli import quiet
from pipelines.finetune_card import model_card
from pipelines.options import Parser, beam_args
from transforms import storage, stores
from transforms.training_clips import TrainingClip, hold_out, read_noises, read_training_clips

if TYPE_CHECKING:
    from model.whisper.examples import Utterance
    from model.whisper.finetuning import Clips, FineTuner

# adapters start at nothing and stand a hundred times the rate at which a trained network is changed
LEARNING_RATES = {"adapters": 1e-3, "decoder": 1e-5, "encoder": 1e-5, "all": 1e-5}
STATE_FOLDER = "training"


@dataclass(frozen=True)
class FinetuneOptions:
    """What one fine-tuning is asked to do."""

    model: str
    manifests: tuple[str, ...]
    # manifests of clips on which the model is to stay as it is
    anchors: tuple[str, ...]
    # recordings of noise that are mixed in
    noise: tuple[str, ...]
    output: Path
    # the part of the texts that training is judged by
    held_out: float
    tune: TuneOptions
    # how much of the way from the untuned weights to the tuned ones is written
    share: float
    # its augmentation without the recordings of noise
    training: TrainingOptions


def parser() -> Parser:
    """The parser of the flags."""
    made = Parser(prog="beamscribe finetune", description="Tunes a Whisper on clips with texts.", allow_abbrev=False)
    _add_what(made)
    _add_how(made)
    made.epilog = "Every other flag goes to Beam: --s3_endpoint_url …"
    return made


def _add_what(made: Parser) -> None:
    what = made.add_argument_group("what to train, on what")
    what.add_argument("--model", required=True, help="tiny.en, a checkpoint folder, or a hub name")
    what.add_argument(
        "--manifest",
        nargs="+",
        action="extend",
        required=True,
        metavar="FILE",
        help=".jsonl, .csv, .parquet with columns uri and reference, and if you like start_s, end_s, channel, language",
    )
    what.add_argument("--output", required=True, metavar="DIR", help="local folder of the tuned model")
    what.add_argument(
        "--anchors",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="manifests of clips on which the model is to say what it said before, and to say it through noise",
    )
    what.add_argument(
        "--noise", nargs="+", action="extend", default=[], metavar="PATH", help="recordings of noise to mix in"
    )
    what.add_argument("--tune", choices=TUNES, default="adapters", help="what is trained (default: %(default)s)")
    of_adapters = TuneOptions()
    what.add_argument("--rank", type=int, help=f"of the adapters (default: {of_adapters.rank})")
    what.add_argument(
        "--adapt",
        metavar="LIST",
        help=f"what has an adapter, of {', '.join(TARGETS)} (default: {','.join(of_adapters.targets)})",
    )
    what.add_argument("--sides", metavar="LIST", help=f"which sides have them (default: {','.join(SIDES)})")


def _add_how(made: Parser) -> None:
    how = made.add_argument_group("how to train")
    how.add_argument("--epochs", type=int, default=10, help="at most (default: %(default)s)")
    how.add_argument("--batch_size", type=int, default=8, help="clips a step (default: %(default)s)")
    how.add_argument("--learning_rate", type=float, help="the highest (default: 1e-3 of adapters, else 1e-5)")
    how.add_argument("--patience", type=int, default=3, help="epochs without a better held-out loss (default: 3)")
    how.add_argument("--held_out", type=float, default=0.1, help="part of the texts to judge by (default: 0.1)")
    how.add_argument("--anchor_weight", type=float, help="of the anchors' loss (default: 1)")
    how.add_argument(
        "--augment", default=",".join(CHANGES), metavar="LIST", help="changes to clips, or none (default: %(default)s)"
    )
    how.add_argument("--augment_probability", type=float, default=0.5, help="of each change (default: %(default)s)")
    how.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="how much of the way from the untuned weights to the tuned ones is written: less forgets less (1)",
    )
    how.add_argument("--seed", type=int, default=0, help="of all that is random (default: %(default)s)")


def finetune_options(argv: Sequence[str]) -> FinetuneOptions:
    """Parses and checks the flags. Raises BeamscribeError for what cannot be honoured."""
    made = parser()
    args, rest = made.parse_known_args(argv)
    stores.use(beam_args(rest, made))
    for flag, least in (("epochs", 1), ("batch_size", 1), ("patience", 1), ("seed", 0)):
        if getattr(args, flag) < least:
            raise BeamscribeError(f"--{flag} {getattr(args, flag)}: needs at least {least}")
    rate = LEARNING_RATES[args.tune] if args.learning_rate is None else args.learning_rate
    if not 0 < rate < 1:
        raise BeamscribeError(f"--learning_rate {rate:g}: needs a number between 0 and 1")
    if not 0 < args.held_out < 1:
        raise BeamscribeError(f"--held_out {args.held_out:g}: needs a part between 0 and 1")
    if not 0 < args.share <= 1:
        raise BeamscribeError(f"--share {args.share:g}: needs a part above 0, at most 1")
    if args.anchor_weight is not None and not args.anchors:
        raise BeamscribeError("--anchor_weight is of --anchors: name some, or leave it out")
    anchor_weight = 1.0 if args.anchor_weight is None else args.anchor_weight
    if not anchor_weight >= 0:
        raise BeamscribeError(f"--anchor_weight {anchor_weight:g}: needs 0 or more")
    if not storage.is_local(args.output):
        raise BeamscribeError(f"--output {args.output}: needs a local folder; copy the model when it is done")
    changes = () if args.augment == "none" else tuple(args.augment.split(","))
    if args.noise and "noise" not in changes:
        raise BeamscribeError("--noise is mixed in by the change noise, which --augment leaves out: add it there")
    return FinetuneOptions(
        model=args.model,
        manifests=tuple(args.manifest),
        anchors=tuple(args.anchors),
        noise=tuple(args.noise),
        output=Path(storage.normalise(args.output)),
        held_out=args.held_out,
        tune=_tune(args),
        share=args.share,
        training=TrainingOptions(
            epochs=args.epochs,
            batch_size=args.batch_size,
            learning_rate=rate,
            anchor_weight=anchor_weight,
            patience=args.patience,
            seed=args.seed,
            augmentation=Augmentation(changes, args.augment_probability),
        ),
    )


def _tune(args: argparse.Namespace) -> TuneOptions:
    given = [name for name in ("rank", "adapt", "sides") if getattr(args, name) is not None]
    if given and args.tune != "adapters":
        raise BeamscribeError(f"--{given[0]} is of adapters, and --tune {args.tune} has none: leave it out")
    plain = TuneOptions(args.tune)
    return TuneOptions(
        args.tune,
        plain.rank if args.rank is None else args.rank,
        plain.targets if args.adapt is None else tuple(args.adapt.split(",")),
        plain.sides if args.sides is None else tuple(args.sides.split(",")),
    )


def finetune(options: FinetuneOptions, files: ModelFiles) -> list[Epoch]:
    """Trains, and writes the folder. Raises BeamscribeError for clips that cannot be trained on, and for divergence."""
    with quiet():
        import tensorflow as tf

        from model.whisper.checkpoint import load_checkpoint
        from model.whisper.finetuning import FineTuner, fine_tune
        from model.whisper.tokenizer import WhisperTokenizer
        from model.whisper.write_huggingface import write_huggingface

    # some gradients are summed in whatever order threads come otherwise
    tf.config.experimental.enable_op_determinism()
    checkpoint, tokenizer = load_checkpoint(files.folder), WhisperTokenizer(files.folder)
    tuner = FineTuner(checkpoint, tokenizer, options.tune, options.training.seed)
    clips = _read_clips(options, files, tuner)
    noises = tuple(read_noises(options.noise))
    training = replace(options.training, augmentation=replace(options.training.augmentation, noises=noises))
    n_variables = sum(variable.value.shape.num_elements() for variable in tuner.weights.variables)
    print(f"{describe(clips)}; {n_variables:,} parameters are trained")
    started_s = time.monotonic()

    def report(epoch: Epoch) -> None:
        print(f"{line_of(epoch)}, {time.monotonic() - started_s:.0f} s", flush=True)

    history = fine_tune(tuner, clips, training, options.output / STATE_FOLDER, report)
    write_huggingface(replace(checkpoint, weights=tuner.weights.merged(options.share)), tokenizer, options.output)
    card = model_card(
        files, describe(clips), asdict(options.tune) | {"share": options.share}, _plain(options.training), history
    )
    (options.output / "README.md").write_text(card, encoding="utf-8")
    return history


def _plain(training: TrainingOptions) -> dict:
    plain = asdict(training)
    augmentation = plain.pop("augmentation")
    return plain | {"augment": augmentation["changes"], "augment_probability": augmentation["probability"]}


def _read_clips(options: FinetuneOptions, files: ModelFiles, tuner: "FineTuner") -> "Clips":
    from model.whisper.finetuning import Clips

    train, held = hold_out(list(read_training_clips(options.manifests)), options.held_out, options.training.seed)
    anchors = [clip for clip in read_training_clips(options.anchors) if clip.reference]
    return Clips(*(tuple(_utterance(clip, files, tuner) for clip in part) for part in (train, held, anchors)))


def _utterance(clip: TrainingClip, files: ModelFiles, tuner: "FineTuner") -> "Utterance":
    language = (clip.language or "en").partition("-")[0]
    if language not in files.languages:
        raise BeamscribeError(f"{clip.uri} is in the language {language!r}, which {files.name} does not know")
    return tuner.examples.utterance(clip.uri, clip.samples, clip.reference, language)


def describe(clips: "Clips") -> str:
    """How many clips there are of each kind."""
    kinds = zip(("to train on", "held out", "anchors"), clips, strict=True)
    parts = [f"{len(part)} clips ({_minutes(part):.1f} min) {kind}" for kind, part in kinds if part]
    return ", ".join(parts)


def _minutes(utterances: Sequence["Utterance"]) -> float:
    return sum(len(utterance.samples) for utterance in utterances) / 16_000 / 60


def line_of(epoch: Epoch) -> str:
    """One epoch in one line."""
    parts = [f"epoch {epoch.epoch}" if epoch.epoch else "untuned"]
    parts += [f"loss {epoch.text_loss:.3f}"] if epoch.text_loss is not None else []
    parts += [f"anchors {epoch.anchor_loss:.3f}"] if epoch.anchor_loss is not None else []
    return ", ".join([*parts, f"held out {epoch.held_out_loss:.3f}"])


def finetune_command(argv: Sequence[str]) -> int:
    """`beamscribe finetune`. Returns the exit status; raises BeamscribeError."""
    options = finetune_options(argv)
    history = finetune(options, resolve_model(options.model))
    best = min(history, key=lambda epoch: epoch.held_out_loss)
    print(f"the best was {line_of(best)}\nmodel: {options.output}")
    return 0


if __name__ == "__main__":
    from pipelines.cli import leave, run

    leave(run("finetune", sys.argv[1:]))
