"""N-gram models and the files they come from: ARPA, read here, and KenLM's binaries, read by KenLM."""

import gzip
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.ctc.arpa import MAX_NGRAMS, UNKNOWN_LOG10, read_arpa, read_counts
from model.ctc.language_model import (
    BYTES_A_NGRAM,
    KENLM_MAGIC,
    KenlmModel,
    language_model_bytes,
    load_language_model,
    sha256_of,
)
from model.ctc.ngram import END, sentence_logprob
from model.ctc.options import LanguageModelUse
from model.errors import BeamscribeError
from tests.conftest import missing
from tests.model.ctc.ctc_helpers import ARPA

WORDS = ["the", "cat", "sat", "hat", "dog"]


@pytest.fixture(scope="module")
def arpa(tmp_path_factory):
    path = tmp_path_factory.mktemp("arpa") / "hand.arpa"
    path.write_text(ARPA, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def model(arpa):
    return read_arpa(arpa)


def by_definition(words):
    """Katz's back-off over the lines of the file, in log10: (words, of each word)."""
    listed = {}
    for line in ARPA.splitlines():
        fields = line.split("\t")
        if len(fields) > 1:
            listed[tuple(fields[1].split())] = float(fields[0]), float((*fields, "0")[2])

    def log10(history, word):
        if (*history, word) in listed:
            return listed[(*history, word)][0]
        return listed.get(history, (0, 0.0))[1] + log10(history[1:], word)

    said = ["<s>", *(word if (word,) in listed else "<unk>" for word in words), END]
    return [log10(tuple(said[max(0, i - 2) : i]), said[i]) for i in range(1, len(said))]


@given(words=st.lists(st.sampled_from(WORDS), max_size=8))
def test_scores_are_those_of_the_definition(model, words):
    assert sentence_logprob(model, words) == pytest.approx(math.log(10) * sum(by_definition(words)), rel=1e-6)


@pytest.mark.parametrize(
    ("words", "log10"),
    [
        # <s> the, <s> the cat, cat sat (backed off from "the cat"), cat sat </s>
        ("the cat sat", [-0.2, -0.1, -0.15 - 0.6, -0.15]),
        # "hat" has no 2-gram: both histories are left, then only its own
        ("the hat", [-0.2, -0.25 - 0.3 - 1.6, -0.05 - 0.9]),
        # unknown: no history leads on from it
        ("dog", [-0.4 - 2.5, -0.9]),
        ("", [-0.4 - 0.9]),
    ],
)
def test_scores_by_hand(model, words, log10):
    state, logprobs = model.begin(), []
    for word in (*words.split(), END):
        state, logprob = model.advance(state, word)
        logprobs.append(logprob)
    assert logprobs == pytest.approx([math.log(10) * each for each in log10], rel=1e-6)


def test_states_hold_what_the_future_depends_on(model):
    def after(words):
        state = model.begin()
        for word in words.split():
            state = model.advance(state, word).state
        return state

    # no listed n-gram goes on from these but from their last word
    assert after("the cat hat") == after("hat") == after("dog hat")
    assert after("dog the") != after("the")
    assert after("dog") == after("hat dog")
    assert after("sat the cat") == after("dog the cat")


def test_words_that_the_model_knows(model):
    assert [word in model for word in ("the", "<unk>", "dog", "The")] == [True, True, False, False]
    assert (model.order, len(model.edges)) == (3, 14)


def test_gzip_is_read_as_well(model, tmp_path):
    path = tmp_path / "hand"
    path.write_bytes(gzip.compress(ARPA.encode()))
    assert sentence_logprob(load_language_model(LanguageModelUse(path)), ["the", "cat"]) == sentence_logprob(
        model, ["the", "cat"]
    )


@pytest.mark.parametrize(("name", "log10"), [("<unk>", -2.5), ("<UNK>", -2.5), (None, UNKNOWN_LOG10)])
def test_unknown_words(name, log10, tmp_path):
    path = tmp_path / "own.arpa"
    text = ARPA.replace("<unk>", name) if name else ARPA.replace("-2.5\t<unk>\n", "").replace("1=7", "1=6")
    path.write_text(text, encoding="utf-8")
    assert read_arpa(path).advance((), "dog").logprob == pytest.approx(math.log(10) * log10)


def test_a_model_without_longer_ngrams(tmp_path):
    path = tmp_path / "one.arpa"
    path.write_text("\\data\\\nngram 1=2\n\n\\1-grams:\n-0.3 </s>\n-0.3 a -0.2\n\n\\end\\\n", encoding="utf-8")
    model = read_arpa(path)
    assert model.begin() == model.advance(model.begin(), "a").state == ()
    assert sentence_logprob(model, ["a", "a"]) == pytest.approx(-0.9 * math.log(10))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("\\data\\", "data", "line 29: the file ends too early"),
        ("\\end\\\n", "", "line 28: the file ends too early"),
        ("ngram 2=5", "ngram 3=5", "line 6: the orders ought to be 1, 2, ... in turn"),
        ("1=7", "1=8", "line 18: a 1-gram ought to be a number"),
        ("1=7", "1=6", "line 16: the 2-grams ought to begin here"),
        ("3=2", "3=1", "line 27: the file ought to end here"),
        ("-0.6\tcat sat\t-0.35", "cat sat", "line 21: a 2-gram ought to be a number, 2 words"),
        ("-0.6\tcat sat", "x\tcat sat", "line 21: its numbers are none"),
        ("-0.6\tcat sat", "nan\tcat sat", "line 21: its numbers are none"),
        ("-0.6\tcat sat", "-0.6\tcat dog", "line 21: 'dog' is not among the 1-grams"),
        ("-1.6\that", "-1.6\tsat", "line 16: 'sat' is listed twice"),
        ("-0.6\tcat sat", "-0.6\tthe cat", "line 23: above, a 2-gram is listed twice"),
        ("-0.6\tcat sat", "-0.6\tcat hat", "line 27: above, a 3-gram is listed without its first 2 words"),
        ("</s>", "</S>", "line 16: </s> is not among the 1-grams"),
    ],
)
def test_broken_files_are_named_with_the_line(old, new, why, tmp_path):
    path = tmp_path / "broken.arpa"
    assert old in ARPA
    path.write_text(ARPA.replace(old, new), encoding="utf-8")
    with pytest.raises(BeamscribeError) as error:
        load_language_model(LanguageModelUse(path))
    assert str(error.value).startswith(f"language model {path}, {why}")


def test_a_file_that_is_too_large_is_refused_by_its_head(tmp_path):
    path = tmp_path / "large.arpa"
    path.write_text(ARPA.replace("2=5", f"2={MAX_NGRAMS}"), encoding="utf-8")
    with pytest.raises(BeamscribeError, match=r"line 9: it lists 10,000,009 n-grams, and at most 10,000,000 are read"):
        load_language_model(LanguageModelUse(path))


def test_counts_are_those_of_the_head(tmp_path):
    path = tmp_path / "hand.arpa.gz"
    path.write_bytes(gzip.compress(ARPA.encode()))
    assert read_counts(path) == [7, 5, 2]
    assert language_model_bytes(LanguageModelUse(path)) == 14 * BYTES_A_NGRAM
    path.write_bytes(KENLM_MAGIC + bytes(900))
    assert language_model_bytes(LanguageModelUse(path)) == len(KENLM_MAGIC) + 900


def test_another_file_than_was_planned_with(tmp_path):
    path = tmp_path / "hand.arpa"
    path.write_text(ARPA, encoding="utf-8")
    use = LanguageModelUse(path, sha256=sha256_of(path))
    assert load_language_model(use) is load_language_model(use)
    path.write_text(ARPA.replace("-0.6", "-0.7"), encoding="utf-8")
    with pytest.raises(BeamscribeError, match=r"has sha256 \w+ here and \w+ where the run was planned"):
        load_language_model(use)


def test_missing_and_cut_files(tmp_path):
    with pytest.raises(BeamscribeError, match=r"the language model .* is no file: give an ARPA file"):
        load_language_model(LanguageModelUse(tmp_path))
    with pytest.raises(BeamscribeError, match=r"cannot read the language model .*: No such file"):
        load_language_model(LanguageModelUse(tmp_path / "none.arpa"))
    path = tmp_path / "cut.arpa.gz"
    data = gzip.compress(ARPA.encode())
    for broken in (data[:-20], data[:40] + bytes(20) + data[60:]):
        path.write_bytes(broken)
        with pytest.raises(BeamscribeError, match=r"language model .*cut\.arpa\.gz"):
            load_language_model(LanguageModelUse(path))


class TestKenlm:
    @pytest.fixture(scope="class")
    def kenlm(self):
        try:
            import kenlm
        except ImportError:
            missing("kenlm, which is compiled on installation (make .venv/servers/kenlm)")
        return kenlm

    def test_it_agrees_with_our_own_reading(self, kenlm, model, tmp_path):
        path = tmp_path / "hand.arpa"
        # KenLM takes no comment before the head
        path.write_text(ARPA[ARPA.index("\\data") :], encoding="utf-8")
        theirs = KenlmModel(path)
        for words in (["the", "cat", "sat"], ["the", "hat"], ["dog", "the", "dog"], []):
            ours, own = model.begin(), theirs.begin()
            for word in (*words, END):
                ours, logprob = model.advance(ours, word)
                own, their_logprob = theirs.advance(own, word)
                assert their_logprob == pytest.approx(logprob, rel=1e-6)
        assert [word in theirs for word in WORDS] == [word in model for word in WORDS]
        assert theirs.begin() == theirs.begin()
        assert hash(theirs.begin()) == hash(theirs.begin())

    def test_what_it_cannot_read_is_named(self, kenlm, tmp_path):
        path = tmp_path / "model.bin"
        path.write_bytes(KENLM_MAGIC + b" format version 4\n\0")
        with pytest.raises(BeamscribeError, match=r"KenLM cannot read the language model .*model\.bin") as error:
            load_language_model(LanguageModelUse(path))
        assert "\n" not in str(error.value)


def test_binaries_need_kenlm(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kenlm", None)
    path = tmp_path / "model.bin"
    path.write_bytes(KENLM_MAGIC + b" format version 5\n\0")
    with pytest.raises(BeamscribeError, match=r"model\.bin is a binary of KenLM: install kenlm \(pip install kenlm"):
        load_language_model(LanguageModelUse(path))
