"""The search on real speech against CTranslate2's, the engine of faster-whisper, from the same encoder outputs."""

from pathlib import Path
from typing import NamedTuple

import ctranslate2
import numpy as np
import pytest
import tensorflow as tf

from model.recognizer import DecodeOptions
from model.whisper.audio import log_mel
from model.whisper.checkpoint import Checkpoint, load_checkpoint
from model.whisper.decoding import Decoded, Sot, read_prompt, search
from model.whisper.network import Network, audio_context, build_network, encode, logits
from model.whisper.recognizer import make_grammar
from model.whisper.tokenizer import WhisperTokenizer
from tests.model.whisper_helpers import load_windows

# 120 clips by two engines are some minutes of computing, and more on a busy machine
pytestmark = pytest.mark.timeout(1800)
BATCH = 8
N_GREEDY, N_BEAM = 120, 24
# natural log; nearer than this, which of two tokens is likelier is decided by rounding
TIE = 0.01


class Loaded(NamedTuple):
    """tiny.en, and LibriSpeech as its encoder hears it."""

    folder: Path
    checkpoint: Checkpoint
    tokenizer: WhisperTokenizer
    network: Network
    # [N_GREEDY, n_audio_ctx, n_audio_state]
    audio: np.ndarray


@pytest.fixture(scope="module")
def loaded(tiny_en: Path, speech: Path, clips: list[dict]) -> Loaded:
    checkpoint = load_checkpoint(tiny_en)
    network = build_network(checkpoint.dims, checkpoint.weights)
    encode_window = tf.function(lambda waveform: encode(network, log_mel(waveform, checkpoint.dims.n_mels)))
    windows = tf.constant(load_windows(speech, clips, "librispeech", N_GREEDY))
    audio = np.stack([encode_window(window).numpy() for window in windows])
    return Loaded(tiny_en, checkpoint, WhisperTokenizer(tiny_en), network, audio)


def our_tokens(loaded: Loaded, beam_size: int, count: int) -> list[list[int]]:
    network, tokenizer = loaded.network, loaded.tokenizer
    grammar = make_grammar(loaded.checkpoint, tokenizer, DecodeOptions())

    @tf.function
    def search_batch(audio: tf.Tensor) -> Decoded:
        prompts = tf.fill([BATCH, 1], tokenizer.sot)
        settings = {"beam_size": beam_size, "max_tokens": 224, "sot": Sot(0, tokenizer.no_speech)}
        return search(
            network,
            grammar,
            audio_context(network, audio),
            prompts,
            tf.fill([BATCH], settings["max_tokens"]),
            **settings,
        )

    found = [search_batch(loaded.audio[i : i + BATCH]) for i in range(0, count, BATCH)]
    return [
        decoded.tokens[row, : int(decoded.lengths[row])].numpy().tolist() for decoded in found for row in range(BATCH)
    ]


def their_tokens(loaded: Loaded, beam_size: int, count: int) -> list[list[int]]:
    # its threads spin while they wait for each other: two on a busy machine took ten times as long as one
    model = ctranslate2.models.Whisper(str(loaded.folder), device="cpu", compute_type="float32", intra_threads=1)
    results = [
        result
        for start in range(0, count, BATCH)
        for result in model.generate(
            ctranslate2.StorageView.from_array(loaded.audio[start : start + BATCH]),
            [[loaded.tokenizer.sot]] * BATCH,
            beam_size=beam_size,
            patience=1,
            length_penalty=1,
            sampling_temperature=0,
            max_initial_timestamp_index=50,
            suppress_blank=True,
            suppress_tokens=[-1],
        )
    ]
    return [result.sequences_ids[0] for result in results]


def gap_at_first_difference(loaded: Loaded, clip: int, ours: list[int], theirs: list[int]) -> float:
    """How much likelier, in natural log, our network finds the one of two tokens after what both hypotheses share.

    Where one is text and the other a timestamp, what decides is all timestamps together against the best text.
    """
    eot, timestamp_begin = loaded.tokenizer.eot, loaded.tokenizer.timestamp_begin
    ours, theirs = [*ours, eot], [*theirs, eot]
    position = next(i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b)
    context = audio_context(loaded.network, tf.constant(loaded.audio[clip : clip + 1]))
    states, _ = read_prompt(loaded.network, tf.constant([[loaded.tokenizer.sot, *ours[:position]]]), context)
    scores = logits(loaded.network, states)[0, -1].numpy().astype(np.float64)
    tokens = ours[position], theirs[position]
    if (tokens[0] < timestamp_begin) == (tokens[1] < timestamp_begin):
        return abs(scores[tokens[0]] - scores[tokens[1]])
    latest = max([timestamp_begin, *(token for token in ours[:position] if token >= timestamp_begin)])
    return abs(np.logaddexp.reduce(scores[latest:]) - scores[min(tokens)])


@pytest.fixture(scope="module")
def greedy(loaded: Loaded) -> list[list[int]]:
    return our_tokens(loaded, 1, N_GREEDY)


def test_greedy_tokens_are_ctranslate2s(loaded: Loaded, greedy: list[list[int]]) -> None:
    ours, theirs = greedy, their_tokens(loaded, 1, N_GREEDY)
    different = [clip for clip in range(N_GREEDY) if ours[clip] != theirs[clip]]
    gaps = {clip: gap_at_first_difference(loaded, clip, ours[clip], theirs[clip]) for clip in different}
    assert {clip: gap for clip, gap in gaps.items() if gap > TIE} == {}
    # 120 of 120 are equal where this was written
    assert len(different) <= 0.05 * N_GREEDY


def test_beam_search_finds_ctranslate2s_texts(loaded: Loaded) -> None:
    decode = loaded.tokenizer.decode
    ours, theirs = our_tokens(loaded, 5, N_BEAM), their_tokens(loaded, 5, N_BEAM)
    equal = [decode(a) == decode(b) for a, b in zip(ours, theirs, strict=True)]
    # 32 of 32 are equal where this was written
    assert sum(equal) >= 0.9 * N_BEAM


def test_a_wrong_token_is_no_tie(loaded: Loaded, greedy: list[list[int]]) -> None:
    """What the tolerance above would not let through."""
    right = greedy[0]
    for wrong in (right[3] + 1, right[0]):
        assert gap_at_first_difference(loaded, 0, right, [*right[:3], wrong]) > TIE
