"""The flags of `beamscribe transcribe`, and what they come to."""

import argparse
import difflib
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NoReturn

from apache_beam.options.pipeline_options import PipelineOptions

from model.errors import BeamscribeError
from model.precision import PRECISIONS
from model.recognizer import (
    BATCH_WINDOWS,
    MAX_BATCH_WINDOWS,
    MAX_GREEDY_WINDOWS,
    BiasPhrase,
    DecodeOptions,
    most_windows,
)
from pipelines.language_model_flags import add_language_model_flags, language_model_use
from pipelines.run_options import RunOptions
from pipelines.text_flags import add_text_flags, text_options
from transforms.decoder import ASSET_TIMEOUT_S
from transforms.speech import SpeechOptions
from transforms.text.options import TextOptions, digest

AUTO = "auto"
DEFAULT_WORKERS = os.cpu_count() or 1


class Parser(argparse.ArgumentParser):
    """Raises what argparse would print: one line, exit status 2 left to the caller."""

    def error(self, message: str) -> NoReturn:
        raise BeamscribeError(f"{message}; see {self.prog} --help")


@dataclass(frozen=True)
class TranscribeOptions(RunOptions):
    """What one run of the main job is asked to do."""

    model: str
    language: str | None
    language_per_segment: bool
    channels: str
    decode: DecodeOptions
    speech: SpeechOptions
    text: TextOptions
    # folders of copies: of the audio with what is redacted muted, and of the tables with nothing redacted; None: none
    redact_audio: str | None
    unredacted_output: str | None
    # what was asked for; `decode.precision` is what it comes to with the model, where the run is planned
    precision: str
    # windows that are decoded together; None: as many as memory allows
    batch_windows: int | None
    # gigabytes that a worker process may take; None: a part of what the machine has
    max_memory_gb: float | None

    def that_change_rows(self) -> dict[str, Any]:
        """The options behind the configuration hash. Batch size, workers and runner are not among them.

        The precision is as it was asked for: "auto" on another processor is no reason to transcribe all again.
        """
        told = {
            "decode": decode_told(self.decode) | {"precision": self.precision},
            "speech": asdict(self.speech),
            "language": self.language,
            "language_per_segment": self.language_per_segment,
            "channels": self.channels,
        }
        return told if self.text.changes_nothing else told | {"text": self.text.told()}

    def told(self) -> dict[str, Any]:
        """All options, as a run tells of them: nothing secret, and no list."""
        plain = replace(self, decode=DecodeOptions(), text=TextOptions())
        return asdict(plain) | {"decode": decode_told(self.decode), "text": self.text.told()}


def decode_told(options: DecodeOptions) -> dict[str, Any]:
    """The options of decoding, with a digest of the phrases that the search leans towards, where there are any.

    Of a language model the content counts, not the place of its file.
    """
    told = asdict(replace(options, bias=(), language_model=None))
    del told["bias"], told["language_model"]
    if options.bias:
        told["bias"] = digest([asdict(phrase) for phrase in options.bias])
    if options.language_model:
        told["language_model"] = asdict(options.language_model)
        del told["language_model"]["path"]
    return told


def add_transcribe_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of the main job, grouped as a reader looks for them."""
    add_what(parser)
    _add_how(parser)
    add_language_model_flags(parser)
    add_text_flags(parser)
    _add_redacted_copies(parser)
    run = parser.add_argument_group("how to run")
    _add_batches(run)
    add_run(run)
    parser.epilog = "Every other flag goes to Beam: --runner, --direct_num_workers, --s3_endpoint_url …"


def add_what(parser: argparse.ArgumentParser) -> None:
    """The flags of every job that reads audio and writes tables."""
    what = parser.add_argument_group("what to read, and where to")
    what.add_argument(
        "--input",
        nargs="+",
        action="extend",
        required=True,
        metavar="PATH",
        help="files, folders, globs (quoted), or manifests (.jsonl, .csv, .parquet with a column uri, and if you like "
        "start_s, end_s, channel, language), local or on any Beam filesystem",
    )
    what.add_argument("--output", required=True, metavar="DIR", help="folder of the tables")
    what.add_argument("--channels", default="mix", help="mix (default), separate, or numbers from 0: 0,1")


def _add_how(parser: argparse.ArgumentParser) -> None:
    decode, speech = DecodeOptions(), SpeechOptions()
    how = parser.add_argument_group("how to recognise")
    how.add_argument("--model", default="tiny.en", help="tiny.en (default), a checkpoint folder, or a hub name")
    how.add_argument("--language", help="language code; default: what the model identifies, one for each channel")
    how.add_argument(
        "--language_per_segment",
        action="store_true",
        help="identify the language of every window anew, for assets in which several are spoken",
    )
    how.add_argument(
        "--task",
        choices=("transcribe", "translate"),
        default=decode.task,
        help="write what was said, or its translation into English",
    )
    how.add_argument(
        "--beam_size", type=int, default=decode.beam_size, help="hypotheses searched at once; 1 is greedy (default: 5)"
    )
    how.add_argument(
        "--precision",
        choices=(AUTO, *PRECISIONS),
        default=AUTO,
        help="what large products are worked out in; auto (default): bfloat16 of a Whisper where the processor "
        "multiplies it, else float32",
    )
    how.add_argument(
        "--exact",
        action="store_true",
        help="of a Whisper: float32, and every window filled up to its full length: slower, the same text up to chance",
    )
    how.add_argument(
        "--word_timestamps",
        nargs="?",
        const="true",
        default="true",
        choices=("true", "false"),
        help="write the words table with the time of every word (default: true)",
    )
    how.add_argument(
        "--initial_prompt",
        "--prompt",
        default=decode.prompt,
        metavar="TEXT",
        help="words to expect, such as names: the model is told that they came before every window",
    )
    how.add_argument(
        "--speech_threshold",
        type=float,
        default=speech.threshold,
        help="probability from which the detector's frames count as speech (default: %(default)s)",
    )


def _add_redacted_copies(parser: argparse.ArgumentParser) -> None:
    copies = parser.add_argument_group("what redaction leaves besides the tables")
    copies.add_argument(
        "--redact_audio",
        metavar="DIR",
        help="write a copy of every recording there, FLAC at 16 kHz, in which what --redact hides is silent",
    )
    copies.add_argument(
        "--unredacted_output",
        metavar="DIR",
        help="write the tables a second time there with nothing hidden: a place for those few who may see it",
    )


def _add_batches(run: argparse._ArgumentGroup) -> None:
    run.add_argument(
        "--batch_windows",
        type=int,
        metavar="N",
        help=f"windows decoded together, 1 to {MAX_BATCH_WINDOWS}, to {MAX_GREEDY_WINDOWS} where greedy (default: "
        f"{BATCH_WINDOWS}, the most with a small model, or what fits into memory)",
    )
    run.add_argument(
        "--max_memory", type=float, metavar="GB", help="memory that a worker process may take; picks --batch_windows"
    )


def add_run(run: argparse._ArgumentGroup) -> None:
    """The flags of every job that plans what it does."""
    run.add_argument(
        "--max_failed_fraction",
        type=float,
        default=0.1,
        help="exit 3 where a larger part of the assets failed (default: %(default)s)",
    )
    run.add_argument("--retry_failed", action="store_true", help="try assets again that failed for good before")
    run.add_argument(
        "--max_hours", type=float, metavar="H", help="do no more than about so many hours of audio, leave the rest"
    )
    run.add_argument(
        "--first",
        choices=("largest", "oldest"),
        default="largest",
        help="which assets --max_hours takes first (default: %(default)s)",
    )
    run.add_argument(
        "--prune", action="store_true", help="take rows out of the tables whose asset is no longer among the inputs"
    )
    run.add_argument(
        "--asset_timeout_s",
        type=float,
        default=ASSET_TIMEOUT_S,
        metavar="SECONDS",
        help="give a file up whose decoding takes longer, all else not counted (default: %(default)g)",
    )


def transcribe_options(parser: argparse.ArgumentParser, argv: Sequence[str]) -> TranscribeOptions:
    """Parses and checks the flags. Raises BeamscribeError for what cannot be honoured."""
    args, rest = parser.parse_known_args(argv)
    _check(args)
    precision = "float32" if args.exact else args.precision
    text = text_options(args)
    return TranscribeOptions(
        **run_fields(args, rest, parser),
        model=args.model,
        language=args.language,
        language_per_segment=args.language_per_segment,
        channels=checked_channels(args.channels),
        decode=DecodeOptions(
            task=args.task,
            beam_size=args.beam_size,
            word_timestamps=args.word_timestamps == "true",
            prompt=" ".join(args.initial_prompt.split()),
            precision=DecodeOptions.precision if precision == AUTO else precision,
            short_windows=not args.exact,
            bias=tuple(BiasPhrase(term.text, term.weight) for term in text.vocabulary),
            language_model=language_model_use(args),
        ),
        speech=SpeechOptions(threshold=args.speech_threshold),
        text=text,
        redact_audio=args.redact_audio,
        unredacted_output=args.unredacted_output,
        precision=precision,
        batch_windows=args.batch_windows,
        max_memory_gb=args.max_memory,
    )


def _check(args: argparse.Namespace) -> None:
    most = most_windows(args.beam_size)
    if args.batch_windows is not None and not 1 <= args.batch_windows <= most:
        raise BeamscribeError(f"--batch_windows {args.batch_windows}: needs 1 to {most}")
    if args.max_memory is not None and not args.max_memory > 0:
        raise BeamscribeError(f"--max_memory {args.max_memory:g}: needs a number of gigabytes above 0")
    if args.batch_windows is not None and args.max_memory is not None:
        raise BeamscribeError("--max_memory picks the number of --batch_windows: give one of them")
    if args.exact and args.precision == "bfloat16":
        raise BeamscribeError("--exact is in float32: leave --precision bfloat16 out, or --exact")
    if not 0 < args.speech_threshold < 1:
        raise BeamscribeError(f"--speech_threshold {args.speech_threshold:g}: needs a probability between 0 and 1")
    if args.language and args.language_per_segment:
        raise BeamscribeError("--language and --language_per_segment exclude each other: give one of them")
    for flag in ("redact_audio", "unredacted_output"):
        if getattr(args, flag) and not args.redact:
            raise BeamscribeError(f"--{flag} is of use with --redact only: name the classes to hide")
    if args.redact_audio and args.word_timestamps == "false":
        raise BeamscribeError("--redact_audio needs the times of words: leave --word_timestamps false out")
    if args.language_model and args.beam_size == 1:
        raise BeamscribeError("--language_model chooses among hypotheses: give a --beam_size of 2 or more, such as 16")
    check_run(args)


def check_run(args: argparse.Namespace) -> None:
    """Raises BeamscribeError where the flags of `add_run` make no sense."""
    if args.max_hours is not None and not args.max_hours > 0:
        raise BeamscribeError(f"--max_hours {args.max_hours:g}: needs more than 0")
    if not 0 < args.asset_timeout_s < float("inf"):
        raise BeamscribeError(f"--asset_timeout_s {args.asset_timeout_s:g}: needs a number of seconds above 0")
    if not 0 <= args.max_failed_fraction <= 1:
        raise BeamscribeError(f"--max_failed_fraction {args.max_failed_fraction:g}: needs a fraction from 0 to 1")


def run_fields(args: argparse.Namespace, rest: Sequence[str], parser: argparse.ArgumentParser) -> dict[str, Any]:
    """The fields of `RunOptions`. Raises BeamscribeError for a flag that nobody knows."""
    own = {f.name: getattr(args, f.name) for f in fields(RunOptions) if hasattr(args, f.name)}
    return own | {"inputs": tuple(args.input), "beam_args": beam_args(rest, parser)}


def checked_channels(text: str) -> str:
    """`mix`, `separate`, or sorted channel numbers."""
    if text in ("mix", "separate"):
        return text
    try:
        numbers = sorted({int(part) for part in text.split(",")})
    except ValueError:
        numbers = [-1]
    if numbers[0] < 0:
        raise BeamscribeError(f"--channels {text}: needs mix, separate, or channel numbers from 0 such as 0,1")
    return ",".join(map(str, numbers))


def beam_args(rest: Sequence[str], parser: argparse.ArgumentParser) -> tuple[str, ...]:
    """The flags that are Beam's. A flag that nobody knows is refused: Beam itself would ignore it.

    The default runner is named: Beam's own default depends on the graph and on the network.
    """
    beam_parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(beam_parser)
    known, unknown = beam_parser.parse_known_args(list(rest))
    if unknown:
        flags = [*parser._option_string_actions, *beam_parser._option_string_actions]
        near = difflib.get_close_matches(unknown[0].split("=")[0], flags, 1)
        hint = f"; did you mean {near[0]}?" if near else f"; see {parser.prog} --help"
        raise BeamscribeError(f"unknown flag {unknown[0]}{hint}")
    args = list(rest)
    if known.runner is None:
        args.append("--runner=FnApiRunner")
        if known.direct_num_workers == 1 and not any(a.startswith("--direct_num_workers") for a in rest):
            args.append(f"--direct_num_workers={DEFAULT_WORKERS}")
        if not any(a.startswith("--direct_running_mode") for a in rest):
            args.append("--direct_running_mode=multi_threading")
    return tuple(args)
