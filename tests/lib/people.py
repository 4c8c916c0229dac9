"""Invented people whose fiscal codes hold: shape, date and check character (decree of 23 December 1976).

Every person is fresh: the surname ends in random letters that nobody else has, so that it can be looked for everywhere.
"""

import random
from dataclasses import dataclass
from datetime import date

_random = random.SystemRandom()
MONTHS = "ABCDEHLMPRST"
ODD = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]
PLACES = [("Milano", "F205"), ("Vimercate", "M052"), ("Roma", "H501"), ("Torino", "L219"), ("Marocco", "Z330")]
WOMEN = ["Chiara", "Elena", "Fatima", "Giorgia", "Ilaria", "Marta", "Noemi", "Paola", "Sara", "Teresa"]
MEN = ["Alberto", "Davide", "Enrico", "Filippo", "Hamid", "Lorenzo", "Nicola", "Pietro", "Simone", "Tommaso"]
SURNAMES = ["Bassi", "Carli", "Donati", "Ferri", "Gatti", "Longo", "Marini", "Negri", "Orsini", "Parisi", "Sala", "Valli"]


def check_character(fifteen: str) -> str:
    value = lambda c: int(c) if c.isdigit() else ord(c) - ord("A")  # noqa: E731
    total = sum(ODD[value(c)] if index % 2 == 0 else value(c) for index, c in enumerate(fifteen))
    return chr(ord("A") + total % 26)


def _letters(text: str, is_name: bool) -> str:
    text = text.upper()
    consonants = [c for c in text if c.isalpha() and c not in "AEIOU"]
    vowels = [c for c in text if c in "AEIOU"]
    if is_name and len(consonants) > 3:
        consonants = [consonants[0], consonants[2], consonants[3]]
    return "".join(consonants + vowels + ["X", "X"])[:3]


def fiscal_code(name: str, surname: str, sex: str, born: date, place_code: str) -> str:
    day = born.day + (40 if sex == "F" else 0)
    head = f"{_letters(surname, False)}{_letters(name, True)}{born.year % 100:02}{MONTHS[born.month - 1]}{day:02}{place_code}"
    return head + check_character(head)


@dataclass(frozen=True)
class Person:
    name: str
    surname: str
    sex: str
    born: date
    place: str
    fiscal_code: str
    email: str

    @property
    def details(self) -> dict[str, str]:
        """Step 2 of the registration, as a program sends it."""
        return {
            "name": self.name, "surname": self.surname, "birth_date": self.born.strftime("%d/%m/%Y"),
            "birth_place": self.place, "sex": self.sex, "email": self.email, "email_confirmation": self.email,
            "terms": "on", "privacy": "on",
        }


def somebody(first_year: int = 1965, last_year: int = 1995) -> Person:
    """An adult; `child()` for a pupil."""
    sex = _random.choice("FM")
    name = _random.choice(WOMEN if sex == "F" else MEN)
    tail = "".join(_random.choice("bcdfglmnprstvz") + _random.choice("aeiou") for _ in range(4))
    surname = _random.choice(SURNAMES) + tail
    place, place_code = _random.choice(PLACES)
    born = date(_random.randint(first_year, last_year), _random.randint(1, 12), _random.randint(1, 28))
    # The surname's letters in the code are few: a random middle keeps codes of different people apart.
    head = "".join(_random.choice("BCDFGLMNPRSTVZ") for _ in range(3)) + _letters(name, True)
    day = born.day + (40 if sex == "F" else 0)
    head += f"{born.year % 100:02}{MONTHS[born.month - 1]}{day:02}{place_code}"
    return Person(name, surname, sex, born, place, head + check_character(head), f"{name}.{surname}@famiglie.example".lower())


def child() -> Person:
    return somebody(2009, 2019)
