"""Talks with made-up secrets that are said as people say them on the telephone: groups, hesitations, words misheard."""

import random

from stdnum import luhn

from tests.transforms.text.planted import (
    AFTER,
    DIGITS,
    ENDINGS,
    MONTHS,
    ORDINALS,
    SMALL_TALK,
    STREETS,
    WORDS,
    Talk,
    number,
    pair,
)

BETWEEN = (", uh, ", " um ", ", and ", " and then ", ", ", ". ", "... ", " - ", ", er, ", " okay, ", ", let me see, ")
MISHEARD = {"one": ("won",), "two": ("to", "too"), "four": ("for", "fore"), "eight": ("ate",)}
BEFORE = {
    "card": (
        "my card number is",
        "it's a Visa, number",
        "the long number across the front is",
        "can you charge the card ending in five, sorry, the whole number is",
        "Okay, so the card is, um,",
        "Sure. It's",
    ),
    "iban": ("my account number is", "the sort code and account number, that's", "my bank account, uh,"),
    "national_id": ("my social is", "the last one is my S.S.N.,", "My Social Security number? It's", "tax ID,"),
    "phone": (
        "you can reach me at",
        "my cell is",
        "call me back at",
        "My number is",
        "the best number to reach me is, uh,",
        "give me a ring on",
        "my cell is area code",
        "call me on plus one",
        "my number is one,",
    ),
    "email": ("my email is", "it's", "send it to", "my e-mail address, it's", "you can email me at", "The address is"),
    "date_of_birth": (
        "D.O.B.",
        "DOB:",
        "my date of birth, it's",
        "born on",
        "My birthday is",
        "and the birth date is, um,",
        "I was born in",
    ),
    "address": ("I live at", "the address is", "we are at", "ship it to", "It's"),
}


def talk(kind: str, chance: random.Random) -> Talk:
    """A talk with one secret of a class in it."""
    before = f"{chance.choice(SMALL_TALK)} {chance.choice(BEFORE[kind])} "
    secret = SECRETS[kind](chance)
    text = f"{before}{secret}{chance.choice(AFTER)} {chance.choice(SMALL_TALK)}"
    return Talk(text.lower() if chance.random() < 0.3 else text, kind, len(before), len(before) + len(secret))


def said(digits: str, chance: random.Random) -> str:
    """A group of digits: in figures, or in words, alike ones together, zeros as letters."""
    if chance.random() < 0.25:
        return digits
    words, at = [], 0
    while at < len(digits):
        n = len(digits[at:]) - len(digits[at:].lstrip(digits[at]))
        if n > 1 and chance.random() < 0.6:
            words.append(f"{ {2: 'double', 3: 'triple'}.get(n, 'double') } {one(digits[at], chance)}")
            at += n if n < 4 else 2
        elif len(digits) - at > 1 and digits[at] != "0" and chance.random() < 0.2:
            words.append(pair(digits[at : at + 2]))
            at += 2
        else:
            words.append(one(digits[at], chance))
            at += 1
    return " ".join(words)


def one(digit: str, chance: random.Random) -> str:
    """A digit as a word."""
    return chance.choice(("zero", "oh", "o")) if digit == "0" else DIGITS[int(digit)]


def misheard(text: str, chance: random.Random) -> str:
    """The same, with words inside it written as others that sound like them."""
    first, *words, last = text.split(" ")
    heard = [chance.choice(MISHEARD[word]) if word in MISHEARD and chance.random() < 0.05 else word for word in words]
    return " ".join((first, *heard, last))


def in_groups(digits: str, sizes: tuple[int, ...], chance: random.Random) -> str:
    """Digits in groups, with what is said between them."""
    groups, at = [], 0
    for size in sizes:
        groups.append(said(digits[at : at + size], chance))
        at += size
    text = groups[0]
    usual = chance.choice((" ", ", ", "-"))
    for group in groups[1:]:
        text += (chance.choice(BETWEEN) if chance.random() < 0.35 else usual) + group
    return text


def card(chance: random.Random) -> str:
    start, sizes = chance.choice(
        (("4", (4, 4, 4, 4)), ("52", (4, 4, 4, 4)), ("37", (4, 6, 5)), ("4", (16,)), ("51", (2,) * 8))
    )
    digits = start + number(sum(sizes) - len(start) - 1, chance)
    text = in_groups(digits + luhn.calc_check_digit(digits), sizes, chance)
    return misheard(text, chance) if " " in text else text


def account(chance: random.Random) -> str:
    sizes = chance.choice(((8,), (4, 4), (2, 2, 2), (3, 3, 3), (3, 4, 3)))
    return in_groups(number(sum(sizes), chance), sizes, chance)


def social(chance: random.Random) -> str:
    return in_groups(str(chance.randint(100, 665)) + number(6, chance), (3, 2, 4), chance)


def phone(chance: random.Random) -> str:
    area = chance.choice(("415", "212", "303", "617"))
    sizes = chance.choice(((3, 3, 4), (3, 3, 2, 2), (10,)))
    return in_groups(area + "555" + f"01{chance.randrange(100):02}", sizes, chance)


def email(chance: random.Random) -> str:
    first, last, domain = chance.sample(WORDS, 3)
    spelled = chance.choice((" ", "-", ", ", ". ")).join(chance.choice((first, first.upper())))
    name = chance.choice(
        (
            spelled,
            f"{spelled} dot {last}",
            f"{first}, that's {spelled},",
            f"{first} dot {last} {number(2, chance)}",
            f"{first} {said(number(2, chance), chance)}",
            f"{first}, dot, {last},",
            f"{first} dash {last}",
            f"{first[0]} {last}",
            f"{first} {last} all one word",
        )
    )
    ending = " dot ".join(chance.choice(ENDINGS).split())
    host = chance.choice((domain, f"{domain} {chance.choice(WORDS)}", "gmail", "yahoo", f"{domain}-mail"))
    at = chance.choice((" at ", ", at ", " at, uh, ", " @ "))
    return f"{name}{at}{host}{chance.choice((' dot ', ', dot ', ' . ', '.'))}{ending}"


def birth(chance: random.Random) -> str:
    day, month, year = chance.randint(1, 28), chance.randint(1, 12), str(chance.randint(1940, 1999))
    name, ordinal, short = MONTHS[month - 1], ORDINALS[day - 1], pair(year[2:])
    return chance.choice(
        (
            f"{name}, uh, {ordinal}, nineteen {short}",
            f"the {ordinal}, um, of {name}, {year}",
            f"{said(str(month), chance)} {said(str(day), chance)} {short}",
            f"{month} {day} {year[2:]}",
            f"{month}-{day}-{year[2:]}",
            f"{month}.{day}.{year}",
            f"{name[:3]} {day}th, {year}",
            f"{name} the {ordinal} {short}",
            f"{day}/{month}/{year[2:]}",
            f"zero {DIGITS[1 + month % 9]}, {pair(f'{day:02}') if day > 9 else DIGITS[day]}, nineteen {short}",
            f"{name} of '{year[2:]}",
        )
    )


def address(chance: random.Random) -> str:
    house = str(chance.randint(10, 9899))
    name = " ".join(chance.sample(WORDS, chance.randint(1, 2))).title()
    street = f"{chance.choice(('', '', 'North ', 'West '))}{name} {chance.choice(STREETS)}"
    tail = chance.choice(("", ", apartment 4B", ", apt. 12", ", unit seven", ", flat 3", ", Springfield, Ohio 43215"))
    return f"{in_groups(house, (len(house),), chance)} {street}{tail}"


SECRETS = {
    "card": card,
    "iban": account,
    "national_id": social,
    "phone": phone,
    "email": email,
    "date_of_birth": birth,
    "address": address,
}
