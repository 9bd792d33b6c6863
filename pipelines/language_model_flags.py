"""The flags on the language model, and what they come to."""

import argparse
from dataclasses import replace
from pathlib import Path

from model.ctc.language_model import sha256_of
from model.ctc.options import LANGUAGE_MODEL_UNITS, LanguageModelUse
from model.errors import BeamscribeError

DEFAULTS = LanguageModelUse(Path())


def add_language_model_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `transcribe`."""
    group = parser.add_argument_group("what is likely to have been said (docs/text-ctc-decoding.md)")
    group.add_argument(
        "--language_model",
        metavar="FILE",
        help="n-grams: ARPA, plain or gzip, or a binary of KenLM; a local file that every worker has. The search of a "
        "CTC model asks them as well; what a Whisper's beam ends with is ranked again by them. Needs a --beam_size of "
        "2 or more",
    )
    group.add_argument(
        "--lm_alpha", type=float, metavar="A", help=f"weight of its log-probability (default: {DEFAULTS.alpha:g})"
    )
    group.add_argument("--lm_beta", type=float, metavar="B", help=f"bonus a unit (default: {DEFAULTS.beta:g})")
    group.add_argument(
        "--lm_units", choices=LANGUAGE_MODEL_UNITS, help=f"what its n-grams are made of (default: {DEFAULTS.units})"
    )


def language_model_use(args: argparse.Namespace) -> LanguageModelUse | None:
    """What the flags come to; reads the file once. Raises BeamscribeError."""
    given = {name: getattr(args, f"lm_{name}") for name in ("alpha", "beta", "units")}
    given = {name: value for name, value in given.items() if value is not None}
    if args.language_model is None:
        for name in given:
            raise BeamscribeError(f"--lm_{name} is of --language_model: name the file, or leave it out")
        return None
    if "://" in args.language_model:
        raise BeamscribeError(f"--language_model {args.language_model}: needs a local file; copy it to every worker")
    path = Path(args.language_model).expanduser().absolute()
    use = replace(DEFAULTS, path=path, **given)
    return replace(use, sha256=sha256_of(path))
