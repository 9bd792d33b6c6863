"""Synthesises the clips of this folder, and `manifest.jsonl` with what is said in them.

Needs the Debian package `flite`. The clips are committed: run it (`make samples`) only to change them.
The same flite and PyAV write the same bytes. The texts were written for it; the voices are CMU's, free to share.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr

FOLDER = Path(__file__).resolve().parent
PAUSE_S = 0.6
# Muxing without random stream numbers, dates or library versions
BIT_EXACT = {"fflags": "+bitexact"}


@dataclass(frozen=True)
class Line:
    """One utterance: a flite voice, the words, and the channel that it is heard on."""

    voice: str
    text: str
    channel: int = 0


@dataclass(frozen=True)
class Clip:
    """One file: its lines follow one another with a pause between."""

    name: str
    sample_rate_hz: int
    lines: tuple[Line, ...]
    # PyAV encoder; where there is none soundfile writes what the name says
    encoder: str = ""
    bit_rate: int = 0
    channels: int = 1


CLIPS = (
    Clip(
        "voicemail.wav",
        8_000,
        (
            Line("slt", "Good morning, this is Helen from the property office."),
            Line("slt", "Your new keys are ready, so please come by before five o'clock on Friday."),
        ),
    ),
    Clip(
        "dictation.flac",
        16_000,
        (
            Line("rms", "The meeting started at nine and everyone was present."),
            Line("rms", "We agreed to open the second warehouse in the spring, and to buy twelve new trucks."),
        ),
    ),
    Clip(
        "weather.mp3",
        44_100,
        (
            Line("slt", "Tomorrow will be cloudy in the morning, with light rain along the coast."),
            Line("slt", "In the afternoon the sky will clear, and the wind will turn to the north."),
        ),
        encoder="libmp3lame",
        bit_rate=64_000,
    ),
    Clip(
        "station.ogg",
        22_050,
        (
            Line("rms", "The train to the airport will leave from platform four in ten minutes."),
            Line("rms", "Please stand behind the yellow line."),
        ),
    ),
    Clip(
        "delivery.m4a",
        16_000,
        (
            Line("slt", "Thank you for your order."),
            Line(
                "slt",
                "The driver will bring your new kitchen table on Thursday, between two and four in the afternoon.",
            ),
        ),
        encoder="aac",
        bit_rate=48_000,
    ),
    Clip(
        "support_call.mp3",
        44_100,
        (
            Line("slt", "Thank you for calling. How can I help you today?", 0),
            Line("rms", "Hello. My printer stopped working this morning.", 1),
            Line("slt", "I am sorry to hear that. What do you see on the screen?", 0),
            Line("rms", "It says that the paper is stuck.", 1),
            Line("slt", "Please open the back door and pull the paper out slowly.", 0),
        ),
        encoder="libmp3lame",
        bit_rate=96_000,
        channels=2,
    ),
    Clip("silence.wav", 8_000, ()),
)


def main() -> None:
    rows = []
    for clip in CLIPS:
        write(clip, render(clip))
        text = " ".join(line.text for line in clip.lines)
        rows.append({"uri": clip.name, "reference": text, "language": "en"})
    (FOLDER / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def render(clip: Clip) -> np.ndarray:
    """The samples of a clip, [n_samples, channels] int16; six seconds of nothing where nothing is said."""
    if not clip.lines:
        return np.zeros((6 * clip.sample_rate_hz, clip.channels), np.int16)
    pause = np.zeros((int(PAUSE_S * clip.sample_rate_hz), clip.channels))
    parts = [pause]
    for line in clip.lines:
        voice = speak(line, clip.sample_rate_hz)
        part = np.zeros((len(voice), clip.channels))
        part[:, line.channel] = voice
        parts += [part, pause]
    return np.round(np.concatenate(parts) * 32767).astype(np.int16)


def speak(line: Line, sample_rate_hz: int) -> np.ndarray:
    """One utterance by flite, [n_samples] float64 with its peak at -6 dBFS."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as spoken:
        subprocess.run(["flite", "-voice", line.voice, "-t", line.text, "-o", spoken.name], check=True)
        samples, spoken_hz = soundfile.read(spoken.name)
    samples = soxr.resample(samples, spoken_hz, sample_rate_hz)
    return 0.5 * samples / np.abs(samples).max()


def write(clip: Clip, samples: np.ndarray) -> None:
    path = FOLDER / clip.name
    if clip.encoder:
        encode(clip, samples, path)
    else:
        soundfile.write(path, samples, clip.sample_rate_hz)
    if path.suffix == ".ogg":
        renumber(path)


def encode(clip: Clip, samples: np.ndarray, path: Path) -> None:
    """Writes a compressed clip with PyAV, which has the encoders that soundfile has not."""
    layout = "stereo" if clip.channels == 2 else "mono"
    with av.open(str(path), "w", options=BIT_EXACT) as container:
        stream = container.add_stream(clip.encoder, rate=clip.sample_rate_hz, layout=layout)
        stream.bit_rate = clip.bit_rate
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = clip.sample_rate_hz
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def renumber(path: Path) -> None:
    """Gives an Ogg file the same stream number each time: libsndfile draws it at random."""
    with av.open(BytesIO(path.read_bytes())) as source, av.open(str(path), "w", options=BIT_EXACT) as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)


if __name__ == "__main__":
    try:
        main()
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} is not installed: apt-get install flite")
