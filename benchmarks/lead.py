"""Errors by how much silence is put before recordings that begin loud: where `transforms.takes.LEAD_S` comes from.

    python benchmarks/lead.py --corpus telephone_8k --corpus hard --corpus librispeech

Whole windows through the recogniser and its second pass, in one process, on the recordings of BEAMSCRIBE_SPEECH.
"""

import argparse
from collections.abc import Sequence

from accuracy import CORPORA
from ours import SPEECH, speech_manifest
from passes import texts_of
from wer import Clip, read_clips, score_corpora

from model.recognizer import DecodeOptions
from model.registry import load_recognizer, resolve_model
from model.vad import load_detector
from transforms import storage, takes
from transforms.assets import Asset, WorkItem
from transforms.decoder import Decoder
from transforms.heard import Heard
from transforms.listen import ListenOptions, listen
from transforms.recognize import WindowTask
from transforms.speech import SpeechOptions

LEADS_S = (0.0, 0.1, 0.2, 0.3, 0.5)


def windows_of(clips: Sequence[Clip]) -> list[WindowTask]:
    """The windows of all clips, the clips' channels mixed."""
    detector, decoder, options = load_detector(), Decoder(), ListenOptions("mix", "en", SpeechOptions())
    found = []
    for clip in clips:
        info = storage.stat(clip.uri)
        if info is None:
            raise SystemExit(f"{clip.uri} is missing: copy the recordings again")
        item = WorkItem(Asset(clip.uri, clip.uri, info.size_bytes, info.modified_at_us), "", 1)
        found += [task for task in listen(item, options, detector, decoder) if not isinstance(task, Heard)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", help=f"may be repeated (default: {' '.join(CORPORA)})")
    options = parser.parse_args()
    clips = read_clips(speech_manifest(), str(SPEECH), options.corpus or CORPORA)
    tasks = windows_of(clips)
    model = load_recognizer(resolve_model("tiny.en"), DecodeOptions(word_timestamps=False))
    for lead_s in LEADS_S:
        takes.LEAD_S = lead_s
        scores = score_corpora(clips, texts_of(tasks, model))
        rates = ", ".join(f"{score.corpus} {100 * score.wer:.2f}" for score in scores)
        print(f"{lead_s:.1f} s of silence: WER % {rates}", flush=True)


if __name__ == "__main__":
    main()
