"""The flags of `beamscribe features`, and what they come to."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model.errors import BeamscribeError
from pipelines.options import add_run, add_what, check_run, checked_channels, run_fields
from pipelines.run_options import RunOptions
from transforms.features.options import CHEAP, FORMATS, GROUPS, UNITS, FeatureOptions

DEFAULT_MODEL = "tiny.en"


@dataclass(frozen=True)
class FeaturesOptions(RunOptions):
    """What one run of the job of features is asked to do."""

    features: FeatureOptions
    # whose encoder gives the embeddings; None: nobody asks for them
    model: str | None
    # files of TFRecords; None: by the number of assets
    shards: int | None
    dry_run: bool

    def that_change_rows(self) -> dict[str, Any]:
        """The options behind the configuration hash."""
        return {"features": self.features.that_change_rows(), "shards": self.shards}


def add_features_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the job of features, grouped as a reader looks for them."""
    add_what(parser)
    which = parser.add_argument_group("which features")
    which.add_argument(
        "--features",
        metavar="GROUP,…",
        help=f"some of {', '.join(GROUPS)}, or all (default: {','.join(CHEAP)})",
    )
    which.add_argument(
        "--per",
        default="utterance",
        metavar="UNIT,…",
        help="utterance (default: one row an asset and channel, always written), region (of speech), frame",
    )
    which.add_argument("--model", help=f"whose encoder gives the group embedding (default: {DEFAULT_MODEL})")
    which.add_argument(
        "--format",
        choices=FORMATS,
        default="parquet",
        help="parquet (default), or tfrecord: log-mel spectrograms for training, with their references",
    )
    which.add_argument("--shards", type=int, metavar="N", help="files of TFRecords (default: one for 500 assets)")
    run = parser.add_argument_group("how to run")
    run.add_argument("--dry_run", action="store_true", help="list what would be done, and do nothing")
    add_run(run)
    parser.epilog = "Every other flag goes to Beam: --runner, --direct_num_workers, --s3_endpoint_url …"


def features_options(parser: argparse.ArgumentParser, argv: Sequence[str]) -> FeaturesOptions:
    """Parses and checks the flags. Raises BeamscribeError for what cannot be honoured."""
    args, rest = parser.parse_known_args(argv)
    check_run(args)
    is_tfrecord = args.format == "tfrecord"
    if is_tfrecord:
        _check_tfrecord(args)
    elif args.shards is not None:
        raise BeamscribeError("--shards is about TFRecords: leave it out, or give --format tfrecord")
    groups = () if is_tfrecord else _chosen("--features", args.features or ",".join(CHEAP), GROUPS)
    if args.model and "embedding" not in groups:
        raise BeamscribeError("--model is for the group embedding: add it to --features, or leave --model out")
    per = _chosen("--per", args.per, UNITS)
    return FeaturesOptions(
        **run_fields(args, rest, parser),
        features=FeatureOptions(groups, per, args.format, checked_channels(args.channels)),
        model=(args.model or DEFAULT_MODEL) if "embedding" in groups else None,
        shards=args.shards,
        dry_run=args.dry_run,
    )


def _check_tfrecord(args: argparse.Namespace) -> None:
    """TFRecords hold one thing, for utterances, made as a whole."""
    if args.features is not None or args.per != "utterance" or args.model:
        raise BeamscribeError("--format tfrecord holds log-mel of utterances: leave --features, --per and --model out")
    if args.max_hours is not None:
        raise BeamscribeError("--format tfrecord makes the set as a whole: leave --max_hours out")
    if args.shards is not None and args.shards < 1:
        raise BeamscribeError(f"--shards {args.shards}: needs 1 or more")


def _chosen(flag: str, text: str, names: Sequence[str]) -> tuple[str, ...]:
    """Those of the names that a list of them has, in their order."""
    asked = {name.strip() for name in text.split(",")}
    if flag == "--features" and asked == {"all"}:
        return tuple(names)
    if unknown := sorted(asked - set(names)):
        raise BeamscribeError(f"{flag} {text}: there is no {unknown[0]!r}; name some of {', '.join(names)}")
    return tuple(name for name in names if name in asked)
