"""A world to test in: the demo's schools and clerks, fresh pupils, fresh families. Nobody shares a family with another test.

Pupils come from a school's office by other ways than this service's pages, so they are put into the table as `store` keeps
them; everything else goes through the service.
"""

import base64
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from boto3.dynamodb.conditions import Attr, Key
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lib.client import Client, fine
from lib.people import Person, child, somebody
from lib.station import Station

DEMO_PASSWORD = "Prova2026!"
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class School:
    code: str
    name: str
    clerk: str
    email: str
    segregation: str


PERTINI = School("80124890155", 'Istituto Comprensivo "Sandro Pertini"', "segreteria.pertini", "segreteria.pertini@example.org", "12")
EINSTEIN = School("94060670158", 'Istituto di Istruzione Superiore "Einstein"', "segreteria.einstein", "segreteria.einstein@example.org", "07")
#: No school of this service.
STRANGER = "80123450589"


@dataclass(frozen=True)
class Pupil:
    id: str
    school: School
    person: Person
    school_class: str


@dataclass
class Clerk:
    school: School
    client: Client

    def link(self, pupil: Pupil, person: Person) -> dict[str, Any]:
        return fine(self.client.post(f"/school/pupils/{pupil.id}/guardians", fiscal_code=person.fiscal_code), 201)

    def issue(self, pupil: Pupil, amount: str = "22.00", description: str = "Contributo volontario", **more: str) -> dict[str, Any]:
        fields = {
            "pupil": pupil.id, "description": description, "category": "voluntary-contribution", "amount": amount,
            "due": str(date.today() + timedelta(days=30)), "idempotency_key": fresh_id(), **more,
        }
        return fine(self.client.post("/school/notices", **fields), 201)

    def notice(self, number: str) -> dict[str, Any]:
        return fine(self.client.get(f"/school/notices/{number}"))


@dataclass
class Family:
    person: Person
    client: Client
    username: str
    password: str
    pupils: list[Pupil] = field(default_factory=list)

    @property
    def pupil(self) -> Pupil:
        return self.pupils[0]

    @property
    def canaries(self) -> list[str]:
        """What must be seen by nobody else and never in a log."""
        people = [self.person, *(pupil.person for pupil in self.pupils)]
        found = [self.person.email, self.username, self.password]
        for person in people:
            found += [person.surname, person.fiscal_code]
        return found


def fresh_id() -> str:
    """26 letters and digits, as our own ids."""
    return "".join(secrets.choice(ALPHABET) for _ in range(26))


class World:
    def __init__(self, stack: Any):
        self.stack = stack
        self.table = stack.table()
        self.station = Station(stack)
        #: Called while a mail is waited for, where no consumer runs (tests of queues).
        self.pump: Callable[[], Any] | None = None
        self._clerks: dict[str, Clerk] = {}
        self._data_key = bytes.fromhex(stack.client("secretsmanager").get_secret_value(SecretId=f"{stack.name}/data-key")["SecretString"])

    # ------------------------------------------------------------ people

    def clerk(self, school: School = PERTINI) -> Clerk:
        if school.code not in self._clerks:
            signed = fine(Client(self.stack).post("/login", username=school.clerk, password=DEMO_PASSWORD))
            self._clerks[school.code] = Clerk(school, Client(self.stack, token=signed["access_token"]))
        return self._clerks[school.code]

    def pupil(self, school: School = PERTINI, school_class: str = "1A") -> Pupil:
        person, pupil = child(), fresh_id()
        self.table.put_item(Item={
            "PK": f"PUPIL#{pupil}", "SK": "PUPIL", "id": pupil, "school": school.code, "class": school_class,
            "name": person.name, "surname": person.surname, "fiscal_code": self._seal(school.code, person.fiscal_code),
            "G2PK": f"SCHOOL#{school.code}#PUPILS", "G2SK": f"{school_class}#{pupil}",
        })
        return Pupil(pupil, school, person, school_class)

    def _seal(self, scope: str, plain: str) -> str:
        """As `store`'s vault does it: AES-256-GCM under a key of the scope, bound to it."""
        key = HKDF(SHA256(), 32, b"pago-in-rete store", f"seal {scope} 1".encode()).derive(self._data_key)
        nonce = os.urandom(12)
        sealed = b"\x01" + nonce + AESGCM(key).encrypt(nonce, plain.encode(), scope.encode())
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def family(self, *schools: School, consented: bool = True) -> Family:
        """A parent who has gone the whole way, with one fresh pupil at each school."""
        person = somebody()
        username, provisional = self.register(person)
        client, password = self.first_access(username, provisional)
        if consented:
            fine(client.post("/consents", accept="on"))
        family = Family(person, client, username, password)
        for school in schools:
            pupil = self.pupil(school)
            self.clerk(school).link(pupil, person)
            family.pupils.append(pupil)
        return family

    # ------------------------------------------------- the way of a parent

    def begin(self, client: Client, person: Person) -> str:
        """Step 1; answers the registration's path."""
        begun = fine(client.post("/registration", fiscal_code=person.fiscal_code, **client.robot("/registration")), 201)
        return f"/registration/{begun['id']}"

    def submit(self, client: Client, person: Person) -> str:
        """Steps 1 to 4."""
        path = self.begin(client, person)
        fine(client.post(f"{path}/details", **person.details))
        fine(client.post(f"{path}/confirm"))
        return path

    def register(self, person: Person, client: Client | None = None) -> tuple[str, str]:
        """Up to mail 2: username and provisional password."""
        client = client or Client(self.stack)
        self.submit(client, person)
        token = self.token_in(self.mail(person.email, "Conferma registrazione"))
        fine(client.post("/registration/verify", token=token), 201)
        return self.credentials_in(self.mail(person.email, "Creazione utenza"))

    def first_access(self, username: str, provisional: str) -> tuple[Client, str]:
        """A program signs in and replaces the provisional password."""
        signed = fine(Client(self.stack).post("/login", username=username, password=provisional))
        assert signed["must_change_password"], signed
        password = f"Nuova-{secrets.token_hex(4)}-9"
        changed = fine(Client(self.stack, token=signed["access_token"]).post(
            "/password/change", old_password=provisional, new_password=password, new_password_confirmation=password))
        return Client(self.stack, token=changed["access_token"]), password

    def browser_of(self, family: Family) -> Client:
        """The same parent in a browser: cookies, no token."""
        client = Client(self.stack)
        client.sign_in(family.username, family.password)
        return client

    # --------------------------------------------------------------- mails

    def mail(self, to: str, subject: str, count: int = 1) -> dict[str, Any]:
        def look() -> Any:
            if self.pump:
                self.pump()
            found = [mail for mail in self.stack.mails(to) if subject in mail["subject"]]
            assert len(found) <= count, f"{len(found)} mails to {to} about {subject!r}"
            return found[-1] if len(found) == count else None

        return self.stack.wait_for(f"mail {count} to {to} about {subject!r}", look)

    @staticmethod
    def token_in(mail: dict[str, Any]) -> str:
        found = re.search(r"[?&]token=([A-Za-z0-9]+)", mail["text"])
        assert found, mail["text"]
        return found[1]

    @staticmethod
    def credentials_in(mail: dict[str, Any]) -> tuple[str, str]:
        """Username and provisional password, as mail 2 tells them."""
        username = re.search(r"^\s*Nome utente:?\s+(\S+)", mail["text"], re.MULTILINE)
        password = re.search(r"^\s*Password provvisoria:?\s+(\S+)", mail["text"], re.MULTILINE)
        assert username and password, mail["text"]
        return username[1], password[1]

    # ------------------------------------------------------------ the table

    def items(self, partition: str) -> list[dict[str, Any]]:
        return self.table.query(KeyConditionExpression=Key("PK").eq(partition), ConsistentRead=True)["Items"]

    def claims(self, beginning: str) -> list[dict[str, Any]]:
        """Claims of effects whose key begins so."""
        found, after = [], {}
        while True:
            page = self.table.scan(FilterExpression=Attr("PK").begins_with(f"CLAIM#{beginning}"), ConsistentRead=True, **after)
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                return found
            after = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def person_id(self, username: str) -> str:
        [person] = self.table.scan(FilterExpression=Attr("username").eq(username) & Attr("kind").eq("person"), ConsistentRead=True)["Items"]
        return person["id"]
