"""Error rates of Beamscribe, faster-whisper and openai-whisper on the same recordings with the same weights.

    python benchmarks/accuracy.py --write docs/accuracy.md
    python benchmarks/accuracy.py --multilingual --model FOLDER --write docs/accuracy-multilingual.md

All search with a beam of 5 in float32, ours with --exact, and are otherwise left at their defaults. The recordings are
those of BEAMSCRIBE_SPEECH, a folder with a `manifest.jsonl`. FOLDER is a CTranslate2 checkpoint of a multilingual
model; for that of the tests: python -c 'from tests.base_model import base_model_folder as f; print(f())'

openai-whisper brings torch and lives in an environment of its own: `python -m venv OTHER`, `OTHER/bin/pip install
openai-whisper`, and --openai_python OTHER/bin/python. A slow comparison can be made engine by engine, each run with
--keep FOLDER, and the table of all of them with --from FOLDER.
"""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from accuracy_table import (
    Row,
    Table,
    corpus_rows,
    first_of_each,
    language_rows,
    make_table,
    markdown_languages,
    markdown_rates,
    to_csv,
)
from ours import REPOSITORY, SPEECH, speech_manifest
from peers import ENGINES, EngineRun, Heard, Setup, hear
from wer import Clip, read_clips

from model.errors import BeamscribeError
from model.registry import ModelFiles, resolve_model

CORPORA = ("librispeech", "telephone_8k", "hard", "longform")
NOT_RUN = "not run"
COUNTING = (
    "In percent, all errors over all words (WER), or characters (CER) where a language is written without spaces, "
    "after Whisper's own normalisation; in brackets substitutions/deletions/insertions."
)
LANGUAGES = (
    "Clips whose language was identified right. Only clips in languages that the model knows count; no engine was told "
    "the language."
)


def main() -> None:
    options = parse()
    model = find_model(options)
    rows = select_rows(options)
    clips = (
        rows[-1].clips if not options.multilingual else [clip for row in rows if row.collection for clip in row.clips]
    )
    setup = Setup(model, options.threads, options.openai_python)
    runs: dict[str, EngineRun | str] = {}
    for engine in options.engines:
        if options.source:
            runs[engine] = read_kept(options.source / f"{engine}.jsonl", clips, model.sha256)
            continue
        runs[engine] = run = hear(engine, clips, setup)
        if options.keep and isinstance(run, EngineRun):
            keep(run, options.keep / f"{engine}.jsonl")
    table = make_table(rows, runs, model.languages)
    text = report(table, options.multilingual)
    print(text)
    if options.write:
        options.write.write_text(page(text, runs, model, options))
        options.write.with_suffix(".csv").write_text(to_csv(table))


def parse() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--corpus", action="append", help=f"may be repeated (default: {' '.join(CORPORA)})")
    what.add_argument("--multilingual", action="store_true", help="the corpus of that name, by language")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N clips of every corpus or language only")
    parser.add_argument("--model", default="tiny.en", help="tiny.en, or the folder of a CTranslate2 model")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES, help="default: all")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of the engines compared with")
    parser.add_argument(
        "--openai_python",
        default=os.environ.get("BEAMSCRIBE_OPENAI_PYTHON"),
        help="interpreter of an environment with openai-whisper (default: BEAMSCRIBE_OPENAI_PYTHON)",
    )
    texts = parser.add_mutually_exclusive_group()
    texts.add_argument("--keep", type=Path, metavar="FOLDER", help="write what each engine heard to ENGINE.jsonl")
    texts.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="run nothing, read what was kept")
    parser.add_argument("--write", type=Path, metavar="PAGE.md", help="write this page, and PAGE.csv")
    return parser.parse_args()


def find_model(options: argparse.Namespace) -> ModelFiles:
    """The weights that all engines are given."""
    try:
        model = resolve_model(options.model)
    except BeamscribeError as error:
        raise SystemExit(str(error)) from error
    if options.multilingual and not model.multilingual:
        raise SystemExit(f"{model.name} knows English only: name a multilingual model with --model FOLDER")
    return model


def select_rows(options: argparse.Namespace) -> tuple[Row, ...]:
    """The rows of the table, each with its clips."""
    rows_of = language_rows if options.multilingual else corpus_rows
    wanted = ["multilingual"] if options.multilingual else options.corpus or CORPORA
    rows = rows_of(read_clips(speech_manifest(), str(SPEECH), wanted))
    return rows if options.limit is None else rows_of(first_of_each(rows, options.limit))


def keep(run: EngineRun, path: Path) -> None:
    """Writes what an engine heard, a clip a line, uris as in the manifest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"version": run.version, "model_sha256": run.model_sha256}
    rows = [{"uri": uri.removeprefix(f"{SPEECH}/")} | asdict(heard) | about for uri, heard in run.heard.items()]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_kept(path: Path, clips: Sequence[Clip], model_sha256: str) -> EngineRun | str:
    """What an engine heard in an earlier run. SystemExit if that was with other weights, or lacks any of the clips."""
    if not path.exists():
        return NOT_RUN
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    if {row["model_sha256"] for row in rows} != {model_sha256}:
        raise SystemExit(f"{path} was heard with other weights than {model_sha256}: give the --model of that run")
    heard = {f"{SPEECH}/{row['uri']}": Heard(row["text"], row["language"]) for row in rows}
    lacking = sum(clip.uri not in heard for clip in clips)
    if lacking:
        raise SystemExit(f"{path} lacks {lacking} of {len(clips)} clips: run its engine with --keep over all of them")
    return EngineRun(rows[0]["version"], model_sha256, heard)


def report(table: Table, multilingual: bool) -> str:
    """The tables of a page, and under them what failed."""
    parts = [COUNTING, markdown_rates(table)]
    if multilingual:
        parts += ["## Languages", LANGUAGES, markdown_languages(table)]
    for engine, cells in table.cells.items():
        n_missing = (
            0
            if isinstance(cells, str)
            else sum(cell.score.missing for row, cell in zip(table.rows, cells, strict=True) if row.collection)
        )
        parts += [f"{engine} failed on {n_missing} clips, which cost it every word."] if n_missing else []
    return "\n\n".join(parts)


def page(text: str, runs: Mapping[str, EngineRun | str], model: ModelFiles, options: argparse.Namespace) -> str:
    """The report with what it was made by."""
    versions = [f"- {engine}: {run if isinstance(run, str) else run.version}" for engine, run in runs.items()]
    parts = [
        f"# Accuracy{', by language' if options.multilingual else ''}",
        "Written by `benchmarks/accuracy.py`. Every engine has the same weights in float32, hears the same files, "
        "searches with a beam of 5, and is left at its defaults otherwise.",
        text,
        "## Made with",
        "\n".join([*versions, f"- weights: sha256 `{model.sha256}`"]),
        f"    {command_of(options)}",
    ]
    return "\n\n".join(parts) + "\n"


def command_of(options: argparse.Namespace) -> str:
    """The command line that hears the same again, without the paths of this machine."""
    flags = [f"--corpus {corpus}" for corpus in options.corpus or ()]
    flags += ["--multilingual"] if options.multilingual else []
    flags += [] if options.model == "tiny.en" else ["--model FOLDER"]
    flags += [] if options.limit is None else [f"--limit {options.limit}"]
    flags += [] if set(options.engines) == set(ENGINES) else ["--engines", *options.engines]
    path = options.write.resolve()
    written = path.relative_to(REPOSITORY) if path.is_relative_to(REPOSITORY) else path.name
    return " ".join(["python benchmarks/accuracy.py", *flags, f"--write {written}"])


if __name__ == "__main__":
    main()
