"""The flows: what people, programs and the Node do, each as short as it can be (docs/rig.md tells how a new one joins)."""

import base64
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from lib.client import PAGE, Client, fine
from lib.people import somebody
from lib.sandbox import Checkout
from lib.station import Receipt
from lib.world import fresh_id

from rig.actor import Actor, Claim, Node, Patient, Refused, patiently
from rig.ground import Evidence, Ground

PASSWORD = "Ritrovata-2026"
WRONG = "wrong-credentials"
KNOWN = "PAA_RECEIPT_DUPLICATA"
PAID = "PAA_PAGAMENTO_DUPLICATO"
#: How long a payment that was given up stands in the way, as our page says; the Node's tokens live less.
HALF_AN_HOUR = 31 * 60
#: A mail can be asked for again after a minute.
A_MINUTE = 61
#: More than one item holds of a receipt's bytes, more than one message of an exchange.
LARGE = 480_000
#: Items that make the sweeper's walk take several steps: it reads 500 at once.
CROWD = 1_100


@dataclass(frozen=True)
class Flow:
    """`prepare` is neither recorded nor faulted; `act` is both, with all that it causes."""

    name: str
    prepare: Callable[[Ground], Any]
    act: Callable[[Ground, Any], None]
    #: Made of others' steps: counted, its calls are faulted there.
    faulted: bool = True


# ------------------------------------------------- what somebody was told, asked of the raw items


def matching(items: Iterable[dict[str, Any]], pk: str, sk: str, **wanted: Any) -> list[dict[str, Any]]:
    """Items by their keys (regular expressions) and attributes."""
    return [item for item in items if re.fullmatch(pk, item["PK"]) and re.fullmatch(sk, item["SK"]) and all(item.get(name) == value for name, value in wanted.items())]


def there(pk: str, sk: str, count: int = 1, **wanted: Any) -> Claim:
    """So many items stand, no more."""
    def claim(evidence: Evidence) -> str | None:
        found = len(matching(evidence.items, pk, sk, **wanted))
        return None if found == count else f"{found} items {pk} {sk} with {wanted} instead of {count}"

    return claim


def gone(pk: str, sk: str, **wanted: Any) -> Claim:
    return there(pk, sk, 0, **wanted)


def was_there(pk: str, sk: str) -> Claim:
    """An item was written; it may have ended since."""
    return lambda evidence: None if any(matching([change.keys], pk, sk) for change in evidence.changes if change.new) else f"{pk} {sk} was never written"


def at_once(actor: Actor, step: str, pk: str, sk: str) -> None:
    """What was told is true already, before a repeat could make it so."""
    found = any(item["SK"] == sk for item in actor.ground.world.items(pk))
    actor.tell(step, 200, lambda _: None if found else f"{pk} {sk} did not stand when it was told")


def mailed(to: str, subject: str, *words: str) -> Claim:
    """Whoever is told that a mail is on its way gets one."""
    def claim(evidence: Evidence) -> str | None:
        found = [mail["text"] for mail in evidence.mails if to in mail["to"] and subject in mail["subject"]]
        if not found:
            return f"no mail to {to} about {subject!r}"
        return next((f"{word!r} is in no mail about {subject!r}" for word in words if not any(word in text for text in found)), None)

    return claim


def all_of(*claims: Claim) -> Claim:
    return lambda evidence: next((untrue for claim in claims if (untrue := claim(evidence))), None)


def person_with(email: str, **wanted: Any) -> Claim:
    """The user exists, once."""
    return all_of(there(r"PERSON#\w+", "R#PERSON", email=email), there(r"PERSON#\w+", "R#PERSON", email=email, **wanted))


def notice(school: str, number: str, **wanted: Any) -> Claim:
    return there(f"NOTICE#{school}#{number}", "NOTICE", **wanted)


def kept(receipt: Receipt, kind: str = "OK", **wanted: Any) -> Claim:
    return there(f"RECEIPT#{receipt.school}#{receipt.id}", kind, **wanted)


def ticket(token: str) -> tuple[str, str]:
    """Partition and sort key of the session that a token names."""
    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"PERSON#{claims['sub']}", f"R#SESSION#{claims['sid']}"


# ---------------------------------------------------------------- registration


def new_person(ground: Ground) -> Any:
    person = somebody()
    ground.watch(person)
    return SimpleNamespace(person=person)


def register(ground: Ground, state: Any) -> None:
    person, actor = state.person, Actor(ground)
    begun = actor.step("begin", "POST", "/registration", actor.robot("/registration", fiscal_code=person.fiscal_code), expect=201).json()
    path, key = f"/registration/{begun['id']}", f"REGISTRATION#{begun['id']}"
    actor.tell("begun", 201, there(key, "REGISTRATION"))

    def filled(evidence: Evidence) -> str | None:
        return None if any(item.get("details") for item in matching(evidence.items, key, "REGISTRATION")) else "the details are lost"

    actor.step("details", "POST", f"{path}/details", person.details, claim=filled)
    review = actor.get("review", path).json()
    actor.shown("reviewed", (review["fiscal_code"], review["email"]), (person.fiscal_code, person.email))
    actor.step("confirm", "POST", f"{path}/confirm", claim=all_of(there(key, "REGISTRATION", step="submitted"), there(r"REGISTRATION#\w+", "REGISTRATION", step="submitted")))
    actor.get("sent", f"{path}/sent", claim=mailed(person.email, "Conferma registrazione"))


def submitted(ground: Ground) -> Any:
    state, client = new_person(ground), Client(ground.stack)
    state.client, state.path = client, ground.world.submit(client, state.person)
    state.token = ground.world.token_in(ground.world.mail(state.person.email, "Conferma registrazione"))
    return state


def verified(state: Any) -> Claim:
    return all_of(person_with(state.person.email), there(state.path.replace("/registration/", "REGISTRATION#"), "REGISTRATION", step="verified"),
                  mailed(state.person.email, "Creazione utenza", "Password provvisoria"))


def verify_email(ground: Ground, state: Any) -> None:
    """Whoever presses again is told that the link was used and the address is confirmed."""
    actor = Actor(ground)
    actor.get("look", f"/registration/verify?token={state.token}")
    actor.step("press", "POST", "/registration/verify", {"token": state.token}, expect=201, already=("used-link",), claim=verified(state))
    actor.step("press-again", "POST", "/registration/verify", {"token": state.token}, expect="used-link", claim=verified(state))


def a_minute_later(ground: Ground) -> Any:
    state = submitted(ground)
    ground.driver.clock.advance(A_MINUTE)
    return state


def resend(ground: Ground, state: Any) -> None:
    """The link of the second mail opens, the first one no more. A repeat within a minute is refused, since the first try was heard."""
    subject, email = "Conferma registrazione", state.person.email
    Actor(ground, state.client).step("resend", "POST", f"{state.path}/resend", already=("too-many-requests",), claim=mailed(email, subject))
    token = ground.world.token_in(ground.world.mail(email, subject, count=2))
    actor = Actor(ground)
    actor.step("press-old", "POST", "/registration/verify", {"token": state.token}, expect="expired-link")
    actor.get("look", f"/registration/verify?token={token}")
    actor.step("press", "POST", "/registration/verify", {"token": token}, expect=201, already=("used-link",), claim=verified(state))


# -------------------------------------------------------------------- entering


def registered(ground: Ground) -> Any:
    state = submitted(ground)
    fine(Client(ground.stack).post("/registration/verify", token=state.token), 201)
    state.username, state.provisional = ground.world.credentials_in(ground.world.mail(state.person.email, "Creazione utenza"))
    return state


def sign_in(ground: Ground, name: str, username: str, password: str, expect: int | str = 200) -> Any:
    """A browser: it has the form first."""
    actor = Actor(ground)
    actor.get(f"{name}-form", "/login")
    answer = actor.step(name, "POST", "/login", {"username": username, "password": password}, expect=expect)
    if expect != 200:
        return None
    signed = answer.json()
    actor.tell(f"{name}-session", 200, was_there(*ticket(signed["access_token"])))
    return signed


def change(ground: Ground, actor: Actor, username: str, old: str) -> None:
    """The old password is over with all that was opened by it; exactly one of the two opens the door.

    After a lost answer the token is over too: whoever goes on with the new password is in."""
    fields = {"old_password": old, "new_password": PASSWORD, "new_password_confirmation": PASSWORD}
    token = actor.client.token or ""
    answer = actor.step("change", "POST", "/password/change", fields, already=("not-signed-in",), claim=gone(*ticket(token)))
    if answer.status == 200:
        actor.tell("change-session", 200, there(*ticket(answer.json()["access_token"])))
    Actor(ground, Client(ground.stack, token=token)).step("old-session", "GET", "/password/change", expect="not-signed-in")
    sign_in(ground, "login-new", username, PASSWORD)
    sign_in(ground, "login-old", username, old, WRONG)


def first_login(ground: Ground, state: Any) -> None:
    signed = sign_in(ground, "login", state.username, state.provisional)
    assert signed["must_change_password"], signed
    change(ground, Actor(ground, Client(ground.stack, token=signed["access_token"])), state.username, state.provisional)
    Actor(ground).tell("changed", 200, person_with(state.person.email, generation=2, provisional=None))


def family_alone(ground: Ground) -> Any:
    """A parent who is signed in twice."""
    family = ground.family(None)
    other = fine(Client(ground.stack).post("/login", username=family.username, password=family.password))["access_token"]
    return SimpleNamespace(family=family, other=other)


def change_password(ground: Ground, state: Any) -> None:
    family = state.family
    change(ground, Actor(ground, family.client), family.username, family.password)
    elsewhere(ground, state)
    Actor(ground).tell("changed", 200, mailed(family.person.email, "Password modificata"))


def elsewhere(ground: Ground, state: Any) -> None:
    """A session at another place does not outlive the password (CORE 3.1)."""
    Actor(ground, Client(ground.stack, token=state.other)).step("other-session", "GET", "/consents", expect="not-signed-in")


def browser_session(ground: Ground, state: Any) -> None:
    """In pages, with a cookie and forms; it ends with the log-out, whoever keeps the cookie."""
    actor, family = Actor(ground), state.family
    actor.get("form", "/login")
    actor.step("login", "POST", "/login", form={"username": family.username, "password": family.password}, accept=PAGE, expect=303)
    kept = dict(actor.client.cookies)
    session = ticket(kept["session"])
    actor.tell("signed-in", 303, was_there(*session))
    for path in ("/", "/services", "/pago-in-rete", "/home"):
        actor.get(f"page {path}", path, accept=PAGE)
    actor.get("form-token", "/password/change")
    actor.step("logout", "POST", "/logout", form={}, accept=PAGE, expect=303, claim=gone(*session))
    actor.client.cookies = kept
    actor.step("after", "GET", "/services", expect="not-signed-in")


def not_consented(ground: Ground) -> Any:
    return SimpleNamespace(family=ground.family(None, consented=False))


def consent(ground: Ground, state: Any) -> None:
    """Accepting again changes nothing: one decision, one record."""
    actor = Actor(ground, state.family.client)
    person = ticket(actor.client.token or "")[0]
    once = all_of(there(person, "R#CONSENT"), there(person, "CONSENT#.+"))
    actor.get("look", "/consents")
    actor.step("accept", "POST", "/consents", {"accept": "on"}, claim=once)
    at_once(actor, "accepted-now", person, "R#CONSENT")
    actor.step("accept-again", "POST", "/consents", {"accept": "on"}, claim=once)
    accepted = actor.get("look-again", "/consents").json()["accepted"]
    actor.tell("accepted", 200, there(person, "R#CONSENT", **accepted))


def reset(ground: Ground, state: Any) -> None:
    """The link of the last mail; once."""
    family, actor = state.family, Actor(ground)
    token = ground.world.token_in(ground.world.mail(family.person.email, "Reimpostazione password"))
    actor.get("look", f"/password/reset?token={token}")
    fields = {"token": token, "new_password": PASSWORD, "new_password_confirmation": PASSWORD}
    actor.step("reset", "POST", "/password/reset", fields, already=("expired-link",),
               claim=all_of(person_with(family.person.email, generation=3, recovery=None), mailed(family.person.email, "Password modificata")))
    actor.step("reset-again", "POST", "/password/reset", fields, expect="expired-link")
    sign_in(ground, "login-new", family.username, PASSWORD)
    sign_in(ground, "login-old", family.username, family.password, WRONG)
    elsewhere(ground, state)


def forgot(ground: Ground, state: Any, name: str) -> None:
    actor, family = Actor(ground), state.family
    actor.step(name, "POST", "/password/forgot", actor.robot("/password/forgot", username=family.username), expect=202,
               claim=mailed(family.person.email, "Reimpostazione password"))


def recover_password(ground: Ground, state: Any) -> None:
    forgot(ground, state, "ask")
    reset(ground, state)


def recover_again(ground: Ground, state: Any) -> None:
    """Asked for twice before any mail went out: one link, the last one."""
    forgot(ground, state, "ask")
    ground.driver.clock.advance(A_MINUTE)
    forgot(ground, state, "ask-again")
    reset(ground, state)

    def one_link(evidence: Evidence) -> str | None:
        tokens = {ground.world.token_in(mail) for mail in evidence.mails if state.family.person.email in mail["to"] and "Reimpostazione" in mail["subject"]}
        return None if len(tokens) == 1 else f"{len(tokens)} links were mailed"

    Actor(ground).tell("one-link", 202, one_link)


def recover_username(ground: Ground, state: Any) -> None:
    actor, family = Actor(ground), state.family
    actor.step("ask", "POST", "/username/forgot", actor.robot("/username/forgot", fiscal_code=family.person.fiscal_code), expect=202,
               claim=mailed(family.person.email, "Recupero nome utente", family.username))


# ------------------------------------------------------------- school and family


def unlinked(ground: Ground) -> Any:
    school = ground.school()
    return SimpleNamespace(school=school, family=ground.family(school, linked=False), clerk=ground.world.clerk(school))


def associate(ground: Ground, state: Any) -> None:
    """The parent sees the pupil with the next page (a strong read, no index)."""
    pupil, actor, parent = state.family.pupil, Actor(ground, state.clerk.client), Actor(ground, state.family.client)
    found = actor.get("search", f"/school/pupils?q={pupil.person.surname}").json()["pupils"]
    actor.shown("found", [row["id"] for row in found], [pupil.id])
    actor.get("open", f"/school/pupils/{pupil.id}")
    person = ticket(parent.client.token or "")[0]
    twins = all_of(there(person, f"R#LINK#{pupil.id}"), there(f"PUPIL#{pupil.id}", person.replace("PERSON#", "GUARDIAN#")),
                   mailed(state.family.person.email, "Associazione alunno confermata"))
    actor.step("link", "POST", f"/school/pupils/{pupil.id}/guardians", {"fiscal_code": state.family.person.fiscal_code}, expect=201, already=("already-linked",), claim=twins)
    guardians = actor.get("open-again", f"/school/pupils/{pupil.id}").json()["guardians"]
    actor.shown("guardians", [guardian["surname"] for guardian in guardians], [state.family.person.surname])
    parent.shown("pupils", [row["id"] for row in parent.get("home", "/home").json()["pupils"]], [pupil.id])


def linked(ground: Ground) -> Any:
    school = ground.school()
    return SimpleNamespace(school=school, family=ground.family(school), clerk=ground.world.clerk(school))


def two_guardians(ground: Ground) -> Any:
    """The school's numbers are in hand: a notice was issued before."""
    state = linked(ground)
    state.second = ground.family(None)
    state.clerk.link(state.family.pupil, state.second.person)
    state.clerk.issue(ground.world.pupil(state.school), due=str(ground.due()))
    return state


def no_numbers(ground: Ground) -> Any:
    """A fresh environment has no block of numbers yet."""
    state = linked(ground)
    ground.proxy.kill("issue-notice")
    patiently(lambda: state.clerk.client.get("/school/notices/new"))
    return state


def issue(ground: Ground, state: Any) -> None:
    """One command, one notice, however often it is sent; each guardian hears of it."""
    actor, pupil = Actor(ground, state.clerk.client), state.family.pupil
    actor.get("form", f"/school/notices/new?pupil={pupil.id}")
    key, fields = fresh_id(), {"pupil": pupil.id, "description": "Contributo volontario", "category": "voluntary-contribution", "amount": "22.00", "due": str(ground.due())}
    guardians = [state.family, *([state.second] if hasattr(state, "second") else [])]
    for name in ("issue", "repeat"):
        number = actor.step(name, "POST", "/school/notices", fields, key=key, expect=201).json()["number"]
        told = [mailed(family.person.email, "Nuovo avviso di pagamento", pupil.person.name) for family in guardians]
        at_once(actor, f"{name}d-now", f"NOTICE#{state.school.code}#{number}", "NOTICE")
        actor.tell(f"{name}d", 201, all_of(notice(state.school.code, number, amount=2200, state="payable"), there(r"NOTICE#.+", "NOTICE", pupil=pupil.id), *told))


def issued(ground: Ground) -> Any:
    state = linked(ground)
    state.number = state.clerk.issue(state.family.pupil, due=str(ground.due()))["number"]
    return state


def list_and_open(ground: Ground, state: Any) -> None:
    actor = Actor(ground, state.family.client)
    listed = actor.get("list", "/notices").json()["notices"]
    actor.shown("listed", [(line["number"], line["amount"], line["status"]) for line in listed], [(state.number, "22.00", "payable")])
    opened = actor.get("open", f"/notices/{state.school.code}/{state.number}").json()
    actor.shown("opened", (opened["number"], opened["status"]), (state.number, "payable"))
    actor.shown("paid", actor.get("payments", "/payments").json()["notices"], [])


def cart(ground: Ground, state: Any) -> None:
    actor, item = Actor(ground, state.family.client), {"school": state.school.code, "number": state.number}
    person = ticket(actor.client.token or "")[0]
    actor.shown("added", actor.step("add", "POST", "/cart/items", item, expect=201).json()["count"], 1)
    seen = actor.get("look", "/cart").json()
    actor.shown("in it", ([line["number"] for line in seen["items"]], seen["total"]), ([state.number], "22.00"))
    actor.shown("removed", actor.step("remove", "DELETE", f"/cart/items/{state.school.code}/{state.number}").json()["count"], 0)
    actor.shown("empty", actor.get("look-empty", "/cart").json()["items"], [])
    actor.step("add-again", "POST", "/cart/items", item, expect=201, claim=there(person, "R#CART", notices=[item]))


def in_cart(ground: Ground) -> Any:
    state = issued(ground)
    fine(state.family.client.post("/cart/items", school=state.school.code, number=state.number), 201)
    return state


def checkout(ground: Ground, state: Any) -> None:
    """One command, one attempt."""
    actor, key = Actor(ground, state.family.client), fresh_id()
    person = ticket(actor.client.token or "")[0].removeprefix("PERSON#")
    one = there(r"ATTEMPT#\w+", "ATTEMPT", person=person)
    for name in ("pay", "pay-again"):
        attempt = actor.step(name, "POST", "/cart/checkout", key=key, expect=201).json()["attempt"]
        at_once(actor, f"{name}-attempt-now", f"ATTEMPT#{attempt}", "ATTEMPT")
        right = there(f"ATTEMPT#{attempt}", "ATTEMPT", person=person, amount=2200, notices=[{"school": state.school.code, "number": state.number}])
        actor.tell(f"{name}-attempt", 201, all_of(one, right))
    result = actor.get("wait", f"/cart/attempts/{attempt}/wait").json()["result"]
    actor.shown("waiting", result, "waiting")


# ------------------------------------------------------------------------- pagoPA


def at_checkout(ground: Ground) -> Any:
    state = in_cart(ground)
    opened = fine(state.family.client.post("/cart/checkout", headers={"Idempotency-Key": fresh_id()}), 201)
    state.attempt, state.url = opened["attempt"], opened["checkout_url"]
    return state


def control(ground: Ground, actor: Actor, name: str, method: str, path: str, fields: Any = None) -> Any:
    """A control of the sandbox, by whoever runs it."""
    ground.proxy.mark(name)
    sandbox = Checkout(Patient(actor, ground.stack))
    return fine(sandbox.control(method, path, fields))


def hourly(ground: Ground, actor: Actor, number: str) -> None:
    """The Node comes back with what it has not brought to an end."""
    ground.driver.settle(sweep=False)
    for receipt in control(ground, actor, "node's log", "GET", f"receipts?notice_number={number}&limit=200")["receipts"]:
        if receipt["state"] == "PENDING":
            control(ground, actor, "node's repeat", "POST", f"receipts/{receipt['receipt_id']}/repeat", {})


def paid_by(school: str, number: str, attempt: str) -> Claim:
    """One receipt names the attempt, and its notice is paid."""
    def claim(evidence: Evidence) -> str | None:
        found = [item for item in matching(evidence.items, rf"RECEIPT#{school}#.+", "OK") if item["receipt"]["number"] == number]
        return None if [item["receipt"]["note"] for item in found] == [attempt] else f"{len(found)} receipts of the notice, not one of this attempt"

    return all_of(notice(school, number, state="paid"), claim)


def charged(evidence: Evidence, attempt: str) -> bool:
    return any(item["PK"] == "RECEIPT" and json.loads(item["data"])["wire"].get("payment_note") == attempt for item in evidence.sandbox_items)


def pay_online(ground: Ground, state: Any) -> None:
    """The payer at Checkout, and back. Who is told that nothing was paid, or waits in vain, comes back after half an hour and pays then."""
    actor, said = Actor(ground, state.family.client), []
    for _ in range(4):
        if said:
            ground.driver.clock.advance(HALF_AN_HOUR)
            signed = sign_in(ground, "login", state.family.username, state.family.password)
            actor = Actor(ground, Client(ground.stack, token=signed["access_token"]))
            answer = actor.step("pay", "POST", "/cart/checkout", key=fresh_id(), expect=201).json()
            state.attempt, state.url = answer["attempt"], answer["checkout_url"]
        ground.proxy.mark("payer")
        payer = Checkout(Patient(actor, ground.stack))
        payer.pay(state.url, psp="card-esempio")
        hourly(ground, actor, state.number)
        attempt, school, number = state.attempt, state.school.code, state.number
        result = actor.get("back", urlsplit(payer.returned).path).json()["result"]
        said.append(result)
        if result == "paid":
            actor.tell("paid", 200, all_of(paid_by(school, number, attempt), mailed(state.family.person.email, "Pagamento eseguito")))
            return
        if result == "not-paid":
            actor.tell("not paid", 200, lambda evidence, attempt=attempt: "was charged" if charged(evidence, attempt) else None)
    raise Refused(f"the payer was told {said}")


def with_numbers(ground: Ground) -> Any:
    """A block of numbers is in hand."""
    state = linked(ground)
    state.clerk.issue(state.family.pupil, due=str(ground.due()))
    return state


def life(ground: Ground, state: Any) -> None:
    """One notice from its issue to the family's receipt, looked at as families do (research's life of a notice, without reporting flows)."""
    clerk, parent = Actor(ground, state.clerk.client), Actor(ground, state.family.client)
    order = {"pupil": state.family.pupil.id, "description": "Contributo volontario", "category": "voluntary-contribution", "amount": "22.00",
             "due": str(ground.due()), "idempotency_key": fresh_id()}
    state.number = clerk.step("issue", "POST", "/school/notices", order, expect=201).json()["number"]
    ground.driver.settle(sweep=False)
    for _ in range(5):
        parent.get("list", "/notices")
    for _ in range(2):
        parent.get("open", f"/notices/{state.school.code}/{state.number}")
    parent.step("add", "POST", "/cart/items", {"school": state.school.code, "number": state.number}, expect=201)
    opened = parent.step("pay", "POST", "/cart/checkout", key=fresh_id(), expect=201).json()
    state.attempt, state.url = opened["attempt"], opened["checkout_url"]
    pay_online(ground, state)


def station(ground: Ground, state: Any) -> None:
    node, at, school, number = Node(ground), ground.world.station, state.school.code, state.number
    due = node.ask("verify", lambda: at.verify(school, number)).text("paymentList/paymentOptionDescription/amount")
    asked = node.ask("activate", lambda: at.get_payment(school, number)).text("data/paymentAmount")
    Actor(ground).shown("due", (due, asked), ("22.00", "22.00"))
    receipt = Receipt(school, number)
    paid = all_of(kept(receipt), notice(school, number, state="paid", receipt=receipt.id))
    node.deliver("receipt", receipt, claim=all_of(paid, mailed(state.family.person.email, "Pagamento eseguito")))
    node.deliver("repeat", receipt, KNOWN, claim=paid)
    node.ask("verify-paid", lambda: at.verify(school, number), PAID, claim=notice(school, number, state="paid"))


def paid(ground: Ground) -> Any:
    state = issued(ground)
    state.receipt = Receipt(state.school.code, state.number)
    assert ground.world.station.deliver(state.receipt).verdict == "OK"
    return state


def never_issued(state: Any) -> str:
    head = int(f"3{state.school.segregation}{9 * 10**12 + int(state.number[3:16]) % 10**12}")
    return f"{head}{head % 93:02}"


def receipt_odd(ground: Ground, state: Any) -> None:
    node, school, number = Node(ground), state.school.code, state.number
    second, unknown, other, refused = Receipt(school, number), Receipt(school, never_issued(state)), state.receipt.but(amount="220.00"), Receipt(school, number, outcome="KO")
    settled = notice(school, number, state="paid", receipt=state.receipt.id)
    node.deliver("second", second, claim=all_of(kept(second), settled, notice(school, number, further=[second.id])))
    node.deliver("other-money", other, KNOWN, claim=all_of(kept(other), kept(other, r"COPY#\w+"), settled))
    node.deliver("never-issued", unknown, claim=all_of(kept(unknown), notice(school, unknown.number, kind="notice")))
    node.deliver("outcome-ko", refused, claim=all_of(kept(refused, "KO"), settled))


def receipt_of_another_amount(ground: Ground, state: Any) -> None:
    receipt = Receipt(state.school.code, state.number, "21.00")
    Node(ground).deliver("receipt", receipt, claim=all_of(kept(receipt), notice(state.school.code, state.number, state="paid", receipt=receipt.id, amount=2200, paid_amount=2100)))


def receipt_beside(ground: Ground, state: Any) -> None:
    """An outcome KO and a secondary beneficiary's copy leave the id to the receipt that pays."""
    node, receipt, other = Node(ground), Receipt(state.school.code, state.number), state.other.code
    node.deliver("outcome-ko", receipt.but(outcome="KO"), claim=kept(receipt, "KO"))
    node.deliver("share", receipt.but(creditor=other), claim=kept(receipt, "SHARE"))
    node.ask("verify", lambda: ground.world.station.verify(receipt.school, receipt.number))
    node.deliver("receipt", receipt, claim=all_of(kept(receipt), notice(receipt.school, receipt.number, state="paid", receipt=receipt.id)))


def with_another_school(ground: Ground) -> Any:
    state = issued(ground)
    state.other = ground.school()
    return state


def receipt_large(ground: Ground, state: Any) -> None:
    """Several items, several messages of the journal."""
    stamps = base64.b64encode(os.urandom(LARGE)).decode()
    receipt = Receipt(state.school.code, state.number).but(extra=f"<novelty>{stamps}</novelty>")
    Node(ground).deliver("receipt", receipt, claim=all_of(kept(receipt), kept(receipt, r"OK#RAW#1"), notice(receipt.school, receipt.number, state="paid")))


def receipt_pdf(ground: Ground, state: Any) -> None:
    parent, clerk = Actor(ground, state.family.client), Actor(ground, state.clerk.client)
    link = parent.get("open", f"/notices/{state.school.code}/{state.number}").json()["links"]["receipt_pdf"]
    for actor, name in ((parent, "download"), (clerk, "download-at-school")):
        actor.shown(f"{name}ed", actor.get(name, link).body[:5], b"%PDF-")


def of_all_kinds(ground: Ground) -> Any:
    """A school with a notice paid, one to be paid and one that is overdue (the clock's work, done by hand), and a number never issued."""
    state = paid(ground)
    late = state.clerk.issue(state.family.pupil, "5.00", due=str(ground.due()))["number"]
    state.clerk.issue(state.family.pupil, "7.00", due=str(ground.due()))
    assert ground.world.station.deliver(Receipt(state.school.code, never_issued(state))).verdict == "OK"
    ground.driver.settle(sweep=False)
    place = f"2020-01-31#{late}"
    ground.world.table.update_item(Key={"PK": f"NOTICE#{state.school.code}#{late}", "SK": "NOTICE"},
                                   UpdateExpression="SET due = :due, G1SK = :place, G2SK = :place ADD version :one",
                                   ExpressionAttributeValues={":due": "2020-01-31", ":place": place, ":one": 1})
    return state


def school_pages(ground: Ground, state: Any) -> None:
    """What they count is compared with the table by the standing checks."""
    actor = Actor(ground, state.clerk.client)
    counts = actor.get("dashboard", "/school").json()["counts"]
    actor.shown("counts", {name: counts[name] for name in ("payable", "overdue", "paid")}, {"payable": 1, "overdue": 1, "paid": 1})
    actor.shown("listed", len(actor.get("notices", "/school/notices").json()["notices"]), 3)
    actor.shown("status", actor.get("notice", f"/school/notices/{state.number}").json()["status"], "paid")
    for path in ("/school/payments", "/school/pupils", f"/school/pupils/{state.family.pupil.id}"):
        actor.get(f"page {path.replace(state.family.pupil.id, '*')}", path)


def pages(ground: Ground, _: Any) -> None:
    """What anybody may see needs no table."""
    actor = Actor(ground)
    for path in ("/", "/status", "/privacy", "/conditions", "/legal-notes", "/accessibility", "/assistance"):
        actor.get(f"page {path}", path, accept=PAGE)
    actor.step("nowhere", "GET", "/nothing/here", expect="not-found")


def receipt_of_the_sandbox(ground: Ground) -> Any:
    state = issued(ground)
    state.receipt = Checkout(ground.stack).pay_notice(state.school.code, state.number)["receipt_id"]
    ground.driver.settle(sweep=False)
    return state


def sandbox(ground: Ground, state: Any) -> None:
    """Its pages, and its controls: the log, and a receipt again."""
    actor = Actor(ground)
    for path in ("/", "/sandbox.css"):
        Patient(actor, ground.stack).request("GET", f"{ground.stack.sandbox_origin}{path}", headers={"Accept": PAGE})
    [listed] = control(ground, actor, "log", "GET", f"receipts?notice_number={state.number}")["receipts"]
    actor.shown("log-state", (listed["receipt_id"], listed["state"]), (state.receipt, "NOTIFIED"))
    again = control(ground, actor, "repeat", "POST", f"receipts/{state.receipt}/repeat", {})
    actor.tell("repeated", 200, all_of(notice(state.school.code, state.number, state="paid", receipt=state.receipt), there(f"RECEIPT#{state.school.code}#{state.receipt}", "OK")))
    assert again["deliveries"], again


def crowded(ground: Ground) -> Any:
    """More items than the sweeper reads at once."""
    state = two_guardians(ground)
    ground.driver.settle(sweep=False)
    keys = [{"PK": {"S": f"SPENT#{fresh_id()}"}, "SK": {"S": "SPENT"}, "ttl": {"N": str(int(ground.driver.clock.time()) + 3600)}} for _ in range(CROWD)]
    ground._write(ground.stack.table_name, [{"PutRequest": {"Item": item}} for item in keys])
    ground.driver.skip()
    return state


def sweep(ground: Ground, state: Any) -> None:
    """The stream forgets that a notice was issued: the sweeper's walk of several pages finds it, and the guardians hear of it."""
    ground.driver.read()
    issue(ground, state)
    ground.driver.edges.lose = 1.0
    ground.driver.read()
    ground.driver.edges.lose = 0.0


def nothing(_: Ground) -> Any:
    return None


FLOWS = [
    Flow("register", new_person, register),
    Flow("verify-email", submitted, verify_email),
    Flow("resend", a_minute_later, resend),
    Flow("first-login", registered, first_login),
    Flow("browser-session", family_alone, browser_session),
    Flow("change-password", family_alone, change_password),
    Flow("consent", not_consented, consent),
    Flow("recover-password", family_alone, recover_password),
    Flow("recover-again", family_alone, recover_again),
    Flow("recover-username", family_alone, recover_username),
    Flow("associate", unlinked, associate),
    Flow("issue", two_guardians, issue),
    Flow("issue-first-of-block", no_numbers, issue),
    Flow("list-and-open", issued, list_and_open),
    Flow("cart", issued, cart),
    Flow("checkout", in_cart, checkout),
    Flow("pay-online", at_checkout, pay_online),
    Flow("station", issued, station),
    Flow("receipt-odd", paid, receipt_odd),
    Flow("receipt-of-another-amount", issued, receipt_of_another_amount),
    Flow("receipt-beside", with_another_school, receipt_beside),
    Flow("receipt-large", issued, receipt_large),
    Flow("receipt-pdf", paid, receipt_pdf),
    Flow("school-pages", of_all_kinds, school_pages),
    Flow("pages", nothing, pages),
    Flow("sweep", crowded, sweep),
    Flow("sandbox", receipt_of_the_sandbox, sandbox),
    Flow("life-of-a-notice", with_numbers, life, faulted=False),
]


# ---------------------------------------------------------------------- coverage


def uncovered(template: dict[str, Any], visited: set[tuple[str, str, str]]) -> list[str]:
    """Routes of the flattened template that no request went to; `visited`: (host, method, path) of every request."""
    routes: dict[str, list[str]] = {}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ApiGatewayV2::Route":
            routes.setdefault(resource["Properties"]["ApiId"]["Ref"], []).append(resource["Properties"]["RouteKey"])
    used: set[tuple[str, str]] = set()
    for host, method, path in visited:
        api = {"station": "StationApi", "sandbox": "SandboxApi"}.get(host.split(".")[0], "MainApi")
        fitting = [key for key in routes.get(api, []) if fits(key, method, path)]
        if fitting:
            used.add((api, min(fitting, key=rank)))
    return [f"{api} {key}" for api, keys in routes.items() for key in keys if (api, key) not in used]


def fits(key: str, method: str, path: str) -> bool:
    if key == "$default":
        return True
    wanted, pattern = key.split(" ", 1)
    expression = re.sub(r"\\\{proxy\\\+\\\}", r".+", re.escape(pattern))
    return wanted in ("ANY", method) and re.fullmatch(expression, urlsplit(path).path) is not None


def rank(key: str) -> tuple[bool, bool, int, bool]:
    """API Gateway's order: whole paths before greedy ones before the default, longer before shorter, methods before ANY."""
    return key == "$default", "{proxy+}" in key, -len(key), key.startswith("ANY ")
