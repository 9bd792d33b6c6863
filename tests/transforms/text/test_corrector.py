"""Which term a stretch of text may stand for."""

from hypothesis import given
from hypothesis import strategies as st

from transforms.text.corrector import MIN_LETTERS, Corrector, Match
from transforms.text.likeness import letters_of, likeness, shortened, sound_of
from transforms.text.vocabulary import Term

AVONLEA, LYNDE, LONDON, NGUYEN = Term("Avonlea"), Term("Lynde"), Term("London"), Term("Nguyen", 1.0, ("new yen",))
NAMES = Corrector([AVONLEA, LYNDE, LONDON, NGUYEN])


def test_letters_find_a_term_whatever_its_case_and_spaces():
    assert NAMES.same("avonlea") == AVONLEA
    assert NAMES.same("avonle") is None
    assert NAMES.listed("newyen") == NGUYEN
    assert NAMES.listed("nguyen") is None
    assert NAMES.max_words == 2


def test_the_nearest_term_comes_with_its_distance_from_the_next():
    # sound LNT and LNTN, one of four; spelling one of five letters, three of six
    assert NAMES.nearest("linde") == Match(LYNDE, (1 + 4 / 5) / 2, (1 + 4 / 5) / 2 - (3 / 4 + 3 / 6) / 2)
    assert NAMES.nearest("avenly") == Match(AVONLEA, (1 + 4 / 7) / 2, (1 + 4 / 7) / 2)


def test_what_a_user_listed_is_near_too_but_no_rival_of_its_term():
    assert NAMES.nearest("newyin") == Match(NGUYEN, (1 + 5 / 6) / 2, (1 + 5 / 6) / 2)


def test_short_words_and_other_digits_are_near_nothing():
    assert Corrector([Term("Ann"), Term("Anna")]).nearest("an") is None
    assert Corrector([Term("GPT-4")]).nearest("gpt5") is None


LETTERS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=MIN_LETTERS, max_size=8)


@given(st.lists(LETTERS, min_size=1, max_size=30, unique=True), LETTERS)
def test_the_index_finds_what_a_search_through_all_terms_finds(texts, letters):
    """All that sound alike up to one consonant taken out of either."""
    sound = sound_of(letters)
    alike = {t: likeness(letters, sound, t, sound_of(t)) for t in texts if shortened(sound) & shortened(sound_of(t))}
    found = Corrector([Term(text) for text in texts]).nearest(letters)
    if max(alike.values(), default=0.0) == 0:
        assert found is None
    else:
        assert found is not None
        assert found.likeness == alike[found.term.text] == max(alike.values())
        rest = [value for text, value in alike.items() if text != found.term.text]
        assert found.margin == found.likeness - max(rest, default=0.0)


def test_sounds_that_recognisers_mix_up_are_one():
    assert sound_of("gweniverr") == sound_of("guenever")
    assert sound_of("joving") == sound_of("shoving")
    assert sound_of("arvid") == sound_of("orvid") != sound_of("rvid")
    assert letters_of("Zoë's F-16") == "zoesf16"


@given(LETTERS, LETTERS)
def test_likeness_is_symmetric_and_1_for_equal_words_alone(a, b):
    value = likeness(a, sound_of(a), b, sound_of(b))
    assert value == likeness(b, sound_of(b), a, sound_of(a))
    assert 0 <= value <= 1
    assert (value == 1) == (a == b)
