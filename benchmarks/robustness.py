"""What Beamscribe makes of recordings that mislead speech recognisers: expected and came, a line each.

    python benchmarks/robustness.py

Silence, noise and hum; speech before half an hour of silence; speech that repeats itself or drowns in noise; two
speakers on two channels. The clips are made in a temporary folder, of the recordings of BEAMSCRIBE_SPEECH and of random
numbers with a fixed seed. Other flags go to the main job. Exit status 1 if anything is not as expected.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from ours import SPEECH, read_rows, speech_manifest, transcribe
from repeats import repeated_too_often
from wer import Clip, clip_errors, read_clips

from transforms.scoring import normalise

RATE_HZ = 16_000
LONG_S = 600
TRAILING_S = 1800
# a segment's end is a timestamp of the model inside a window that the detector pads by 0.3 s
TIME_TOLERANCE_S = 0.5
REPEATED_S = 10.0
N_REPEATS = 12
N_NOISY = 8
NOISE_RMS = 0.1  # -20 dBFS
HUM_HZ = (50, 100, 150)
STEREO = "stereo_2ch_left_right.wav"
SIDES = re.compile(r"LEFT:(.*)RIGHT:(.*)", re.S)
MAX_SIDE_WER = 0.15


@dataclass(frozen=True)
class Check:
    """One expectation and what came of it."""

    recording: str
    expected: str
    came: str
    holds: bool


@dataclass(frozen=True)
class Tables:
    """What one run wrote, by table."""

    transcripts: list[dict[str, Any]]
    segments: list[dict[str, Any]]
    words: list[dict[str, Any]]
    failures: list[dict[str, Any]]

    def text_of(self, path: str | Path, channel: int | None = None) -> str:
        """The normalised text of a recording; empty where it has no transcript."""
        rows = [row for row in self.transcripts if (row["uri"], row["channel"]) == (str(path), channel)]
        return normalise(rows[0]["text"], "en") if rows else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _, flags = parser.parse_known_args()
    clips = read_clips(speech_manifest(), str(SPEECH))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = folder / "made"
        made.mkdir()
        quiet, trailing = make_quiet(made), make_trailing_silence(made, spoken(clips)[0])
        repeated, noisy = make_repeated(made, spoken(clips)), make_noisy(made, spoken(clips)[:N_NOISY])
        nonspeech = [clip for clip in clips if clip.corpus == "nonspeech"]
        stereo = next(clip for clip in clips if clip.uri.endswith(STEREO))
        mixed = hear([made, stereo.uri, *(clip.uri for clip in nonspeech)], folder / "mixed", flags)
        separate = hear([stereo.uri], folder / "separate", [*flags, "--channels", "separate"])
        checks = [
            check_nothing_written(f"{len(nonspeech)} of nonspeech", [clip.uri for clip in nonspeech], mixed),
            *(check_nothing_written(path.stem, [path], mixed) for path in quiet),
            check_nothing_after(trailing, mixed),
            *(check_repeats(clip, mixed) for clip in (repeated, *noisy)),
            *check_sides(stereo, separate),
            check_mixed(stereo, mixed),
        ]
    print(markdown(checks))
    sys.exit(0 if all(check.holds for check in checks) else 1)


def hear(inputs: Sequence[str | Path], output: Path, flags: Sequence[str]) -> Tables:
    """One run over the inputs."""
    transcribe([Path(path) for path in inputs], output, flags)
    return Tables(*(read_rows(output, table) for table in ("transcripts", "segments", "words", "failures")))


def spoken(clips: Sequence[Clip]) -> list[Clip]:
    """Clean speech to make recordings of: clips of 10 s and more."""
    return [c for c in clips if c.corpus == "librispeech" and soundfile.info(c.uri).duration >= REPEATED_S]


def make_quiet(folder: Path) -> list[Path]:
    """Ten minutes each of digital silence, pink noise, and mains hum."""
    n_samples = LONG_S * RATE_HZ
    seconds = np.arange(n_samples) / RATE_HZ
    hum = np.sum([np.sin(2 * np.pi * hz * seconds) / (i + 1) for i, hz in enumerate(HUM_HZ)], axis=0)
    sounds = {"silence": np.zeros(n_samples), "pink noise": pink_noise(n_samples, 0), "hum": NOISE_RMS * hum}
    return [write(folder / f"{LONG_S} s of {name}.flac", samples) for name, samples in sounds.items()]


def pink_noise(n_samples: int, seed: int) -> np.ndarray:
    """Noise whose power falls by 3 dB an octave from 20 Hz on, [n_samples], at -20 dBFS."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(n_samples))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(n_samples, 1 / RATE_HZ), 20))
    noise = np.fft.irfft(spectrum, n_samples)
    return noise * NOISE_RMS / rms(noise)


def make_trailing_silence(folder: Path, clip: Clip) -> tuple[Path, float]:
    """Speech and then half an hour of nothing, and where the speech ends, in seconds."""
    speech = read(clip)
    samples = np.concatenate([speech, np.zeros(TRAILING_S * RATE_HZ)])
    return write(folder / "speech, then silence.flac", samples), len(speech) / RATE_HZ


def make_repeated(folder: Path, clips: Sequence[Clip]) -> Clip:
    """The clip that is closest to ten seconds, again and again."""
    clip = min(clips, key=lambda c: soundfile.info(c.uri).duration)
    path = write(folder / "repeated.flac", np.tile(read(clip), N_REPEATS))
    return Clip(str(path), f"{Path(clip.uri).stem}, {N_REPEATS} times", "en", " ".join([clip.reference] * N_REPEATS))


def make_noisy(folder: Path, clips: Sequence[Clip]) -> list[Clip]:
    """Each clip under pink noise as loud as itself: 0 dB."""
    noisy = []
    for seed, clip in enumerate(clips, start=1):
        speech = read(clip)
        noise = pink_noise(len(speech), seed)
        path = write(folder / f"noise {seed}.flac", (speech / rms(speech) * rms(noise) + noise) / 2)
        noisy.append(Clip(str(path), f"noise at 0 dB, {Path(clip.uri).stem}", "en", clip.reference))
    return noisy


def read(clip: Clip) -> np.ndarray:
    """The samples of a clip of librispeech, which is at 16 kHz."""
    samples, rate_hz = soundfile.read(clip.uri)
    assert rate_hz == RATE_HZ, clip.uri
    return samples


def write(path: Path, samples: np.ndarray) -> Path:
    """Writes 16-bit FLAC. What exceeds full scale is clipped, as by a recorder."""
    soundfile.write(path, np.clip(samples, -1, 1), RATE_HZ, "PCM_16")
    return path


def rms(samples: np.ndarray) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(samples))))


def check_nothing_written(name: str, paths: Sequence[str | Path], tables: Tables) -> Check:
    """Not a word in recordings without speech, each of which has a transcript."""
    heard = {row["uri"] for row in tables.transcripts}
    n_absent = sum(str(path) not in heard for path in paths)
    written = [text for path in paths if (text := tables.text_of(path))]
    came = f"{sum(len(text.split()) for text in written)} words {quoted(written)}".strip()
    absent = f", {n_absent} without a transcript" if n_absent else ""
    return Check(name, "0 words", came + absent, not written and not n_absent)


def check_nothing_after(trailing: tuple[Path, float], tables: Tables) -> Check:
    """Words, and none of them after the speech."""
    path, speech_s = trailing
    segments = [row for row in tables.segments if row["uri"] == str(path) and row["text"]]
    words = [row for row in tables.words if row["uri"] == str(path)]
    last_s = max((row["end_s"] for row in [*segments, *words] if row["end_s"] is not None), default=0.0)
    n_words = len(tables.text_of(path).split())
    expected = f"words until {speech_s:.1f} s, none later"
    holds = 0 < last_s <= speech_s + TIME_TOLERANCE_S
    return Check(path.stem, expected, f"{n_words} words until {last_s:.1f} s", holds)


def check_repeats(clip: Clip, tables: Tables) -> Check:
    """No phrase in a row much more often than it was said in a row."""
    said, written = normalise(clip.reference, clip.language), tables.text_of(clip.uri)
    excess = repeated_too_often(said, written)
    came = ", ".join(f"{phrase!r} {times} times" for phrase, times in excess.items()) or "none"
    expected = f"no phrase repeated, {len(said.split())} words"
    return Check(clip.corpus, expected, f"{came}, {len(written.split())} words", not excess)


def check_sides(stereo: Clip, tables: Tables) -> Iterator[Check]:
    """Each channel by itself."""
    said = SIDES.search(stereo.reference)
    assert said, f"{STEREO}: its reference is not LEFT: … RIGHT: …"
    for channel, reference in enumerate(said.groups()):
        side = Clip(stereo.uri, stereo.corpus, stereo.language, reference)
        words, *errors = clip_errors(side, tables.text_of(stereo.uri, channel))
        wer = sum(errors) / words
        expected = f"WER below {MAX_SIDE_WER:.0%}"
        yield Check(f"two speakers, channel {channel} alone", expected, f"{wer:.1%}", wer < MAX_SIDE_WER)


def check_mixed(stereo: Clip, tables: Tables) -> Check:
    """Two speakers mixed into one: a transcript that says so."""
    flags = [flag for row in tables.transcripts if row["uri"] == stereo.uri for flag in row["flags"]]
    failures = [row["message"] for row in tables.failures if row["uri"] == stereo.uri]
    came = ", ".join(sorted({*flags, *failures})) or "no flag"
    holds = not failures and "mixed_channels" in flags
    return Check("two speakers, channels mixed", "no failure, flag mixed_channels", came, holds)


def quoted(texts: Sequence[str]) -> str:
    """The start of each text, for the table."""
    return " ".join(repr(text[:40]) for text in texts)


def markdown(checks: Sequence[Check]) -> str:
    """The checks as a Markdown table."""
    lines = ["| recording | expected | came | holds |", "|---|---|---|---|"]
    lines += [f"| {c.recording} | {c.expected} | {c.came} | {'yes' if c.holds else 'NO'} |" for c in checks]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
