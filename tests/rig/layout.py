"""A second, tiny reading of what is stored and sent: the table's layout (ARCHITECTURE.md, 3), sealed fields, receipts and answers on
the wire, the journal. It shares no code with the service, so that a mistake there is seen here. Read-only, and never an error for
what is broken: that is for the checks to tell.
"""

import base64
import hashlib
import hmac
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from lxml import etree

Item = dict[str, Any]

NONCE = 12
#: Receipt ids above this are keyed by their digest.
LONGEST_ID = 100


def instant(text: str) -> float:
    """Seconds since 1970; our times carry up to nine decimals."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(seconds).replace(tzinfo=UTC).timestamp() + float(f"0.{fraction or 0}")


def binary(value: Any) -> bytes:
    """A binary attribute, from the wire's base64 or from a client's type."""
    return base64.b64decode(value) if isinstance(value, str) else bytes(value)


def inflate(deflated: bytes) -> bytes | None:
    try:
        return zlib.decompress(deflated, -15)
    except zlib.error:
        return None


class Vault:
    """Opens what is sealed: AES-256-GCM under a key of its scope (a school, `person`, a registration), bound to it."""

    def __init__(self, master: bytes):
        self._master = master
        self._ciphers: dict[str, AESGCM] = {}

    def _derive(self, purpose: str) -> bytes:
        return HKDF(SHA256(), 32, b"pago-in-rete store", f"{purpose} 1".encode()).derive(self._master)

    @cached_property
    def _lookup_key(self) -> bytes:
        return self._derive("lookup")

    def lookup(self, kind: str, value: str) -> str:
        """The key under which a value is looked up."""
        tag = hmac.new(self._lookup_key, f"{kind}|{value}".encode(), hashlib.sha256).digest()
        return "1." + base64.urlsafe_b64encode(tag).rstrip(b"=").decode()

    def open(self, scope: str, sealed: bytes) -> bytes | None:
        if len(sealed) <= NONCE or sealed[0] != 1:
            return None
        if scope not in self._ciphers:
            self._ciphers[scope] = AESGCM(self._derive(f"seal {scope}"))
        try:
            return self._ciphers[scope].decrypt(sealed[1:1 + NONCE], sealed[1 + NONCE:], scope.encode())
        except InvalidTag:
            return None

    def open_text(self, scope: str, sealed: str | None) -> str | None:
        if not sealed:
            return None
        plain = self.open(scope, base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4)))
        return None if plain is None else plain.decode()


# ------------------------------------------------------------ on the wire


@dataclass(frozen=True)
class Paper:
    """A receipt as its bytes tell it."""

    school: str
    id: str
    number: str
    creditor: str
    outcome: str
    amount: int | None
    #: What must be equal in all copies of one receipt.
    money: tuple[Any, ...]
    digest: str

    @property
    def place(self) -> str:
        """Only the receipt that settles has the place of the settling ones (CORE 1.2)."""
        return "KO" if self.outcome == "KO" else "OK" if self.creditor == self.school else "SHARE"

    @property
    def partition(self) -> str:
        return f"RECEIPT#{self.school}#{self.id if len(self.id.encode()) <= LONGEST_ID else 'sha256-' + hashlib.sha256(self.id.encode()).hexdigest()}"


def _parsed(xml: bytes) -> etree._Element | None:
    try:
        return etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return None


def _children(element: etree._Element | None, name: str) -> list[etree._Element]:
    return [] if element is None else [child for child in element if isinstance(child.tag, str) and etree.QName(child).localname == name]


def _child(element: etree._Element | None, name: str) -> etree._Element | None:
    return next(iter(_children(element, name)), None)


def _text(element: etree._Element | None, name: str) -> str:
    child = _child(element, name)
    return "" if child is None else "".join(child.itertext()).strip()


def _payload(xml: bytes | None) -> etree._Element | None:
    root = _parsed(xml) if xml else None
    body = _child(root, "Body")
    return next((child for child in body if isinstance(child.tag, str)), None) if body is not None else None


def cents(text: str) -> int | None:
    """An amount as people and systems write it, if it can only mean one thing."""
    found = re.fullmatch(r"\+?([0-9]+)(?:[.,]([0-9]*))?", text.strip())
    decimals = (found[2] or "").rstrip("0") if found else ""
    if not found or len(decimals) > 2:
        return None
    value = int(found[1]) * 100 + int(decimals.ljust(2, "0"))
    return value if value <= 99_999_999_999 else None


def paper(xml: bytes) -> Paper | None:
    """None where it is no receipt, or where it does not say whose it is."""
    payload = _payload(xml)
    receipt = _child(payload, "receipt")
    school, identity, number = _text(payload, "idPA"), _text(receipt, "receiptId"), "".join(_text(receipt, "noticeNumber").split())
    if not school or not identity or not re.fullmatch(r"[0-9]{18}", number):
        return None
    creditor = _text(receipt, "fiscalCode") or school
    outcome = "KO" if _text(receipt, "outcome").upper() == "KO" else "OK"
    amount = cents(_text(receipt, "paymentAmount"))
    parts = []
    for transfer in _children(_child(receipt, "transferList"), "transfer"):
        account = "".join(_text(transfer, "IBAN").split()).upper() or ("stamp" if _text(transfer, "MBDAttachment") else "?")
        parts.append((str(cents(_text(transfer, "transferAmount"))), _text(transfer, "fiscalCodePA") or "?", account))
    money = (number, creditor, outcome, amount, *sorted(parts))
    return Paper(school, identity, number, creditor, outcome, amount, money, hashlib.sha256(xml).hexdigest())


def verdict(status: int | None, xml: bytes | None) -> str | None:
    """What an answer of the station says: `OK` or a fault's code; None where the Node would ask again."""
    if status != 200:
        return None
    payload = _payload(xml)
    return _text(_child(payload, "fault"), "faultCode") or _text(payload, "outcome") or None


# --------------------------------------------------------------- the journal


@dataclass
class Entry:
    id: str
    operation: str
    outcome: str
    status: int
    request: bytes
    answer: bytes


@dataclass
class Journal:
    """What the archive and its queue hold, parts joined, copies of a message once."""

    entries: list[Entry] = field(default_factory=list)
    #: School, segregation code, first number, how many.
    blocks: set[tuple[str, int, int, int]] = field(default_factory=set)
    #: Exchanges of which a part is missing.
    torn: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, lines: Iterable[tuple[str, str]]) -> "Journal":
        """Lines with the place where each was found."""
        journal, parts = cls(), defaultdict[str, dict[int, Item]](dict)
        for place, line in lines:
            try:
                message = json.loads(line)
                if message.get("kind") == "numbers-reserved":
                    journal.blocks.add((message["school"], int(message["segregation"]), message["first"], message["count"]))
                else:
                    parts[message["id"]][message["part"]] = message
            except (ValueError, KeyError, TypeError, AttributeError):
                journal.unreadable.append(place)
        for identity, found in parts.items():
            first = next(iter(found.values()))
            if set(found) != set(range(1, first["parts"] + 1)):
                journal.torn.append(identity)
                continue
            packed = "".join(found[part]["exchange"] for part in sorted(found)).split("|")
            plain = [inflate(base64.b64decode(half)) for half in packed]
            if len(plain) != 2 or plain[0] is None or plain[1] is None:
                journal.unreadable.append(f"exchange {identity}")
                continue
            journal.entries.append(Entry(identity, first["operation"], first["outcome"], first["status"], plain[0], plain[1]))
        return journal


# ----------------------------------------------------------------- the table


@dataclass
class Kept:
    """A receipt as it stands in the table, further raw parts joined."""

    partition: str
    place: str
    item: Item
    #: The delivered bytes; None where they do not open or inflate.
    raw: bytes | None

    @property
    def name(self) -> str:
        return f"{self.partition} {self.place}"

    @property
    def field(self) -> Item:
        return self.item.get("receipt") or {}

    @property
    def kind(self) -> str:
        return self.place.split("#", 1)[0]

    @cached_property
    def paper(self) -> Paper | None:
        return paper(self.raw) if self.raw is not None else None


@dataclass
class Slot:
    """What stands under a notice number: a notice, or the quarantine of a number that was never issued."""

    school: str
    number: str
    item: Item

    @property
    def name(self) -> str:
        return f"{self.school}/{self.number}"

    @property
    def is_quarantine(self) -> bool:
        return "settlement" in self.item

    @property
    def settlement(self) -> Item | None:
        """`receipt`, `cause`, `paid_amount`, `oddities`, `further`; None while nothing was paid."""
        return settlement(self.item)


def settlement(item: Item | None) -> Item | None:
    if item is None:
        return None
    return item.get("settlement") or (item if item.get("state") == "paid" else None)


def whats(oddities: Iterable[Item] | None) -> set[str]:
    return {oddity["what"] for oddity in oddities or ()}


def is_stray(item: Item) -> bool:
    needed = {"school", "number", "version", "settlement"} if "settlement" in item else {"school", "number", "version", "state", "pupil", "amount", "issued_at", "notified", "due"}
    return not needed <= set(item) or item["PK"] != f"NOTICE#{item['school']}#{item['number']}"


class Table:
    def __init__(self, items: Iterable[Item], data_key: bytes):
        self.vault = Vault(data_key)
        self.by_key: dict[tuple[str, str], Item] = {(item["PK"], item["SK"]): item for item in items}

    def __iter__(self) -> Any:
        return iter(self.by_key.values())

    def get(self, pk: str, sk: str) -> Item | None:
        return self.by_key.get((pk, sk))

    def of(self, prefix: str, sk: str = "") -> list[Item]:
        """Items whose keys begin so."""
        return [item for (pk, sort), item in self.by_key.items() if pk.startswith(prefix) and sort.startswith(sk)]

    @cached_property
    def receipts(self) -> dict[tuple[str, str], Kept]:
        found = {}
        for item in self.of("RECEIPT#"):
            pk, sk = item["PK"], item["SK"]
            if "#RAW#" in sk:
                continue
            sealed, part = binary(item.get("raw") or b""), 1
            while more := self.get(pk, f"{sk}#RAW#{part}"):
                sealed, part = sealed + binary(more["raw"]), part + 1
            deflated = self.vault.open(pk.split("#")[1], sealed)
            found[pk, sk] = Kept(pk, sk, item, inflate(deflated) if deflated is not None else None)
        return found

    @cached_property
    def slots(self) -> dict[tuple[str, str], Slot]:
        return {(item["PK"].split("#")[1], item["number"]): Slot(item["PK"].split("#")[1], item["number"], item) for item in self._notices if not is_stray(item)}

    @cached_property
    def strays(self) -> list[Item]:
        """What stands where notices stand and is none that can be read."""
        return [item for item in self._notices if is_stray(item)]

    @cached_property
    def _notices(self) -> list[Item]:
        return self.of("NOTICE#")

    @cached_property
    def claims(self) -> dict[str, Item]:
        return {item["PK"].removeprefix("CLAIM#"): item for item in self.of("CLAIM#")}
