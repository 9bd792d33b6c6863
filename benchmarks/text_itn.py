"""What written forms (`--itn`) cost a sentence: for docs/text-itn.md.

    python benchmarks/text_itn.py

Runs all English rules over the references of the LibriSpeech clips of BEAMSCRIBE_SPEECH, those with and without
anything to write otherwise apart; nothing is kept from one pass to the next.
"""

import json
import statistics
import time

from ours import SPEECH

from transforms.text.edits import run_rules
from transforms.text.itn import itn_rules
from transforms.text.itn.words import words_of

N_PASSES = 50


def microseconds(texts: list[str]) -> float:
    """How long the rules take for one text: the fastest of the passes, as other work on the machine only adds."""
    rules = itn_rules("en")
    spans = []
    for _ in range(N_PASSES):
        words_of.cache_clear()
        started_s = time.perf_counter()
        for text in texts:
            run_rules(text, rules)
        spans.append(time.perf_counter() - started_s)
    return 1e6 * min(spans) / len(texts)


def main() -> None:
    clips = [json.loads(line) for line in (SPEECH / "manifest.jsonl").read_text().splitlines()]
    texts = [clip["reference"] for clip in clips if clip["corpus"] == "librispeech"]
    seconds = statistics.mean(clip["seconds"] for clip in clips if clip["corpus"] == "librispeech")
    print(f"utterances of {seconds:.0f} s\n")
    print("| utterances | number | characters, mean | µs an utterance |\n|---|---:|---:|---:|")
    for name, has_edits in (("with numbers", True), ("without", False)):
        chosen = [text for text in texts if bool(run_rules(text, itn_rules("en"))[1]) == has_edits]
        print(f"| {name} | {len(chosen)} | {statistics.mean(map(len, chosen)):.0f} | {microseconds(chosen):.0f} |")


if __name__ == "__main__":
    main()
