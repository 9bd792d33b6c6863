"""Corpus-level word error rate of transcripts against the references of a manifest.

    python benchmarks/wer.py --transcripts OUT_DIR --manifest FILE --corpus librispeech --corpus hard

It counts as `beamscribe evaluate` does, and serves engines that write no tables. OUT_DIR is an output folder of
`beamscribe transcribe`, or a `.jsonl` file of {uri, text} such as `benchmarks/accuracy.py --keep` writes.
A clip without a transcript counts as an empty one, so what an engine failed on costs it every word.
"""

import argparse
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.dataset as ds

from transforms.scoring import count_errors, normalise

# Speakers of a two-channel clip; both engines hear the channels mixed, so these are not words that were said
CHANNEL_MARKER = re.compile(r"\b(LEFT|RIGHT):")


@dataclass(frozen=True)
class Clip:
    """One recording of a manifest: where it is, what is said in it."""

    # absolute path or URL, as it stands in the tables
    uri: str
    corpus: str
    # ISO 639-1, without a region
    language: str
    reference: str


@dataclass(frozen=True)
class Score:
    """Word counts summed over the clips of a corpus."""

    corpus: str
    clips: int
    missing: int
    words: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def wer(self) -> float:
        """Errors per reference word; counts the insertions alone, as 0 or infinity, where nothing is said."""
        errors = self.substitutions + self.deletions + self.insertions
        return errors / self.words if self.words else (float("inf") if errors else 0.0)


def read_clips(manifest: Path, root: str, corpora: Iterable[str] = ()) -> list[Clip]:
    """The clips of a manifest, of the named corpora only where any are named, in order. root: where uris start."""
    wanted = set(corpora)
    rows = [json.loads(line) for line in manifest.read_text().splitlines() if line.strip()]
    clips = [
        Clip(
            absolute(row["uri"], root),
            row.get("corpus", "all"),
            (row.get("language") or "en").partition("-")[0],
            row["reference"],
        )
        for row in rows
        if not wanted or row.get("corpus") in wanted
    ]
    absent = wanted - {clip.corpus for clip in clips}
    if absent:
        raise SystemExit(f"{manifest} has no clip of the corpus {', '.join(sorted(absent))}")
    return clips


def absolute(uri: str, root: str) -> str:
    """The uri under the root, unless it stands by itself already."""
    uri = uri.removeprefix("file://")
    return uri if "://" in uri or uri.startswith("/") else f"{root.rstrip('/')}/{uri}"


def read_hypotheses(transcripts: Path, root: str) -> dict[str, str]:
    """Text by absolute uri, from an output folder or a .jsonl file; the channels of an asset one after another."""
    if transcripts.suffix == ".jsonl":
        rows = [json.loads(line) for line in transcripts.read_text().splitlines()]
    else:
        rows = read_transcripts(transcripts)
    texts: dict[str, list[str]] = {}
    for row in rows:
        texts.setdefault(absolute(row["uri"], root), []).append(row["text"] or "")
    return {uri: " ".join(parts).strip() for uri, parts in texts.items()}


def read_transcripts(output: Path) -> list[dict]:
    """The rows of the `transcripts` table below an output folder, ordered by channel."""
    folder = output if output.name == "transcripts" else output / "transcripts"
    if not folder.is_dir():
        raise SystemExit(f"no transcripts table in {output}: name the folder given to --output")
    table = ds.dataset(folder, format="parquet", partitioning="hive").to_table(["uri", "channel", "text", "language"])
    return table.take(pc.sort_indices(table, sort_keys=[("uri", "ascending"), ("channel", "ascending")])).to_pylist()


def score(clips: list[Clip], hypotheses: dict[str, str]) -> Score:
    """The errors of the hypotheses over the clips of one corpus."""
    counts = [clip_errors(clip, hypotheses.get(clip.uri, "")) for clip in clips]
    words, substitutions, deletions, insertions = (sum(column) for column in zip(*counts, strict=True))
    missing = sum(clip.uri not in hypotheses for clip in clips)
    return Score(clips[0].corpus, len(clips), missing, words, substitutions, deletions, insertions)


def clip_errors(clip: Clip, hypothesis: str) -> tuple[int, int, int, int]:
    """Reference words, substitutions, deletions and insertions of one clip."""
    reference = normalise(CHANNEL_MARKER.sub(" ", clip.reference), clip.language)
    errors = count_errors(reference, normalise(hypothesis, clip.language), clip.language)
    return errors.words, errors.substitutions, errors.deletions, errors.insertions


def score_corpora(clips: list[Clip], hypotheses: dict[str, str]) -> list[Score]:
    """One score a corpus, in the order in which the manifest names them."""
    corpora = dict.fromkeys(clip.corpus for clip in clips)
    return [score([clip for clip in clips if clip.corpus == corpus], hypotheses) for corpus in corpora]


def markdown(scores: list[Score]) -> str:
    """The scores as a Markdown table."""
    lines = [
        "| corpus | clips | missing | words | WER % | subst. | del. | ins. |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {s.corpus} | {s.clips} | {s.missing} | {s.words} | {100 * s.wer:.2f} "
        f"| {s.substitutions} | {s.deletions} | {s.insertions} |"
        for s in scores
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--transcripts", type=Path, required=True, help="output folder, or .jsonl of {uri, text}")
    parser.add_argument("--manifest", type=Path, required=True, help=".jsonl with uri, reference, corpus, language")
    parser.add_argument("--corpus", action="append", default=[], help="score this corpus only; may be repeated")
    parser.add_argument("--audio_root", help="where relative uris start (default: the folder of the manifest)")
    options = parser.parse_args()
    root = options.audio_root or str(options.manifest.resolve().parent)
    clips = read_clips(options.manifest, root, options.corpus)
    print(markdown(score_corpora(clips, read_hypotheses(options.transcripts, root))))


if __name__ == "__main__":
    main()
