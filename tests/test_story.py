"""The main job, end to end, as a program would do it: a parent registers, a school issues a notice, the parent pays it.

One story told in order: each test goes on where the one before ended.
"""

import re
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from lib.client import Client, fine, refused
from lib.people import somebody
from lib.sandbox import Checkout
from lib.station import Receipt
from lib.tools import pdf_text
from lib.world import PERTINI, World

DUE = date.today() + timedelta(days=40)
DESCRIPTION = "Contributo volontario a.s. 2026/27"


@pytest.fixture(scope="module")
def story(world: World) -> SimpleNamespace:
    """What the tests before have brought about."""
    client = Client(world.stack)
    return SimpleNamespace(person=somebody(), client=client, pupil=world.pupil(), clerk=world.clerk())


def told(story: SimpleNamespace, *chapters: str) -> None:
    missing = [chapter for chapter in chapters if not hasattr(story, chapter)]
    if missing:
        pytest.fail(f"an earlier test of this story has not come to its end (no {', '.join(missing)})")


# ------------------------------------------------------------- 1. a parent registers


def test_1a_the_fiscal_code_and_not_a_robot(story: SimpleNamespace) -> None:
    client, person = story.client, story.person
    begun = client.post("/registration", fiscal_code=person.fiscal_code.lower(), **client.robot("/registration"))
    body = fine(begun, 201)
    assert begun.location == body["next"] == f"/registration/{body['id']}/details"
    story.registration = f"/registration/{body['id']}"


def test_1b_personal_data_review_and_confirmation(story: SimpleNamespace) -> None:
    told(story, "registration")
    client, person, path = story.client, story.person, story.registration
    assert fine(client.get(f"{path}/details"))["fiscal_code"] == person.fiscal_code
    assert fine(client.post(f"{path}/details", **person.details))["location"] == path
    review = fine(client.get(path))
    assert review == {**review, "fiscal_code": person.fiscal_code, "name": person.name, "surname": person.surname,
                      "email": person.email, "birth_date": str(person.born), "birth_place": person.place,
                      "sex": person.sex, "step": "draft"}
    # Going back loses nothing.
    assert fine(client.get(f"{path}/details"))["form"]["email_confirmation"] == person.email
    for _ in range(2):  # confirming again is harmless
        assert fine(client.post(f"{path}/confirm"))["location"] == f"{path}/sent"
    story.confirmed = True


def test_1c_mail_1_carries_a_link_and_its_button_creates_the_user(story: SimpleNamespace, world: World) -> None:
    told(story, "confirmed")
    mail = world.mail(story.person.email, "Conferma registrazione")
    assert mail["to"] == [story.person.email] and mail["from"] == '"Comunicazione" <noreply@pagoinrete.example>'
    assert story.person.name in mail["text"] and story.person.fiscal_code not in mail["text"] + mail["html"]
    [link] = [link for link in mail["links"] if "/registration/verify" in link]
    token = world.token_in(mail)
    assert link == f"{world.stack.origin}/registration/verify?token={token}" and re.fullmatch(r"[A-Za-z0-9]{20}", token)
    assert token in mail["html"]

    # Whoever opens the link, a scanner for instance, changes nothing.
    reader = Client(world.stack)
    for _ in range(2):
        assert fine(reader.get("/registration/verify", token=token)) == {"token": token, "valid": True}
    assert fine(story.client.get(story.registration))["step"] == "submitted"

    assert fine(reader.post("/registration/verify", token=token), 201)["next"] == "/login"
    story.token = token


def test_1d_mail_2_carries_username_and_provisional_password(story: SimpleNamespace, world: World) -> None:
    told(story, "token")
    mail = world.mail(story.person.email, "Creazione utenza")
    story.username, story.provisional = world.credentials_in(mail)
    assert mail["to"] == [story.person.email] and f"{world.stack.origin}/login" in mail["links"]
    assert story.provisional in mail["html"]
    assert re.fullmatch(r"[a-z0-9.]{6,}", story.username), story.username
    assert len(story.provisional) >= 8 and re.search(r"\d", story.provisional), "as the circulars' rule asks"
    assert [m["subject"] for m in world.stack.mails(story.person.email)] == ["Conferma registrazione", "Creazione utenza"]


# ------------------------------------------------------------- 2. the first access


def test_2a_the_first_login_forces_a_change(story: SimpleNamespace, world: World) -> None:
    told(story, "provisional")
    signed = fine(Client(world.stack).post("/login", username=story.username, password=story.provisional))
    assert signed["must_change_password"] is True and signed["token_type"] == "Bearer"
    assert signed["next"].startswith("/password/change")
    waiting = Client(world.stack, token=signed["access_token"])
    for path in ("/notices", "/cart", "/consents", "/payments"):
        refused(waiting.get(path), 403, "must-change-password")
    story.password = "Nuova-parola-2026"
    changed = fine(waiting.post("/password/change", old_password=story.provisional, new_password=story.password,
                                new_password_confirmation=story.password))
    # The old token is over, the new one holds.
    refused(waiting.get("/password/change"), 401, "not-signed-in")
    story.parent = Client(world.stack, token=changed["access_token"])
    refused(Client(world.stack).post("/login", username=story.username, password=story.provisional), 401)
    assert fine(Client(world.stack).post("/login", username=story.username, password=story.password))["must_change_password"] is False


def test_2b_the_conditions_are_accepted_once(story: SimpleNamespace) -> None:
    told(story, "parent")
    parent = story.parent
    refused(parent.get("/notices"), 403, "must-consent")
    asked = fine(parent.get("/consents"))
    assert asked["accepted"] is None
    fine(parent.post("/consents", accept="on"))
    accepted = fine(parent.get("/consents"))["accepted"]
    assert accepted["version"] == asked["current_version"]
    fine(parent.post("/consents", accept="on"))
    assert fine(parent.get("/consents"))["accepted"] == accepted, "the first moment counts"
    assert fine(parent.get("/notices"))["notices"] == []
    story.consented = True


# ------------------------------------------------------ 3. a clerk issues a notice


def test_3a_the_clerk_links_the_parent_to_a_pupil(story: SimpleNamespace, world: World) -> None:
    told(story, "consented")
    clerk, pupil, person = story.clerk, story.pupil, story.person
    found = fine(clerk.client.get("/school/pupils", q=pupil.person.surname))["pupils"]
    assert [(p["id"], p["class"]) for p in found] == [(pupil.id, "1A")]
    clerk.link(pupil, person)
    guardians = fine(clerk.client.get(f"/school/pupils/{pupil.id}"))["guardians"]
    assert [g["surname"] for g in guardians] == [person.surname]
    mail = world.mail(person.email, "Associazione alunno confermata")
    assert pupil.person.name in mail["text"] and pupil.person.surname not in mail["text"], "the first name only"
    story.linked = True


def test_3b_the_notice_gets_a_valid_number(story: SimpleNamespace) -> None:
    told(story, "linked")
    key = "story-" + story.pupil.id
    fields = {"description": DESCRIPTION, "due": str(DUE), "idempotency_key": key}
    issued = story.clerk.issue(story.pupil, "22.00", **fields)
    number = issued["number"]
    # Aux digit 3, segregation code, thirteen digits, and check digits: the rest of the head by 93.
    assert re.fullmatch(rf"3{PERTINI.segregation}\d{{15}}", number) and int(number[:16]) % 93 == int(number[16:]), number
    assert issued["iuv"] == number[1:] and issued["amount"] == "22.00" and issued["due"] == str(DUE)
    assert issued["location"] == f"/school/notices/{number}"
    # The same command again is the same notice.
    assert story.clerk.issue(story.pupil, "22.00", **fields)["number"] == number
    story.number = number


# ------------------------------------------------------------- 4. the parent pays


def test_4a_the_parent_is_told_and_sees_the_notice(story: SimpleNamespace, world: World) -> None:
    told(story, "number")
    mail = world.mail(story.person.email, "Nuovo avviso di pagamento")
    page = f"/notices/{PERTINI.code}/{story.number}"
    assert world.stack.origin + page in mail["links"]
    for words in (PERTINI.name, "22,00 €", story.pupil.person.name, DESCRIPTION):
        assert words in mail["text"], (words, mail["text"])
    assert story.number in mail["text"].replace(" ", "") and story.pupil.person.fiscal_code not in mail["text"]
    [listed] = fine(story.parent.get("/notices"))["notices"]
    assert (listed["number"], listed["amount"], listed["due"], listed["status"], listed["in_cart"]) == (story.number, "22.00", str(DUE), "payable", False)
    assert listed["school"] == {"fiscal_code": PERTINI.code, "name": PERTINI.name}
    assert fine(story.parent.get(page))["number"] == story.number
    story.seen = True


def test_4b_the_cart_takes_it_once(story: SimpleNamespace) -> None:
    told(story, "seen")
    for _ in range(2):
        assert fine(story.parent.post("/cart/items", school=PERTINI.code, number=story.number), 201)["count"] == 1
    cart = fine(story.parent.get("/cart"))
    assert [item["number"] for item in cart["items"]] == [story.number]
    assert cart["total"] == "22.00" and cart["payable"] is True and cart["removed"] == []
    assert fine(story.parent.get("/notices"))["notices"][0]["in_cart"] is True
    story.in_cart = True


def test_4c_checkout_opens_a_cart_at_pagopa(story: SimpleNamespace, world: World) -> None:
    told(story, "in_cart")
    opened = fine(story.parent.post("/cart/checkout", headers={"Idempotency-Key": f"checkout-{story.number}"}), 201)
    assert opened["checkout_url"].startswith(world.stack.sandbox_origin + "/")
    story.attempt, story.checkout_url = opened["attempt"], opened["checkout_url"]
    waiting = fine(story.parent.get(f"/cart/attempts/{story.attempt}/wait"))
    assert waiting["result"] == "waiting"
    # The return is a hint and changes nothing: whoever types its address has not paid.
    assert fine(story.parent.get(f"/cart/attempts/{story.attempt}/ok"))["result"] == "waiting"


def test_4d_the_parent_picks_card_and_psp_sees_commission_and_total_and_confirms(story: SimpleNamespace, world: World) -> None:
    told(story, "checkout_url")
    checkout = Checkout(world.stack)
    back = checkout.pay(story.checkout_url, psp="card-esempio")
    assert "0,50" in checkout.summary and "22,50" in checkout.summary, checkout.summary
    assert back.url.startswith(f"{world.stack.origin}/") and checkout.returned.startswith(f"{world.stack.origin}/cart/attempts/{story.attempt}/ok")
    story.paid = True


# --------------------------------------------- 5. the receipt, and what is repeated


def test_5a_the_notice_becomes_paid(story: SimpleNamespace, world: World) -> None:
    told(story, "paid")
    world.stack.wait_for("the receipt", lambda: fine(story.parent.get(f"/cart/attempts/{story.attempt}/ok"))["result"] == "paid")
    assert world.station.verify(PERTINI.code, story.number).verdict == "PAA_PAGAMENTO_DUPLICATO"
    assert world.station.get_payment(PERTINI.code, story.number).verdict == "PAA_PAGAMENTO_DUPLICATO"
    detail = fine(story.parent.get(f"/notices/{PERTINI.code}/{story.number}"))
    assert detail["status"] == "paid" and detail["receipt"]["psp"] == "Banca Esempio"
    assert (detail["receipt"]["amount"], detail["receipt"]["fee"]) == ("22.00", "0.50")
    story.receipt = detail["receipt"]
    story.settled = world.items(f"NOTICE#{PERTINI.code}#{story.number}")


def test_5b_once_whatever_is_repeated(story: SimpleNamespace, world: World) -> None:
    told(story, "settled")
    sandbox = Checkout(world.stack)
    repeated = sandbox.repeat(story.receipt["id"])
    assert "PAA_RECEIPT_DUPLICATA" in str(repeated)
    assert world.items(f"NOTICE#{PERTINI.code}#{story.number}") == story.settled
    assert fine(story.parent.get("/cart"))["items"] == [], "what is paid leaves the cart"
    refused(story.parent.post("/cart/items", school=PERTINI.code, number=story.number), 409, "not-payable")


# ------------------------------------------------------- 6. the parent and the clerk


def test_6a_the_parent_gets_a_mail_and_sees_the_payment(story: SimpleNamespace, world: World) -> None:
    told(story, "settled")
    mail = world.mail(story.person.email, "Pagamento eseguito - ricevuta")
    for words in (PERTINI.name, "22,00 €", "0,50 €", "Banca Esempio", story.number[1:]):
        assert words in mail["text"], (words, mail["text"])
    [payment] = fine(story.parent.get("/payments"))["notices"]
    assert payment["number"] == story.number and payment["status"] == "paid" and payment["paid_at"]
    story.receipt_pdf = fine(story.parent.get(f"/notices/{PERTINI.code}/{story.number}"))["links"]["receipt_pdf"]


def test_6b_the_parent_downloads_the_receipt(story: SimpleNamespace) -> None:
    told(story, "receipt_pdf")
    answer = story.parent.get(story.receipt_pdf)
    assert answer.status == 200 and answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].endswith('.pdf"') and answer.headers["cache-control"] == "no-store"
    text = pdf_text(answer.body)
    for words in (PERTINI.name, PERTINI.code, story.number[1:], "22,00", story.receipt["id"], DESCRIPTION, "Banca Esempio"):
        assert words in text, (words, text)


def test_6c_the_clerk_sees_the_notice_as_paid(story: SimpleNamespace) -> None:
    told(story, "settled")
    detail = story.clerk.notice(story.number)
    assert detail["status"] == "paid" and not detail["oddities"]
    assert story.receipt["id"] in str(detail)
    listed = {n["number"]: n for n in fine(story.clerk.client.get("/school/notices"))["notices"]}
    assert listed[story.number]["status"] == "paid"
    payments = fine(story.clerk.client.get("/school/payments"))
    assert story.number in str(payments)


def test_6d_every_mail_of_the_story_was_sent_once(story: SimpleNamespace, world: World) -> None:
    told(story, "receipt_pdf")
    subjects = sorted(mail["subject"].split(" - ")[0] for mail in world.stack.mails(story.person.email))
    assert subjects == ["Associazione alunno confermata", "Conferma registrazione", "Creazione utenza", "Nuovo avviso di pagamento", "Pagamento eseguito"]


def test_a_payment_at_a_counter_reaches_the_family_as_well(world: World) -> None:
    """Not every payment begins in our cart: the Node alone brings it."""
    family = world.family(PERTINI)
    issued = world.clerk().issue(family.pupil)
    receipt = Receipt(PERTINI.code, issued["number"])
    assert world.station.deliver(receipt).verdict == "OK"
    world.mail(family.person.email, "Pagamento eseguito")
    assert fine(family.client.get(f"/notices/{PERTINI.code}/{issued['number']}"))["receipt"]["id"] == receipt.id
