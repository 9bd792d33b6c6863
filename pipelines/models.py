"""`beamscribe models`: which models there are, what they are, whether they are sound, and copies of them elsewhere."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from model.errors import BeamscribeError
from model.precision import fastest_precision
from model.processors import n_processors
from model.recognizer import BATCH_WINDOWS, DecodeOptions
from model.registry import TINY_EN, ModelFiles, cached_folders, resolve_model
from model.whisper.checkpoint import inspect_checkpoint, load_checkpoint
from model.whisper.facts import (
    context_flops,
    encoder_flops,
    flops_a_second,
    parameters_by_part,
    token_flops,
    verify_weights,
)
from model.whisper.footprint import process_bytes
from model.whisper.tokenizer import WhisperTokenizer
from pipelines.cli import quiet
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
        inside = [str(part) for part in sorted(folder.iterdir()) if (part / "config.json").exists()]
        names += [name] if (folder / "config.json").exists() else inside
    return names


def _row(name: str) -> dict[str, Any]:
    try:
        return show_facts(resolve_model(name))
    except BeamscribeError as error:
        return {"name": name, "error": str(error)}


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    if "error" in row:
        return (row["name"], "broken", "", "", row["error"])
    spoken = row["languages"][0] if len(row["languages"]) == 1 else str(len(row["languages"]))
    return (row["name"], row["family"], f"{row['parameters'] / 1e6:.1f} M", spoken, row["sha256"][:12])


def show(args: argparse.Namespace) -> int:
    """What the headers of a model say."""
    _print_facts(show_facts(resolve_model(args.name)), args.json)
    return 0


def show_facts(files: ModelFiles) -> dict[str, Any]:
    """What there is to say of a model without reading its weights."""
    stored = inspect_checkpoint(files.folder)
    return {
        "name": files.name,
        "family": files.family,
        "folder": str(files.folder),
        "bytes": sum(path.stat().st_size for path in stored.weight_files),
        "sha256": files.sha256,
        "parameters": sum(parameters_by_part(stored.dims).values()),
        "stored_as": sorted({tensor.dtype for tensor in stored.tensors.values()}),
        "multilingual": files.multilingual,
        "languages": list(files.languages),
        **asdict(stored.dims),
    }


def verify(args: argparse.Namespace) -> int:
    """Everything that can be wrong with a model is looked for."""
    try:
        files = resolve_model(args.name)
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
    files = resolve_model(args.name)
    dims, precision = inspect_checkpoint(files.folder).dims, fastest_precision()
    beam_size, n_threads = DecodeOptions().beam_size, n_processors()
    with quiet():
        from model.whisper.stopwatch import measure

        speed = measure(load_checkpoint(files.folder), precision)
    parts = parameters_by_part(dims)
    facts = {
        "name": files.name,
        "parameters": sum(parts.values()),
        **{f"parameters, {part}": n for part, n in parts.items()},
        "gflops of the encoder, a window of 30 s": encoder_flops(dims) / 1e9,
        "gflops of its keys and values": context_flops(dims) / 1e9,
        "gflops of a token, the 61st": token_flops(dims, 60) / 1e9,
        "gflops a second of English, greedy": flops_a_second(dims, 1) / 1e9,
        f"gflops a second of English, {beam_size} hypotheses": flops_a_second(dims, beam_size) / 1e9,
        f"memory of a process, GB, {BATCH_WINDOWS} windows, {n_threads} threads": (
            process_bytes(dims, precision, beam_size, BATCH_WINDOWS, n_threads) / 1e9
        ),
        "measured in": f"{precision}, {n_threads} threads",
        "measured: ms of the encoder, a window of 30 s": speed.encoder_ms,
        "measured: ms of a token, 4 windows together": speed.step_ms,
        "times real time that this comes to, greedy": speed.times_real_time,
    }
    _print_facts(facts, args.json)
    return 0


def import_model(args: argparse.Namespace) -> int:
    """Verified, then written in the layout of Hugging Face."""
    files, folder = resolve_model(args.name), _new_folder(args.to)
    verify_weights(files)
    _write(files, folder, "huggingface", "none")
    print(f"{files.name} is now {folder}: sha256 {resolve_model(str(folder)).sha256}")
    return 0


def export(args: argparse.Namespace) -> int:
    """Written for other programs."""
    if args.quantization != "none" and args.format != "litert":
        raise BeamscribeError(f"--quantization {args.quantization} is of --format litert alone: leave it out")
    files, folder = resolve_model(args.name), _new_folder(args.to)
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
