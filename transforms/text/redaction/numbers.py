"""Numbers that are somebody's: payment cards, bank accounts, national ids, telephones.

A number is told by its check digits (Luhn, ISO 7064), by the numbering plan of its country, or, as one digit that is
misheard breaks both, by the words before it that announce it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import phonenumbers
from phonenumbers import PhoneNumberMatcher
from stdnum import iban, luhn
from stdnum.exceptions import ValidationError

from transforms.text.redaction.found import Found, canonical, found_in
from transforms.text.redaction.reading import Reading
from transforms.text.redaction.runs import Run

CARD = re.compile(
    r"\b(?:cards?|visa|master ?card|amex|american express|maestro|discover|credit|debit|pan|payment|long number|charge|"
    r"digits)\b",
    re.IGNORECASE,
)
ACCOUNT = re.compile(r"\b(?:i ?ban|i\.? ?b\.? ?a\.? ?n|account|acct|routing|sort code|bank|transfer)\b", re.IGNORECASE)
ID = re.compile(
    r"\b(?:social(?: security)?|s\.? ?s\.? ?n|national (?:insurance|id|identity)|ni number|nino|"
    r"tax(?:payer)? (?:id|number|identification)|passport|identity (?:card|number)|id (?:card|number)|nhs|"
    r"driver'?s? licen[cs]e|licen[cs]e number|steuer|d\.?n\.?i|codice fiscale|bsn|sofi)\b",
    re.IGNORECASE,
)
PHONE = re.compile(
    r"\b(?:(?:tele)?phone|cell|mobile|call|dial|ring|text|fax|reach|extension|number|hot ?line|contact|whats ?app|"
    r"voice ?mail)\b",
    re.IGNORECASE,
)
# of these nothing else is said before many figures
CALL = re.compile(
    r"\b(?:(?:tele)?phone|cell|mobile|(?:call|reach|ring|text)(?: me| us| her| him| them)?(?: back)?(?: at| on)|dial|"
    r"fax)\b",
    re.IGNORECASE,
)
# how many digits cards have, by the first one, which says who issues them (ISO/IEC 7812). There are others of 13 to 19;
# but in a part of a longer number their check digit is right by chance, so that these go whole or not at all
CARD_DIGITS = {"3": 15, "2": 16, "4": 16, "5": 16, "6": 16}
# of which nobody reads out as many but of a card, whether or not its check digit was heard right
MANY_DIGITS, ANNOUNCED_DIGITS = 13, 10
# country and check digits
IBAN_START = re.compile(r"[a-z]{2}\d{2}")
IBAN_LENGTHS = range(34, 14, -1)
ACCOUNT_DIGITS = range(6, 18)
PHONE_DIGITS = range(7, 16)
# a number without announcement has to be whole, of a plan in use
BARE_PHONE_DIGITS = range(10, 16)
# figures of a number that somebody may count with
MAX_COUNTED = 9
YEARS = frozenset(("15", "16", "17", "18", "19", "20"))
ID_DIGITS = range(8, 12)
WRITTEN_IBAN = re.compile(r"\b[a-z]{2}\d{2}(?:[ -]?[a-z0-9]{2,4}){3,8}\b", re.IGNORECASE)
WRITTEN_ID = re.compile(r"(?<![\w-])\d{3}([- ])\d{2}\1\d{4}(?![\w-])")
# two letters, six digits, a letter: National Insurance numbers of the United Kingdom
NINO = re.compile(r"[a-ceghj-prstw-z][a-ceghj-nprstw-z]\d{6}[a-d]")


def cards(reading: Reading) -> Iterator[Found]:
    """Payment cards: by their check digit, by their length, or by their announcement, with words among their digits."""
    for run in reading.loose_runs:
        if len(run.value) >= ANNOUNCED_DIGITS and not _counts(run) and CARD.search(reading.before(run)):
            yield reading.found(run, "card")
    for run in reading.digit_runs:
        if _counts(run):
            continue
        part = _first(run, (16, 15), _is_card)
        if part is not None:
            yield reading.found(part, "card")
        elif len(run.value) >= MANY_DIGITS and not _are_years(run):
            yield reading.found(run, "card")


def _is_card(digits: str) -> bool:
    return CARD_DIGITS.get(digits[0]) == len(digits) and luhn.is_valid(digits)


def ibans(reading: Reading) -> Iterator[Found]:
    """IBANs (ISO 13616) by their check digits; other account numbers by their announcement."""
    for match in WRITTEN_IBAN.finditer(reading.text):
        if length := next((n for n in range(len(match[0]), 14, -1) if _is_iban(canonical(match[0][:n]))), None):
            yield found_in(reading.text, match.start(), match.start() + length, "iban")
    for run in reading.letter_runs:
        part = _first(run, IBAN_LENGTHS, lambda value: IBAN_START.match(value) is not None and _is_iban(value))
        if part is not None:
            yield reading.found(part, "iban")
        elif re.search(r"[a-z]{2}\d{2}\w{10}", run.value) and ACCOUNT.search(reading.before(run)):
            yield reading.found(run, "iban")
    for run in reading.digit_runs:
        if len(run.value) in ACCOUNT_DIGITS and not _counts(run) and ACCOUNT.search(reading.before(run)):
            yield reading.found(run, "iban")


def _is_iban(value: str) -> bool:
    try:
        iban.validate(value, check_country=False)
    except ValidationError:
        return False
    return True


def national_ids(reading: Reading) -> Iterator[Found]:
    """Numbers of social security, tax and the like: by how they are written, or by their announcement."""
    for match in WRITTEN_ID.finditer(reading.text):
        yield found_in(reading.text, *match.span(), "national_id")
    for run in reading.digit_runs:
        if len(run.value) in ID_DIGITS and not _counts(run) and ID.search(reading.before(run)):
            yield reading.found(run, "national_id")
    for run in reading.letter_runs:
        if nino := NINO.search(run.value):
            yield reading.found(run.cut(*nino.span()), "national_id")
        elif sum(map(str.isdecimal, run.value)) in ID_DIGITS and ID.search(reading.before(run)):
            yield reading.found(run, "national_id")


def phones(reading: Reading, region: str) -> Iterator[Found]:
    """Telephone numbers (E.164): of a numbering plan, or by their announcement."""
    for run in reading.loose_runs:
        is_called = CALL.search(reading.before(run))
        if len(run.value) in PHONE_DIGITS and is_called and not _counts(run) and not _are_years(run):
            yield reading.found(run, "phone")
    for match in PhoneNumberMatcher(reading.text, region):
        yield found_in(reading.text, match.start, match.end, "phone")
    for run in reading.digit_runs:
        n = len(run.value)
        is_announced = n in PHONE_DIGITS and not _counts(run) and PHONE.search(reading.before(run))
        if is_announced or (n in BARE_PHONE_DIGITS and _is_read_out(run) and _is_phone(run.value, region)):
            yield reading.found(run, "phone")


def _is_phone(digits: str, region: str) -> bool:
    for country in dict.fromkeys((region, "US", "GB")):
        try:
            if phonenumbers.is_valid_number(phonenumbers.parse(digits, country)):
                return True
        except phonenumbers.NumberParseException:
            continue
    return False


def _first(run: Run, lengths: Iterable[int], holds: Callable[[str], bool]) -> Run | None:
    """The longest part of a run, cut between what was said, that holds; the first of several."""
    value, ends = run.value, run.ends
    starts = [0, *ends[:-1]]
    by_end = set(ends)
    for length in lengths:
        for start in starts:
            if start + length in by_end and holds(value[start : start + length]):
                return run.cut(start, start + length)
    return None


def _counts(run: Run) -> bool:
    """Whether somebody counts, or lists years: all steps from one to the next are the same."""
    numbers = [int(part.value) for part in run.parts if part.value.isdecimal() and len(part.value) <= MAX_COUNTED]
    steps = {b - a for a, b in pairwise(numbers)}
    return len(numbers) > 2 and len(steps) == 1 and 0 not in steps


def _are_years(run: Run) -> bool:
    """Whether all that is said might be years."""
    return all(len(part.value) == 4 and part.value[:2] in YEARS for part in run.parts)


def _is_read_out(run: Run) -> bool:
    """Whether it is said, or written, in groups as numbers are read out, not as a list of amounts."""
    return all(len(part.value) <= 5 for part in run.parts) or len(run.parts) == 1
