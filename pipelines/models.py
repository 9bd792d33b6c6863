"""`beamscribe models`: which models there are, what they are, whether they are sound, and copies of them elsewhere."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from model.ctc.files import is_ctc
from model.errors import BeamscribeError
from model.registry import CTC, CTC_FAMILIES, TINY_EN, WHISPER, ModelFiles, cached_folders, resolve_model
from model.saved_model_folder import is_saved_model
from model.whisper.checkpoint import load_checkpoint
from model.whisper.tokenizer import WhisperTokenizer
from pipelines.cli import quiet
from pipelines.model_facts import profile_facts, show_facts, verify_weights
from pipelines.options import Parser

FORMATS = ("huggingface", "saved_model", "litert")


def command(argv: Sequence[str]) -> int:
    """`beamscribe models`. Returns the exit status; raises BeamscribeError for what cannot be honoured."""
    args = parser().parse_args(argv)
    work: Callable[[argparse.Namespace], int] = args.work
    return work(args)


def parser() -> Parser:
    """The parser of the flags."""
    made = Parser(prog="beamscribe models", description="Models: found, shown, verified, copied.", allow_abbrev=False)
    actions = made.add_subparsers(metavar="ACTION", required=True, parser_class=Parser)

    def add(name: str, work: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=about, description=about, allow_abbrev=False)
        action.set_defaults(work=work)
        return action

    listed = add("list", list_models, "the model that is built in, those of the hub's cache, and those of folders")
    listed.add_argument("folders", nargs="*", metavar="DIR", help="models, or folders of models")
    shown = add("show", show, "family, sizes, languages, sha256")
    verified = add("verify", verify, "reads all weights; exit 1 where one is broken")
    profiled = add("profile", profile, "parameters by part, operations a second of audio, memory, speed")
    for action in (shown, verified, profiled):
        action.add_argument("name", metavar="NAME", help="tiny.en, a folder, or a name of the Hugging Face hub")
    for action in (listed, shown, verified, profiled):
        action.add_argument("--json", action="store_true", help="print JSON")
    taken = add("import", import_model, "copies a model of any layout that is read into a folder of ours")
    given = add("export", export, "writes a model for other programs")
    for action in (taken, given):
        action.add_argument("name", metavar="FROM", help="tiny.en, a folder, or a name of the Hugging Face hub")
        action.add_argument("to", metavar="TO", help="a folder that is new or empty")
    given.add_argument("--format", choices=FORMATS, required=True)
    given.add_argument("--quantization", choices=("none", "int8"), default="none", help="of litert alone")
    return made


def list_models(args: argparse.Namespace) -> int:
    """One line a model; what looks like a model and is none is told of."""
    rows = [_row(name) for name in (TINY_EN, *_names_in(args.folders))]
    rows[1:1] = [_row(str(folder)) | {"name": name} for name, folder in cached_folders().items()]
    if args.json:
        _print_json(rows)
        return 0
    lines = [("NAME", "FAMILY", "PARAMETERS", "LANGUAGES", "SHA256"), *map(_line, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    return 0


def _names_in(folders: Iterable[str]) -> list[str]:
    """The folders themselves where they are models, else the models in them."""
    names: list[str] = []
    for name in folders:
        folder = Path(name).expanduser()
        if not folder.is_dir():
            raise BeamscribeError(f"{name} is no folder: name models, or folders of models")
        inside = [str(part) for part in sorted(folder.iterdir()) if _looks_like_a_model(part)]
        names += [name] if _looks_like_a_model(folder) else inside
    return names


def _looks_like_a_model(folder: Path) -> bool:
    return (folder / "config.json").exists() or is_ctc(folder) or is_saved_model(folder)


def _row(name: str) -> dict[str, Any]:
    try:
        return show_facts(_found(name))
    except BeamscribeError as error:
        return {"name": name, "error": str(error)}


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    if "error" in row:
        return (row["name"], "broken", "", "", row["error"])
    spoken = row["languages"][0] if len(row["languages"]) == 1 else str(len(row["languages"]))
    return (row["name"], row["family"], f"{row['parameters'] / 1e6:.1f} M", spoken, row["sha256"][:12])


def show(args: argparse.Namespace) -> int:
    """What the headers of a model say."""
    _print_facts(show_facts(_found(args.name)), args.json)
    return 0


def verify(args: argparse.Namespace) -> int:
    """Everything that can be wrong with a model is looked for."""
    try:
        files = _found(args.name)
        n_numbers = verify_weights(files)
    except BeamscribeError as error:
        # a name that is no model is a wrong command line; a model that is broken is an answer
        if not Path(args.name).expanduser().is_dir() and args.name != TINY_EN:
            raise
        print(f"beamscribe models verify: {error}", file=sys.stderr)
        return 1
    facts = {"name": files.name, "numbers": n_numbers, "sha256": files.sha256}
    if args.json:
        _print_json(facts | {"sound": True})
    else:
        print(f"{files.name} is sound: {n_numbers:,} numbers, all finite; sha256 {files.sha256}")
    return 0


def profile(args: argparse.Namespace) -> int:
    """What a model costs, by its sizes and by a short run."""
    _print_facts(profile_facts(_found(args.name)), args.json)
    return 0


def _found(name: str) -> ModelFiles:
    """The model of a name, without what TensorFlow prints when it has to read the graph of a SavedModel."""
    if not is_saved_model(Path(name).expanduser()):
        return resolve_model(name)
    with quiet():
        return resolve_model(name)


def import_model(args: argparse.Namespace) -> int:
    """Verified, then written in the layout of Hugging Face."""
    files = _found(args.name)
    if files.family != WHISPER:
        raise BeamscribeError(
            f"{args.name} is {CTC_FAMILIES[files.family]}, which has one layout only: copy its folder"
        )
    folder = _new_folder(args.to)
    verify_weights(files)
    _write(files, folder, "huggingface", "none")
    print(f"{files.name} is now {folder}: sha256 {resolve_model(str(folder)).sha256}")
    return 0


def export(args: argparse.Namespace) -> int:
    """Written for other programs."""
    if args.quantization != "none" and args.format != "litert":
        raise BeamscribeError(f"--quantization {args.quantization} is of --format litert alone: leave it out")
    files = _found(args.name)
    if files.family != WHISPER and (files.family != CTC or args.format == "huggingface"):
        raise BeamscribeError(f"{args.name} is {CTC_FAMILIES[files.family]}, which --format {args.format} cannot hold")
    folder = _new_folder(args.to)
    if files.family == CTC:
        _write_ctc(files, folder, args.format, args.quantization)
    else:
        _write(files, folder, args.format, args.quantization)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        print(f"{path.stat().st_size:>12,}  {path}")
    return 0


def _write(files: ModelFiles, folder: Path, layout: str, quantization: str) -> None:
    checkpoint, tokenizer = load_checkpoint(files.folder), WhisperTokenizer(files.folder)
    if layout == "huggingface":
        from model.whisper.write_huggingface import write_huggingface

        write_huggingface(checkpoint, tokenizer, folder)
        return
    with quiet():
        from model.whisper.exports import write_litert, write_saved_model

        if layout == "saved_model":
            write_saved_model(checkpoint, tokenizer, folder)
        else:
            write_litert(checkpoint, tokenizer, folder, int8=quantization == "int8")


def _write_ctc(files: ModelFiles, folder: Path, layout: str, quantization: str) -> None:
    with quiet():
        from model.ctc.exports import export_litert, export_saved_model

        if layout == "saved_model":
            export_saved_model(files.folder, folder)
        else:
            export_litert(files.folder, folder, int8=quantization == "int8")


def _new_folder(name: str) -> Path:
    folder = Path(name).expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BeamscribeError(f"{folder} is not empty: name a new folder")
    except OSError as error:
        raise BeamscribeError(f"{folder} cannot be written ({error.strerror}): name another folder") from error
    return folder


def _print_facts(facts: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(facts)
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name.ljust(width)}  {_written(value)}")


def _written(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if value < 100 else f"{value:,.0f}"
    if isinstance(value, list):
        return " ".join(value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _print_json(content: Any) -> None:
    print(json.dumps(content, indent=2))


if __name__ == "__main__":
    from pipelines.cli import leave, run

    leave(run("models", sys.argv[1:]))
