"""Inverse text normalisation of English: its rules, in the order in which they have to run.

A rule takes the numbers that it knows the use of, and leaves the others to those after it: so what is found by more
of its neighbourhood comes first, and bare cardinals come last.
"""

from transforms.text.edits import Rule
from transforms.text.itn.english.dates import date_rule, year_rule
from transforms.text.itn.english.internet import email_rule, url_rule
from transforms.text.itn.english.measures import measure_rule
from transforms.text.itn.english.money import money_rule, percent_rule
from transforms.text.itn.english.names import numbered_rule, phrase_rule, roman_rule
from transforms.text.itn.english.phones import phone_rule
from transforms.text.itn.english.places import address_rule
from transforms.text.itn.english.plain import cardinal_rule, decimal_rule, digits_rule, fraction_rule, ordinal_rule
from transforms.text.itn.english.times import time_rule

RULES: tuple[tuple[str, Rule], ...] = (
    ("itn_email", email_rule),
    ("itn_url", url_rule),
    ("itn_phone", phone_rule),
    ("itn_address", address_rule),
    ("itn_phrase", phrase_rule),
    ("itn_date", date_rule),
    ("itn_time", time_rule),
    ("itn_money", money_rule),
    ("itn_percent", percent_rule),
    ("itn_measure", measure_rule),
    ("itn_year", year_rule),
    ("itn_fraction", fraction_rule),
    ("itn_decimal", decimal_rule),
    ("itn_roman", roman_rule),
    ("itn_numbered", numbered_rule),
    ("itn_digits", digits_rule),
    ("itn_ordinal", ordinal_rule),
    ("itn_cardinal", cardinal_rule),
)
