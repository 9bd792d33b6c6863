"""Vocabularies: what a file of terms may look like, and what is said of one that is wrong."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import BeamscribeError
from transforms import storage
from transforms.text.vocabulary import Term, read_vocabulary


@pytest.fixture
def read(tmp_path):
    def read(text: str | bytes) -> list[Term]:
        path = tmp_path / "terms.txt"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_vocabulary(str(path))

    return read


@pytest.mark.parametrize(
    ("line", "term"),
    [
        ("Kubernetes", Term("Kubernetes")),
        ("  Kubernetes  # the thing with pods", Term("Kubernetes")),
        ("C#", Term("C#")),
        ("Ceftriaxone,1.5", Term("Ceftriaxone", 1.5)),
        ("Dr.  Nguyen\t2\tdoctor win| doctor  new yen |", Term("Dr. Nguyen", 2.0, ("doctor win", "doctor new yen"))),
        ("Acme, Inc.\t2", Term("Acme, Inc.", 2.0)),
        ("Acme, Inc.\t", Term("Acme, Inc.")),
        ("Nguyen,,win|new yen", Term("Nguyen", 1.0, ("win", "new yen"))),
        ("Zoe\u0308", Term("Zoë")),
    ],
)
def test_a_line_is_a_term_with_what_is_known_of_it(read, line, term):
    assert read(line) == [term]


def test_order_stays_and_what_says_nothing_new_is_left_out(read):
    assert read("\ufeffb\r\n\r\n# names\r\na\r\nb\r\n") == [Term("b"), Term("a")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\nb,heavy", "line 2: the weight 'heavy' is not a number above 0; a line is term, weight, sounds-like"),
        ("a,0", "line 1: the weight '0' is not a number above 0"),
        ("a,nan", "line 1: the weight 'nan' is not a number above 0"),
        ("a,1,b,c", "line 1: 4 columns: separate them by tabs where a term has commas"),
        ("...,2", "line 1: the term '...' has no letter and no digit"),
        ("a,2\nb\na,3", "line 3: 'a' is on line 1 too, otherwise; keep one"),
        ("# nothing", "a vocabulary without a term"),
        (b"caf\xe9", "a vocabulary is text in UTF-8"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_the_mend(read, text, message):
    with pytest.raises(BeamscribeError) as caught:
        read(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(BeamscribeError, match=r"none\.txt: not a readable vocabulary"):
        read_vocabulary(str(tmp_path / "none.txt"))


WORDS = st.text(st.characters(codec="utf-8", categories=["L", "Nd"]), min_size=1, max_size=8)
NORMAL_WORDS = WORDS.map(lambda word: unicodedata.normalize("NFC", word))
TERMS = st.builds(Term, NORMAL_WORDS, st.floats(0.1, 9), st.lists(NORMAL_WORDS, max_size=3).map(tuple))


@given(st.lists(TERMS, min_size=1, max_size=9, unique_by=lambda term: term.text))
def test_every_term_that_was_written_is_read(tmp_path_factory, terms):
    path = str(tmp_path_factory.mktemp("terms") / "terms.txt")
    lines = [f"{term.text}\t{term.weight!r}\t{'|'.join(term.sounds_like)}\n" for term in terms]
    storage.write_whole(path, "".join(lines).encode())
    assert read_vocabulary(path) == terms
