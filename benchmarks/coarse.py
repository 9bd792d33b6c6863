"""How far off coarse scores of text are (`model/whisper/coarse.py`), on the states of real speech.

    python benchmarks/coarse.py

Printed are, over every step of the transcripts of 40 clips: the error of the scores of tokens that are less than 8
below the best; of how many steps the best, and all of the best 5, are among the best 8 coarse scores; and how much a
log-probability changes by the error of the sum over all of the text.
"""

import numpy as np
import soundfile
import tensorflow as tf
from ours import SPEECH, speech_manifest
from wer import read_clips

from model.graphs import Graphs
from model.recognizer import SAMPLE_RATE_HZ, DecodeOptions
from model.registry import load_recognizer, resolve_model
from model.whisper.checkpoint import load_checkpoint
from model.whisper.coarse import coarse_product, coarse_weight
from model.whisper.decoding import read_prompt
from model.whisper.functions import encode_function
from model.whisper.grammar import N_CHECKED
from model.whisper.network import build_network
from model.whisper.recognizer import WhisperRecognizer

N_CLIPS = 40
N_POSITIONS = 1504
WINDOW_SAMPLES = 30 * SAMPLE_RATE_HZ


def main() -> None:
    files = resolve_model("tiny.en")
    model = load_recognizer(files, DecodeOptions(beam_size=1, word_timestamps=False), 12)
    assert isinstance(model, WhisperRecognizer)
    checkpoint = load_checkpoint(files.folder)
    network = build_network(checkpoint.dims, checkpoint.weights)
    encode, eot = encode_function(network, Graphs(None)), 50256
    states = []
    for clip in read_clips(speech_manifest(), str(SPEECH), ["librispeech"])[:N_CLIPS]:
        samples, _ = soundfile.read(clip.uri, dtype="float32")
        window = np.pad(samples[:WINDOW_SAMPLES], (0, max(0, WINDOW_SAMPLES - len(samples))))
        (heard,) = model.recognize([window], ["en"])
        prompt = model._tokenizer.sot_sequence("en", "transcribe")
        context = encode(window[None], [WINDOW_SAMPLES], N_POSITIONS)
        of_clip, _ = read_prompt(network, tf.constant([[*prompt, *heard.tokens]]), context)
        states.append(of_clip[0, len(prompt) - 1 :])
    x = tf.concat(states, axis=0)
    embedding = checkpoint.weights["decoder.token_embedding.weight"].T
    weight = coarse_weight(embedding, checkpoint.weights["decoder.ln.weight"])
    found = tf.function(lambda x: coarse_product(x, weight), autograph=False)(x).numpy()[:, :eot]
    exact = (x @ embedding).numpy()[:, :eot]
    near = exact > exact.max(axis=1, keepdims=True) - 8
    error = np.abs(found - exact)[near]
    candidates, best = np.argsort(-found)[:, :N_CHECKED], np.argsort(-exact)[:, :5]
    hit = [[token in some for token in tokens] for some, tokens in zip(candidates, best, strict=True)]
    checked = found.copy()
    np.put_along_axis(checked, candidates, np.take_along_axis(exact, candidates, axis=1), axis=1)
    change = np.abs(tf.reduce_logsumexp(checked, axis=1) - tf.reduce_logsumexp(exact, axis=1))
    print(f"{len(exact)} steps; error of scores {np.sqrt((error**2).mean()):.3f}, at most {error.max():.2f}")
    print(f"best among {N_CHECKED}: {np.mean([h[0] for h in hit]):.2%}, best 5: {np.mean([all(h) for h in hit]):.2%}")
    print(f"log-probability: off by {change.mean():.4f} in the mean, by {np.quantile(change, 0.99):.3f} at the 99th")
    print(f"percentile, by {change.max():.3f} at most")


if __name__ == "__main__":
    main()
