"""What correction by a vocabulary gives after decoding, and what it costs.

    python benchmarks/correction.py --heard /tmp/heard.jsonl

The vocabulary is the 150 rarest words of the references of librispeech, or of the recordings that `--corpus` names,
and so many distractors that nobody says: half of them rare English words, half made-up names. Printed are the recall
of the 150 where they are said, the word error rate of all other words, the changes that were made, and the
milliseconds a segment. What tiny.en hears with a beam of 5 is kept in the file of `--heard`, and heard once.
"""

import argparse
import json
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jiwer
from ours import SPEECH, speech_manifest
from passes import first_pass, second_pass, windows_of
from peers import BEAM_SIZE, read_samples
from wer import Clip, read_clips

from model.recognizer import DecodeOptions
from model.registry import batch_windows_of, load_recognizer, resolve_model
from model.vad import load_detector
from transforms.recognized import RecognizedWindow
from transforms.scoring import normalise
from transforms.text.correction import RULE, Heard, correct
from transforms.text.corrector import Corrector
from transforms.text.edits import apply_edits, made
from transforms.text.english import N_COMMON, ranks
from transforms.text.vocabulary import Term

N_RARE = 150
N_DISTRACTORS = (0, 100, 1000, 5000)
MIN_LETTERS = 4
ONSETS = tuple("bdfghklmnprstvz")
VOWELS = tuple("aeiou")
CODAS = ("", "l", "n", "r", "s", "ck", "tt", "nd", "rth", "ff")


class Segment(NamedTuple):
    """What was heard between two timestamps."""

    text: str
    words: list[Heard]


@dataclass(frozen=True)
class Talk:
    """A clip's reference, and what was heard in it."""

    reference: str
    segments: list[Segment]


@dataclass(frozen=True)
class Score:
    """Counts over all clips."""

    rare: int
    rare_right: int
    other: int
    other_errors: int

    @property
    def recall(self) -> float:
        return self.rare_right / self.rare if self.rare else float("nan")

    @property
    def other_wer(self) -> float:
        return self.other_errors / self.other


def clips_of(corpora: Sequence[str]) -> list[Clip]:
    """The English clips of these corpora."""
    return [clip for clip in read_clips(speech_manifest(), str(SPEECH), corpora) if clip.language == "en"]


def read_talks(path: Path, corpora: Sequence[str]) -> list[Talk]:
    """What was heard of the English clips of these corpora: read from the file, or heard now and written into it."""
    clips = clips_of(corpora)
    if not path.exists():
        heard = hear(clips)
        path.write_text("".join(json.dumps([clip.uri, heard.get(clip.uri, [])]) + "\n" for clip in clips))
    heard = dict(json.loads(line) for line in path.read_text().splitlines())
    absent = [clip.uri for clip in clips if clip.uri not in heard]
    if absent:
        raise SystemExit(f"{path} was made of other clips, without {absent[0]}: name another file")
    return [
        Talk(clip.reference, [Segment(text, [Heard(*word) for word in words]) for text, words in heard[clip.uri]])
        for clip in clips
    ]


def hear(clips: Sequence[Clip]) -> dict[str, list[Segment]]:
    """The segments of each clip by uri."""
    files, options = resolve_model("tiny.en"), DecodeOptions(beam_size=BEAM_SIZE)
    batch_windows = batch_windows_of(files, options, None)
    model, detector = load_recognizer(files, options, batch_windows), load_detector()
    tasks = [task for clip in clips for task in windows_of(clip.uri, read_samples(Path(clip.uri)), detector)]
    first = first_pass(tasks, model, batch_windows)
    again = second_pass(first, model, batch_windows)
    done = [window for window in first if isinstance(window, RecognizedWindow)] + again
    heard: dict[str, list[Segment]] = {}
    for window in sorted(done, key=lambda w: (w.uri, w.window_index)):
        for segment in window.hypothesis.segments if window.hypothesis else ():
            words = [Heard(word.word, word.probability) for word in segment.words]
            heard.setdefault(window.uri, []).append(Segment(segment.text, words))
    return heard


def reference_words(clips: Sequence[Clip]) -> Counter[str]:
    """The words of the references, possessives without their ending."""
    return Counter(re.sub(r"'s$", "", word) for clip in clips for word in clip.reference.lower().split())


def rarest(words: Counter[str]) -> list[str]:
    """Plain words of some length that the normaliser leaves alone; those that no dictionary has are the rarest."""
    plain = [w for w in words if len(w) >= MIN_LETTERS and w.isalpha() and normalise(w, "en") == w]
    return sorted(plain, key=lambda word: (-ranks().get(word, len(ranks())), word))[:N_RARE]


def distractors(n: int, said: Counter[str]) -> list[str]:
    """So many terms that are not said: rare English words and made-up names, by turns."""
    rng = random.Random(0)
    english = [w for w, rank in ranks().items() if rank >= N_COMMON and w not in said and len(w) >= MIN_LETTERS]
    terms = dict.fromkeys(rng.sample(english, n - n // 2))
    while len(terms) < n:
        syllables = (rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(rng.choice((2, 2, 3))))
        name = "".join(syllables) + rng.choice(CODAS)
        if name not in said and name not in ranks():
            terms[name] = None
    return list(terms)


def score(talks: Sequence[Talk], texts: Sequence[str], rare: set[str]) -> Score:
    """Recall of the rare words; errors among the others are what stands in their place, is lacking or too much."""
    counts: Counter[str] = Counter()
    for talk, text in zip(talks, texts, strict=True):
        aligned = jiwer.process_words(normalise(talk.reference, "en"), normalise(text, "en"))
        said = aligned.references[0]
        for chunk in aligned.alignments[0]:
            own = said[chunk.ref_start_idx : chunk.ref_end_idx]
            n_rare = sum(word in rare for word in own)
            counts["rare"] += n_rare
            counts["other"] += len(own) - n_rare
            if chunk.type == "equal":
                counts["rare_right"] += n_rare
            else:
                inserted = chunk.type == "insert"
                counts["other_errors"] += chunk.hyp_end_idx - chunk.hyp_start_idx if inserted else len(own) - n_rare
    return Score(counts["rare"], counts["rare_right"], counts["other"], counts["other_errors"])


def corrected(talks: Sequence[Talk], corrector: Corrector) -> tuple[list[str], list[tuple[str, str]], float]:
    """The texts after correction, what was changed into what, and the milliseconds a segment."""
    texts, changes = [], []
    started_s = time.perf_counter()
    for talk in talks:
        own = []
        for text, words in talk.segments:
            edits = made(RULE, text, correct(text, words, corrector, "en"))
            changes += [(edit.before or "", edit.after) for edit in edits]
            own.append(apply_edits(text, edits))
        texts.append(" ".join(own))
    seconds = time.perf_counter() - started_s
    return texts, changes, 1000 * seconds / sum(len(talk.segments) for talk in talks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heard", type=Path, required=True, help="file that keeps what was heard")
    parser.add_argument("--corpus", action="append", help="may be repeated (default: librispeech)")
    parser.add_argument("--without_probabilities", action="store_true", help="as of a recogniser that gives none")
    parser.add_argument("--show", action="store_true", help="print every change")
    options = parser.parse_args()
    corpora = options.corpus or ["librispeech"]
    talks = read_talks(options.heard, corpora)
    if options.without_probabilities:
        talks = [Talk(t.reference, [Segment(s.text, []) for s in t.segments]) for t in talks]
    said = reference_words(read_clips(speech_manifest(), str(SPEECH)))
    rare = rarest(reference_words(clips_of(corpora)))
    before = score(talks, [" ".join(s.text for s in talk.segments) for talk in talks], set(rare))
    print("| distractors | recall before | after | WER % of other words before | after | changes | ms a segment |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for n in N_DISTRACTORS:
        corrector = Corrector([Term(word) for word in [*rare, *distractors(n, said)]])
        texts, changes, milliseconds = corrected(talks, corrector)
        after = score(talks, texts, set(rare))
        recalls = f"{before.recall:.3f} | {after.recall:.3f}"
        rates = f"{100 * before.other_wer:.2f} | {100 * after.other_wer:.2f}"
        print(f"| {n:,} | {recalls} | {rates} | {len(changes)} | {milliseconds:.3f} |", flush=True)
        if options.show:
            print(*(f"{heard} -> {term}" for heard, term in changes), sep="\n")


if __name__ == "__main__":
    main()
