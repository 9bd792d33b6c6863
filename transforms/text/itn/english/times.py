"""Times of day: "three thirty p m", "half past five", "ten to four", "fourteen hundred hours", "five o'clock".

AP: figures, a colon, "a.m." and "p.m."; 24-hour times that are said with "hours" are four figures without a colon.
"""

import re

from transforms.text.itn.english.lexicon import ARTICLES, COUNTED, MONTHS, NUMBER_STARTS, OH, ORDINALS, UNDER_100, UNITS
from transforms.text.itn.english.numbers import Number, after_number, number_ends, under_100
from transforms.text.itn.words import Found, Words, rule_of, word_set

# "at seven twenty": hours and minutes, not the number 720
_AT = word_set("at by until till around about before after from since for")
_SURE = frozenset({"at"})
# the quarters of an hour are said oftener than the numbers 115, 330 and 945
_QUARTERS = frozenset({15, 30, 45})
_PAST = {"past": 1, "after": 1, "to": -1, "till": -1}
_PARTS = {"half": 30, "quarter": 15}
_MINUTES = frozenset({5, 10, 20, 25})
_CLOCK = word_set("at it's is its until till by about around nearly almost was before after since just now")
_SUFFIX = re.compile(r"[ap](\.? ?)m\b\.?", re.IGNORECASE)
# "three am i" and "seven am" both have an "am"
_AFTER_VERB = frozenset({"i", "not"})
_DAYTIMES = word_set("sharp tonight tomorrow today")


def hour_and_minute(words: Words, i: int) -> tuple[int, int, int] | None:
    """Hour, minute and the word after: "seven oh five", "ten fifty nine", "fourteen thirty"."""
    hour = under_100(words, i)
    # "twenty one" is no time; "twenty one thirty" is
    if hour is None or hour.value > 24 or not words.joined(hour.end):
        return None
    if words.said(hour.end) in OH and words.on(hour.end + 1) in UNITS:
        minute: Number | None = Number(UNITS[words.said(hour.end + 1)], hour.end + 2)
    else:
        minute = under_100(words, hour.end)
        if minute is None or not 10 <= minute.value < 60:
            return None
    if minute is None or not number_ends(words, minute.end):
        return None
    return hour.value % 24, minute.value, minute.end


def _suffix(words: Words, i: int) -> tuple[str, int] | None:
    """ "p.m." where it was said after a number; as it is where it is written in one piece. And the word after."""
    if not words.joined(i) or words.said(i) not in ("a", "p", "am", "pm"):
        return None
    match = _SUFFIX.match(words.text, words.start_of(i))
    if match is None or (words.said(i) == "am" and words.on(i + 1) in _AFTER_VERB):
        return None
    if match[1] != " ":
        return "", i
    dot = "" if words.text[match.end() : match.end() + 1] == "." or match[0].endswith(".") else "."
    return f" {match[0][0]}.{match[0].rstrip('.')[-1]}{dot}", i + 2


def _time(words: Words, i: int) -> Found | None:
    if words.said(i) in UNDER_100 and after_number(words, i):
        return None
    return _past(words, i) or _military(words, i) or _by_the_clock(words, i)


def _by_the_clock(words: Words, i: int) -> Found | None:
    """ "three p m", "five o'clock", "at seven twenty", "three thirty"."""
    time = hour_and_minute(words, i)
    if time is None:
        hour = under_100(words, i)
        if hour is None or not number_ends(words, hour.end):
            return None
        if suffix := _suffix(words, hour.end):
            return Found(i, suffix[1], f"{hour.value}{suffix[0]}") if hour.value <= 12 else None
        return _o_clock(words, i, hour) or _from_hour(words, i, hour)
    hours, minutes, end = time
    if suffix := _suffix(words, end):
        return Found(i, suffix[1], f"{hours}:{minutes:02d}{suffix[0]}")
    return Found(i, end, f"{hours}:{minutes:02d}") if _is_time(words, i, time) else None


def _o_clock(words: Words, i: int, hour: Number) -> Found | None:
    if hour.value > 12:
        return None
    if words.on(hour.end) == "o'clock":
        return Found(i, hour.end, str(hour.value))
    if words.on(hour.end) in OH and words.on(hour.end + 1) == "clock":
        return Found(i, hour.end + 2, f"{hour.value} o'clock")
    return None


def _from_hour(words: Words, i: int, hour: Number) -> Found | None:
    """ "two to three p m"."""
    if hour.value > 12 or words.on(hour.end) not in ("to", "and", "or", "until", "till", "through"):
        return None
    until = under_100(words, hour.end + 1) if words.joined(hour.end + 1) else None
    suffix = _suffix(words, until.end) if until and until.value <= 12 else None
    if until is None or suffix is None:
        return None
    return Found(i, suffix[1], f"{hour.value} {words.written(hour.end)} {until.value}{suffix[0]}")


def _is_time(words: Words, i: int, time: tuple[int, int, int]) -> bool:
    hours, minutes, end = time
    before, after = words.before(i), words.on(end)
    if after in COUNTED or after in ("dollar", "year", "a") or before in MONTHS:
        return False
    if after in _DAYTIMES or before in _SURE:
        return True
    # "by twenty thirty" is a year, and so is "in eleven fifteen"
    if not 1 <= hours <= 12 or before in ("in", "year", "since", "of"):
        return False
    return before in _AT or minutes in _QUARTERS


def _military(words: Words, i: int) -> Found | None:
    """ "oh nine hundred hours", "fourteen thirty hours"."""
    leads = words.said(i) in OH or words.said(i) == "zero"
    hour = under_100(words, i + 1) if leads and words.joined(i + 1) else under_100(words, i)
    if hour is None or hour.value > 24 or (leads and hour.value > 9):
        return None
    if words.on(hour.end) == "hundred":
        minute = Number(0, hour.end + 1)
    else:
        found = hour_and_minute(words, hour.end - 1) if hour.end == i + 1 + leads else hour_and_minute(words, i)
        if found is None:
            return None
        minute = Number(found[1], found[2])
    if words.on(minute.end) != "hours" or not (leads or hour.value >= 10):
        return None
    return Found(i, minute.end, f"{hour.value:02d}{minute.value:02d}")


def _past(words: Words, i: int) -> Found | None:
    """ "half past three", "a quarter to six", "twenty past four", "at ten to five"."""
    start = i + (words.said(i) == "a")
    if start > i and not words.joined(start):
        return None
    number = under_100(words, start) if start == i else None
    if number and number.value in _MINUTES:
        minute, at = number.value, number.end
    elif words.said(start) in _PARTS:
        minute, at = _PARTS[words.said(start)], start + 1
    else:
        return None
    says_minutes = words.on(at) == "minutes"
    at += says_minutes
    sign = _PAST.get(words.on(at), 0)
    hour = under_100(words, at + 1) if sign and words.joined(at + 1) else None
    if hour is None or hour.value > 12 or not _ends_time(words, hour.end):
        return None
    if not _is_past(words, i, words.said(start), words.said(at), says_minutes):
        return None
    total = (hour.value * 60 + sign * minute - 60) % 720 + 60
    written = f"{total // 60}:{total % 60:02d}"
    suffix = _suffix(words, hour.end)
    return Found(i, suffix[1], written + suffix[0]) if suffix else Found(i, hour.end, written)


def _ends_time(words: Words, i: int) -> bool:
    """Whether the hour before is no number of something else: "ten to five percent", "a quarter of one third"."""
    after = words.on(i)
    return number_ends(words, i) and after not in COUNTED and after not in ORDINALS and after != "point"


def _is_past(words: Words, i: int, minute: str, word: str, says_minutes: bool) -> bool:
    """Whether "ten to five" and its like are times: "past" says so, "half" and "quarter" mostly, the rest around it."""
    if word == "past":
        return True
    if minute == "half":
        return False
    if minute == "quarter":
        return True
    return says_minutes or words.before(i) in _CLOCK


_STARTS = NUMBER_STARTS | OH | frozenset(_PARTS) | ARTICLES
time_rule = rule_of(_time, _STARTS, NUMBER_STARTS)
