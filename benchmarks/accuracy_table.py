"""The scores of several engines over the same clips: what is counted, as Markdown and as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from peers import EngineRun
from wer import Clip, Score, score

from model.recognizer import UNSPACED_LANGUAGES

ALL_WORDS = "all words"
CSV_COLUMNS = (
    *("recordings", "rate", "engine", "clips", "missing", "words", "substitutions", "deletions", "insertions"),
    *("error_percent", "language_right", "language_counted"),
)


@dataclass(frozen=True)
class Row:
    """Some clips that are scored together."""

    recordings: str
    # WER, or CER where its languages are written without spaces
    rate: str
    clips: tuple[Clip, ...]
    # what it is a part of; a sum over other rows is a part of nothing
    collection: str | None = None


@dataclass(frozen=True)
class Cell:
    """What one engine made of the clips of one row."""

    score: Score
    # clips in languages that the model knows, and those among them whose language was identified right
    language_counted: int
    language_right: int


@dataclass(frozen=True)
class Table:
    """All rows, and what each engine made of them: cells in the order of the rows, or why there are none."""

    rows: tuple[Row, ...]
    cells: Mapping[str, tuple[Cell, ...] | str]


def corpus_rows(clips: Sequence[Clip]) -> tuple[Row, ...]:
    """A row a corpus, and one for all words."""
    corpora = dict.fromkeys(clip.corpus for clip in clips)
    rows = [Row(name, "WER", tuple(clip for clip in clips if clip.corpus == name), name) for name in corpora]
    return (*rows, Row(ALL_WORDS, "WER", tuple(clips)))


def language_rows(clips: Sequence[Clip]) -> tuple[Row, ...]:
    """A row for each language of each collection, then sums; words and characters are never added up."""
    rows = [
        Row(f"{collection} {language}", rate_of(language), _of(clips, [collection], [language]), collection)
        for collection, language in dict.fromkeys((collection_of(clip), clip.language) for clip in clips)
    ]
    collections = list(dict.fromkeys(map(collection_of, clips)))
    by_rate = {rate: [c.language for c in clips if rate_of(c.language) == rate] for rate in ("WER", "CER")}
    sums = [Row(f"{name}, all", rate, _of(clips, [name], by_rate[rate])) for name in collections for rate in by_rate]
    return (*rows, *(row for row in sums if row.clips), Row(ALL_WORDS, "WER", _of(clips, collections, by_rate["WER"])))


def collection_of(clip: Clip) -> str:
    """Which of the two collections a multilingual clip is from: the folders of the corpus tell."""
    return "FLEURS" if "/fleurs/" in clip.uri else "Common Voice"


def rate_of(language: str) -> str:
    """Characters are counted where a language is written without spaces between words."""
    return "CER" if language in UNSPACED_LANGUAGES else "WER"


def first_of_each(rows: Sequence[Row], n_clips: int | None) -> list[Clip]:
    """The first clips of every row that is not a sum; all of them for None."""
    return [clip for row in rows if row.collection for clip in row.clips[:n_clips]]


def make_table(rows: tuple[Row, ...], runs: Mapping[str, EngineRun | str], languages: Sequence[str]) -> Table:
    """Scores what the engines heard. languages: those that the model knows."""
    cells = {
        engine: run if isinstance(run, str) else tuple(cell_of(row, run, languages) for row in rows)
        for engine, run in runs.items()
    }
    return Table(rows, cells)


def cell_of(row: Row, run: EngineRun, languages: Sequence[str]) -> Cell:
    """The errors of one engine in the clips of one row. A clip that it failed on costs it every word."""
    heard = {clip.uri: run.heard[clip.uri] for clip in row.clips}
    texts = {uri: clip.text for uri, clip in heard.items() if clip.text is not None}
    known = [clip for clip in row.clips if clip.language in languages]
    right = sum(heard[clip.uri].language == clip.language for clip in known)
    return Cell(score(list(row.clips), texts), len(known), right)


def markdown_rates(table: Table) -> str:
    """Error rates in percent with (substitutions/deletions/insertions), a column an engine."""
    lines = [_line("recordings", "clips", "rate", *table.cells), "|---|---:|---" + "|---:" * len(table.cells) + "|"]
    for index, row in enumerate(table.rows):
        cells = [cells if isinstance(cells, str) else _rate(cells[index].score) for cells in table.cells.values()]
        lines.append(_line(row.recordings, str(len(row.clips)), row.rate, *cells))
    return "\n".join(lines)


def markdown_languages(table: Table) -> str:
    """Clips whose language was identified right, of those in languages that the model knows; a row a collection."""
    lines = [_line("recordings", *table.cells), "|---" + "|---:" * len(table.cells) + "|"]
    for collection in dict.fromkeys(row.collection for row in table.rows if row.collection):
        indices = [index for index, row in enumerate(table.rows) if row.collection == collection]
        cells = [c if isinstance(c, str) else _share([c[i] for i in indices]) for c in table.cells.values()]
        lines.append(_line(collection, *cells))
    return "\n".join(lines)


def to_csv(table: Table) -> str:
    """One line for each engine that was run and each row."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for engine, cells in table.cells.items():
        if isinstance(cells, str):
            continue
        for row, cell in zip(table.rows, cells, strict=True):
            s = cell.score
            counts = (s.clips, s.missing, s.words, s.substitutions, s.deletions, s.insertions, f"{100 * s.wer:.2f}")
            writer.writerow((row.recordings, row.rate, engine, *counts, cell.language_right, cell.language_counted))
    return sink.getvalue()


def _of(clips: Sequence[Clip], collections: Sequence[str], languages: Sequence[str]) -> tuple[Clip, ...]:
    return tuple(clip for clip in clips if collection_of(clip) in collections and clip.language in languages)


def _rate(score: Score) -> str:
    return f"{100 * score.wer:.2f} ({score.substitutions}/{score.deletions}/{score.insertions})"


def _share(cells: Sequence[Cell]) -> str:
    right, counted = sum(cell.language_right for cell in cells), sum(cell.language_counted for cell in cells)
    return f"{right} of {counted} ({100 * right / counted:.1f} %)" if counted else "0 of 0"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
