"""What a vocabulary gives at decode time: how many rare words are heard, what the others lose, what it costs.

    python benchmarks/biasing.py
    python benchmarks/biasing.py --beam_size 1 --distractors 1000
    python benchmarks/biasing.py --corpus telephone_8k --distractors 1000 --rounds 0

The vocabulary is the rarest words of the references of LibriSpeech, by the frequency list of symspellpy, in lower case,
and beside them distractors: rare words of that list which those references do not hold. With each size of it all clips
of a corpus are heard, both passes: those of LibriSpeech, or of another, which holds next to none of those words.

Recall is of the rare words that were said; the word error rate is of the other words, insertions included; false alarms
are words of the vocabulary that were not said. Cost is the search with a vocabulary against the search without,
alternating in one process, the median of `--rounds`; its terms weigh next to nothing there, so both write the same.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import jiwer
import numpy as np
from ours import SPEECH, speech_manifest
from passes import texts_of, windows_of
from peers import read_samples
from wer import Clip, read_clips

from model.recognizer import BiasPhrase, DecodeOptions
from model.registry import batch_windows_of, load_recognizer, resolve_model
from model.vad import load_detector
from model.whisper import biasing as shallow_fusion
from model.whisper.recognizer import WhisperRecognizer
from transforms.recognize import WindowTask
from transforms.scoring import normalise

# where the vocabulary is from
CORPUS = "librispeech"
N_RARE = 150
N_DISTRACTORS = (0, 100, 1_000, 5_000)
# windows of the batch whose cost is measured
N_COST_WINDOWS = 12
# of terms that change nothing
NO_WEIGHT = 1e-6
# distractors are drawn from so many of the rarest words of the list
N_POOL = 30_000


@dataclass(frozen=True)
class RareScore:
    """Word counts summed over clips."""

    # rare words of the references, and those of them that were heard
    rare: int
    found: int
    # all other words, and the errors on them; insertions are counted here
    others: int
    other_errors: int
    # words of the vocabulary that were written where they were not said
    false_alarms: int

    @property
    def recall(self) -> float:
        return self.found / self.rare

    @property
    def other_wer(self) -> float:
        return self.other_errors / self.others


@cache
def frequencies() -> dict[str, int]:
    """How often words come in the list of symspellpy."""
    lines = (files("symspellpy") / "frequency_dictionary_en_82_765.txt").read_text("utf-8-sig").splitlines()
    return {word: int(count) for word, count in map(str.split, lines)}


def rare_words(clips: Sequence[Clip]) -> list[str]:
    """The rarest words of the references, rarest first; words that are spelled otherwise for scoring are left out."""
    words = {word for clip in clips for word in _scored_as_spelled(clip.reference)}
    return sorted(words, key=lambda word: (frequencies().get(word, 0), word))[:N_RARE]


def _scored_as_spelled(reference: str) -> set[str]:
    return set(reference.lower().split()) & set(normalise(reference, "en").split())


def distractors(clips: Sequence[Clip], count: int) -> list[str]:
    """Rare words that no reference holds; the first of a longer list are those of a shorter."""
    said = {
        word for clip in clips for word in (*clip.reference.lower().split(), *normalise(clip.reference, "en").split())
    }
    rarest = sorted(frequencies(), key=lambda word: (frequencies()[word], word))[:N_POOL]
    pool = [word for word in rarest if word not in said]
    random.Random(7).shuffle(pool)
    return pool[:count]


def rare_score(clips: Sequence[Clip], texts: dict[str, str], rare: Sequence[str], terms: Sequence[str]) -> RareScore:
    """texts: by uri. rare: the words whose recall counts. terms: the vocabulary."""
    counts = [_count(clip.reference, texts.get(clip.uri, ""), frozenset(rare), frozenset(terms)) for clip in clips]
    return RareScore(*(sum(column) for column in zip(*counts, strict=True)))


def _count(reference: str, text: str, rare: frozenset[str], terms: frozenset[str]) -> tuple[int, int, int, int, int]:
    aligned = jiwer.process_words(normalise(reference, "en"), normalise(text, "en"))
    [said], [written] = aligned.references, aligned.hypotheses
    found = errors = 0
    for part in aligned.alignments[0]:
        words = said[part.ref_start_idx : part.ref_end_idx]
        n_rare = sum(word in rare for word in words)
        if part.type == "equal":
            found += n_rare
        else:
            errors += part.hyp_end_idx - part.hyp_start_idx if part.type == "insert" else len(words) - n_rare
    n_rare = sum(word in rare for word in said)
    false_alarms = sum(max(0, written.count(term) - said.count(term)) for term in terms.intersection(written))
    return n_rare, found, len(said) - n_rare, errors, false_alarms


def build(beam_size: int, terms: Sequence[str], weight: float = 1.0) -> tuple[WhisperRecognizer, int]:
    """A recogniser with a vocabulary, and the windows that it decodes together."""
    phrases = tuple(BiasPhrase(term, weight) for term in terms)
    options = DecodeOptions(beam_size=beam_size, word_timestamps=False, bias=phrases)
    model = resolve_model("tiny.en")
    n_windows = batch_windows_of(model, options, None)
    recognizer = load_recognizer(model, options, n_windows)
    assert isinstance(recognizer, WhisperRecognizer)
    return recognizer, n_windows


def decoding_s(recognizer: WhisperRecognizer, waveforms: Sequence[np.ndarray]) -> Callable[[], float]:
    """Seconds of searching one batch of windows that was listened to before."""
    context = recognizer._listen(waveforms)
    prompts = recognizer._prompts(["en"] * len(waveforms))
    limits = np.full(len(waveforms), recognizer._max_tokens, np.int32)

    def measure() -> float:
        start = time.perf_counter()
        recognizer._search(context, prompts, limits).lengths.numpy()
        return time.perf_counter() - start

    # the first time traces
    measure()
    return measure


def cost_ratio(beam_size: int, terms: Sequence[str], tasks: Sequence[WindowTask], rounds: int) -> float:
    """Seconds of a search with the vocabulary to those of one without; medians of the rounds."""
    plain, biased = (build(beam_size, own, NO_WEIGHT)[0] for own in ([], terms))
    waveforms = [_whole_window(task.window.samples, plain.window_samples) for task in tasks]
    measures = [decoding_s(model, waveforms) for model in (plain, biased)]
    without_s, with_s = zip(*([measure() for measure in measures] for _ in range(rounds)), strict=True)
    return statistics.median(with_s) / statistics.median(without_s)


def _whole_window(samples: np.ndarray, n_samples: int) -> np.ndarray:
    return np.pad(samples, (0, n_samples - len(samples)))


def tasks_of(clips: Sequence[Clip]) -> list[WindowTask]:
    detector = load_detector()
    return [task for clip in clips for task in windows_of(clip.uri, read_samples(Path(clip.uri)), detector)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beam_size", type=int, default=5)
    parser.add_argument("--corpus", default=CORPUS, help="what is heard (default: %(default)s)")
    parser.add_argument("--distractors", type=int, action="append", help="may be repeated (default: all sizes)")
    parser.add_argument("--token_bonus", type=float, default=shallow_fusion.TOKEN_BONUS)
    parser.add_argument("--first_share", type=float, default=shallow_fusion.FIRST_SHARE)
    parser.add_argument("--rounds", type=int, default=9, help="of measuring the cost; 0 measures none")
    arguments = parser.parse_args()
    shallow_fusion.TOKEN_BONUS, shallow_fusion.FIRST_SHARE = arguments.token_bonus, arguments.first_share
    clips, source = (read_clips(speech_manifest(), str(SPEECH), [corpus]) for corpus in (arguments.corpus, CORPUS))
    tasks, rare = tasks_of(clips), rare_words(source)
    print(
        "| vocabulary | recall of rare words | WER of the others, % | false alarms | cost |\n|---|---:|---:|---:|---:|"
    )
    for count in [None, *(arguments.distractors or N_DISTRACTORS)]:
        terms = [] if count is None else [*rare, *distractors(source, count)]
        score = rare_score(clips, texts_of(tasks, *build(arguments.beam_size, terms)), rare, terms)
        cost = ""
        if terms and arguments.rounds:
            ratio = cost_ratio(arguments.beam_size, terms, tasks[:N_COST_WINDOWS], arguments.rounds)
            cost = f"{100 * (ratio - 1):+.1f} %"
        name = "none" if count is None else f"{len(rare)} + {count:,} distractors"
        recall = f"{score.recall:.3f} ({score.found} of {score.rare})" if score.rare else "none said"
        print(f"| {name} | {recall} | {100 * score.other_wer:.2f} | {score.false_alarms} | {cost} |", flush=True)


if __name__ == "__main__":
    main()
