"""Log-probabilities to text: greedy, by search, with a language model, with hot words."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.ctc.arpa import read_arpa
from model.ctc.decoded import Decoded, DecodedWord
from model.ctc.decoding import CtcDecoder, beam_search, greedy
from model.ctc.fusion import WordFusion
from model.ctc.ngram import sentence_logprob
from model.ctc.options import CtcDecodeOptions, LanguageModelUse
from model.ctc.vocabulary import CtcVocabulary
from model.errors import BeamscribeError
from tests.model.ctc.ctc_helpers import ARPA, all_paths, log_softmax, random_logprobs

LETTERS = CtcVocabulary.of_characters("acehst")
DECODERS = [greedy, lambda *row: beam_search(*row, beam_width=8)]


@pytest.fixture(scope="module")
def arpa(tmp_path_factory):
    path = tmp_path_factory.mktemp("arpa") / "hand.arpa"
    path.write_text(ARPA, encoding="utf-8")
    return path


def says(path, unsure=()):
    """Log-probabilities of a network that is sure of a path ("-" is a blank), but for some frames.

    unsure: frame -> its letters and their probabilities.
    """
    index = {"-": 0} | {label: i for i, label in enumerate(LETTERS.labels) if i}
    probabilities = 0.99 * np.eye(len(LETTERS))[[index[letter] for letter in path]] + 0.01 / len(LETTERS)
    for frame, letters in dict(unsure).items():
        probabilities[frame] = 1e-4
        for letter, probability in letters.items():
            probabilities[frame, index[letter]] = probability
    return np.log(probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("decode", DECODERS)
def test_labels_and_words_have_their_frames(decode):
    logprobs = says("--cc-aat --thh-e-e---")
    (decoded,) = decode(logprobs[None], [len(logprobs)], LETTERS)
    assert (decoded.text, decoded.labels) == ("cat thee", tuple(LETTERS.encode("cat thee")))
    assert decoded.frames == ((2, 4), (5, 7), (7, 8), (8, 9), (11, 12), (12, 14), (15, 16), (17, 18))
    sure = pytest.approx(0.99 + 0.01 / 8, rel=1e-5)
    assert decoded.words == (DecodedWord("cat", 2, 8, sure), DecodedWord("thee", 11, 18, sure))


def test_probability_of_a_word_is_the_mean_over_its_labels():
    logprobs = says("ccat", {0: {"c": 0.6, "-": 0.4}, 1: {"c": 0.8, "-": 0.2}, 3: {"t": 0.5, "s": 0.1, "-": 0.4}})
    (decoded,) = greedy(logprobs[None], [4], LETTERS)
    assert decoded.words[0].probability == pytest.approx((0.7 + 0.99 + 0.5) / 3, abs=2e-3)


def test_greedy_scores_are_those_of_the_likeliest_path():
    logprobs = random_logprobs(3, 2, 5, len(LETTERS))
    for row, n, decoded in zip(logprobs, (5, 3), greedy(logprobs, [5, 3], LETTERS), strict=True):
        logprob, labels = max((logprob, labels) for _, labels, logprob in all_paths(row[:n], 0))
        assert (decoded.labels, decoded.logprob, decoded.score) == (labels, *[pytest.approx(logprob)] * 2)


@pytest.mark.parametrize("decode", DECODERS)
def test_rows_end_where_they_are_said_to(decode):
    logprobs = np.stack([says("c-a-t-s"), says("ta-sth-"), says("hhhhhhh")])
    decoded = decode(logprobs, [7, 2, 0], LETTERS)
    assert [row.text for row in decoded] == ["cats", "ta", ""]
    assert decoded[2] == Decoded((), (), "", (), 0.0, 0.0)
    assert decode(logprobs[:0], [], LETTERS) == []


@settings(max_examples=30)
@given(seed=st.integers(0, 1000))
def test_rows_do_not_depend_on_those_beside_them(arpa, seed):
    decoder = CtcDecoder(LETTERS, CtcDecodeOptions(4, LanguageModelUse(arpa), hotwords=(("hat", 3.0), ("a", 1.0))))
    logprobs = random_logprobs(seed, 3, 12, len(LETTERS), spread=3.0).astype(np.float32)
    n_frames = [12, 7, 9]
    alone = [decoder.decode(row[None, :n], [n])[0] for row, n in zip(logprobs, n_frames, strict=True)]
    assert decoder.decode(logprobs, n_frames) == alone


@settings(max_examples=15)
@given(seed=st.integers(0, 1000))
def test_the_best_text_is_found_with_a_language_model(arpa, seed):
    vocabulary, model = CtcVocabulary(("<blank>", "▁the", "▁cat", "▁s", "at"), 0, "▁"), read_arpa(arpa)
    logprobs = random_logprobs(seed, 5, 5, spread=1.0)
    totals = defaultdict(lambda: -np.inf)
    for _, labels, logprob in all_paths(logprobs, 0):
        totals[labels] = np.logaddexp(totals[labels], logprob)
    ranked = {
        labels: logprob + 0.9 * sentence_logprob(model, words := vocabulary.text(labels).split()) + 1.2 * len(words)
        for labels, logprob in totals.items()
    }
    best = max(ranked, key=ranked.__getitem__)
    fusion = WordFusion(model, vocabulary, alpha=0.9, beta=1.2)
    (decoded,) = beam_search(logprobs[None], [5], vocabulary, beam_width=1000, scorer=fusion)
    assert (decoded.labels, decoded.score) == (best, pytest.approx(ranked[best]))
    assert decoded.logprob == pytest.approx(totals[best])


# "hat" is what the sound is likelier to have been, "cat" what is said after "the"
UNSURE = says("the- -cat- -sat", {6: {"h": 0.6, "c": 0.4}})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"beam_width": 1}, "the hat sat"),
        ({}, "the hat sat"),
        ({"alpha": 0.5}, "the cat sat"),
        ({"alpha": 0.0}, "the hat sat"),
        ({"alpha": 0.5, "hotwords": (("hat", 4.0),)}, "the hat sat"),
        ({"beam_width": 2, "hotwords": (("cat", 1.0),)}, "the cat sat"),
        ({"hotwords": (("ca", 3.0), ("at", 3.0))}, "the hat sat"),
        ({"hotwords": (("the cat", 1.0),)}, "the cat sat"),
    ],
)
def test_options_have_their_say(options, text, arpa):
    model = LanguageModelUse(arpa, alpha=options["alpha"]) if "alpha" in options else None
    others = {name: value for name, value in options.items() if name != "alpha"}
    decoder = CtcDecoder(LETTERS, CtcDecodeOptions(language_model=model, **others))
    (decoded,) = decoder.decode(UNSURE[None], [len(UNSURE)])
    assert decoded.text == text


def test_a_language_model_of_characters(tmp_path):
    path = tmp_path / "characters.arpa"
    units = ["<s>", "</s>", "<unk>", "|", *"acehst"]
    grams = "".join(f"-{2.0 if unit == 'h' else 1.0}\t{unit}\n" for unit in units)
    path.write_text(f"\\data\\\nngram 1={len(units)}\n\n\\1-grams:\n{grams}\n\\end\\\n", encoding="utf-8")
    options = CtcDecodeOptions(language_model=LanguageModelUse(path, "characters", alpha=1.0, beta=2.0))
    (decoded,) = CtcDecoder(LETTERS, options).decode(UNSURE[None], [len(UNSURE)])
    # eleven characters, one of them an "h", and the end
    assert decoded.text == "the cat sat"
    assert decoded.score - decoded.logprob == pytest.approx(-np.log(10) * 13.0 + 2.0 * 11)


def test_a_beam_of_one_without_more_is_greedy():
    assert CtcDecodeOptions(1).is_greedy
    assert not CtcDecodeOptions(2).is_greedy
    assert not CtcDecodeOptions(1, hotwords=(("cat", 1.0),)).is_greedy
    logprobs = random_logprobs(0, 3, 9, len(LETTERS))
    decoder = CtcDecoder(LETTERS, CtcDecodeOptions(1))
    assert decoder.decode(logprobs, [9, 9, 4]) == greedy(logprobs, [9, 9, 4], LETTERS)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"units": "pieces"}, "a language model has no 'pieces': give words or characters"),
        ({"alpha": -0.1}, "the language model's weight is -0.1: give 0 or more"),
        ({"beta": float("inf")}, "the bonus a unit is inf: give a number"),
        ({"alpha": float("nan")}, "the language model's weight is nan: give 0 or more"),
    ],
)
def test_options_out_of_range_are_named(options, why):
    with pytest.raises(BeamscribeError) as error:
        LanguageModelUse(Path("any.arpa"), **options)
    assert str(error.value) == why


def test_a_beam_of_nothing():
    with pytest.raises(BeamscribeError, match="the beam of CTC decoding is 0 wide: give 1 or more"):
        CtcDecodeOptions(0)


def test_outputs_that_are_not_the_vocabularys():
    decoder = CtcDecoder(LETTERS, CtcDecodeOptions())
    with pytest.raises(BeamscribeError, match="the network has 9 outputs and its vocabulary 8 labels: give"):
        decoder.decode(random_logprobs(0, 1, 3, 9), [3])


def test_special_labels_write_nothing():
    vocabulary = CtcVocabulary(("<pad>", "<s>", "|", "A", "T"), separator="|")
    logprobs = log_softmax(20 * np.eye(5)[[1, 3, 4, 2, 1]])
    for decode in DECODERS:
        (decoded,) = decode(logprobs[None], [5], vocabulary)
        assert (decoded.text, decoded.labels) == ("AT", (1, 3, 4, 2, 1))
        assert decoded.words == (DecodedWord("AT", 1, 3, pytest.approx(1.0)),)
