"""How much of what is read out to a recogniser is redacted: recall through audio, and finds in ordinary speech.

    python benchmarks/redaction.py
    python benchmarks/redaction.py --clips 40 --model small.en

Made-up secrets are read out by flite and espeak-ng (Debian packages) in several phrasings and transcribed with
`--redact all`. A number has leaked where half of its digits, or at least four, stand in a row in the redacted text, an
e-mail address where its domain stands there. Precision is over these clips and all references of real speech below
BEAMSCRIBE_SPEECH: finds in those, in which nothing is planted, count against it.
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
BEFORE = {
    "card": (
        "My card number is",
        "The number on my credit card is",
        "Please take it from my visa card,",
        "It is a Mastercard,",
    ),
    "phone": ("You can reach me at", "My phone number is", "Please call me back on", "My mobile number is"),
    "email": ("My email is", "You can write to", "Please send it to", "My e-mail address is"),
}
AFTER = ("Thank you.", "Did you get that?", "I am looking forward to it.", "")
KINDS = tuple(BEFORE)
SIZES = {15: (4, 6, 5), 16: (4, 4, 4, 4), 10: (3, 3, 4)}


def spoken(kind: str, chance: random.Random) -> planted.Talk:
    """A talk that reads a secret out as people do: numbers in groups, some with "double", some with a hesitation."""
    if kind == "email":
        first, last, domain = chance.sample(planted.WORDS, 3)
        name = chance.choice((f"{first} dot {last}", first, f"{first} {chance.randint(10, 99)}"))
        secret = f"{name} at {domain} dot {chance.choice(('com', 'org', 'net'))}"
    else:
        digits = "".join(c for c in planted.SECRETS[kind](random.Random(chance.random())) if c.isdecimal())
        while len(digits) not in SIZES:
            digits = "".join(c for c in planted.SECRETS[kind](random.Random(chance.random())) if c.isdecimal())
        secret = groups_of(digits, chance)
    before = f"Hello. {chance.choice(BEFORE[kind])} "
    return planted.Talk(f"{before}{secret}. {chance.choice(AFTER)}", kind, len(before), len(before) + len(secret))


def groups_of(digits: str, chance: random.Random) -> str:
    """Digits as words, with a pause between groups."""
    said, at = [], 0
    for size in SIZES[len(digits)]:
        group = digits[at : at + size]
        at += size
        words = [planted.DIGITS[int(c)] for c in group]
        if chance.random() < 0.3:
            words = re.sub(r"\b(\w+) \1\b", r"double \1", " ".join(words)).split()
        elif chance.random() < 0.2 and size == 4 and "0" not in group:
            words = [planted.pair(group[:2]), planted.pair(group[2:])]
        said.append(" ".join(words))
        if chance.random() < 0.1 and at < len(digits):
            said.append(chance.choice(("uh", "um", "let me see")))
    return ", ".join(said)


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
