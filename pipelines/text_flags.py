"""The flags on what becomes of the model's text, and what they come to."""

import argparse

from model.errors import BeamscribeError
from transforms.seal import read_key
from transforms.text.itn import itn_names, parse_names
from transforms.text.options import TextOptions
from transforms.text.profanity import MODES as PROFANITY_MODES
from transforms.text.redaction.options import CLASSES, RedactionOptions, parse_classes
from transforms.text.vocabulary import read_vocabulary
from transforms.text.word_lists import read_words


def add_text_flags(parser: argparse.ArgumentParser) -> None:
    """Flags of `transcribe` and `correct`, in the order in which the rules are applied."""
    text = parser.add_argument_group("what becomes of the text (docs/text.md)")
    text.add_argument(
        "--vocabulary",
        metavar="FILE",
        help="words and names to expect, one a line, if you like with a weight and what they sound like: the search "
        "leans towards them, and words that it was unsure of are corrected to them",
    )
    text.add_argument(
        "--disfluencies",
        choices=("keep", "remove"),
        default="keep",
        help="what becomes of fillers and stumbled repetitions (default: %(default)s)",
    )
    text.add_argument(
        "--casing",
        choices=("keep", "repair"),
        default="keep",
        help="repair: give texts without capitals and stops both (default: %(default)s)",
    )
    text.add_argument(
        "--itn",
        choices=("off", "on"),
        default="off",
        help="inverse text normalisation: write spoken numbers, dates, amounts, addresses … in figures "
        "(default: %(default)s)",
    )
    text.add_argument(
        "--itn_rules", metavar="NAMES", help=f"some of its rules alone, separated by commas: {','.join(itn_names())}"
    )
    text.add_argument(
        "--profanity",
        choices=PROFANITY_MODES,
        default="leave",
        help="mask: f***; tag: [PROFANITY] (default: %(default)s)",
    )
    text.add_argument("--profanity_words", metavar="FILE", help="what is profane, one word a line, instead of our list")
    text.add_argument(
        "--redact",
        metavar="CLASSES",
        help=f"hide what is of these classes, spoken or written, in all tables, logs and what is staged: all, or "
        f"some of {','.join(CLASSES)}",
    )
    text.add_argument("--redact_names", metavar="FILE", help="the names that the class name hides, one a line")
    text.add_argument(
        "--redact_region", metavar="CODE", default="US", help="country of phone numbers and ids (default: %(default)s)"
    )
    text.add_argument(
        "--redact_with",
        choices=("tag", "hash"),
        default="tag",
        help="tag: [CARD]; hash: [CARD:9f2c…], equal for equal values under one key (default: %(default)s)",
    )
    text.add_argument(
        "--redact_key_file",
        metavar="FILE",
        help="key of the hashes, and of what is staged until the commit (default for the latter: a key of your own on "
        "this machine)",
    )


def text_options(args: argparse.Namespace) -> TextOptions:
    """What the flags come to; reads the files that they name. Raises BeamscribeError."""
    if args.profanity_words and args.profanity == "leave":
        raise BeamscribeError("--profanity_words says what is profane: say with --profanity what becomes of it")
    return TextOptions(
        vocabulary=tuple(read_vocabulary(args.vocabulary)) if args.vocabulary else (),
        removes_disfluencies=args.disfluencies == "remove",
        repairs_casing=args.casing == "repair",
        itn=_itn(args),
        profanity=args.profanity,
        profane_words=tuple(read_words(args.profanity_words)) if args.profanity_words else (),
        redaction=_redaction(args),
    )


def _itn(args: argparse.Namespace) -> tuple[str, ...]:
    if args.itn_rules is None:
        return itn_names() if args.itn == "on" else ()
    return parse_names(args.itn_rules)


def _redaction(args: argparse.Namespace) -> RedactionOptions | None:
    if args.redact is None:
        for flag in ("redact_names", "redact_key_file"):
            if getattr(args, flag):
                raise BeamscribeError(f"--{flag} is of use with --redact only: name the classes to hide")
        if args.redact_with == "hash":
            raise BeamscribeError("--redact_with is of use with --redact only: name the classes to hide")
        return None
    classes = parse_classes(args.redact)
    if "name" in classes and not args.redact_names:
        if args.redact.strip() != "all":
            raise BeamscribeError("--redact name needs the names to hide: --redact_names FILE")
        classes = tuple(kind for kind in classes if kind != "name")
    if args.redact_names and "name" not in classes:
        raise BeamscribeError("--redact_names is for the class name: add it to --redact")
    if args.redact_with == "hash" and not args.redact_key_file:
        raise BeamscribeError("--redact_with hash needs a key: --redact_key_file FILE, such as of openssl rand -hex 32")
    return RedactionOptions(
        classes=classes,
        names=tuple(read_words(args.redact_names, "name")) if args.redact_names else (),
        region=args.redact_region,
        mode=args.redact_with,
        key=read_key(args.redact_key_file) if args.redact_key_file else None,
    )
