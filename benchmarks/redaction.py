"""How much of what is read out to a recogniser is redacted: recall through audio, and finds in ordinary speech.

    python benchmarks/redaction.py
    python benchmarks/redaction.py --clips 40 --model small.en

Made-up secrets are read out by flite and espeak-ng (Debian packages) in the phrasings of the tests' generator and
transcribed with `--redact all`. A secret has leaked where half of its digits, or at least four, stand in a row in the
redacted text; an e-mail address where its domain stands there; a date of birth where its month and the end of its year
do. Precision is over these clips and all references of real speech below BEAMSCRIBE_SPEECH: finds that hide nothing
planted count against it.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from difflib import SequenceMatcher
from pathlib import Path

import pyarrow.dataset as ds
from ours import REPOSITORY, speech_manifest

sys.path.insert(0, str(REPOSITORY))

from tests.transforms.text import planted
from transforms.text.redaction.options import CLASSES, RedactionOptions
from transforms.text.redaction.replace import find
from transforms.text.redaction.runs import runs
from transforms.text.redaction.tokens import tokens_of

VOICES = (("flite", "slt"), ("flite", "rms"), ("espeak-ng", "en-us"), ("espeak-ng", "en-gb"))
KINDS = ("card", "phone", "email", "national_id", "date_of_birth")


def spoken(kind: str, chance: random.Random) -> planted.Talk:
    """A talk whose secret is read out, not written."""
    while True:
        talk = planted.talk(kind, chance)
        secret = talk.text[talk.start : talk.end]
        if "\n" not in talk.text and not re.search(r"\d|@", secret):
            return talk


def synthesise(text: str, voice: tuple[str, str], path: Path) -> None:
    """Reads a text into a WAV file."""
    program, name = voice
    arguments = ["-voice", name, "-t", text, "-o"] if program == "flite" else ["-v", name, "-s", "145", "-w"]
    command = [program, *arguments, str(path)] if program == "flite" else [program, *arguments, str(path), text]
    subprocess.run(command, check=True, timeout=60)


def digits_of(text: str) -> str:
    """All digits that a text says, in order."""
    return "".join(c for run in runs(tokens_of(text)) for c in run.value if c.isdecimal())


def has_leaked(talk: planted.Talk, text: str) -> bool:
    """Whether the secret of a talk can be read in a text."""
    secret = talk.text[talk.start : talk.end].lower()
    text = text.lower()
    if talk.kind == "email":
        domain = re.sub(r"\W", "", secret.split(" at ")[-1].replace(" dot ", "."))
        return domain in re.sub(r"\W", "", text)
    if talk.kind == "date_of_birth":
        month = next(m.lower() for m in planted.MONTHS if m.lower() in secret)
        return month in text and digits_of(secret)[-2:] in digits_of(text)
    ours, theirs = digits_of(secret), digits_of(text)
    longest = SequenceMatcher(None, ours, theirs, autojunk=False).find_longest_match()
    return longest.size >= max(4, len(ours) // 2)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=40, help="of each class")
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    talks: dict[str, planted.Talk] = {}
    with tempfile.TemporaryDirectory() as folder:
        clips, output = Path(folder, "clips"), Path(folder, "out")
        clips.mkdir()
        for kind in KINDS:
            for number in range(args.clips):
                talks[name := f"{kind}-{number:03}"] = spoken(kind, chance)
                synthesise(talks[name].text, VOICES[number % len(VOICES)], clips / f"{name}.wav")
        flags = [
            "--input",
            str(clips),
            "--output",
            str(output),
            "--model",
            args.model,
            "--redact",
            "all",
            "--itn",
            "on",
        ]
        plain = ["--unredacted_output", str(Path(folder, "plain"))]
        subprocess.run([sys.executable, "-m", "pipelines.cli", "transcribe", *flags, *plain], check=True)
        texts = {Path(uri).stem: text for uri, text in read(output)}
        heard = {Path(uri).stem: text for uri, text in read(Path(folder, "plain"))}
    print("| class | clips | hidden | recall |\n| --- | ---: | ---: | ---: |")
    leaked = [name for name, talk in talks.items() if has_leaked(talk, texts[name])]
    for kind in KINDS:
        n_leaked = sum(talks[name].kind == kind for name in leaked)
        print(f"| {kind} | {args.clips} | {args.clips - n_leaked} | {1 - n_leaked / args.clips:.3f} |")
    print(f"| all | {len(talks)} | {len(talks) - len(leaked)} | {1 - len(leaked) / len(talks):.3f} |")
    for name in leaked:
        print(f"\n{name}\n  said:  {talks[name].text}\n  heard: {heard[name]}\n  text:  {texts[name]}")
    print_precision(texts)


def read(output: Path) -> list[tuple[str, str]]:
    """The uri and text of each transcript."""
    rows = ds.dataset(str(output / "transcripts"), partitioning="hive").to_table(columns=["uri", "text"]).to_pylist()
    return [(row["uri"], row["text"]) for row in rows]


def print_precision(texts: dict[str, str]) -> None:
    """Finds that hide what was planted, and finds in real references, where nothing is."""
    options = RedactionOptions(CLASSES)
    n_right = sum(f"[{name.rsplit('-', 1)[0].upper()}]" in text for name, text in texts.items())
    references = [json.loads(line)["reference"] for line in speech_manifest().read_text().splitlines()]
    wrong = [text[found.start : found.end] for text in references for found in find(text, options)]
    n_words = sum(len(text.split()) for text in references)
    print(f"\nreal references: {len(wrong)} finds in {n_words} words {wrong}")
    print(f"precision: {n_right / (n_right + len(wrong)):.3f}")


if __name__ == "__main__":
    main()
