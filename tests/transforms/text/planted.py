"""Talks in which secrets are planted: made-up numbers and addresses, written and read out in many ways."""

import random
from dataclasses import dataclass

from stdnum import iban, luhn

DIGITS = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
MONTHS = "January February March April May June July August September October November December".split()
ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth "
    "twenty-fifth twenty-sixth twenty-seventh twenty-eighth"
).split()
HESITATIONS = ("uh", "um,", "er", "and then", "let me see,", "okay", "sorry,", "so", "ah")
NAMES = ("Ann Example", "Siobhan Murphy", "Wojciech", "O'Neill")
WORDS = "river table window north silver garden harbor maple copper meadow planet signal ember willow".split()
ENDINGS = ("com", "org", "net", "co uk")
STREETS = ("Street", "Road", "Avenue", "Lane", "Drive", "Boulevard", "Court")
BEFORE = {
    "card": ("My card number is", "the visa is", "You can charge it to", "It's a Mastercard,", "sixteen digits:"),
    "iban": ("my IBAN is", "Please transfer it to", "the account number, the IBAN, is"),
    "national_id": ("My social security number is", "SSN", "The last thing is my social, it's"),
    "phone": ("You can reach me at", "My phone number is", "call me back on", "The cell is"),
    "email": ("My email is", "write to", "You can send it to", "The e-mail address is"),
    "date_of_birth": ("My date of birth is", "I was born on", "birthday:", "D.O.B.", "she was born"),
    "address": ("I live at", "My address is", "send it to", "The house is at"),
    "name": ("My name is", "this is", "I spoke to", "Is that"),
}
AFTER = (". Thank you.", ", and that is all.", " please.", ". Did you get that?", "")
SMALL_TALK = (
    "Good morning, how can I help you today?",
    "There were two of us and it took about three hours.",
    "We have been customers since nineteen ninety eight.",
    "It cost forty five dollars and twenty cents last time.",
    "One moment, I will look at that.",
    "He said the second one would be ready by half past four.",
)


@dataclass(frozen=True)
class Talk:
    """A text, and characters [start, end) of it that are a secret."""

    text: str
    kind: str
    start: int
    end: int


def talk(kind: str, chance: random.Random) -> Talk:
    """A talk with one secret of a class in it, cut into segments anywhere."""
    before = f"{chance.choice(SMALL_TALK)} {chance.choice(BEFORE[kind])} "
    secret = SECRETS[kind](chance)
    after = f"{chance.choice(AFTER)} {chance.choice(SMALL_TALK)}"
    text = f"{before}{secret}{after}"
    if chance.random() < 0.3:
        text = text.lower()
    if chance.random() < 0.3:
        gaps = [i for i, c in enumerate(text) if c == " "]
        at = chance.choice(gaps)
        text = f"{text[:at]}\n{text[at + 1 :]}"
    return Talk(text, kind, len(before), len(before) + len(secret))


def read_out(digits: str, chance: random.Random) -> str:
    """Digits as somebody may say them."""
    said, at = [], 0
    way = chance.choice(("single", "mixed", "pairs"))
    while at < len(digits):
        rest = digits[at:]
        if way != "single" and len(rest) > 2 and rest[0] == rest[1] == rest[2] and chance.random() < 0.5:
            said.append(f"triple {DIGITS[int(rest[0])]}")
            at += 3
        elif way != "single" and len(rest) > 1 and rest[0] == rest[1] and chance.random() < 0.7:
            said.append(f"double {DIGITS[int(rest[0])]}")
            at += 2
        elif way == "pairs" and len(rest) > 1 and rest[0] != "0" and chance.random() < 0.6:
            said.append(pair(rest[:2]))
            at += 2
        else:
            said.append(chance.choice(("zero", "oh")) if rest[0] == "0" and at else DIGITS[int(rest[0])])
            at += 1
        if chance.random() < 0.08 and at < len(digits):
            said.append(chance.choice(HESITATIONS))
    return " ".join(said)


def pair(two: str) -> str:
    """Two digits as a number, such as "forty one"."""
    tens, unit = int(two[0]), int(two[1])
    if tens == 1:
        return TEENS[unit]
    return TENS[tens - 2] + (f" {DIGITS[unit]}" if unit else "")


def grouped(digits: str, sizes: tuple[int, ...], sign: str) -> str:
    """Digits in groups, as they are written."""
    groups, at = [], 0
    for size in sizes:
        groups.append(digits[at : at + size])
        at += size
    return sign.join(group for group in [*groups, digits[at:]] if group)


def number(n: int, chance: random.Random) -> str:
    return "".join(str(chance.randrange(10)) for _ in range(n))


def card(chance: random.Random) -> str:
    start, length = chance.choice((("4", 16), ("5" + str(chance.randint(1, 5)), 16), ("34", 15), ("6011", 16)))
    digits = start + number(length - len(start) - 1, chance)
    digits += luhn.calc_check_digit(digits)
    sizes = (4, 6, 5) if length == 15 else (4, 4, 4, 4)
    return chance.choice(
        (digits, grouped(digits, sizes, " "), grouped(digits, sizes, "-"), *[read_out(digits, chance)] * 3)
    )


def account(chance: random.Random) -> str:
    country, bank, n = chance.choice((("GB", "NWBK", 14), ("DE", "", 18), ("NL", "ABNA", 10)))
    number_ = bank + number(n, chance)
    whole = country + iban.calc_check_digits(f"{country}00{number_}") + number_
    said = " ".join(DIGITS[int(c)] if c.isdigit() else c for c in whole)
    return chance.choice((whole, grouped(whole, (4,) * 8, " "), said))


def social(chance: random.Random) -> str:
    digits = str(chance.randint(100, 665)) + str(chance.randint(10, 99)) + str(chance.randint(1000, 9999))
    return chance.choice((grouped(digits, (3, 2, 4), "-"), grouped(digits, (3, 2, 4), " "), read_out(digits, chance)))


def phone(chance: random.Random) -> str:
    digits = chance.choice(("415", "212", "303", "617")) + "555" + f"01{chance.randrange(100):02}"
    ways = (grouped(digits, (3, 3, 4), "-"), f"({digits[:3]}) {digits[3:6]}-{digits[6:]}", f"+1 {digits}")
    return chance.choice((*ways, *[read_out(digits, chance)] * 3))


def email(chance: random.Random) -> str:
    first, last, domain = chance.sample(WORDS, 3)
    ending = chance.choice(ENDINGS)
    if chance.random() < 0.4:
        return f"{first}{chance.choice('._-')}{last}@{domain}.{ending.replace(' ', '.')}"
    name = chance.choice(
        (f"{first} dot {last}", f"{first} underscore {last}", first, " ".join(first), f"{first[0]} dot {last}")
    )
    said_ending = " dot ".join(ending.split()) if chance.random() < 0.7 else ending
    return f"{name} at {domain} dot {said_ending}"


def birth(chance: random.Random) -> str:
    day, month, year = chance.randint(1, 28), chance.randint(1, 12), chance.randint(1940, 1999)
    name = MONTHS[month - 1]
    said_year = f"nineteen {pair(str(year)[2:])}"
    return chance.choice(
        (
            f"{month}/{day}/{year}",
            f"{year}-{month:02}-{day:02}",
            f"{name} {day}, {year}",
            f"{day} {name} {year}",
            f"the {ORDINALS[day - 1]} of {name} {said_year}",
            f"{name} {ORDINALS[day - 1]}, {said_year}",
        )
    )


def address(chance: random.Random) -> str:
    house = chance.randint(11, 989)
    said = (
        pair(f"{house:03}"[1:])
        if house < 100
        else f"{DIGITS[house // 100]} {read_out(str(house)[1:], random.Random(1))}"
    )
    name = f"{chance.choice(WORDS).title()} {chance.choice(STREETS)}"
    return f"{chance.choice((str(house), said))} {name}" + chance.choice(("", ", apartment 4B", ", suite 200"))


def name(chance: random.Random) -> str:
    given = chance.choice(NAMES)
    return given if chance.random() < 0.7 else chance.choice((" ", "-", ". ")).join(c for c in given if c.isalnum())


SECRETS = {
    "card": card,
    "iban": account,
    "national_id": social,
    "phone": phone,
    "email": email,
    "date_of_birth": birth,
    "address": address,
    "name": name,
}
