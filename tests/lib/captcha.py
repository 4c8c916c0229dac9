"""The other side of "Non sono un robot": what the widget does (ALTCHA v2), and the question that a person answers."""

import base64
import hashlib
import json
import re
from typing import Any

MOST_TRIES = 5_000
NUMBERS = ["zero", "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove", "dieci", "undici", "dodici", "tredici",
           "quattordici", "quindici", "sedici", "diciassette", "diciotto", "diciannove", "venti"]
KINDS = {
    "un colore": "verde giallo rosso blu bianco", "un animale": "gatto cavallo cane mucca pecora",
    "un giorno della settimana": "lunedì martedì giovedì sabato domenica", "un mobile": "tavolo sedia armadio letto scrivania",
}


def solve(challenge: dict[str, Any]) -> str:
    """Counts up until the derived key begins as asked; answers the field `altcha`."""
    asked = challenge["parameters"]
    assert asked["algorithm"] == "PBKDF2/SHA-256", asked
    nonce, salt = bytes.fromhex(asked["nonce"]), bytes.fromhex(asked["salt"])
    for counter in range(MOST_TRIES):
        key = hashlib.pbkdf2_hmac("sha256", nonce + counter.to_bytes(4, "big"), salt, asked["cost"], asked["keyLength"])
        if key.hex().startswith(asked["keyPrefix"]):
            solution = {"counter": counter, "derivedKey": key.hex()}
            return base64.b64encode(json.dumps({"challenge": challenge, "solution": solution}).encode()).decode()
    raise AssertionError("no solution: the challenge is not of the form we know")


def answer(question: str) -> str:
    """The answer to a question in Italian, as a person would type it."""
    if found := re.search(r"Quanto fa (\w+) (più|meno) (\w+)\?", question):
        first, second = NUMBERS.index(found[1]), NUMBERS.index(found[3])
        return NUMBERS[first + second if found[2] == "più" else first - second]
    kind, words = re.search(r"indica ([\w ]+): (.+)\?", question).groups()  # type: ignore[union-attr]
    return next(word for word in words.split(", ") if word in KINDS[kind].split())
