"""What the outputs of a CTC network write."""

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.ctc.vocabulary import CtcVocabulary
from model.errors import BeamscribeError

LETTERS = CtcVocabulary.of_characters("abcdefghijklmnopqrstuvwxyz'")
WAV2VEC2 = CtcVocabulary(("<pad>", "<s>", "</s>", "<unk>", "|", *"ETAONIHSRDLUMWCFGYPBVK'XJQZ"), 0, "|")
PIECES = CtcVocabulary(("▁", "▁the", "▁c", "a", "t", "at", "▁ca", "s", "<unk>", "<blank>"), 9, "▁")


@pytest.mark.parametrize("vocabulary", [LETTERS, WAV2VEC2])
@pytest.mark.parametrize("text", ["", "it's", "The  cat sat "])
def test_text_comes_back_in_the_case_of_the_labels(vocabulary, text):
    written = " ".join(text.split())
    assert vocabulary.text(vocabulary.encode(text)) == (written.lower() if vocabulary is LETTERS else written.upper())


def test_labels_of_a_text():
    assert LETTERS.encode("A b") == [2, 1, 3]
    assert WAV2VEC2.encode("at e") == [7, 6, 4, 5]


def test_mixed_case_is_left_alone():
    assert CtcVocabulary.of_characters("aA").encode("aA") == [2, 3]


def test_fewest_pieces_with_the_longest_first():
    assert PIECES.encode("the cat") == [1, 6, 4]
    assert PIECES.encode("ats") == [0, 5, 7]
    assert PIECES.text([1, 2, 5, 7]) == "the cats"


@given(st.lists(st.text("ats", min_size=1, max_size=3), max_size=2).map(" ".join))
def test_no_fewer_pieces_write_a_text(text):
    encoded = PIECES.encode(text)
    assert PIECES.text(encoded) == text
    target = "".join(" " + word for word in text.split())
    for n in range(min(len(encoded), 4)):
        written = ("".join(PIECES.written[label] for label in labels) for labels in product(range(9), repeat=n))
        assert target not in written


def test_words_are_ranges_of_labels():
    assert WAV2VEC2.words([4, 7, 6, 4, 4, 1, 5, 3, 5, 4]) == [(1, 3), (6, 9)]
    assert PIECES.words([3, 4, 1, 0, 5, 8]) == [(0, 2), (2, 3), (4, 5)]
    assert LETTERS.words([]) == []


@given(st.lists(st.integers(0, 8), max_size=12))
def test_words_join_to_the_text(labels):
    words = [PIECES.text(labels[start:end]) for start, end in PIECES.words(labels)]
    assert " ".join(words) == PIECES.text(labels)


@pytest.mark.parametrize(("text", "unknown"), [("agent 007", "'0' in 'agent 007'"), ("naïve", "'ï' in 'naïve'")])
def test_what_no_label_writes_is_named(text, unknown):
    with pytest.raises(BeamscribeError, match=f"the model's labels cannot write {unknown}"):
        LETTERS.encode(text)


@pytest.mark.parametrize("vocabulary", [LETTERS, WAV2VEC2, PIECES])
def test_files_come_back(vocabulary, tmp_path):
    path = tmp_path / "vocab.json"
    path.write_text(vocabulary.to_json(), encoding="utf-8")
    assert CtcVocabulary.read(path) == vocabulary


@pytest.mark.parametrize("vocabulary", [LETTERS, WAV2VEC2, PIECES])
def test_files_of_wav2vec2_say_neither_blank_nor_separator(vocabulary, tmp_path):
    path = tmp_path / "vocab.json"
    indices = {label: i for i, label in enumerate(vocabulary.labels)}
    path.write_text(json.dumps(dict(reversed(indices.items()))), encoding="utf-8")
    assert CtcVocabulary.read(path) == vocabulary


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[1, 2]", "no CTC vocabulary"),
        ("{", "no CTC vocabulary"),
        ('{"labels": ["<pad>", " "]}', "no CTC vocabulary"),
        ('{"<pad>": 0, "|": 2}', "do not run from 0 on without a gap"),
        ('{"|": 0, "a": 1}', "no label is the blank"),
        ('{"<pad>": 0, "a": 1}', "separator '▁' is in none of its labels"),
        ('{"labels": ["-", " "], "blank": 2, "separator": " "}', "blank 2 is none of the 2 labels"),
        ('{"labels": ["-", " ", " "], "blank": 0, "separator": " "}', "label ' ' is listed twice"),
        ('{"labels": ["-", ","], "blank": 0, "separator": ","}', "separator ',' is none of"),
        ('{"labels": ["-", "▁of▁the"], "blank": 0, "separator": "▁"}', "'▁of▁the' goes over the end of a word"),
    ],
)
def test_broken_files_are_named_with_the_mend(content, why, tmp_path):
    path = tmp_path / "vocab.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BeamscribeError, match=why) as error:
        CtcVocabulary.read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
