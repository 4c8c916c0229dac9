"""The standing checks: what must hold when a case is over, whatever befell it (docs/rig.md). They read the table by their own means
(layout.py) and share no code with the service. A problem names ids, what was expected and what was found, never personal data.
"""

import hashlib
import json
import re
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rig.faults import Kind
from rig.layout import Item, Journal, Kept, Paper, Slot, Table, instant, paper, settlement, verdict, whats

if TYPE_CHECKING:
    from rig.driver import Change
    from rig.ground import Evidence

#: Check (or `flow:check`) → why it is right that it looked at nothing.
MAY_BE_EMPTY: dict[str, str] = {
    "G3-lines": "no reporting flow is read yet (issue \"reconcile\"): the day one is, its lines must be summed here",
}

DAY = 24 * 3600
#: Causes older than this are parked: nobody is told any more (CORE 2.3).
WINDOW = 7 * DAY
#: A sending that began inside the window may end a little outside.
LATENESS = 600
#: The sweeper asks for an effect again once in so many of its lags (CORE 2.10).
PAUSE_IN_LAGS = 96
#: Later receipts of one notice that its item names.
FURTHER = 20
#: What ends the Node's deliveries of a receipt in our favour.
STORED = frozenset({"OK", "PAA_RECEIPT_DUPLICATA"})
LATEST = 8
ROME = ZoneInfo("Europe/Rome")
#: The sweeper's lag in seconds, as the stack of the tests is deployed.
LAG = int(json.loads((Path(__file__).resolve().parents[2] / "infra" / "parameters" / "test.json").read_text())["SweepLagSeconds"])

#: Faults on the mail service's call after which nobody knows whether the mail went out.
UNCERTAIN_SENDING = frozenset({Kind.LOSE, Kind.LOSE_ONCE, Kind.SLOW, Kind.TWICE, Kind.KILL_AFTER, Kind.HOLD})
#: Faults on a claim's write after which the end of a sending is not recorded, or too late.
UNCERTAIN_END = frozenset({Kind.REFUSE, Kind.THROTTLE, Kind.KILL_BEFORE, Kind.HOLD})
#: Faults on the mail service's call that are a refusal for certain.
REFUSALS = frozenset({Kind.THROTTLE})


@dataclass
class Verdict:
    id: str
    what: str
    #: How many things were looked at.
    subjects: int = 0
    problems: list[str] = field(default_factory=list)

    def wrong(self, problem: str) -> None:
        self.problems.append(problem)

    def must(self, true: Any, problem: str) -> bool:
        if not true:
            self.problems.append(problem)
        return bool(true)


# -------------------------------------------------- which messages a change owes


@dataclass(frozen=True)
class Row:
    """One kind of cause: where it stands, which effect it owes, and when that is overtaken by what else its item says.

    Written by hand from ARCHITECTURE.md, not from the code: a new kind of item that causes messages gets a line here."""

    kind: str
    attribute: str
    effect: Callable[[Item], str]
    #: The attribute counts only in such an item.
    where: tuple[str, str] | None = None
    #: Told to each guardian of the pupil, with a claim for each.
    many: bool = False
    #: Nothing is left to tell, whatever the cause.
    void: Callable[[Item], bool] = lambda item: False
    #: Nothing is left to tell from then on.
    until: Callable[[Item], str | None] = lambda item: None

    def cause(self, item: Item | None) -> Item | None:
        if item is None or item.get("kind") != self.kind or (self.where and item.get(self.where[0]) != self.where[1]):
            return None
        found: Any = item
        for name in self.attribute.split("."):
            found = (found or {}).get(name)
        return found


def _stale(item: Item) -> bool:
    return item["recovery"]["generation"] != item["generation"]


CAUSES = (
    Row("registration", "cause", lambda item: f"confirm-address/{item['id']}", where=("step", "submitted"), until=lambda item: item["expires_at"]),
    Row("person", "credentials", lambda item: f"credentials/{item['id']}", void=lambda item: item.get("provisional") is None,
        until=lambda item: item["provisional"]["expires_at"]),
    Row("person", "recovery.cause", lambda item: f"recovery/{item['id']}", void=_stale, until=lambda item: item["recovery"]["expires_at"]),
    Row("person", "changed", lambda item: f"password-changed/{item['id']}"),
    Row("guardian", "linked", lambda item: f"linked/{item['pupil']}/{item['person']}"),
    Row("notice", "notified", lambda item: f"announce/{item['school']}/{item['number']}", many=True, void=lambda item: item.get("state") != "payable"),
    Row("notice", "cause", lambda item: f"paid/{item['school']}/{item['number']}", where=("state", "paid"), many=True),
    Row("receipt", "odd", lambda item: f"odd-receipt/{item['PK']}|{item['SK']}"),
)
ROWS: dict[str, list[Row]] = {}
for _row in CAUSES:
    ROWS.setdefault(_row.kind, []).append(_row)


@dataclass
class Owed:
    """A message that some change asked for."""

    key: str
    row: Row
    cause: Item
    #: The item as the change left it.
    image: Item
    #: Which change; -1 where it was there before all of them.
    at: int
    #: Which later change superseded or overtook it.
    over: int | None = None
    lost: bool = False

    @property
    def place(self) -> tuple[str, str]:
        return self.image["PK"], self.image["SK"]


@dataclass
class Delivery:
    """A receipt that the Node sent, and what it heard, or would have heard."""

    paper: Paper
    verdicts: set[str]
    node: str


def header(key: str) -> str:
    """A key as a mail's header carries it."""
    return "".join(letter if "!" <= letter <= "~" else "_" for letter in key)


class Case:
    """An evidence, read once for all checks."""

    def __init__(self, evidence: "Evidence"):
        self.evidence = evidence
        self.table = Table(evidence.items, evidence.data_key)
        self.now = evidence.now.timestamp()

    def fired(self, kinds: Iterable[Kind] | None = None, **aim: str) -> int:
        """Calls like this that a fault befell."""
        return sum(
            fault.fired for fault in self.evidence.faults
            if (kinds is None or fault.kind in kinds) and all(getattr(fault.aim, name) == value for name, value in aim.items()))

    def changes(self, prefix: str) -> "Iterator[tuple[int, Change]]":
        return ((index, change) for index, change in enumerate(self.evidence.changes) if change.keys["PK"].startswith(prefix))

    @cached_property
    def deliveries(self) -> list[Delivery]:
        papers: dict[bytes, Paper | None] = {}
        found = []
        for exchange in self.evidence.exchanges:
            if b"receiptId" not in exchange.request:
                continue
            if exchange.request not in papers:
                papers[exchange.request] = paper(exchange.request)
            if delivered := papers[exchange.request]:
                found.append(Delivery(delivered, verdicts(exchange), exchange.node))
        return found

    @cached_property
    def journal(self) -> Journal:
        lines = [(name, line) for name, body in self.evidence.objects.items() if name.startswith("archive/journal/") for line in body.decode(errors="replace").splitlines()]
        lines += [("the queue", body) for queue in ("journal", "journal-dlq") for body in self.evidence.queues.get(queue, [])]
        return Journal.read(lines)

    @cached_property
    def schools(self) -> dict[str, Item]:
        return {item["fiscal_code"]: item for item in self.table.of("SCHOOL#", "SCHOOL")}

    # ------------------------------------------------------------- effects

    @cached_property
    def owed(self) -> dict[str, Owed]:
        """By key, all messages that any change asked for."""
        found: dict[str, Owed] = {}
        present: dict[tuple[str, str, str], Owed] = {}
        lost = {change.sequence for change in self.evidence.lost}

        def look(at: int, old: Item | None, new: Item | None, is_lost: bool, keys: Item) -> None:
            for row in ROWS.get((new or old or {}).get("kind", ""), ()):
                slot = (keys["PK"], keys["SK"], row.attribute)
                cause, standing = row.cause(new), present.get(slot)
                if standing and standing.over is None and (cause != standing.cause or row.void(new or {})):
                    standing.over = at
                if new and cause and cause != row.cause(old):
                    key = f"{row.effect(new)}/{cause['id']}"
                    if key not in found:
                        found[key] = Owed(key, row, cause, new, at, lost=is_lost)
                    present[slot] = found[key]

        seen = set()
        for at, change in enumerate(self.evidence.changes):
            seen.add((change.keys["PK"], change.keys["SK"]))
            if change.event == "REMOVE":
                look(at, change.old, None, False, change.keys)
            else:
                look(at, change.old, change.new, change.sequence in lost, change.keys)
        for item in self.table:
            # Whatever stands in the table is owed too, as the sweeper sees it.
            if (item["PK"], item["SK"]) not in seen and item.get("kind") in ROWS:
                look(-1, None, item, False, item)
        return found

    @cached_property
    def heads(self) -> dict[str, str]:
        """From a mail's header to the key that it stands for."""
        return {header(key): key for key in self.owed}

    @cached_property
    def guardians(self) -> dict[tuple[str, str], tuple[int, int | None]]:
        """Pupil and guardian → which change linked them, which removed the link."""
        found: dict[tuple[str, str], tuple[int, int | None]] = {}
        for at, change in self.changes("PUPIL#"):
            pupil, (word, _, person) = change.keys["PK"].removeprefix("PUPIL#"), change.keys["SK"].partition("#")
            if word != "GUARDIAN":
                continue
            if change.event == "REMOVE":
                found[pupil, person] = (found.get((pupil, person), (-1, None))[0], at)
            elif (pupil, person) not in found or found[pupil, person][1] is not None:
                found[pupil, person] = (at, None)
        for item in self.table.of("PUPIL#", "GUARDIAN#"):
            found.setdefault((item["pupil"], item["person"]), (-1, None))
        return found

    @cached_property
    def addresses(self) -> dict[str, set[str]]:
        """Every address that a person or a school has had; of a registration, the one that was typed."""
        found = defaultdict[str, set[str]](set)
        images = [image for _, change in self.changes("PERSON#") for image in (change.old, change.new) if image] + self.table.of("PERSON#")
        for image in images:
            if image.get("kind") == "person":
                found[image["id"]].add(image["email"])
        for code, school in self.schools.items():
            found[code].add(school.get("email", ""))
        for owed in self.owed.values():
            if owed.row.kind == "registration":
                details = self.table.vault.open_text(owed.image["id"], owed.image.get("details"))
                found[owed.image["id"]].add(json.loads(details)["email"] if details else "")
        return found

    @cached_property
    def takings(self) -> dict[str, list[int]]:
        """By claim: the changes by which somebody took it to send."""
        found = defaultdict[str, list[int]](list)
        for at, change in self.changes("CLAIM#"):
            before, after = change.old or {}, change.new
            if after and not after["done"] and after["attempt"] > (before.get("attempt") or 0):
                found[change.keys["PK"].removeprefix("CLAIM#")].append(at)
        return found

    def recipients(self, owed: Owed) -> set[str]:
        """Who must be told, where it is not overtaken."""
        image = owed.image
        match owed.row.kind:
            case "registration" | "person":
                return {image["id"]}
            case "guardian":
                return {image["person"]}
            case "receipt":
                school = image["receipt"]["addressee"]
                return {school} if self.schools.get(school, {}).get("email") else set()
        # Who was a guardian before the change and still is; whoever came in between may be told or not.
        links = [(person, since, until) for (pupil, person), (since, until) in self.guardians.items() if pupil == image["pupil"]]
        return {person for person, since, until in links if until is None and (since < owed.at or since == -1)}

    def must_be_told(self, owed: Owed) -> bool:
        """Is it the latest of its kind, and has nothing made it needless?"""
        if owed.over is not None or self.is_parked(owed):
            return False
        item = self.table.get(*owed.place)
        if item is None or owed.row.cause(item) != owed.cause or owed.row.void(item):
            return False
        until = owed.row.until(item)
        return until is None or instant(until) > self.now

    def is_parked(self, owed: Owed) -> bool:
        return self.now - instant(owed.cause["at"]) >= WINDOW


def verdicts(exchange: Any) -> set[str]:
    """What the Node heard and what the station said: one where nothing was lost between them."""
    said = {(exchange.status, exchange.response), (exchange.said_status, exchange.said)}
    return {found for status, body in said if (found := verdict(status, body))}


# ------------------------------------------------------------------ G1 money


def g1(case: Case) -> Verdict:
    """Each receipt that the Node heard OK or DUPLICATA for stands in its place, byte for byte, and nobody made one up."""
    found = Verdict("G1", "receipts: what the Node heard OK for is stored byte for byte, and nothing else")
    delivered = defaultdict[str, dict[str, Paper]](dict)
    groups = defaultdict[tuple[str, str], list[Delivery]](list)
    for delivery in case.deliveries:
        delivered[delivery.paper.partition][delivery.paper.digest] = delivery.paper
        groups[delivery.paper.partition, delivery.paper.place].append(delivery)
    for kept in case.table.receipts.values():
        found.subjects += 1
        _kept(found, kept, delivered[kept.partition])
    for (partition, place), deliveries in groups.items():
        found.subjects += 1
        _heard(found, case, f"{partition} {place}", case.table.get(partition, place), deliveries)
    for exchange in case.evidence.exchanges:
        if exchange.operation.startswith("paSendRT") and "OK" in verdicts(exchange):
            found.must(paper(exchange.request), f"a receipt was answered OK that names no school, id or number: {hashlib.sha256(exchange.request).hexdigest()}")
    for item in case.evidence.sandbox_items:
        if item["PK"] == "RECEIPT":
            found.subjects += 1
            _sandbox(found, case, item)
    return found


def _kept(found: Verdict, kept: Kept, delivered: dict[str, Paper]) -> None:
    """One stored receipt against its own bytes and what was delivered."""
    if not found.must(kept.raw is not None, f"{kept.name}: its bytes do not open"):
        return
    digest = hashlib.sha256(kept.raw or b"").hexdigest()
    found.must(kept.item.get("sha256") == digest, f"{kept.name}: its sha256 is {kept.item.get('sha256')}, its bytes have {digest}")
    if not delivered:
        found.wrong(f"{kept.name}: nobody delivered it")
    else:
        found.must(digest in delivered, f"{kept.name}: nobody delivered these bytes ({digest}), but {len(delivered)} others under this id")
    told = kept.paper
    if not found.must(told, f"{kept.name}: its bytes are no receipt"):
        return
    assert told is not None
    if kept.kind != "COPY":
        found.must(kept.place == told.place, f"{kept.name}: stands under {kept.place}, by its bytes it belongs under {told.place}")
    expected_fields = {"addressee": told.school, "id": told.id, "number": told.number, "creditor": told.creditor, "outcome": told.outcome, "amount": told.amount or None}
    for name, expected in expected_fields.items():
        found.must(kept.field.get(name) == expected, f"{kept.name}: {name} is {kept.field.get(name)!r}, its bytes say {expected!r}")


def _heard(found: Verdict, case: Case, name: str, item: Item | None, deliveries: list[Delivery]) -> None:
    """All deliveries of one receipt of one kind against what is stored of it."""
    first = deliveries[0].paper
    said = [delivery for delivery in deliveries if delivery.verdicts & STORED]
    for code in sorted({code for delivery in deliveries for code in delivery.verdicts} - STORED):
        found.must(first.school not in case.schools, f"{name}: refused for ever with {code}")
    oks = [delivery for delivery in deliveries if "OK" in delivery.verdicts]
    found.must(len(oks) <= 1, f"{name}: answered OK {len(oks)} times")
    if not said:
        return
    kept = case.table.receipts.get((first.partition, first.place))
    words = sorted(set().union(*(delivery.verdicts for delivery in said)))
    if not found.must(item and kept, f"{name}: the Node heard {', '.join(words)}, and it is not stored"):
        return
    assert kept is not None
    copies = [copy for (partition, place), copy in case.table.receipts.items() if partition == first.partition and place.startswith("COPY#")]
    moneys = [copy.paper.money for copy in [kept, *copies] if copy.paper]
    for money in {delivery.paper.money for delivery in said}:
        digests = sorted(delivery.paper.digest[:16] for delivery in said if delivery.paper.money == money)
        found.must(moneys.count(money) == 1, f"{name}: a content with this money (sha256 {digests[0]}…) is stored {moneys.count(money)} times instead of once")
    for delivery in oks:
        found.must(kept.paper is None or kept.paper.money == delivery.paper.money, f"{name}: OK was said to {delivery.paper.digest[:16]}…, another one's money stands there")


def _sandbox(found: Verdict, case: Case, item: Item) -> None:
    """The Node's own record of a receipt."""
    told, xml = json.loads(item["data"]), item["xml"].encode()
    record = paper(xml)
    name = f"the Node's record of {told['id']} for {told['addressee']}"
    if not found.must(record, f"{name}: its bytes are no receipt"):
        return
    assert record is not None
    found.must(told["sha256"] == record.digest, f"{name}: sha256 {told['sha256']}, its bytes have {record.digest}")
    heard = any(delivery.verdicts & STORED for delivery in case.deliveries if delivery.paper.digest == record.digest)
    if item["state"] == "NOTIFIED":
        kept = case.table.receipts.get((record.partition, record.place))
        found.must(kept, f"{name}: NOTIFIED, and it is not stored")
        found.must(heard, f"{name}: NOTIFIED, and the station never said so")
        found.must(told["amount_cents"] == record.amount, f"{name}: {told['amount_cents']} cents, its bytes say {record.amount}")
    else:
        # The receipt that is lost on purpose was never on its way.
        found.must(told.get("lost") and not heard, f"{name}: {item['state']} at the end")


# ---------------------------------------------------------------- G2 notices


def g2(case: Case) -> Verdict:
    """A notice is paid by exactly one receipt, and for ever; all others on it are named and flagged."""
    found = Verdict("G2", "notices: paid if and only if exactly one receipt settles it, and for ever")
    settling = defaultdict[tuple[str, str], list[Kept]](list)
    for kept in case.table.receipts.values():
        if kept.paper and kept.kind != "COPY" and "OK" in (kept.place, kept.paper.place):
            settling[kept.paper.school, kept.paper.number].append(kept)
        _flags(found, kept)
    issued = {change.keys["PK"] for _, change in case.changes("NOTICE#") if "pupil" in (change.new or {})}
    for place in sorted({*settling, *case.table.slots}):
        found.subjects += 1
        slot = case.table.slots.get(place)
        if slot:
            _settled(found, case, slot, settling[place], issued)
        else:
            found.wrong(f"{place[0]}/{place[1]}: receipts {sorted(kept.field.get('id', '') for kept in settling[place])} came, and nothing stands there")
    for _, change in case.changes("NOTICE#"):
        _history(found, change)
    return found


def _flags(found: Verdict, kept: Kept) -> None:
    odd = whats(kept.item.get("oddities"))
    wanted = {"KO": "outcome-ko", "COPY": "other-money"}.get(kept.kind)
    found.must(wanted is None or wanted in odd, f"{kept.name}: not flagged {wanted}, but {sorted(odd)}")
    found.must(bool(odd) == bool(kept.item.get("odd")), f"{kept.name}: oddities {sorted(odd)}, and the school is {'' if kept.item.get('odd') else 'not '}to be told")


def _settled(found: Verdict, case: Case, slot: Slot, receipts: list[Kept], issued: set[str]) -> None:
    name, paid = slot.name, slot.settlement
    by_id = {kept.field["id"]: kept for kept in receipts}
    if paid is None:
        found.must(not receipts, f"{name}: {slot.item.get('state')}, though {sorted(by_id)} came")
        return
    if slot.is_quarantine:
        found.must(slot.item["PK"] not in issued, f"{name}: in quarantine, though it was issued")
    first = by_id.get(paid["receipt"])
    if not found.must(first, f"{name}: paid by {paid['receipt']}, which is not stored for it"):
        return
    assert first is not None and first.paper is not None
    found.must(first.paper.place == "OK", f"{name}: paid by {paid['receipt']}, which pays nothing ({first.paper.place})")
    found.must(paid["oddities"] == first.item["oddities"], f"{name}: oddities {sorted(whats(paid['oddities']))}, its receipt's are {sorted(whats(first.item['oddities']))}")
    odd = whats(first.item["oddities"])
    found.must("second" not in odd, f"{name}: the receipt that settles, {paid['receipt']}, is flagged as a second one")
    found.must(("unknown-notice" in odd) == slot.is_quarantine, f"{name}: unknown-notice {'is' if 'unknown-notice' in odd else 'is not'} flagged")
    if not slot.is_quarantine:
        differs = first.paper.amount != slot.item["amount"]
        found.must(("other-amount" in odd) == differs, f"{name}: due {slot.item['amount']}, paid {first.paper.amount}, flagged {sorted(odd)}")
    others, further = sorted(set(by_id) - {paid["receipt"]}), paid["further"]
    found.must(len(set(further)) == len(further), f"{name}: further receipts named twice: {further}")
    found.must(set(further) <= set(others), f"{name}: further {sorted(set(further) - set(others))} are not stored for it")
    found.must(len(further) == min(len(others), FURTHER), f"{name}: {others} came after the first, {further} are named")
    for other in others:
        kept = by_id[other]
        found.must(kept.paper and kept.paper.place == "OK", f"{name}: {other} counts as a further payment, and pays nothing")
        seconds = [oddity.get("first") for oddity in kept.item["oddities"] if oddity["what"] == "second"]
        found.must(seconds == [paid["receipt"]], f"{kept.name}: it came after {paid['receipt']}, it is flagged as second after {seconds}")


def _history(found: Verdict, change: "Change") -> None:
    """Nothing takes a payment back, and nobody writes over what they have not read."""
    name = change.keys["PK"].removeprefix("NOTICE#")
    old, new = change.old, change.new
    if old and new:
        found.must(new["version"] == old["version"] + 1, f"{name}: version {new['version']} was written over {old['version']}")
        was = old.get("state") == "cancelled" and settlement(new)
        if was:
            found.must("cancelled-before" in whats(was["oddities"]), f"{name}: paid after it was cancelled, and not flagged")
    before, after = settlement(old), settlement(new)
    if not before:
        return
    if not found.must(after, f"{name}: was paid by {before['receipt']} and is unpaid again"):
        return
    for part in ("receipt", "cause", "paid_amount", "oddities"):
        found.must(after[part] == before[part], f"{name}: its settlement's {part} changed from {before[part]} to {after[part]}")
    found.must(after["further"][:len(before["further"])] == before["further"], f"{name}: further receipts changed from {before['further']} to {after['further']}")


# ------------------------------------------------------------------- G3 sums


def g3(case: Case) -> Verdict:
    """Three sums for each school: its notices, its receipts, what the Node sent."""
    found = Verdict("G3", "money: a school's notices, its receipts and the Node's deliveries come to the same sum")
    sent = {(delivery.paper.partition, delivery.paper.digest): delivery.paper.amount or 0 for delivery in case.deliveries}
    stored = {(kept.partition.split("#")[1], kept.field.get("id")): kept for kept in case.table.receipts.values() if kept.place == "OK"}
    sums, parts = defaultdict[str, list[int]](lambda: [0, 0, 0]), defaultdict[str, list[str]](list)
    for slot in case.table.slots.values():
        paid = slot.settlement
        if paid is None:
            continue
        found.subjects += 1
        kept = stored.get((slot.school, paid["receipt"]))
        three = [paid["paid_amount"] or 0, kept.field.get("amount") or 0 if kept else 0, sent.get((kept.partition, kept.item["sha256"]), 0) if kept else 0]
        sums[slot.school] = [total + part for total, part in zip(sums[slot.school], three, strict=True)]
        if len(set(three)) > 1:
            parts[slot.school].append(f"{slot.number} {three}")
    for school, (notices, receipts, node) in sums.items():
        found.must(notices == receipts == node, f"{school}: notices {notices} cents, their receipts {receipts}, the Node sent {node}: {'; '.join(parts[school])}")
    return found


def g3_lines(case: Case) -> Verdict:
    found = Verdict("G3-lines", "money: lines of reporting flows come to the same sum")
    found.subjects = len(lines := case.table.of("FLOW#"))
    found.must(not lines, f"{len(lines)} lines of reporting flows, and nobody sums them here")
    return found


# ---------------------------------------------------------------- G4 effects


def g4(case: Case) -> Verdict:
    """Every change has all its messages, and no message is without its change."""
    found = Verdict("G4", "effects: each cause is told to all whom it concerns, and nothing else is told to anybody")
    for kind in {str(item["kind"]) for item in case.table if item.get("kind")} - set(ROWS):
        found.wrong(f"items of kind {kind} are in no row of CAUSES")
    sent = Counter(mail["key"] for mail in case.evidence.mails)
    for owed in case.owed.values():
        found.subjects += 1
        _told(found, case, owed, sent)
    for mail in case.evidence.mails:
        found.subjects += 1
        _caused(found, case, mail)
    for claim, takings in case.takings.items():
        owed = case.owed.get(claim) or case.owed.get(claim.rpartition("/")[0])
        if owed and owed.over is not None:
            late = [at for at in takings if at > owed.over]
            found.must(not late, f"{claim}: begun to be sent {len(late)} times after it was overtaken")
    for body in case.evidence.swept:
        cause = (_json(body).get("cause") or {}).get("id")
        # The sweeper hides what the road forgets: only a lost change is its business (CORE 2.10).
        road = [owed.key for owed in case.owed.values() if owed.cause["id"] == cause and not owed.lost]
        found.must(not road, f"{', '.join(road)}: its change was not lost, and only the sweeper brought it")
    return found


def _told(found: Verdict, case: Case, owed: Owed, sent: Counter[str]) -> None:
    """Mail to each recipient and claim done, for the latest cause; for one that was superseded the claim alone."""
    if case.is_parked(owed):
        return
    latest = case.must_be_told(owed)
    if latest or not owed.lost:
        _done(found, case, owed.key)
    if not latest:
        return
    for recipient in sorted(case.recipients(owed)):
        key = f"{owed.key}/{recipient}" if owed.row.many else owed.key
        if owed.row.many:
            _done(found, case, key)
        if sent[header(key)] == 0 and not _given_up(case, key):
            found.wrong(f"{key}: no mail went out")


def _done(found: Verdict, case: Case, key: str) -> None:
    claim = case.table.claims.get(key)
    found.must(claim and claim["done"], f"{key}: its claim is {'not done' if claim else 'missing'}")


def _given_up(case: Case, key: str) -> bool:
    """Twice uncertain is the end, with an alarm (ARCHITECTURE.md, \"Mail\"): only two faults can bring it about."""
    claim = case.table.claims.get(key) or {}
    faults = case.fired(set(Kind) - REFUSALS, function="send-email", service="sesv2") + case.fired(function="send-email", operation="PutItem", item="CLAIM")
    alarm = any('"mail-uncertain"' in line for function, line in case.evidence.logs if function == "send-email")
    return claim.get("note") == "uncertain" and faults >= 2 and alarm


def _caused(found: Verdict, case: Case, mail: Item) -> None:
    """One mail: caused, to somebody whom it concerns, at their address, in time, with its own link."""
    head = mail["key"]
    key, recipient = case.heads.get(head), None
    if key is None and "/" in head:
        start, recipient = head.rsplit("/", 1)
        key = case.heads.get(start)
    owed = case.owed.get(key) if key else None
    if not found.must(owed is not None and owed.row.many == (recipient is not None), f"{head}: a mail that no change asked for"):
        return
    assert owed is not None
    claim = f"{owed.key}/{recipient}" if recipient else owed.key
    if recipient:
        since, until = case.guardians.get((owed.image["pupil"], recipient), (None, None))
        begun = min(case.takings.get(claim, [len(case.evidence.changes)]))
        if not found.must(since is not None and since < begun and (until is None or until > begun), f"{head}: told to somebody who was no guardian then"):
            return
    expected = case.addresses[_one(owed, recipient)]
    found.must(len(mail["to"]) == 1 and mail["to"][0] in expected, f"{head}: not to the recipient's address")
    done = case.table.claims.get(claim)
    if done and done["done"]:
        age = instant(done["lease_until"]) - instant(owed.cause["at"])
        found.must(age < WINDOW + LATENESS, f"{head}: told {age / DAY:.1f} days after its cause")
    _link(found, case, owed, mail)


def _one(owed: Owed, recipient: str | None) -> str:
    """Whose address it must be."""
    image = owed.image
    match owed.row.kind:
        case "guardian":
            return image["person"]
        case "receipt":
            return image["receipt"]["addressee"]
        case "notice":
            return recipient or ""
    return image["id"]


def _link(found: Verdict, case: Case, owed: Owed, mail: Item) -> None:
    """The link in a mail is that of its own cause, not of a newer one."""
    if owed.row.attribute not in ("cause", "recovery.cause") or owed.row.kind == "notice":
        return
    secret = owed.image["secret"] if owed.row.kind == "registration" else owed.image["recovery"]["secret"]
    for token in re.findall(r"[?&]token=([A-Za-z0-9]+)", mail["text"]):
        digest = hashlib.sha256(token.encode()).hexdigest()
        opens = case.table.get(f"TOKEN#{digest}", "TOKEN")
        if found.must(opens, f"{mail['key']}: its link opens nothing"):
            assert opens is not None
            subject = opens.get("person") or opens.get("id")
            found.must(subject == owed.image["id"], f"{mail['key']}: its link opens {subject}")
            found.must(opens["attempt"] == secret["attempt"], f"{mail['key']}: its link is of attempt {opens['attempt']}, its cause of attempt {secret['attempt']}")


# ------------------------------------------------------------------ G5 copies


def g5(case: Case) -> Verdict:
    """A mail goes out once; again only where a fault left its sending in doubt."""
    found = Verdict("G5", "mails: one copy, and one more at most where a fault left the sending in doubt")
    sending = {"function": "send-email", "service": "sesv2"}
    doubts = case.fired(UNCERTAIN_SENDING, **sending) + case.fired(UNCERTAIN_END, function="send-email", operation="PutItem", item="CLAIM")
    twice = case.fired({Kind.TWICE}, **sending)
    heads = {header(claim): claim for claim in case.takings}
    again = 0
    for key, copies in Counter(mail["key"] for mail in case.evidence.mails).items():
        found.subjects += 1
        again += copies - 1
        found.must(copies <= 1 + doubts, f"{key}: {copies} copies, {doubts} faults left a sending in doubt")
        # What the network doubles is not ours to prevent.
        found.must(copies <= 2 + twice, f"{key}: {copies} copies")
        takings = len(case.takings.get(heads.get(key, ""), []))
        found.must(copies <= takings + twice, f"{key}: {copies} copies, its claim was taken {takings} times")
    found.must(again <= doubts, f"{again} mails went out again, {doubts} faults left a sending in doubt")
    for _, change in case.changes("CLAIM#"):
        if change.old and change.new:
            found.must(change.new["done"] or not change.old["done"], f"{change.keys['PK']}: taken again after it was done")
    return found


# ------------------------------------------------------------- G6 nothing open


def g6(case: Case) -> Verdict:
    """Nothing waits, nothing is half done, nothing was given up."""
    found = Verdict("G6", "rest: queues and dead letters empty, claims done, no change given up")
    for queue, bodies in case.evidence.queues.items():
        found.subjects += 1
        found.must(not bodies, f"{queue} holds {len(bodies)} messages: {', '.join(sorted(map(_message, bodies)))[:300]}")
    for key, claim in case.table.claims.items():
        found.subjects += 1
        found.must(claim["done"], f"{key}: its claim is not done, attempt {claim['attempt']}, lease until {claim['lease_until']}")
    for name in case.evidence.objects:
        if name.startswith("failed-changes/"):
            found.wrong(f"given up: {name}")
    for item in case.table.strays:
        found.wrong(f"{item['PK']}: stands where notices stand and is none")
    pause = PAUSE_IN_LAGS * LAG
    asked: dict[str, float] = {}
    for _, change in case.changes("CLAIM#"):
        resent = (change.new or {}).get("resent_at")
        if resent and resent != (change.old or {}).get("resent_at"):
            key, at = change.keys["PK"], instant(resent)
            found.must(at - asked.get(key, at - pause) >= pause, f"{key}: the sweeper asked for it again after {at - asked.get(key, at):.0f} s")
            asked[key] = at
    return found


def _json(body: str) -> Item:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _message(body: str) -> str:
    """What a message is about, by its kind."""
    message = _json(body)
    return str((message.get("what") or {}).get("kind") or message.get("kind") or message.get("operation") or ", ".join(sorted(message)) or "unreadable")


# ------------------------------------------------------------- G7 what was told


def g7(case: Case) -> Verdict:
    """What people and programs were told is true."""
    found = Verdict("G7", "answers: what was told is true")
    for told in case.evidence.told:
        found.subjects += 1
        untrue = told.claim(case.evidence)
        found.must(untrue is None, f"{told.step} ({told.status}): {untrue}")
    return found


# --------------------------------------------------------------- G8 privacy


def g8(case: Case) -> Verdict:
    """Nothing personal and nothing secret where it does not belong."""
    found = Verdict("G8", "privacy: no planted value in logs, messages, keys, subjects; no code and no secret in clear in the table")
    canaries = {canary.lower() for canary in case.evidence.canaries}
    # The table's own encryption covers names, addresses and usernames; all else is sealed, hashed or derived.
    hidden = {canary for canary in canaries if "@" not in canary and not canary.isalpha() and not re.fullmatch(r"[a-z'-]+(\.[a-z'-]+)+\.?[0-9]*", canary)}
    evidence = case.evidence
    keys = {value for item in case.table for name, value in item.items() if name in ("PK", "SK") or re.fullmatch(r"G\d[PS]K", name)}
    keys |= {value for change in evidence.changes for value in change.keys.values()}
    places: dict[str, tuple[set[str], list[str]]] = {
        "a log line of {}": (canaries, [f"{function}\0{line}" for function, line in evidence.logs]),
        "an error of {}": (canaries, [f"{function}\0{line}" for function, line in evidence.errors]),
        "a message in {}": (canaries, [f"{queue}\0{body}" for queue, bodies in evidence.queues.items() if not queue.startswith("journal") for body in bodies]),
        "a message of the sweeper": (canaries, evidence.swept),
        "a key of the table": (canaries, sorted(keys)),
        "the name of an object": (canaries, list(evidence.objects)),
        "the subject of {}": (canaries, [f"{mail['key']}\0{mail['subject']}" for mail in evidence.mails]),
        "the headers of {}": (canaries, [f"{mail['key']}\0{json.dumps(mail.get('headers') or mail['key'])}" for mail in evidence.mails]),
        "the item {}": (hidden, [f"{item['PK']} {item['SK']}\0{_words(item)}" for item in case.table]),
    }
    for place, (wanted, texts) in places.items():
        found.subjects += len(texts)
        blob = "\1".join(texts).lower()
        for canary in wanted:
            if len(canary) > 4 and canary in blob:
                hits = [text for text in texts if canary in text.lower()]
                where = hits[0].partition("\0")[0]
                found.wrong(f"{place.format(where)} holds {_shape(canary)} ({len(hits)} in all)")
    return found


def _words(item: Item) -> str:
    """All of an item that can be read as text."""
    return json.dumps({name: value for name, value in item.items() if name != "raw"}, default=str, ensure_ascii=False)


def _shape(canary: str) -> str:
    """What kind of value it is, without telling it."""
    if "@" in canary:
        return "an e-mail address"
    if re.fullmatch(r"[a-z]{6}\d\d[a-z]\d\d[a-z]\d{3}[a-z]", canary):
        return "a fiscal code"
    if canary.count(".") == 2 and len(canary) > 100:
        return "a session token"
    return "a name" if canary.isalpha() else "a username" if "." in canary else "a secret"


# -------------------------------------------------------------- G9 counters


def g9(case: Case) -> Verdict:
    """What a school sees on its dashboard is what a count of the items gives."""
    found = Verdict("G9", "dashboards: counters and sums equal a recount")
    today = str(case.evidence.now.astimezone(ROME).date())
    for school, told in case.evidence.counters:
        found.subjects += 1
        for name, expected in _recount(case, school, told["year"], today).items():
            shown = told["counts"].get(name) if name in told["counts"] else [row["number"] for row in told["latest"]] if name == "latest" else told.get(name)
            found.must(shown == expected, f"{school}: {name} is told as {shown}, a recount gives {expected}")
    return found


def _recount(case: Case, school: str, year: str, today: str) -> Item:
    counts = dict.fromkeys(("payable", "overdue", "paid", "cancelled", "draft", "odd", "unknown_paid"), 0)
    collected, due, payments = [], [], []
    for slot in case.table.slots.values():
        if slot.school != school:
            continue
        paid, item = slot.settlement, slot.item
        if slot.is_quarantine:
            counts["unknown_paid"] += 1
        elif _year(item["issued_at"]) == year:
            state = item["state"]
            if state == "payable":
                state = "draft" if not item.get("notified") else "overdue" if item["due"] < today else "payable"
            counts[state] += 1
            if paid:
                payments.append((instant(paid["cause"]["at"]), slot.number))
                collected.append(paid["paid_amount"])
                counts["odd"] += bool(paid["oddities"] or paid["further"])
            elif state in ("payable", "overdue"):
                due.append(item["amount"])
    latest = [number for _, number in sorted(payments, reverse=True)[:LATEST]]
    return {**counts, "collected": _euro(collected), "open": _euro(due), "latest": latest}


def _year(issued_at: str) -> str:
    year, month = int(issued_at[:4]), int(issued_at[5:7])
    start = year if month >= 9 else year - 1
    return f"{start}-{(start + 1) % 100:02}"


def _euro(amounts: list[int | None]) -> str | None:
    known = [amount for amount in amounts if amount is not None]
    return f"{sum(known) // 100}.{sum(known) % 100:02}" if known else None


# --------------------------------------------------------------- G10 numbers


def g10(case: Case) -> Verdict:
    """A notice number is given once, to one command, out of a reserved block."""
    found = Verdict("G10", "numbers: each is given once, to one command, from a block that was reserved")
    inserted: Counter[str] = Counter()
    for _, change in case.changes("NOTICE#"):
        name, old, new = change.keys["PK"].removeprefix("NOTICE#"), change.old or {}, change.new or {}
        if change.event == "INSERT":
            inserted[name] += 1
            found.must(inserted[name] == 1, f"{name}: put {inserted[name]} times")
        elif new and "pupil" in new:
            if found.must("pupil" in old, f"{name}: issued onto a number in quarantine"):
                changed = [part for part in ("pupil", "issued_at", "notified") if old.get(part) != new.get(part)]
                found.must(not changed, f"{name}: another notice took its place: {', '.join(changed)} changed")
    commands = defaultdict[tuple[str, str], list[Item]](list)
    for item in case.table.of("COMMAND#"):
        commands[item["PK"].split("#")[1], item["number"]].append(item)
    for (school, number), items in commands.items():
        found.subjects += 1
        found.must(len(items) == 1, f"{school}/{number}: given to {len(items)} commands")
    for _, change in case.changes("COMMAND#"):
        found.must(change.event == "INSERT", f"{change.keys['PK']}: a command was {'removed' if change.event == 'REMOVE' else 'changed'}")
    for slot in case.table.slots.values():
        if slot.is_quarantine:
            continue
        found.subjects += 1
        causes = [item["cause"] for item in commands[slot.school, slot.number]]
        found.must(slot.item["notified"] in causes, f"{slot.name}: issued by none of its {len(causes)} commands")
        _number(found, case, slot)
    _allocators(found, case)
    return found


def _number(found: Verdict, case: Case, slot: Slot) -> None:
    """Of the school's own series, with its check digits, from a reserved block."""
    head, check = int(slot.number[:16]), int(slot.number[16:])
    segregation, base = slot.number[1:3], int(slot.number[3:16])
    found.must(slot.number[0] == "3" and head % 93 == check, f"{slot.name}: wrong check digits")
    allocator = case.table.get(f"SCHOOL#{slot.school}", f"NUMBERS#{segregation}")
    used = allocator["used"] if allocator else 0
    found.must(base < used, f"{slot.name}: its school has reserved {used} numbers under {segregation}")


def _allocators(found: Verdict, case: Case) -> None:
    used: dict[tuple[str, str], int] = {}
    for _, change in case.changes(""):
        pk, sk = change.keys["PK"], change.keys["SK"]
        if sk.startswith("NUMBERS#"):
            found.subjects += 1
            before, after = max((change.old or {}).get("used", 0), used.get((pk, sk), 0)), (change.new or {}).get("used", 0)
            found.must(after > before, f"{pk} {sk}: went from {before} to {after}")
            used[pk, sk] = after
        elif pk.startswith("COMMAND#") and change.event == "INSERT" and change.new:
            number = change.new["number"]
            reserved = used.get((f"SCHOOL#{pk.split('#')[1]}", f"NUMBERS#{number[1:3]}"))
            found.must(reserved is None or int(number[3:16]) < reserved, f"{pk}: took {number} when {reserved} numbers were reserved")


# -------------------------------------------------------------------- T twins


def twins(case: Case) -> Verdict:
    """What stands twice stands twice, and says the same."""
    found = Verdict("T", "twins: links and guardians, roles and staff, people and their markers stand together")
    table = case.table

    def body(item: Item) -> Item:
        return {name: value for name, value in item.items() if name not in ("PK", "SK", "kind")}

    for here, prefix, there in (("PERSON#", "R#LINK#", ("PUPIL#", "GUARDIAN#")), ("PUPIL#", "GUARDIAN#", ("PERSON#", "R#LINK#"))):
        for item in table.of(here, prefix):
            found.subjects += 1
            one, other = item["PK"].removeprefix(here), item["SK"].removeprefix(prefix)
            twin = table.get(f"{there[0]}{other}", f"{there[1]}{one}")
            if found.must(twin, f"{item['PK']} {item['SK']}: without its twin"):
                differ = sorted(name for name in {*body(item), *body(twin)} if item.get(name) != twin.get(name))
                found.must(not differ, f"{item['PK']} {item['SK']}: differs from its twin in {', '.join(differ)}")
    for item in table.of("PERSON#", "R#ROLE#"):
        found.subjects += 1
        person, school = item["PK"].removeprefix("PERSON#"), item["SK"].removeprefix("R#ROLE#")
        found.must(item.get("school") == school, f"{item['PK']} {item['SK']}: names {item.get('school')}")
        found.must(table.get(f"SCHOOL#{school}", f"STAFF#{person}"), f"{item['PK']} {item['SK']}: not among the school's staff")
    for item in table.of("SCHOOL#", "STAFF#"):
        found.subjects += 1
        person, school = item["SK"].removeprefix("STAFF#"), item["PK"].removeprefix("SCHOOL#")
        found.must(item.get("person") == person, f"{item['PK']} {item['SK']}: names {item.get('person')}")
        found.must(table.get(f"PERSON#{person}", f"R#ROLE#{school}"), f"{item['PK']} {item['SK']}: the person has no such role")
    _markers(found, table)
    return found


def _markers(found: Verdict, table: Table) -> None:
    """One fiscal code and one username lead to one person."""
    people: dict[str, set[str]] = {}
    for item in table.of("PERSON#", "R#PERSON"):
        found.subjects += 1
        code = table.vault.open_text("person", item["fiscal_code"])
        if not found.must(code, f"{item['PK']}: its fiscal code does not open"):
            continue
        people[item["id"]] = {f"FISCALCODE#{table.vault.lookup('fiscal-code', code or '')}", f"USERNAME#{table.vault.lookup('username', item['username'])}"}
        for marker in people[item["id"]]:
            word = marker.partition("#")[0]
            pointer = table.get(marker, word)
            found.must(pointer and pointer["person"] == item["id"], f"{item['PK']}: its {word} leads to {pointer['person'] if pointer else 'nobody'}")
    for word in ("FISCALCODE", "USERNAME"):
        for item in table.of(f"{word}#", word):
            found.must(item["PK"] in people.get(item["person"], ()), f"{item['PK']}: leads to {item['person']}, who has another or is not there")


# ------------------------------------------------------------------ J journal


def journal(case: Case) -> Verdict:
    """Every answered exchange with the Node is kept outside the table, and every block of numbers that was used."""
    found = Verdict("J", "journal: exchanges byte for byte, reserved numbers before their first use")
    kept = {(entry.request, entry.answer) for entry in case.journal.entries}
    gaps = []
    for exchange in case.evidence.exchanges:
        for status, answer in {(exchange.status, exchange.response), (exchange.said_status, exchange.said)}:
            if answer is None or not _is_station(status, answer, exchange.said):
                continue
            found.subjects += 1
            if (exchange.request, answer) not in kept:
                digests = [hashlib.sha256(part).hexdigest()[:16] for part in (exchange.request, answer)]
                gaps.append(f"{exchange.operation} answered {status}: request {digests[0]}…, answer {digests[1]}…")
    allowed = case.fired(function="psp-callback", service="sqs", item="journal")
    if len(gaps) > allowed:
        for gap in gaps:
            found.wrong(f"{gap} is not in the journal ({allowed} gaps can be a fault's)")
    found.must(len(case.journal.torn) <= allowed, f"exchanges without all their parts: {case.journal.torn}")
    for place in case.journal.unreadable:
        found.wrong(f"{place} holds what cannot be read")
    requests = {exchange.request for exchange in case.evidence.exchanges}
    for entry in case.journal.entries:
        found.must(entry.request in requests, f"exchange {entry.id} ({entry.operation}) was made by nobody")
    _blocks(found, case)
    return found


def _is_station(status: int | None, answer: bytes, said: bytes | None) -> bool:
    """Said by the station's own code, to a POST of the Node's: neither by the gateway nor by the rig."""
    return said is not None and answer.lstrip().startswith(b"<?xml") and status not in (403, 405, 413)


def _blocks(found: Verdict, case: Case) -> None:
    """Every block from which a number was taken."""
    taken = defaultdict[tuple[str, str], list[int]](list)
    for item in case.table.of("COMMAND#"):
        taken[item["PK"].split("#")[1], item["number"][1:3]].append(int(item["number"][3:16]))
    for _, change in case.changes("SCHOOL#"):
        if not change.keys["SK"].startswith("NUMBERS#") or not change.new:
            continue
        school, segregation = change.keys["PK"].removeprefix("SCHOOL#"), change.keys["SK"].removeprefix("NUMBERS#")
        first, end = (change.old or {}).get("used", 0), change.new["used"]
        if any(first <= base < end for base in taken[school, segregation]):
            found.subjects += 1
            told = (school, int(segregation), first, end - first) in case.journal.blocks
            found.must(told, f"{school}: numbers {first} to {end - 1} under {segregation} were used and not told outside the table")


# ------------------------------------------------------------------------ all


CHECKS: tuple[tuple[str, Callable[[Case], Verdict]], ...] = (
    ("G1", g1), ("G2", g2), ("G3", g3), ("G3-lines", g3_lines), ("G4", g4), ("G5", g5), ("G6", g6), ("G7", g7), ("G8", g8), ("G9", g9), ("G10", g10), ("T", twins), ("J", journal),
)


def check(evidence: "Evidence") -> list[Verdict]:
    """All standing checks. One that breaks on what it finds is red, and stops no other."""
    case = Case(evidence)
    found = []
    for name, run in CHECKS:
        try:
            found.append(run(case))
        except Exception as error:  # noqa: BLE001 (what it cannot read is a finding)
            frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == __file__]
            place = f"{frames[-1].name}, line {frames[-1].lineno}" if frames else "?"
            found.append(Verdict(name, "", 1, [f"broke on what it found: {type(error).__name__}: {error} ({place})"]))
    for canary in evidence.canaries:
        for verdict in found:
            verdict.problems = [problem.replace(canary, "(personal)") for problem in verdict.problems]
    return found
