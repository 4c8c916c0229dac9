"""The standing checks, on one small evidence that is built by hand: green as it is, and red for every single thing that is broken in it.

No stack, no function: a check that cannot fail proves nothing, and here each shows that it can (docs/rig.md).
"""

import base64
import copy
import hashlib
import hmac
import json
import os
import re
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from lib.station import Receipt
from rig import layout
from rig.actor import Told
from rig.checks import MAY_BE_EMPTY, check
from rig.driver import Change
from rig.faults import Aim, Fault, Kind
from rig.ground import Evidence
from rig.proxy import Exchange

Item = dict[str, Any]

KEY = bytes(range(32))
NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
SCHOOL, OTHER, SEGREGATION = "91000000074", "94060670158", "07"
YEAR = "2026-27"
OFFICE = "office@example.org"
ANNA, BRUNO, CLERK, PUPIL = "anna", "bruno", "clerk", "pupil"


# ----------------------------------------------------------- how it is stored


def derived(purpose: str) -> bytes:
    return HKDF(SHA256(), 32, b"pago-in-rete store", f"{purpose} 1".encode()).derive(KEY)


def seal(scope: str, plain: bytes) -> bytes:
    nonce = os.urandom(12)
    return b"\x01" + nonce + AESGCM(derived(f"seal {scope}")).encrypt(nonce, plain, scope.encode())


def seal_text(scope: str, plain: str) -> str:
    return base64.urlsafe_b64encode(seal(scope, plain.encode())).rstrip(b"=").decode()


def lookup(kind: str, value: str) -> str:
    tag = hmac.new(derived("lookup"), f"{kind}|{value}".encode(), hashlib.sha256).digest()
    return "1." + base64.urlsafe_b64encode(tag).rstrip(b"=").decode()


def deflate(plain: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(plain) + packer.flush()


def number(base: int) -> str:
    head = int(f"3{SEGREGATION}{base:013}")
    return f"{head}{head % 93:02}"


def answer(code: str = "OK") -> bytes:
    said = "<outcome>OK</outcome>" if code == "OK" else f"<outcome>KO</outcome><fault><faultCode>{code}</faultCode></fault>"
    return f'<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><r>{said}</r></e:Body></e:Envelope>'.encode()


# -------------------------------------------------------------- the evidence

FIRST = Receipt(SCHOOL, number(1), "22.00", id="first")
SECOND = Receipt(SCHOOL, number(1), "22.00", id="second")
UNKNOWN = Receipt(SCHOOL, number(900), "7.00", id="unknown")
REFUSED = Receipt(SCHOOL, number(2), "22.00", id="refused", outcome="KO")
SHARE = Receipt(SCHOOL, number(2), "22.00", id="share", creditor=OTHER)
OTHER_MONEY = FIRST.but(amount="220.00")


@cache
def xml(receipt: Receipt) -> bytes:
    """Its bytes tell the moment they were made: made once."""
    return receipt.xml()


class Story:
    """A school, its clerk, two parents of one pupil; three notices: paid twice, to be paid, cancelled; a number that was never issued."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}
        self.changes: list[Change] = []
        self.mails: list[Item] = []
        self.exchanges: list[Exchange] = []
        self.minutes = 0

    # ---------------------------------------------------------------- bricks

    def at(self) -> str:
        self.minutes += 1
        return (NOW - timedelta(hours=2) + timedelta(minutes=self.minutes)).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")

    def cause(self, name: str) -> Item:
        return {"id": name, "at": self.at()}

    def put(self, pk: str, sk: str, **body: Any) -> Item:
        item = copy.deepcopy({"PK": pk, "SK": sk, **body})
        old = self.items.get((pk, sk))
        self.items[pk, sk] = item
        self.changes.append(Change("MODIFY" if old else "INSERT", {"PK": pk, "SK": sk}, copy.deepcopy(old), copy.deepcopy(item), str(len(self.changes))))
        return item

    def again(self, pk: str, sk: str, **body: Any) -> None:
        """A later version of an item."""
        item = self.items[pk, sk]
        self.put(pk, sk, **{**item, "version": item.get("version", 0) + 1, **body} | {"PK": pk, "SK": sk})

    def claim(self, key: str, note: str, taken: bool = True) -> None:
        body: Item = {"version": 1, "done": False, "lease_until": self.at(), "attempt": 1, "note": "", "resent_at": None, "ttl": 0}
        if taken:
            self.put(f"CLAIM#{key}", "CLAIM", **body)
            self.again(f"CLAIM#{key}", "CLAIM", done=True, note=note)
        else:
            self.put(f"CLAIM#{key}", "CLAIM", **{**body, "attempt": 0, "done": True, "note": note})

    def mail(self, key: str, to: str, text: str = "") -> None:
        self.claim(key, "message-id")
        self.mails.append({"key": key, "to": [to], "subject": "Un messaggio", "text": text, "html": "", "headers": {"X-Message-Key": key}, "at": 0})

    def tell(self, key: str, *people: str) -> None:
        """To each guardian, then the end."""
        for person in people:
            self.mail(f"{key}/{person}", f"{person}@example.org")
        self.claim(key, "all told" if people else "nothing to tell", taken=False)

    def token(self, text: str, **subject: Any) -> str:
        self.put(f"TOKEN#{hashlib.sha256(text.encode()).hexdigest()}", "TOKEN", **subject)
        return f"https://example.org/x?token={text}"

    # ---------------------------------------------------------------- people

    def person(self, name: str, email: str, code: str, **body: Any) -> None:
        username = f"{name}.0001"
        self.put(f"FISCALCODE#{lookup('fiscal-code', code)}", "FISCALCODE", person=name)
        self.put(f"USERNAME#{lookup('username', username)}", "USERNAME", person=name)
        blank = {"credentials": None, "recovery": None, "changed": None, "provisional": None}
        self.put(f"PERSON#{name}", "R#PERSON", kind="person", id=name, version=1, generation=1, email=email, username=username,
                 surname="Rossi", fiscal_code=seal_text("person", code), **{**blank, **body})

    def parent(self, name: str, code: str) -> None:
        """From the registration to the own password."""
        email, identity = f"{name}@example.org", f"registration-{name}"
        body: Item = {"kind": "registration", "id": identity, "version": 1, "expires_at": "2026-11-27T10:00:00Z", "details": None}
        cause = self.cause(f"confirm-{name}")
        self.put(f"REGISTRATION#{identity}", "REGISTRATION", **{**body, "step": "submitted", "cause": cause, "secret": {"attempt": 1},
                 "details": seal_text(identity, json.dumps({"email": email}))})
        link = self.token(f"Confirm{name}", opens="registration", id=identity, attempt=1)
        self.mail(f"confirm-address/{identity}/{cause['id']}", email, link)
        credentials = self.cause(f"credentials-{name}")
        self.person(name, email, code, credentials=credentials, provisional={"expires_at": "2026-11-27T10:00:00Z"})
        self.put(f"REGISTRATION#{identity}", "REGISTRATION", **{**body, "version": 2, "step": "verified", "person": name})
        self.mail(f"credentials/{name}/{credentials['id']}", email)
        self.again(f"PERSON#{name}", "R#PERSON", provisional=None, generation=2)

    def link(self, name: str) -> None:
        linked = self.cause(f"linked-{name}")
        body = {"person": name, "pupil": PUPIL, "school": SCHOOL, "class": "1A", "linked": linked}
        self.put(f"PERSON#{name}", f"R#LINK#{PUPIL}", **body)
        self.put(f"PUPIL#{PUPIL}", f"GUARDIAN#{name}", kind="guardian", **body)
        self.mail(f"linked/{PUPIL}/{name}/{linked['id']}", f"{name}@example.org")

    def recover(self, name: str, attempt: int) -> None:
        cause = self.cause(f"recovery-{name}-{attempt}")
        recovery = {"cause": cause, "what": "password", "secret": {"attempt": attempt}, "generation": 2, "expires_at": "2026-11-24T12:00:00Z"}
        self.again(f"PERSON#{name}", "R#PERSON", recovery=recovery)
        link = self.token(f"Recover{attempt}", opens="recovery", person=name, attempt=attempt, generation=2)
        self.mail(f"recovery/{name}/{cause['id']}", f"{name}@example.org", link)

    # --------------------------------------------------------------- notices

    def issue(self, base: int, due: str = "2026-12-31", told: tuple[str, ...] = (ANNA, BRUNO)) -> None:
        cause, identity = self.cause(f"announce-{base}"), number(base)
        self.put(f"COMMAND#{SCHOOL}#key-{base}", "COMMAND", number=identity, cause=cause, content="")
        self.put(f"NOTICE#{SCHOOL}#{identity}", "NOTICE", kind="notice", school=SCHOOL, number=identity, version=1, pupil=PUPIL, amount=2200, due=due, state="payable",
                 issued_at=cause["at"], notified=cause, G1PK=f"PUPIL#{PUPIL}", G2PK=f"SCHOOL#{SCHOOL}#{YEAR}", G2SK=f"{due}#{identity}")
        self.tell(f"announce/{SCHOOL}/{identity}/{cause['id']}", *told)

    def receive(self, receipt: Receipt, place: str, *oddities: Item, split: bool = False) -> Item:
        """Stored, and what is odd about it is told to the school."""
        raw = xml(receipt)
        partition, odd = f"RECEIPT#{SCHOOL}#{receipt.id}", self.cause(f"{place}-{receipt.id}") if oddities else None
        sealed = seal(SCHOOL, deflate(raw))
        parts = [sealed[:300], sealed[300:]] if split else [sealed]
        told = layout.paper(raw)
        assert told is not None
        money = {"addressee": SCHOOL, "creditor": told.creditor, "id": receipt.id, "number": receipt.number, "outcome": receipt.outcome, "amount": told.amount}
        self.put(partition, place, kind="receipt", receipt=money, oddities=list(oddities), odd=odd, sha256=hashlib.sha256(raw).hexdigest(), raw=base64.b64encode(parts[0]).decode())
        for index, part in enumerate(parts[1:], 1):
            self.put(partition, f"{place}#RAW#{index}", raw=base64.b64encode(part).decode())
        if odd:
            self.mail(f"odd-receipt/{partition}|{place}/{odd['id']}", OFFICE)
        return money

    def deliver(self, receipt: Receipt, code: str = "OK", node: str = "test") -> None:
        self.exchange("paSendRTV2", xml(receipt), answer(code), node)

    def exchange(self, operation: str, request: bytes, said: bytes, node: str = "test") -> None:
        self.exchanges.append(Exchange(operation, request, 200, said, 200, said, 0.0, node))

    def settle(self, receipt: Receipt, *oddities: Item) -> Item:
        cause = self.cause(f"paid-{receipt.id}")
        return {"receipt": receipt.id, "cause": cause, "paid_amount": layout.cents(receipt.amount), "oddities": list(oddities), "further": []}

    def tell_story(self) -> Evidence:
        school = f"SCHOOL#{SCHOOL}"
        self.put(school, "SCHOOL", fiscal_code=SCHOOL, email=OFFICE, segregation=7)
        self.person(CLERK, OFFICE, "CLRCLR80A01F205X")
        self.put(f"PERSON#{CLERK}", f"R#ROLE#{SCHOOL}", school=SCHOOL)
        self.put(school, f"STAFF#{CLERK}", person=CLERK)
        self.parent(ANNA, "NNANNA80A41F205X")
        self.parent(BRUNO, "BRNBRN80A01F205X")
        self.put(f"PUPIL#{PUPIL}", "PUPIL", id=PUPIL)
        self.link(ANNA)
        self.link(BRUNO)
        self.recover(ANNA, 1)
        self.recover(ANNA, 2)
        changed = self.cause("changed-bruno")
        self.again(f"PERSON#{BRUNO}", "R#PERSON", changed=changed)
        self.mail(f"password-changed/{BRUNO}/{changed['id']}", f"{BRUNO}@example.org")
        self.put(school, f"NUMBERS#{SEGREGATION}", used=1000)
        for base in (1, 2, 3):
            self.issue(base)
        self.issue(4, due="2026-11-01")
        self.again(f"NOTICE#{SCHOOL}#{number(3)}", "NOTICE", state="cancelled")
        self._payments()
        return self._evidence()

    def _payments(self) -> None:
        notice = f"NOTICE#{SCHOOL}#{number(1)}"
        self.receive(FIRST, "OK", split=True)
        paid = self.settle(FIRST)
        self.again(notice, "NOTICE", state="paid", **paid)
        self.tell(f"paid/{SCHOOL}/{number(1)}/{paid['cause']['id']}", ANNA, BRUNO)
        self.receive(SECOND, "OK", {"what": "second", "first": FIRST.id})
        self.again(notice, "NOTICE", further=[SECOND.id])
        self.receive(OTHER_MONEY, "COPY#0011223344556677", {"what": "other-money"})
        self.receive(REFUSED, "KO", {"what": "outcome-ko"})
        self.receive(SHARE, "SHARE")
        unknown = {"what": "unknown-notice"}
        self.receive(UNKNOWN, "OK", unknown)
        self.put(f"NOTICE#{SCHOOL}#{number(900)}", "NOTICE", kind="notice", school=SCHOOL, number=number(900), version=1, settlement=self.settle(UNKNOWN, unknown))
        self.deliver(FIRST, node="pagopa-sandbox")
        for receipt, code in ((FIRST, "PAA_RECEIPT_DUPLICATA"), (SECOND, "OK"), (OTHER_MONEY, "PAA_RECEIPT_DUPLICATA"), (REFUSED, "OK"), (SHARE, "OK"), (UNKNOWN, "OK")):
            self.deliver(receipt, code)
        self.exchange("paVerifyPaymentNotice", b"<verify/>", answer("PAA_PAGAMENTO_DUPLICATO"))

    def _journal(self) -> list[str]:
        lines = [json.dumps({"v": 1, "kind": "numbers-reserved", "school": SCHOOL, "segregation": 7, "first": 0, "count": 1000, "at": self.at()})]
        for index, exchange in enumerate(self.exchanges):
            packed = "|".join(base64.b64encode(deflate(part or b"")).decode() for part in (exchange.request, exchange.response))
            parts = [packed[:200], packed[200:]] if index == 1 else [packed]
            head = {"v": 1, "id": f"exchange-{index}", "parts": len(parts), "at": self.at(), "operation": exchange.operation, "outcome": "-", "status": 200}
            lines += [json.dumps({**head, "part": place, "exchange": part}) for place, part in enumerate(parts, 1)]
        return lines

    def _evidence(self) -> Evidence:
        first = xml(FIRST).decode()
        digest = hashlib.sha256(first.encode()).hexdigest()
        record = {"id": FIRST.id, "addressee": SCHOOL, "creditor": SCHOOL, "number": FIRST.number, "amount_cents": 2200, "sha256": digest, "lost": False}
        lost = xml(Receipt(SCHOOL, number(2), id="lost")).decode()
        lost_record = {**record, "id": "lost", "number": number(2), "sha256": hashlib.sha256(lost.encode()).hexdigest(), "lost": True}
        counts = {"payable": 1, "overdue": 1, "paid": 1, "cancelled": 1, "draft": 0, "odd": 1}
        dashboard = {"year": YEAR, "counts": counts, "complete": True, "collected": "22.00", "open": "44.00", "unknown_paid": 1, "latest": [{"number": number(1)}]}
        lines = self._journal()
        return Evidence(
            items=list(self.items.values()), changes=self.changes, mails=self.mails, exchanges=self.exchanges,
            sandbox_items=[{"PK": "RECEIPT", "SK": told["id"], "data": json.dumps(told), "xml": body, "state": state, "deliveries": []}
                           for told, body, state in ((record, first, "NOTIFIED"), (lost_record, lost, "PENDING"))],
            objects={"archive/journal/2026/11/24/a.jsonl": "\n".join(lines[:4]).encode(), "archive/journal/2026/11/24/b.jsonl": "\n".join(lines[3:]).encode()},
            queues={"mail-now": [], "mail-now-dlq": [], "journal": [], "sweep": []},
            told=[Told("issue", 201, lambda evidence: None)], faults=[], logs=[("send-email", '{"level":"INFO","message":"Batch handled"}')],
            canaries={"NNANNA80A41F205X", "Rossi-Provvisoria-7", "Rossibaluco", "anna.rossibaluco@example.org"},
            counters=[(SCHOOL, dashboard)], data_key=KEY, now=NOW)


@pytest.fixture(scope="module")
def story() -> Evidence:
    return Story().tell_story()


# --------------------------------------------------------------- the damages


def item(evidence: Evidence, pk: str, sk: str) -> Item:
    """The one item whose keys begin so."""
    [found] = [item for item in evidence.items if item["PK"].startswith(pk) and item["SK"].startswith(sk) and "#RAW#" not in item["SK"]]
    return found


def notice(evidence: Evidence, base: int) -> Item:
    return item(evidence, f"NOTICE#{SCHOOL}#{number(base)}", "NOTICE")


def receipt(evidence: Evidence, identity: str, place: str = "OK") -> Item:
    return item(evidence, f"RECEIPT#{SCHOOL}#{identity}", place)


def gone(evidence: Evidence, pk: str, sk: str = "") -> None:
    kept = [item for item in evidence.items if not (item["PK"].startswith(pk) and item["SK"].startswith(sk))]
    assert len(kept) < len(evidence.items), "nothing to take away"
    evidence.items = kept


def without_mail(evidence: Evidence, key: str) -> None:
    kept = [mail for mail in evidence.mails if not mail["key"].startswith(key)]
    assert len(kept) < len(evidence.mails), "no such mail"
    evidence.mails = kept


def mail_of(evidence: Evidence, key: str) -> Item:
    [found] = [mail for mail in evidence.mails if mail["key"].startswith(key)]
    return found


def exchange_of(evidence: Evidence, sent: Receipt, place: int = 0) -> Exchange:
    return [exchange for exchange in evidence.exchanges if exchange.request == xml(sent)][place]


def say(exchange: Exchange, code: str | None) -> None:
    """Another answer, in the journal's eyes the same one."""
    exchange.response = exchange.said = answer(code) if code else None
    exchange.status = exchange.said_status = 200 if code else None


def rewrite(evidence: Evidence, kept: Item, raw: bytes, scope: str = SCHOOL) -> None:
    """Other bytes in a stored receipt."""
    kept["raw"] = base64.b64encode(seal(scope, deflate(raw))).decode()
    gone_part = f"{kept['SK']}#RAW#"
    evidence.items = [item for item in evidence.items if not (item["PK"] == kept["PK"] and item["SK"].startswith(gone_part))]


def change(evidence: Evidence, event: str, old: Item | None, new: Item | None) -> Change:
    keys = {name: (new or old or {})[name] for name in ("PK", "SK")}
    found = Change(event, keys, copy.deepcopy(old), copy.deepcopy(new), f"more-{len(evidence.changes)}")
    evidence.changes.append(found)
    return found


def place(evidence: Evidence, pk: str, sk: str = "", event: str = "INSERT") -> int:
    """Where the first such change stands."""
    return next(index for index, change in enumerate(evidence.changes) if change.event == event and change.keys["PK"].startswith(pk) and change.keys["SK"].startswith(sk))


def log(evidence: Evidence, line: str) -> None:
    evidence.logs.append(("send-email", line))


def archive(evidence: Evidence, edit: Callable[[str], str]) -> None:
    for name, body in evidence.objects.items():
        evidence.objects[name] = edit(body.decode()).encode()


def without_lines(evidence: Evidence, pattern: str) -> None:
    archive(evidence, lambda text: "\n".join(line for line in text.splitlines() if not re.search(pattern, line)))


# Those that need more than one statement.


def settled_by_share(evidence: Evidence) -> None:
    share = receipt(evidence, "share", "SHARE")
    share["SK"] = "OK"


def resettled(evidence: Evidence) -> None:
    found = notice(evidence, 1)
    change(evidence, "MODIFY", found, {**found, "version": found["version"] + 1, "receipt": SECOND.id, "further": []})
    found.update(receipt=SECOND.id, further=[])


def unpaid_for_a_while(evidence: Evidence) -> None:
    found = notice(evidence, 1)
    unpaid = {**found, "state": "payable", "version": found["version"] + 1}
    change(evidence, "MODIFY", found, unpaid)
    change(evidence, "MODIFY", unpaid, {**found, "version": found["version"] + 2})


def written_unread(evidence: Evidence) -> None:
    found = notice(evidence, 1)
    change(evidence, "MODIFY", found, found)


def cancelled_and_not_flagged(evidence: Evidence) -> None:
    paid = next(change for change in evidence.changes if change.keys["PK"].endswith(number(1)) and change.event == "MODIFY")
    assert paid.old is not None
    paid.old["state"] = "cancelled"


def more_than_they_paid(evidence: Evidence) -> None:
    notice(evidence, 1)["paid_amount"] = 2300


def a_share_of_the_truth(evidence: Evidence) -> None:
    receipt(evidence, "first")["receipt"]["amount"] = 2300


def uncaused(evidence: Evidence) -> None:
    evidence.mails.append({**evidence.mails[0], "key": "credentials/anna/nobody"})


def to_a_stranger(evidence: Evidence) -> None:
    known = mail_of(evidence, f"announce/{SCHOOL}/{number(2)}/announce-2/{ANNA}")
    evidence.mails.append({**known, "key": known["key"].replace(ANNA, CLERK), "to": [OFFICE]})


def linked_too_late(evidence: Evidence) -> None:
    """Bruno becomes a guardian after the announcement was sent to him."""
    late = evidence.changes.pop(place(evidence, f"PUPIL#{PUPIL}", f"GUARDIAN#{BRUNO}"))
    evidence.changes.append(late)


def newer_link_in_an_older_mail(evidence: Evidence) -> None:
    mail_of(evidence, f"recovery/{ANNA}/recovery-{ANNA}-1")["text"] = mail_of(evidence, f"recovery/{ANNA}/recovery-{ANNA}-2")["text"]


def anothers_link(evidence: Evidence) -> None:
    mail_of(evidence, f"confirm-address/registration-{ANNA}")["text"] = mail_of(evidence, f"confirm-address/registration-{BRUNO}")["text"]


def begun_when_overtaken(evidence: Evidence) -> None:
    at = place(evidence, f"CLAIM#recovery/{ANNA}/recovery-{ANNA}-1")
    evidence.changes.append(evidence.changes.pop(at))


def told_a_week_late(evidence: Evidence) -> None:
    item(evidence, f"CLAIM#linked/{PUPIL}/{ANNA}", "CLAIM")["lease_until"] = "2026-12-02T10:00:00Z"


def a_kind_nobody_knows(evidence: Evidence) -> None:
    evidence.items.append({"PK": "REMINDER#1", "SK": "REMINDER", "kind": "reminder"})


def finished_and_not_sent(evidence: Evidence) -> None:
    without_mail(evidence, f"credentials/{BRUNO}")
    item(evidence, f"PERSON#{BRUNO}", "R#PERSON")["provisional"] = {"expires_at": "2026-11-27T10:00:00Z"}
    evidence.changes = [found for found in evidence.changes if not (found.keys["PK"] == f"PERSON#{BRUNO}" and found.event == "MODIFY")]


def two_copies(evidence: Evidence) -> None:
    evidence.mails.append(mail_of(evidence, f"linked/{PUPIL}/{ANNA}"))


def two_copies_in_one_attempt(evidence: Evidence) -> None:
    two_copies(evidence)
    evidence.faults.append(Fault(Kind.SLOW, Aim("send-email", "sesv2", "SendEmail", "mail"), fired=1))


def two_mails_again_after_one_fault(evidence: Evidence) -> None:
    for name in (ANNA, BRUNO):
        evidence.mails.append(mail_of(evidence, f"linked/{PUPIL}/{name}"))
        _take_again(evidence, f"linked/{PUPIL}/{name}/linked-{name}")
    evidence.faults.append(Fault(Kind.LOSE, Aim("send-email", "sesv2", "SendEmail", "mail"), fired=1))


def three_copies(evidence: Evidence) -> None:
    evidence.mails += [mail_of(evidence, f"linked/{PUPIL}/{ANNA}")] * 2
    for attempt in (2, 3):
        _take_again(evidence, f"linked/{PUPIL}/{ANNA}/linked-{ANNA}", attempt)
    evidence.faults += [Fault(Kind.LOSE, Aim("send-email", "sesv2", "SendEmail", "mail", nth), fired=1) for nth in (1, 2)]


def _take_again(evidence: Evidence, key: str, attempt: int = 2) -> None:
    claim = {**item(evidence, f"CLAIM#{key}", "CLAIM"), "done": False}
    change(evidence, "MODIFY", {**claim, "attempt": attempt - 1}, {**claim, "attempt": attempt})


def done_and_taken(evidence: Evidence) -> None:
    claim = item(evidence, f"CLAIM#linked/{PUPIL}/{ANNA}", "CLAIM")
    change(evidence, "MODIFY", claim, {**claim, "done": False})


def asked_again_at_once(evidence: Evidence) -> None:
    claim = {**item(evidence, f"CLAIM#linked/{PUPIL}/{ANNA}", "CLAIM"), "done": False}
    first, second = {**claim, "resent_at": "2026-11-24T09:00:00Z"}, {**claim, "resent_at": "2026-11-24T09:01:00Z"}
    change(evidence, "MODIFY", claim, first)
    change(evidence, "MODIFY", first, second)


def one_number_for_two(evidence: Evidence) -> None:
    evidence.items.append({**item(evidence, f"COMMAND#{SCHOOL}#key-1", "COMMAND"), "PK": f"COMMAND#{SCHOOL}#another"})


def another_in_its_place(evidence: Evidence) -> None:
    found = notice(evidence, 2)
    change(evidence, "MODIFY", {**found, "pupil": "another"}, {**found, "version": found["version"] + 1})


def put_again(evidence: Evidence) -> None:
    change(evidence, "REMOVE", notice(evidence, 2), None)
    change(evidence, "INSERT", None, notice(evidence, 2))


def onto_quarantine(evidence: Evidence) -> None:
    change(evidence, "MODIFY", notice(evidence, 900), {**notice(evidence, 2), "PK": notice(evidence, 900)["PK"], "version": 2})


def numbers_go_back(evidence: Evidence) -> None:
    found = item(evidence, f"SCHOOL#{SCHOOL}", "NUMBERS")
    change(evidence, "MODIFY", found, {**found, "used": 500})


def taken_before_reserved(evidence: Evidence) -> None:
    found = item(evidence, f"SCHOOL#{SCHOOL}", "NUMBERS")
    evidence.changes[place(evidence, f"SCHOOL#{SCHOOL}", "NUMBERS")].new = {**found, "used": 4}
    change(evidence, "MODIFY", {**found, "used": 4}, found)


def command_changed(evidence: Evidence) -> None:
    found = item(evidence, f"COMMAND#{SCHOOL}#key-1", "COMMAND")
    change(evidence, "MODIFY", found, {**found, "content": "x"})


def wrong_digits(evidence: Evidence) -> None:
    wrong = number(2)[:-1] + str((int(number(2)[-1]) + 1) % 10)
    found = notice(evidence, 2)
    found.update(PK=f"NOTICE#{SCHOOL}#{wrong}", number=wrong)


def an_answer_of_its_own(evidence: Evidence) -> None:
    exchange_of(evidence, SECOND).response = exchange_of(evidence, SECOND).said = answer("OK").replace(b"<r>", b"<r >")


def unasked(evidence: Evidence) -> None:
    evidence.exchanges = [exchange for exchange in evidence.exchanges if exchange.operation.startswith("paSendRT")]


#: Check, words of the problem, what is broken.
DAMAGES: list[tuple[str, str, Callable[[Evidence], Any]]] = [
    # Money: what the Node heard OK for
    ("G1", "it is not stored", lambda e: gone(e, f"RECEIPT#{SCHOOL}#second")),
    ("G1", "it is not stored", lambda e: gone(e, f"RECEIPT#{SCHOOL}#refused")),
    ("G1", "nobody delivered it", lambda e: setattr(e, "exchanges", [x for x in e.exchanges if x.request != xml(SECOND)])),
    ("G1", "nobody delivered these bytes", lambda e: rewrite(e, receipt(e, "second"), xml(SECOND).replace(b"Contributo", b"Contributi"))),
    ("G1", "its bytes do not open", lambda e: rewrite(e, receipt(e, "second"), xml(SECOND), scope=OTHER)),
    ("G1", "its bytes do not open", lambda e: gone(e, f"RECEIPT#{SCHOOL}#first", "OK#RAW#1")),
    ("G1", "its bytes are no receipt", lambda e: rewrite(e, receipt(e, "second"), xml(SECOND)[:len(xml(SECOND)) // 2])),
    ("G1", "its sha256 is", lambda e: receipt(e, "second").update(sha256="0" * 64)),
    ("G1", "stands under OK, by its bytes it belongs under SHARE", settled_by_share),
    ("G1", "stands under KO, by its bytes it belongs under OK", lambda e: receipt(e, "second").update(SK="KO")),
    ("G1", "amount is 2300, its bytes say 2200", a_share_of_the_truth),
    ("G1", "outcome is 'OK', its bytes say 'KO'", lambda e: receipt(e, "refused", "KO")["receipt"].update(outcome="OK")),
    ("G1", "is stored 0 times instead of once", lambda e: gone(e, f"RECEIPT#{SCHOOL}#first", "COPY#")),
    ("G1", "is stored 2 times instead of once", lambda e: e.items.append({**receipt(e, "first", "COPY#"), "SK": "COPY#8899"})),
    ("G1", "another one's money stands there", lambda e: (say(exchange_of(e, OTHER_MONEY), "OK"), say(exchange_of(e, FIRST), "PAA_RECEIPT_DUPLICATA"))),
    ("G1", "answered OK 2 times", lambda e: say(exchange_of(e, FIRST, 1), "OK")),
    ("G1", "refused for ever with PAA_ID_DOMINIO_ERRATO", lambda e: say(exchange_of(e, FIRST, 1), "PAA_ID_DOMINIO_ERRATO")),
    ("G1", "names no school, id or number", lambda e: setattr(exchange_of(e, SECOND), "request", b"<x/>")),
    ("G1", "PENDING at the end", lambda e: e.sandbox_items[0].update(state="PENDING")),
    ("G1", "NOTIFIED, and it is not stored", lambda e: e.sandbox_items[1].update(state="NOTIFIED")),
    ("G1", "NOTIFIED, and the station never said so", lambda e: [say(exchange_of(e, FIRST, index), None) for index in (0, 1)]),
    # Notices
    ("G2", "and nothing stands there", lambda e: gone(e, f"NOTICE#{SCHOOL}#{number(900)}")),
    ("G2", "payable, though ['first', 'second'] came", lambda e: notice(e, 1).update(state="payable")),
    ("G2", "which is not stored for it", lambda e: notice(e, 1).update(receipt="nobody")),
    ("G2", "which pays nothing (KO)", lambda e: rewrite(e, receipt(e, "first"), xml(FIRST.but(outcome="KO")))),
    ("G2", "second counts as a further payment, and pays nothing", lambda e: rewrite(e, receipt(e, "second"), xml(SECOND.but(outcome="KO")))),
    ("G2", "payable, though ['share'] came", settled_by_share),
    ("G2", "its settlement's receipt changed", resettled),
    ("G2", "is unpaid again", unpaid_for_a_while),
    ("G2", "was written over", written_unread),
    ("G2", "paid after it was cancelled, and not flagged", cancelled_and_not_flagged),
    ("G2", "came after the first, [] are named", lambda e: notice(e, 1).update(further=[])),
    ("G2", "are not stored for it", lambda e: notice(e, 1).update(further=["second", "third"])),
    ("G2", "named twice", lambda e: notice(e, 1).update(further=["second", "second"])),
    ("G2", "it is flagged as second after []", lambda e: receipt(e, "second").update(oddities=[{"what": "wire", "detail": ""}])),
    ("G2", "not flagged other-money", lambda e: receipt(e, "first", "COPY#").update(oddities=[])),
    ("G2", "not flagged outcome-ko", lambda e: receipt(e, "refused", "KO").update(oddities=[])),
    ("G2", "the school is not to be told", lambda e: receipt(e, "second").update(odd=None)),
    ("G2", "unknown-notice is not flagged", lambda e: (receipt(e, "unknown").update(oddities=[]), notice(e, 900)["settlement"].update(oddities=[]))),
    ("G2", "due 2100, paid 2200, flagged []", lambda e: notice(e, 1).update(amount=2100)),
    ("G2", "oddities ['wire'], its receipt's are []", lambda e: notice(e, 1).update(oddities=[{"what": "wire"}])),
    ("G2", "though it was issued", lambda e: change(e, "MODIFY", notice(e, 2), {**notice(e, 2), "PK": notice(e, 900)["PK"], "version": 2})),
    # Sums
    ("G3", f"{SCHOOL}: notices 3000 cents, their receipts 2900, the Node sent 2900", more_than_they_paid),
    ("G3", f"{SCHOOL}: notices 2900 cents, their receipts 3000, the Node sent 2900", a_share_of_the_truth),
    ("G3", "the Node sent 700", lambda e: receipt(e, "first").update(sha256="0" * 64)),
    ("G3-lines", "nobody sums them here", lambda e: e.items.append({"PK": "FLOW#1", "SK": "LINE#1"})),
    # Effects
    ("G4", f"announce/{SCHOOL}/{number(2)}/announce-2/{BRUNO}: no mail went out", lambda e: without_mail(e, f"announce/{SCHOOL}/{number(2)}/announce-2/{BRUNO}")),
    ("G4", "no mail went out", lambda e: without_mail(e, f"paid/{SCHOOL}/{number(1)}/paid-first/{ANNA}")),
    ("G4", "no mail went out", lambda e: without_mail(e, f"linked/{PUPIL}/{ANNA}")),
    ("G4", "no mail went out", lambda e: without_mail(e, f"recovery/{ANNA}/recovery-{ANNA}-2")),
    ("G4", "no mail went out", lambda e: without_mail(e, f"password-changed/{BRUNO}")),
    ("G4", "no mail went out", lambda e: without_mail(e, f"odd-receipt/RECEIPT#{SCHOOL}#first|COPY#")),
    ("G4", "no mail went out", finished_and_not_sent),
    ("G4", "its claim is missing", lambda e: gone(e, f"CLAIM#announce/{SCHOOL}/{number(2)}/announce-2/{ANNA}")),
    ("G4", "its claim is not done", lambda e: item(e, f"CLAIM#linked/{PUPIL}/{ANNA}", "CLAIM").update(done=False)),
    ("G4", "its claim is missing", lambda e: gone(e, f"CLAIM#recovery/{ANNA}/recovery-{ANNA}-1")),
    ("G4", "a mail that no change asked for", uncaused),
    ("G4", "told to somebody who was no guardian then", to_a_stranger),
    ("G4", "told to somebody who was no guardian then", linked_too_late),
    ("G4", "not to the recipient's address", lambda e: mail_of(e, f"linked/{PUPIL}/{ANNA}").update(to=[f"{BRUNO}@example.org"])),
    ("G4", "not to the recipient's address", lambda e: mail_of(e, f"confirm-address/registration-{ANNA}").update(to=[OFFICE])),
    ("G4", "its link is of attempt 2, its cause of attempt 1", newer_link_in_an_older_mail),
    ("G4", "its link opens registration-bruno", anothers_link),
    ("G4", "its link opens nothing", lambda e: gone(e, "TOKEN#")),
    ("G4", "after it was overtaken", begun_when_overtaken),
    ("G4", "days after its cause", told_a_week_late),
    ("G4", "only the sweeper brought it", lambda e: e.swept.append(json.dumps({"v": 1, "what": {"kind": "linked"}, "cause": {"id": f"linked-{ANNA}"}}))),
    ("G4", "items of kind reminder", a_kind_nobody_knows),
    # Copies
    ("G5", "2 copies, 0 faults left a sending in doubt", two_copies),
    ("G5", "2 copies, its claim was taken 1 times", two_copies_in_one_attempt),
    ("G5", "2 mails went out again, 1 faults", two_mails_again_after_one_fault),
    ("G5", "3 copies", three_copies),
    ("G5", "its claim was taken 0 times", lambda e: setattr(e, "changes", [c for c in e.changes if not c.keys["PK"].startswith(f"CLAIM#linked/{PUPIL}/{ANNA}")])),
    ("G5", "taken again after it was done", done_and_taken),
    # Rest
    ("G6", "mail-now-dlq holds 1 messages: announce", lambda e: e.queues["mail-now-dlq"].append('{"v":1,"what":{"kind":"announce"}}')),
    ("G6", "journal holds 1 messages: unreadable", lambda e: e.queues["journal"].append("?")),
    ("G6", "its claim is not done, attempt 1", lambda e: item(e, f"CLAIM#linked/{PUPIL}/{ANNA}", "CLAIM").update(done=False)),
    ("G6", "given up: failed-changes/aws/lambda/x", lambda e: e.objects.update({"failed-changes/aws/lambda/x": b"{}"})),
    ("G6", "the sweeper asked for it again after 60 s", asked_again_at_once),
    ("G6", "stands where notices stand and is none", lambda e: e.items.append({"PK": "NOTICE#x", "SK": "NOTICE", "kind": "notice"})),
    # Answers
    ("G7", "issue (201): no such notice", lambda e: e.told.append(Told("issue", 201, lambda evidence: "no such notice"))),
    ("G7", "broke on what it found: KeyError", lambda e: e.told.append(Told("issue", 201, lambda evidence: {}["x"]))),
    # Privacy
    ("G8", "a log line of send-email holds an e-mail address", lambda e: log(e, "to=Anna.Rossibaluco@example.org")),
    ("G8", "a log line of send-email holds a fiscal code", lambda e: log(e, "x?code=nnanna80a41f205x&y")),
    ("G8", "an error of relay holds a name", lambda e: e.errors.append(("relay", "Rossibaluco is unknown"))),
    ("G8", "a message in mail-now holds a name", lambda e: e.queues["mail-now"].append('{"name":"Rossibaluco"}')),
    ("G8", "a message of the sweeper holds a name", lambda e: e.swept.append('{"name":"Rossibaluco"}')),
    ("G8", "a key of the table holds a fiscal code", lambda e: e.items.append({"PK": "FISCALCODE#NNANNA80A41F205X", "SK": "x"})),
    ("G8", "a key of the table holds a name", lambda e: item(e, f"PUPIL#{PUPIL}", "PUPIL").update(G2SK="1A#Rossibaluco")),
    ("G8", "a key of the table holds an e-mail address", lambda e: change(e, "INSERT", None, {"PK": "MAIL#anna.rossibaluco@example.org", "SK": "MAIL"})),
    ("G8", "the subject of", lambda e: e.mails[0].update(subject="Per Rossibaluco")),
    ("G8", "the headers of", lambda e: e.mails[0]["headers"].update({"X-To": "Rossibaluco"})),
    ("G8", "the item PERSON#anna R#PERSON holds a fiscal code", lambda e: item(e, f"PERSON#{ANNA}", "R#PERSON").update(fiscal_code="NNANNA80A41F205X")),
    ("G8", "the item PERSON#anna R#PERSON holds a secret", lambda e: item(e, f"PERSON#{ANNA}", "R#PERSON").update(password="Rossi-Provvisoria-7")),
    ("G8", "the name of an object holds a name", lambda e: e.objects.update({"archive/Rossibaluco": b""})),
    # Dashboards
    ("G9", "payable is told as 3, a recount gives 1", lambda e: e.counters[0][1]["counts"].update(payable=3)),
    ("G9", "overdue is told as 0, a recount gives 1", lambda e: e.counters[0][1]["counts"].update(overdue=0)),
    ("G9", "odd is told as 0", lambda e: e.counters[0][1]["counts"].update(odd=0)),
    ("G9", "collected is told as 44.00", lambda e: e.counters[0][1].update(collected="44.00")),
    ("G9", "open is told as None", lambda e: e.counters[0][1].update(open=None)),
    ("G9", "unknown_paid is told as 0", lambda e: e.counters[0][1].update(unknown_paid=0)),
    ("G9", "latest is told as []", lambda e: e.counters[0][1].update(latest=[])),
    # Numbers
    ("G10", "given to 2 commands", one_number_for_two),
    ("G10", "issued by none of its 0 commands", lambda e: gone(e, f"COMMAND#{SCHOOL}#key-2")),
    ("G10", "issued by none of its 1 commands", lambda e: notice(e, 2).update(notified={"id": "another", "at": NOW.isoformat()})),
    ("G10", "another notice took its place: pupil changed", another_in_its_place),
    ("G10", "put 2 times", put_again),
    ("G10", "issued onto a number in quarantine", onto_quarantine),
    ("G10", "a command was changed", command_changed),
    ("G10", "went from 1000 to 500", numbers_go_back),
    ("G10", "when 4 numbers were reserved", taken_before_reserved),
    ("G10", "has reserved 2 numbers", lambda e: item(e, f"SCHOOL#{SCHOOL}", "NUMBERS").update(used=2)),
    ("G10", "wrong check digits", wrong_digits),
    # Twins
    ("T", "without its twin", lambda e: gone(e, f"PERSON#{ANNA}", "R#LINK#")),
    ("T", "without its twin", lambda e: gone(e, f"PUPIL#{PUPIL}", f"GUARDIAN#{ANNA}")),
    ("T", "differs from its twin in linked", lambda e: item(e, f"PERSON#{ANNA}", "R#LINK#").update(linked={"id": "x", "at": NOW.isoformat()})),
    ("T", "not among the school's staff", lambda e: gone(e, f"SCHOOL#{SCHOOL}", "STAFF#")),
    ("T", "the person has no such role", lambda e: gone(e, f"PERSON#{CLERK}", "R#ROLE#")),
    ("T", "its USERNAME leads to nobody", lambda e: gone(e, f"USERNAME#{lookup('username', 'anna.0001')}")),
    ("T", "its FISCALCODE leads to bruno", lambda e: item(e, f"FISCALCODE#{lookup('fiscal-code', 'NNANNA80A41F205X')}", "").update(person=BRUNO)),
    ("T", "who has another or is not there", lambda e: gone(e, f"PERSON#{ANNA}", "R#PERSON")),
    # The journal
    ("J", "paVerifyPaymentNotice answered 200", lambda e: without_lines(e, "paVerifyPaymentNotice")),
    ("J", "is not in the journal (0 gaps can be a fault's)", an_answer_of_its_own),
    ("J", "without all their parts: ['exchange-1']", lambda e: without_lines(e, '"id": "exchange-1".*"part": 2')),
    ("J", "was made by nobody", unasked),
    ("J", "holds what cannot be read", lambda e: e.objects.update({"archive/journal/x.jsonl": b"?"})),
    ("J", "numbers 0 to 999 under 07 were used and not told outside the table", lambda e: without_lines(e, "numbers-reserved")),
]


def test_what_is_right_is_green_and_every_check_looks_at_something(story: Evidence) -> None:
    verdicts = check(story)
    assert [f"{verdict.id}: {problem}" for verdict in verdicts for problem in verdict.problems] == []
    assert {verdict.id for verdict in verdicts if verdict.subjects == 0} == set(MAY_BE_EMPTY)


@pytest.mark.parametrize(("name", "words", "damage"), DAMAGES, ids=[f"{name}-{words[:50]}" for name, words, _ in DAMAGES])
def test_what_is_broken_is_red(story: Evidence, name: str, words: str, damage: Callable[[Evidence], Any]) -> None:
    evidence = copy.deepcopy(story)
    damage(evidence)
    [found] = [verdict for verdict in check(evidence) if verdict.id == name]
    assert any(words in problem for problem in found.problems), found.problems
    told = " ".join(found.problems)
    assert not any(canary in told for canary in story.canaries), "a problem tells no personal data"


# ------------------------------------------- what is right though it looks odd


def right(evidence: Evidence, *names: str) -> None:
    assert [f"{verdict.id}: {problem}" for verdict in check(evidence) if verdict.id in names for problem in verdict.problems] == []


def test_a_copy_after_a_fault_that_left_the_sending_in_doubt_is_right(story: Evidence) -> None:
    evidence = copy.deepcopy(story)
    two_copies(evidence)
    _take_again(evidence, f"linked/{PUPIL}/{ANNA}/linked-{ANNA}")
    evidence.faults.append(Fault(Kind.LOSE, Aim("send-email", "sesv2", "SendEmail", "mail"), fired=1))
    right(evidence, "G4", "G5")


def test_a_mail_that_was_given_up_after_two_doubts_with_an_alarm_is_right(story: Evidence) -> None:
    evidence = copy.deepcopy(story)
    without_mail(evidence, f"linked/{PUPIL}/{ANNA}")
    item(evidence, f"CLAIM#linked/{PUPIL}/{ANNA}", "CLAIM").update(note="uncertain", attempt=3)
    log(evidence, '{"level":"ERROR","alarm":"mail-uncertain"}')
    evidence.faults += [Fault(Kind.KILL_BEFORE, Aim("send-email", "sesv2", "SendEmail", "mail", nth), fired=1) for nth in (1, 2)]
    right(evidence, "G4")
    evidence.faults.pop()
    assert check(evidence)[4].problems, "one fault does not explain it"


def test_a_gap_in_the_journal_is_right_where_a_fault_hit_its_message(story: Evidence) -> None:
    evidence = copy.deepcopy(story)
    without_lines(evidence, "paVerifyPaymentNotice")
    evidence.faults.append(Fault(Kind.REFUSE, Aim("psp-callback", "sqs", "SendMessage", "journal"), fired=1))
    right(evidence, "J")


def test_nobody_is_told_of_what_is_paid_or_older_than_the_window(story: Evidence) -> None:
    evidence = copy.deepcopy(story)
    without_mail(evidence, f"announce/{SCHOOL}/{number(1)}")
    without_mail(evidence, f"announce/{SCHOOL}/{number(3)}")
    right(evidence, "G4")
    evidence.mails = []
    evidence.now += timedelta(days=8)
    right(evidence, "G4")


def test_an_answer_that_did_not_arrive_is_in_the_journal_all_the_same(story: Evidence) -> None:
    evidence = copy.deepcopy(story)
    lost = evidence.exchanges[-1]
    lost.status = lost.response = None
    right(evidence, "J")
    without_lines(evidence, "paVerifyPaymentNotice")
    assert check(evidence)[-1].problems


# ---------------------------------------------------------------- the reading


@pytest.mark.parametrize(("text", "value"), [
    ("45.50", 4550), (" 45.5\n", 4550), ("45", 4500), ("45,50", 4550), ("45.500", 4550), ("+0.00", 0), ("45.505", None), ("1.234,50", None), ("-1.00", None), ("", None),
])
def test_amounts_are_read_where_they_can_only_mean_one_thing(text: str, value: int | None) -> None:
    assert layout.cents(text) == value


def test_copies_of_one_receipt_have_the_same_money_whatever_their_form() -> None:
    papers = [layout.paper(FIRST.xml(version)) for version in ("V1", "V2")]
    assert papers[0] and papers[1] and papers[0].money == papers[1].money and papers[0].digest != papers[1].digest
    assert layout.paper(FIRST.but(iban="IT79K0300203280000400162854").xml()).money != papers[0].money  # type: ignore[union-attr]
    assert layout.paper(FIRST.but(id="x" * 101).xml()).partition == f"RECEIPT#{SCHOOL}#sha256-{hashlib.sha256(b'x' * 101).hexdigest()}"  # type: ignore[union-attr]
    assert layout.paper(b"<x/>") is None and layout.paper(b"?") is None


def test_a_moment_is_read_with_all_its_decimals() -> None:
    assert layout.instant("2026-11-24T10:00:00.5Z") - layout.instant("2026-11-24T10:00:00Z") == 0.5
    assert layout.instant("2026-11-24T10:00:00.123456789Z") == pytest.approx(NOW.timestamp() + 0.123456789, abs=1e-6)
