"""Fixtures of events/: what stands in braces is filled in from a world made for them.

By hand, against a running `make run` (with its PORT=… if it is not 4566): `.venv/bin/python tests/lib/events.py login/right`
prints the event, filled in.
"""

import json
import os
import re
import secrets
import sys
import uuid
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "infra" / "local")]

from lib import captcha  # noqa: E402
from lib.client import Client, fine  # noqa: E402
from lib.people import somebody  # noqa: E402
from lib.world import DEMO_PASSWORD, EINSTEIN, PERTINI, Family, World, fresh_id  # noqa: E402

FOLDER = ROOT / "events"
BRACES = re.compile(r"\{\{([a-z0-9.+-]+)\}\}")


def names() -> list[str]:
    """`login/right`, … for every event."""
    return sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.json") if not path.name.endswith(".expect.json"))


def expectation(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.expect.json").read_text(encoding="utf-8"))


class Cast:
    """People of all cases; nobody of them is changed by a case."""

    def __init__(self, world: World):
        self.world = world

    @cached_property
    def parent(self) -> Family:
        return self.world.family(PERTINI)

    @cached_property
    def parent_browser(self) -> Client:
        return self.world.browser_of(self.parent)

    @cached_property
    def other(self) -> Family:
        return self.world.family(EINSTEIN)

    @cached_property
    def other_browser(self) -> Client:
        return self.world.browser_of(self.other)

    def _clerk(self, username: str) -> Client:
        client = Client(self.world.stack)
        client.sign_in(username, DEMO_PASSWORD)
        return client

    @cached_property
    def clerk_browser(self) -> Client:
        return self._clerk(PERTINI.clerk)

    @cached_property
    def other_clerk_browser(self) -> Client:
        return self._clerk(EINSTEIN.clerk)


class Case:
    """One event, filled in. What a case may use up is made for it alone."""

    def __init__(self, cast: Cast, name: str):
        self.cast, self.world, self.name = cast, cast.world, name
        self.known: dict[str, str] = {}

    @property
    def function(self) -> str:
        return self.name.split("/")[0]

    @cached_property
    def text(self) -> str:
        return (FOLDER / f"{self.name}.json").read_text(encoding="utf-8")

    def event(self) -> Any:
        return json.loads(self.fill(self.text))

    def expected(self) -> dict[str, Any]:
        return json.loads(self.fill((FOLDER / f"{self.name}.expect.json").read_text(encoding="utf-8")))

    def fill(self, text: str) -> str:
        """Braces stand inside JSON texts, so what they become is escaped like one."""
        return BRACES.sub(lambda found: json.dumps(self.value(found[1]), ensure_ascii=False)[1:-1], text)

    def value(self, name: str) -> str:
        if name not in self.known:
            self.known[name] = self._make(name)
        return self.known[name]

    def _make(self, name: str) -> str:
        stack, parent, other = self.world.stack, lambda: self.cast.parent, lambda: self.cast.other
        if found := re.fullmatch(r"today(?:([+-])(\d+))?", name):
            days = int(found[2] or 0) * (-1 if found[1] == "-" else 1)
            return str(date.today() + timedelta(days=days))
        if name.startswith("altcha."):
            path = {"registration": "/registration", "recover-username": "/username/forgot", "recover-password": "/password/forgot"}[name.removeprefix("altcha.")]
            return captcha.solve(fine(self.browser.get(path))["robot"]["altcha"])
        return {
            "origin": lambda: stack.origin, "host": lambda: stack.origin.removeprefix("http://"),
            "sandbox.host": lambda: stack.sandbox_origin.removeprefix("http://"), "sandbox.origin": lambda: stack.sandbox_origin,
            "now": lambda: datetime.now(UTC).isoformat().replace("+00:00", "Z"), "an-hour-ago": lambda: (datetime.now(UTC) - timedelta(hours=1)).isoformat().replace("+00:00", "Z"),
            "id": fresh_id, "uuid": lambda: str(uuid.uuid4()), "receipt-id": lambda: secrets.token_hex(16),
            "browser": lambda: self.browser.cookies["browser"], "csrf.browser": lambda: self.browser.csrf or "",
            "session.parent": lambda: self.cast.parent_browser.cookies["session"], "csrf.parent": lambda: self.cast.parent_browser.csrf or "",
            "session.other": lambda: self.cast.other_browser.cookies["session"], "csrf.other": lambda: self.cast.other_browser.csrf or "",
            "session.clerk": lambda: self.cast.clerk_browser.cookies["session"], "csrf.clerk": lambda: self.cast.clerk_browser.csrf or "",
            "session.other-clerk": lambda: self.cast.other_clerk_browser.cookies["session"], "csrf.other-clerk": lambda: self.cast.other_clerk_browser.csrf or "",
            "session.newcomer": lambda: self.newcomer.cookies["session"], "csrf.newcomer": lambda: self.newcomer.csrf or "",
            "username.newcomer": lambda: self.newcomer_credentials[0], "password.newcomer": lambda: self.newcomer_credentials[1],
            "session.unconsented": lambda: self.unconsented.cookies["session"], "csrf.unconsented": lambda: self.unconsented.csrf or "",
            "username.parent": lambda: parent().username, "password.parent": lambda: parent().password,
            "fiscal-code": lambda: somebody().fiscal_code, "fiscal-code.parent": lambda: parent().person.fiscal_code, "fiscal-code.other": lambda: other().person.fiscal_code,
            "person.parent": lambda: self.world.person_id(parent().username), "surname.parent": lambda: parent().person.surname, "name.parent": lambda: parent().person.name,
            "school": lambda: PERTINI.code, "other.school": lambda: EINSTEIN.code, "school.name": lambda: PERTINI.name,
            "pupil": lambda: parent().pupil.id, "other.pupil": lambda: other().pupil.id, "pupil.surname": lambda: parent().pupil.person.surname,
            "pupil.new": lambda: self.world.pupil().id,
            "number": lambda: self.notice(), "number.2": lambda: self.notice(), "other.number": lambda: self.world.clerk(EINSTEIN).issue(other().pupil)["number"],
            "number.cart": self.in_cart, "number.paid": self.paid, "receipt.paid": lambda: (self.value("number.paid"), self.known["receipt.paid"])[1],
            "registration": lambda: self.registration_at("begun"), "registration.filled": lambda: self.registration_at("filled"),
            "registration.submitted": lambda: self.registration_at("submitted"), "token.registration": self.registration_token,
            "token.recovery": self.recovery_token, "attempt": self.attempt, "lost.number": self.lost, "station-secret": lambda: self.world.station.secret,
            "unknown-digits": lambda: f"9{secrets.randbelow(10**14):014}",
            "message.announce": lambda: (json.dumps(self.announcement()), self._unclaim(self.value("number")))[0], "message.superseded": lambda: json.dumps(self.announcement(fresh_id())),
            "message.next-format": lambda: json.dumps({**self.announcement(), "v": 2}),
        }[name]()

    # ------------------------------------------------------------- browsers

    @cached_property
    def browser(self) -> Client:
        client = Client(self.world.stack)
        client.get("/login")
        return client

    @cached_property
    def newcomer_credentials(self) -> tuple[str, str]:
        return self.world.register(somebody())

    @cached_property
    def newcomer(self) -> Client:
        client = Client(self.world.stack)
        client.sign_in(*self.newcomer_credentials)
        return client

    @cached_property
    def unconsented(self) -> Client:
        return self.world.browser_of(self.world.family(consented=False))

    # ------------------------------------------------------------- notices

    def notice(self) -> str:
        return self.world.clerk().issue(self.cast.parent.pupil)["number"]

    def in_cart(self) -> str:
        number = self.notice()
        fine(self.cast.parent.client.post("/cart/items", school=PERTINI.code, number=number), 201)
        return number

    def paid(self) -> str:
        number = self.notice()
        self.known["receipt.paid"] = self.world.station.pay(PERTINI.code, number).id
        return number

    def attempt(self) -> str:
        """A cart that was sent to Checkout."""
        self.value("number.cart")
        return fine(self.cast.parent.client.post("/cart/checkout", headers={"Idempotency-Key": fresh_id()}), 201)["attempt"]

    # -------------------------------------------------------- registrations

    @cached_property
    def registering(self) -> tuple[str, Any]:
        person = somebody()
        return self.world.begin(self.browser, person), person

    def registration_at(self, step: str) -> str:
        path, person = self.registering
        if step in ("filled", "submitted"):
            fine(self.browser.post(f"{path}/details", **person.details))
        if step == "submitted":
            fine(self.browser.post(f"{path}/confirm"))
        return path.rsplit("/", 1)[1]

    def registration_token(self) -> str:
        self.value("registration.submitted")
        return self.world.token_in(self.world.mail(self.registering[1].email, "Conferma registrazione"))

    def recovery_token(self) -> str:
        family = self.world.family(consented=False)
        fine(self.browser.post("/password/forgot", username=family.username, **self.browser.robot("/password/forgot")), 202)
        return self.world.token_in(self.world.mail(family.person.email, "Reimpostazione password"))

    # ------------------------------------------------------------- messages

    def announcement(self, cause: str | None = None) -> dict[str, Any]:
        """What asks for a fresh notice's announcement, as the relay would send it and nobody has taken it; or of another cause."""
        number = self.value("number")
        [item] = self.world.items(f"NOTICE#{PERTINI.code}#{number}")
        notified = {**item["notified"], **({"id": cause} if cause else {})}
        return {"v": 1, "what": {"kind": "announce", "school": PERTINI.code, "number": number}, "cause": notified}

    def _unclaim(self, number: str) -> None:
        if self.world.pump:
            self.world.pump()
        for claim in self.world.claims(f"announce/{PERTINI.code}/{number}/"):
            self.world.table.delete_item(Key={"PK": claim["PK"], "SK": claim["SK"]})

    def lost(self) -> str:
        """A notice of an hour ago whose announcement got lost: nobody has claimed it."""
        number = self.notice()
        before = (datetime.now(UTC) - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
        [item] = self.world.items(f"NOTICE#{PERTINI.code}#{number}")
        item["notified"] = {"id": fresh_id(), "at": before}
        self.world.table.put_item(Item=item)
        self._unclaim(number)
        return number


def main(name: str) -> None:
    from stack import LocalStack

    stack = LocalStack(int(os.environ.get("PORT", "4566")), {}, ROOT / ".local")
    stack.outputs = json.loads((ROOT / ".local" / "outputs.json").read_text())
    print(json.dumps(Case(Cast(World(stack)), name).event(), ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main(sys.argv[1])
