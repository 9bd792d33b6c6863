"""Spoken forms become written ones: cases by hand, numbers said by another library, and texts that stay."""

import calendar
import csv
import random
import re
from pathlib import Path

import pytest
from num2words import num2words

from model.errors import BeamscribeError
from transforms.text.edits import run_rules
from transforms.text.itn import LANGUAGES, itn_names, itn_rules, parse_names
from transforms.text.itn.words import Found, Words, rule_of

RULES = itn_rules("en")
NAMES = [
    "itn_email",
    "itn_url",
    "itn_phone",
    "itn_address",
    "itn_phrase",
    "itn_date",
    "itn_time",
    "itn_money",
    "itn_percent",
    "itn_measure",
    "itn_year",
    "itn_fraction",
    "itn_decimal",
    "itn_roman",
    "itn_numbered",
    "itn_digits",
    "itn_ordinal",
    "itn_cardinal",
]
with (Path(__file__).parent / "itn_cases.tsv").open() as table:
    CASES = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
# of what a reference must not have a word, if it is to stay as it is
NUMBER_WORDS = re.compile(
    r"\b(zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thir\w*|four(teen|ty)\w*|fif\w*|six\w*|"
    r"seven\w*|eigh\w*|nine\w*|twent\w*|fort(y|ie)\w*|ninth|tenth|eleventh|twelfth|hundred\w*|thousand\w*|million\w*|"
    r"first|second|fourth|half|quarter)\b",
    re.IGNORECASE,
)


def written(text: str) -> str:
    return run_rules(text, RULES)[0]


def as_ctc(spoken: str) -> str:
    """What a recogniser of lower-case words without punctuation would give."""
    return spoken.lower().replace(",", "").replace("-", " ")


def figures(number: int) -> str:
    """A number as it has to be written."""
    for power, word in ((15, "quadrillion"), (12, "trillion"), (9, "billion"), (6, "million")):
        if number >= 10**power and number % 10**power == 0 and number < 10 ** (power + 3):
            return f"{number // 10**power} {word}"
    # what can be a year of this century is written as one
    return str(number) if 2000 < number < 2100 else f"{number:,}"


def numbers(n: int, below: int) -> list[int]:
    """Numbers of 10 and more of all lengths, round ones among them."""
    rng = random.Random(7)
    exact = [int(10 ** rng.uniform(1, len(str(below)) - 1)) for _ in range(n)]
    return exact + [max(10, number // 10**zeros * 10**zeros) for number in exact[::4] for zeros in (1, 3, 6)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["spoken"])
def test_case(case):
    text, edits = run_rules(case["spoken"], RULES)
    assert text == case["written"]
    assert edits == [] if case["class"] == "same" else "itn_" + case["class"] in {edit.rule for edit in edits}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["spoken"])
def test_what_was_written_stays(case):
    assert run_rules(case["written"], RULES) == (case["written"], [])


def test_every_rule_has_cases():
    assert {"itn_" + case["class"] for case in CASES} - {"itn_same"} == set(NAMES)


def test_cardinals_of_another_library_are_read_back():
    for number in [*range(10, 2100), *numbers(2500, 10**18)]:
        spoken = num2words(number)
        assert (number, written(f"about {spoken} of them")) == (number, f"about {figures(number)} of them")
        assert (number, written(f"about {as_ctc(spoken)} of them")) == (number, f"about {figures(number)} of them")


def test_ordinals_of_another_library_are_read_back():
    for number in [*range(10, 1300), *numbers(800, 10**9)]:
        shown = f"the {number:,}{num2words(number, to='ordinal_num')[-2:]} item"
        assert written(f"the {num2words(number, to='ordinal')} item") == shown
        assert written(f"the {as_ctc(num2words(number, to='ordinal'))} item") == shown


def test_years_of_another_library_are_read_back():
    for year in range(1010, 2100):
        spoken = num2words(year, to="year")
        assert written(f"back in {spoken} it was") == f"back in {year} it was"
        assert written(f"back in {as_ctc(spoken)} it was") == f"back in {year} it was"


def test_dates_are_read_back():
    rng = random.Random(11)
    for month in range(1, 13):
        name = calendar.month_name[month]
        for day in range(1, calendar.monthrange(2024, month)[1] + 1):
            year = rng.randrange(1300, 2100)
            spoken = f"{num2words(day, to='ordinal')}, {num2words(year, to='year')}"
            assert written(f"on {name} {spoken}.") == f"on {name} {day}, {year}."
            assert written(as_ctc(f"on {name} {spoken}")) == f"on {name.lower()} {day}, {year}"


@pytest.mark.parametrize(("currency", "sign"), [("USD", "$"), ("EUR", "€")])
def test_amounts_of_another_library_are_read_back(currency, sign):
    rng = random.Random(13)
    for _ in range(1000):
        cents = int(10 ** rng.uniform(2, 10))
        spoken = num2words(cents / 100, to="currency", currency=currency)
        assert written(f"it was {spoken}.") == f"it was {sign}{cents / 100:,.2f}."
        assert written(f"it was {as_ctc(spoken)}") == f"it was {sign}{cents / 100:,.2f}"


def test_decimals_of_another_library_are_read_back():
    rng = random.Random(17)
    for _ in range(1000):
        number = f"{rng.randrange(10 ** rng.randrange(1, 6)):,}.{rng.randrange(1, 1000)}"
        whole, _, part = number.partition(".")
        spoken = f"{num2words(int(whole.replace(',', '')))} point {' '.join(num2words(int(digit)) for digit in part)}"
        assert written(f"a rate of {spoken} here") == f"a rate of {number} here"


def test_references_without_numbers_stay(clips):
    texts = [clip["reference"] for clip in clips if clip["corpus"] in ("librispeech", "longform")]
    sentences = [sentence for text in texts for sentence in re.split(r"(?<=[.;:?!])\s", text)]
    plain = [sentence for sentence in sentences if not NUMBER_WORDS.search(sentence)]
    assert len(plain) > 80
    assert [run_rules(text, RULES) for text in plain] == [(text, []) for text in plain]


def test_names_are_in_the_order_in_which_the_rules_run():
    assert itn_names() == itn_names("en") == tuple(NAMES)
    assert [name for name, _ in RULES] == NAMES


def test_chosen_rules_keep_their_order_and_leave_the_rest_alone():
    rules = itn_rules("en", ["itn_percent", "itn_money"])
    assert [name for name, _ in rules] == ["itn_money", "itn_percent"]
    assert run_rules("ten dollars, ten percent, ten men", rules)[0] == "$10, 10%, ten men"


def test_no_name_is_no_rule():
    assert itn_rules("en", []) == []


def test_a_language_without_rules_changes_nothing():
    assert itn_names("fi") == ()
    assert itn_rules("fi") == itn_rules("fi", ["itn_money"]) == []


def test_a_name_of_no_rule_is_refused():
    with pytest.raises(BeamscribeError, match=r"itn_monney.*itn_money"):
        parse_names("itn_monney")
    assert parse_names("itn_percent, itn_money") == ("itn_money", "itn_percent")


def test_a_language_is_added_as_a_tuple_of_rules(monkeypatch):
    def percent(words: Words, i: int) -> Found | None:
        return Found(i, i + 2, "10 %") if words.on(i + 1) == "prozent" else None

    monkeypatch.setitem(LANGUAGES, "de", (("itn_percent", rule_of(percent, frozenset({"zehn"}))),))
    assert itn_names("de") == ("itn_percent",)
    assert run_rules("Zehn Prozent, zehn Leute.", itn_rules("de"))[0] == "10 %, zehn Leute."
