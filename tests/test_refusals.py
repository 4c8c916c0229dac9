"""Bad input on the way gets its own error and loses nothing."""

import hashlib
import re
import statistics
import time
from datetime import date, datetime, timedelta, timezone

import pytest
from lib import captcha
from lib.client import Client, fine, refused
from lib.pages import Walker
from lib.people import somebody
from lib.sandbox import REFUSED_CARD, Checkout
from lib.world import DEMO_PASSWORD, EINSTEIN, PERTINI, STRANGER, Family, World, fresh_id


@pytest.fixture(scope="module")
def family(world: World) -> Family:
    return world.family(PERTINI)


@pytest.fixture(scope="module")
def other(world: World) -> Family:
    return world.family(PERTINI)


# ------------------------------------------------------------ registration


@pytest.mark.parametrize("code, why", [
    ("", "missing"),
    ("RSSMRA80A01F205", "length"),
    ("RSSMRA80A01F205XX", "length"),
    ("1SSMRA80A01F205X", "shape"),
    ("RSSMRA80X01F205X", "shape"),
    ("RSSMRA80A32F205X", "date"),
    ("RSSMRA80B30F205X", "date"),
    ("RSSMRA80A01F205Y", "check-character"),
    ("80124890155", "length"),
])
def test_a_malformed_fiscal_code_has_its_own_error(world: World, code: str, why: str) -> None:
    client = Client(world.stack)
    body = refused(client.post("/registration", fiscal_code=code, **client.robot("/registration")), 422, fiscal_code=why)
    assert body["code"] == "invalid-fields"


def test_a_malformed_fiscal_code_stays_in_the_form(world: World) -> None:
    walker = Walker(world.stack)
    walker.open("/registration")
    question = walker.page.document.xpath("//label[@for='robot_answer']")[0].text_content()
    page = walker.press("/registration", fiscal_code="RSSMRA80A01F205Y", robot_answer=captcha.answer(question))
    assert page.status == 422 and page.input("fiscal_code").get("value") == "RSSMRA80A01F205Y"
    assert page.input("fiscal_code").get("aria-invalid") == "true"
    [link] = page.document.xpath("//*[@id='error-summary']//a[@href='#fiscal_code']")
    assert link.text_content().startswith("Codice fiscale: "), "the summary names the field and leads to it"


def test_the_summary_names_every_field_as_its_label_does(world: World) -> None:
    client, person = Client(world.stack), somebody()
    path = world.begin(client, person)
    for language, missing in (("it", "Nome: Campo obbligatorio"), ("en", "Name: This field is mandatory")):
        walker = Walker(world.stack, language)
        walker.cookies[world.stack.origin.removeprefix("http://")] = dict(client.cookies)
        walker.open(f"{path}/details")
        page = walker.press("/details")
        assert page.status == 422 and missing in page.text
        links = page.document.xpath("//*[@id='error-summary']//a")
        assert len(links) == 9
        for link in links:
            name, field = link.text_content().split(":")[0], link.get("href")[1:]
            labels = page.document.xpath(f"//label[@for='{field}'] | //*[@id='{field}']/legend")
            assert labels, f"the link leads nowhere: {field}"
            label = " ".join(labels[0].text_content().split()).lower()
            assert name.lower() in label, f"{name!r} is called {label!r}"


def test_a_registered_fiscal_code_is_told_to_use_its_credentials(world: World, family: Family) -> None:
    client = Client(world.stack)
    answer = client.post("/registration", fiscal_code=family.person.fiscal_code, **client.robot("/registration"))
    body = refused(answer, 409, "already-registered")
    assert [link["href"] for link in body["links"]] == ["/login", "/username/forgot", "/password/forgot"]
    assert "/" not in body["detail"], "people read words, addresses stand apart"
    # Who answers the question, as a machine could, is told nothing: no list of the registered can be made that way.
    fine(client.post("/registration", fiscal_code=family.person.fiscal_code, **client.question("/registration")), 201)


def test_the_page_for_a_registered_fiscal_code_leads_to_both_recoveries(world: World, family: Family) -> None:
    page = Walker(world.stack).register(family.person.fiscal_code)
    assert page.status == 409
    paths = [link.split("?")[0].replace(world.stack.origin, "") for link in page.links()]
    assert {"/login", "/username/forgot", "/password/forgot"} <= set(paths)
    assert "/forgot" not in page.text


def test_details_are_refused_field_by_field_and_the_draft_stays(world: World) -> None:
    client, person = Client(world.stack), somebody()
    path = world.begin(client, person)
    fine(client.post(f"{path}/details", **person.details))
    wrong = {**person.details, "email_confirmation": "altra@famiglie.example", "birth_date": "31/02/1980",
             "name": "<b>", "sex": "M" if person.sex == "F" else "F", "terms": ""}
    refused(client.post(f"{path}/details", **wrong), 422, email_confirmation="differs", birth_date="date", name="character",
            sex="differs-from-code", terms="not-accepted")
    # What was right before is still there.
    assert fine(client.get(path))["email"] == person.email
    assert fine(client.get(f"{path}/details"))["form"]["name"] == person.name


def test_emails_that_differ_keep_what_was_typed(world: World) -> None:
    client, person = Client(world.stack), somebody()
    path = world.begin(client, person)
    walker = Walker(world.stack)
    walker.cookies[world.stack.origin.removeprefix("http://")] = dict(client.cookies)
    walker.open(f"{path}/details")
    page = walker.press("/details", **{**person.details, "email_confirmation": "altra@famiglie.example"})
    assert page.status == 422
    for name in ("name", "surname", "birth_date", "birth_place", "email", "email_confirmation"):
        typed = "altra@famiglie.example" if name == "email_confirmation" else person.details[name]
        assert page.input(name).get("value") == typed, name
    assert page.input("email_confirmation").get("aria-invalid") == "true"
    assert fine(client.post(f"{path}/confirm"))["location"] == f"{path}/details", "nothing can be confirmed yet"
    assert fine(client.get(path))["location"] == f"{path}/details", "nothing was saved that was not right"


def test_a_child_cannot_register(world: World) -> None:
    client, person = Client(world.stack), somebody(date.today().year - 17, date.today().year - 17)
    path = world.begin(client, person)
    refused(client.post(f"{path}/details", **person.details), 422, birth_date="minor")


def test_another_browser_finds_no_registration(world: World) -> None:
    path = world.begin(Client(world.stack), somebody())
    stranger = Client(world.stack)
    stranger.get("/registration")
    for suffix in ("", "/details", "/sent"):
        refused(stranger.get(path + suffix), 404, "not-found")
    refused(stranger.post(f"{path}/confirm"), 404, "not-found")


def test_the_mail_is_not_sent_again_within_a_minute(world: World) -> None:
    client, person = Client(world.stack), somebody()
    path = world.submit(client, person)
    answer = client.post(f"{path}/resend")
    refused(answer, 429)
    assert 0 < int(answer.headers["retry-after"]) <= 60
    world.mail(person.email, "Conferma registrazione", count=1)
    # The page says what happened and when one can ask again; nobody is sent away from it.
    walker = Walker(world.stack)
    walker.cookies[world.stack.origin.removeprefix("http://")] = dict(client.cookies)
    walker.open(f"{path}/sent")
    page = walker.press("/resend")
    assert page.status == 409 and page.heading == "Controlla la tua posta" and re.search(r"di nuovo tra \d+ secondi", page.text), page.text
    # A minute later: what the clock would do.
    key = {"PK": f"REGISTRATION#{path.rsplit('/', 1)[1]}", "SK": "REGISTRATION"}
    past = (datetime.now(timezone.utc) - timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    world.table.update_item(Key=key, UpdateExpression="SET cause.#at = :past", ConditionExpression="attribute_exists(cause.#at)",
                            ExpressionAttributeNames={"#at": "at"}, ExpressionAttributeValues={":past": past})
    page = walker.press("/resend")
    assert page.status == 200 and re.search(r"Messaggio inviato di nuovo il \d\d/\d\d/\d{4}, \d\d:\d\d", page.text), page.text
    world.mail(person.email, "Conferma registrazione", count=2)


def test_a_used_link_says_so_and_makes_no_second_user(world: World) -> None:
    client, person = Client(world.stack), somebody()
    world.submit(client, person)
    token = world.token_in(world.mail(person.email, "Conferma registrazione"))
    fine(client.post("/registration/verify", token=token), 201)
    refused(client.post("/registration/verify", token=token), 410, "used-link")
    refused(client.get("/registration/verify", token=token), 410, "used-link")
    world.mail(person.email, "Creazione utenza", count=1)
    # Whoever presses the link of the mail once more is led on.
    page = Walker(world.stack).open(f"/registration/verify?token={token}")
    assert page.status == 410 and page.document.xpath("//main//a[contains(@class, 'btn') and @href='/login' and text()='Accedi']")


@pytest.mark.parametrize("token", ["", "x", "A" * 20, "A" * 2000, "../../x", "à"])
def test_an_unknown_or_torn_link_is_an_expired_one(world: World, token: str) -> None:
    refused(Client(world.stack).get("/registration/verify", token=token), 410, "expired-link")
    refused(Client(world.stack).post("/registration/verify", token=token), 410, "expired-link")


def test_an_expired_link_is_refused_and_the_registration_can_begin_again(world: World) -> None:
    client, person = Client(world.stack), somebody()
    world.submit(client, person)
    token = world.token_in(world.mail(person.email, "Conferma registrazione"))
    key = f"TOKEN#{hashlib.sha256(token.encode()).hexdigest()}"
    # Three days later: what the clock would do.
    world.table.update_item(Key={"PK": key, "SK": "TOKEN"}, UpdateExpression="SET expires_at = :past", ExpressionAttributeValues={":past": "2020-01-01T00:00:00Z"})
    refused(client.post("/registration/verify", token=token), 410, "expired-link")
    fine(client.post("/registration", fiscal_code=person.fiscal_code, **client.robot("/registration")), 201)


def test_two_registrations_of_one_code_make_one_user(world: World) -> None:
    """Nobody can block a code that is not theirs; whoever verifies first has it."""
    person = somebody()
    first, second = Client(world.stack), Client(world.stack)
    other_address = {**person.details, "email": "b." + person.email, "email_confirmation": "b." + person.email}
    world.submit(first, person)
    path = world.begin(second, person)
    fine(second.post(f"{path}/details", **other_address))
    fine(second.post(f"{path}/confirm"))
    late = world.token_in(world.mail(other_address["email"], "Conferma registrazione"))
    mails = world.stack.wait_for("mail 1", lambda: [m for m in world.stack.mails() if m["to"] == [person.email]])
    fine(first.post("/registration/verify", token=world.token_in(mails[0])), 201)
    refused(second.post("/registration/verify", token=late), 409, "already-registered")


# ---------------------------------------------------------------- signing in


def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(world: World, family: Family) -> None:
    def ask(username: str) -> tuple:
        answer = Client(world.stack).post("/login", username=username, password="Sbagliata-1")
        body = refused(answer, 401)
        body.pop("correlation_id")
        return body, sorted(answer.headers.keys())

    wrong, unknown, impossible = ask(family.username), ask("nessuno.9999"), ask("<script>")
    assert wrong == unknown == impossible
    assert wrong[0]["code"] == "wrong-credentials"


def test_a_wrong_password_and_an_unknown_user_take_the_same_time(world: World, family: Family) -> None:
    """One hash each: medians of alternate tries, a wide margin; without the hash an unknown user would answer many times faster."""
    def ask(username: str) -> float:
        started = time.perf_counter()
        assert Client(world.stack).post("/login", username=username, password="Sbagliata-1").status == 401
        return time.perf_counter() - started

    ask(family.username), ask("nessuno.9999")
    times = [(ask(family.username), ask("nessuno.9999")) for _ in range(7)]
    known, unknown = (statistics.median(column) for column in zip(*times, strict=True))
    assert unknown > known / 2, (known, unknown)


def test_missing_fields_are_named(world: World) -> None:
    refused(Client(world.stack).post("/login"), 422, username="missing", password="missing")


def test_an_expired_provisional_password_reads_like_a_wrong_one(world: World) -> None:
    person = somebody()
    username, provisional = world.register(person)
    signed = fine(Client(world.stack).post("/login", username=username, password=provisional))
    # Three days later: what the clock would do.
    key = {"PK": f"PERSON#{world.person_id(username)}", "SK": "R#PERSON"}
    world.table.update_item(Key=key, UpdateExpression="SET provisional.expires_at = :past", ExpressionAttributeValues={":past": "2020-01-01T00:00:00Z"})
    refused(Client(world.stack).post("/login", username=username, password=provisional), 401, "wrong-credentials")
    assert signed["must_change_password"]


@pytest.mark.parametrize("new, again, wrong", [
    ("abc", "abc", {"new_password": "weak"}),
    ("abcdefg1", "abcdefg1", {"new_password": "weak"}),
    ("ABCDEFG1", "ABCDEFG1", {"new_password": "weak"}),
    ("Abcdefgh", "Abcdefgh", {"new_password": "weak"}),
    ("Password1", "Password1", {"new_password": "weak"}),
    ("", "", {"new_password": "missing"}),
    ("Abcdefg1" * 20, "Abcdefg1" * 20, {"new_password": "too-long"}),
    ("Nuova-parola-1", "Nuova-parola-2", {"new_password_confirmation": "differs"}),
])
def test_a_weak_or_mistyped_password_is_refused_and_the_old_one_stays(world: World, family: Family, new: str, again: str, wrong: dict) -> None:
    refused(family.client.post("/password/change", old_password=family.password, new_password=new, new_password_confirmation=again), 422, **wrong)
    fine(Client(world.stack).post("/login", username=family.username, password=family.password))


def test_the_old_password_must_be_right_and_another(family: Family) -> None:
    change = lambda old, new: family.client.post("/password/change", old_password=old, new_password=new, new_password_confirmation=new)  # noqa: E731
    refused(change("Sbagliata-1", "Nuova-parola-3"), 422, old_password="wrong")
    refused(change(family.password, family.password), 422, new_password="same-as-old")


def test_a_recovery_tells_nobody_whether_somebody_was_found(world: World) -> None:
    known = world.family()
    for path, mine, nobody, subject in (
        ("/username/forgot", {"fiscal_code": known.person.fiscal_code}, {"fiscal_code": somebody().fiscal_code}, "Recupero nome utente"),
        ("/password/forgot", {"username": known.username}, {"username": "nessuno.9999"}, "Reimpostazione password"),
    ):
        client = Client(world.stack)
        answers = [fine(client.post(path, **fields, **client.robot(path)), 202) for fields in (nobody, mine)]
        assert answers[0] == answers[1]
        if subject == "Recupero nome utente":
            assert known.username in world.mail(known.person.email, subject)["text"]
            # Asking for something else within a minute changes nothing: the next mail needs another person.
            known = world.family()


def test_a_reset_link_works_once_and_ends_every_session(world: World) -> None:
    family = world.family()
    client = Client(world.stack)
    fine(client.post("/password/forgot", username=family.username, **client.robot("/password/forgot")), 202)
    token = world.token_in(world.mail(family.person.email, "Reimpostazione password"))
    fields = {"new_password": "Ritrovata-2026", "new_password_confirmation": "Ritrovata-2026"}
    refused(client.post("/password/reset", token=token, new_password="abc", new_password_confirmation="abc"), 422, new_password="weak")
    assert fine(client.post("/password/reset", token=token, **fields))["location"] == "/login"
    refused(client.post("/password/reset", token=token, **fields), 410, "expired-link")
    refused(family.client.get("/consents"), 401, "not-signed-in")
    fine(Client(world.stack).post("/login", username=family.username, password="Ritrovata-2026"))
    world.mail(family.person.email, "Password modificata")


# -------------------------------------------------------------- the parent


def test_a_notice_of_another_family_is_nowhere(world: World, family: Family, other: Family) -> None:
    number = world.clerk().issue(other.pupil)["number"]
    for path in (f"/notices/{PERTINI.code}/{number}", f"/documents/{PERTINI.code}/{number}/receipt.pdf", f"/notices/{EINSTEIN.code}/{number}"):
        refused(family.client.get(path), 404, "not-found")
    refused(family.client.post("/cart/items", school=PERTINI.code, number=number), 404, "not-found")
    assert fine(family.client.get("/cart"))["items"] == []
    assert number not in str(fine(family.client.get("/notices"))) + str(fine(family.client.get("/payments")))
    # Paid or not, it stays the other family's.
    world.station.pay(PERTINI.code, number)
    refused(family.client.get(f"/documents/{PERTINI.code}/{number}/receipt.pdf"), 404, "not-found")
    assert other.client.get(f"/documents/{PERTINI.code}/{number}/receipt.pdf").status == 200


def test_a_receipt_exists_only_once_it_is_paid(world: World, family: Family) -> None:
    number = world.clerk().issue(family.pupil)["number"]
    refused(family.client.get(f"/documents/{PERTINI.code}/{number}/receipt.pdf"), 404, "not-found")


@pytest.mark.parametrize("school, number", [("x", "y"), (PERTINI.code, "3" * 18), (PERTINI.code, "312"), (STRANGER, "3" * 18), ("%2e%2e", "x")])
def test_addresses_of_nothing(family: Family, school: str, number: str) -> None:
    refused(family.client.get(f"/notices/{school}/{number}"), 404, "not-found")


def test_the_cart_keeps_what_it_had_when_something_is_refused(world: World, family: Family) -> None:
    good, paid = (world.clerk().issue(family.pupil)["number"] for _ in range(2))
    world.station.pay(PERTINI.code, paid)
    fine(family.client.post("/cart/items", school=PERTINI.code, number=good), 201)
    refused(family.client.post("/cart/items", school=PERTINI.code, number=paid), 409, "not-payable")
    refused(family.client.post("/cart/items", school=PERTINI.code, number="3" * 18), 404, "not-found")
    assert [item["number"] for item in fine(family.client.get("/cart"))["items"]] == [good]
    fine(family.client.post("/cart/cancel"))
    refused(family.client.post("/cart/checkout", headers={"Idempotency-Key": fresh_id()}), 409, "empty-cart")


def test_the_cart_holds_five(world: World) -> None:
    family = world.family(PERTINI)
    numbers = [world.clerk().issue(family.pupil, "1.00")["number"] for _ in range(6)]
    for number in numbers[:5]:
        fine(family.client.post("/cart/items", school=PERTINI.code, number=number), 201)
    refused(family.client.post("/cart/items", school=PERTINI.code, number=numbers[5]), 409, "cart-full")
    cart = fine(family.client.get("/cart"))
    assert (len(cart["items"]), cart["total"]) == (5, "5.00")
    assert fine(family.client.delete(f"/cart/items/{PERTINI.code}/{numbers[0]}"))["count"] == 4
    assert fine(family.client.post(f"/cart/items/{PERTINI.code}/{numbers[1]}/remove"))["count"] == 3


def test_a_notice_paid_meanwhile_leaves_the_cart_and_nothing_is_charged_twice(world: World) -> None:
    family = world.family(PERTINI)
    paid, left = (world.clerk().issue(family.pupil)["number"] for _ in range(2))
    for number in (paid, left):
        fine(family.client.post("/cart/items", school=PERTINI.code, number=number), 201)
    world.station.pay(PERTINI.code, paid)
    refused(family.client.post("/cart/checkout", headers={"Idempotency-Key": fresh_id()}), 409, "not-payable")
    cart = fine(family.client.get("/cart"))
    assert [item["number"] for item in cart["items"]] == [left]


def test_a_payment_that_fails_or_is_left_keeps_the_cart(world: World) -> None:
    family = world.family(PERTINI)
    number = world.clerk().issue(family.pupil)["number"]
    fine(family.client.post("/cart/items", school=PERTINI.code, number=number), 201)
    opened = fine(family.client.post("/cart/checkout", headers={"Idempotency-Key": fresh_id()}), 201)
    checkout = Checkout(world.stack)
    checkout.pay(opened["checkout_url"], card=REFUSED_CARD)
    assert f"/cart/attempts/{opened['attempt']}/error" in checkout.returned
    assert fine(family.client.get(f"/cart/attempts/{opened['attempt']}/error"))["result"] != "paid"
    assert [item["number"] for item in fine(family.client.get("/cart"))["items"]] == [number]
    assert world.station.verify(PERTINI.code, number).verdict == "OK"


def test_while_a_payment_is_under_way_the_pages_say_so_before_their_buttons(world: World) -> None:
    family = world.family(PERTINI)
    number = world.clerk().issue(family.pupil)["number"]
    other = world.clerk().issue(family.pupil)["number"]
    walker, detail = Walker(world.stack), f"/notices/{PERTINI.code}/{number}"
    walker.open("/login")
    walker.press("/login", username=family.username, password=family.password)
    walker.open(detail)
    walker.press("/cart/items")
    walker.open("/cart")
    assert "non pagare di nuovo" not in walker.page.text
    walker.press("/cart/checkout")
    assert walker.page.url.startswith(world.stack.sandbox_origin)
    for path in ("/cart", "/notices", detail):
        page = walker.open(world.stack.origin + path)
        assert page.text.count("non pagare di nuovo") == 1, (path, page.text)
    assert "non pagare di nuovo" not in walker.open(f"/notices/{PERTINI.code}/{other}").text, "of this notice alone"
    outcome = walker.open(walker.open("/cart").link("Controlla l'esito"))
    assert outcome.heading == "In attesa di conferma"
    # Given up: nothing stands in the way of another try.
    attempt = outcome.url.split("/attempts/")[1].split("/")[0]
    walker.open(f"/cart/attempts/{attempt}/cancel")
    assert "non pagare di nuovo" not in walker.open("/cart").text
    # Programs get the same answers as before.
    assert "paying" not in str(fine(family.client.get("/cart")))


def test_another_persons_attempt_is_nowhere(world: World, family: Family, other: Family) -> None:
    number = world.clerk().issue(family.pupil)["number"]
    fine(family.client.post("/cart/items", school=PERTINI.code, number=number), 201)
    opened = fine(family.client.post("/cart/checkout", headers={"Idempotency-Key": fresh_id()}), 201)
    refused(other.client.get(f"/cart/attempts/{opened['attempt']}/ok"), 404, "not-found")
    fine(family.client.post("/cart/cancel"))


# -------------------------------------------------------------- the school


def issue(world: World, **fields: str):
    sent = {"pupil": world.pupil().id, "description": "Gita", "category": "trip", "amount": "22.00",
            "due": str(date.today() + timedelta(days=30)), "idempotency_key": fresh_id(), **fields}
    return world.clerk().client.post("/school/notices", **sent)


@pytest.mark.parametrize("field, value, why", [
    ("amount", "22.005", "decimals"),
    ("amount", "22,505", "decimals"),
    ("amount", "1.234,00", "decimals"),
    ("amount", "0", None),
    ("amount", "-5", None),
    ("amount", "1e3", None),
    ("amount", "", "missing"),
    ("description", "", "missing"),
    ("category", "x", None),
    ("due", "31/02/2027", None),
    ("due", "2020-01-01", None),
])
def test_a_wrong_field_of_a_notice_has_its_error_and_nothing_is_issued(world: World, field: str, value: str, why: str | None) -> None:
    body = refused(issue(world, **{field: value}), 422)
    [error] = body["errors"]
    assert error["field"] == field and error["detail"]
    assert why is None or error["code"] == why, error


def test_what_the_clerk_typed_stays_in_the_form(world: World) -> None:
    walker = Walker(world.stack)
    walker.open("/login")
    walker.press("/login", username=PERTINI.clerk, password=DEMO_PASSWORD)
    pupil = world.pupil()
    page = walker.open(f"/school/notices/new?pupil={pupil.id}")
    page = walker.press("/school/notices", pupil=pupil.id, description="Gita a Lucca", category="trip", amount="22.005", due="2027-06-30")
    assert page.status == 422
    assert page.input("description").get("value") == "Gita a Lucca" and page.input("amount").get("value") == "22.005"
    assert page.input("amount").get("aria-invalid") == "true"


def test_a_notice_is_read_once_more_before_it_is_issued(world: World) -> None:
    walker = Walker(world.stack)
    walker.open("/login")
    walker.press("/login", username=PERTINI.clerk, password=DEMO_PASSWORD)
    pupil = world.pupil()
    walker.open(f"/school/notices/new?pupil={pupil.id}")
    due = str(date.today())
    page = walker.press("/school/notices", description="Gita a Lucca", category="trip", amount="2200", due=due)
    key = page.input("idempotency_key").get("value")
    assert page.status == 200 and page.heading == "Controlla l'avviso"
    for words in (pupil.person.surname, "Gita a Lucca", "2.200,00", "Viaggi"):
        assert words in page.text, (words, page.text)
    issued = lambda: world.items(f"COMMAND#{PERTINI.code}#{key}")  # noqa: E731
    assert issued() == [], "nothing is issued yet"
    page = walker.press("/school/notices", step="edit")
    assert page.status == 200 and page.input("amount").get("value") == "2200" and page.input("idempotency_key").get("value") == key
    page = walker.press("/school/notices", amount="22", due=due)
    assert "22,00" in page.text
    review = page.form("/school/notices")
    page = walker.submit(review, step="confirm")
    assert page.status == 200 and "Avviso emesso" in page.text
    number = page.url.rstrip("/").rsplit("/", 1)[1]
    assert len(issued()) == 1
    # The same review once more, from another window: the same notice.
    assert walker.submit(review, step="confirm").url.endswith(number)
    assert world.clerk().notice(number)["amount"] == "22.00"


def test_the_same_key_with_another_content_is_refused(world: World) -> None:
    pupil, key = world.pupil(), fresh_id()
    number = world.clerk().issue(pupil, idempotency_key=key)["number"]
    refused(issue(world, pupil=pupil.id, amount="23.00", idempotency_key=key), 409, "key-reused")
    assert world.clerk().notice(number)["amount"] == "22.00"


def test_a_pupil_of_another_school_is_nowhere(world: World) -> None:
    stranger = world.pupil(EINSTEIN)
    refused(world.clerk().client.get(f"/school/pupils/{stranger.id}"), 404, "not-found")
    refused(world.clerk().client.post(f"/school/pupils/{stranger.id}/guardians", fiscal_code=somebody().fiscal_code), 404, "not-found")
    assert issue(world, pupil=stranger.id).status in (404, 422)


def test_a_notice_of_another_school_is_nowhere_for_a_clerk(world: World) -> None:
    number = world.clerk(EINSTEIN).issue(world.pupil(EINSTEIN))["number"]
    refused(world.clerk().client.get(f"/school/notices/{number}"), 404, "not-found")


def test_a_guardian_must_be_registered_and_is_linked_once(world: World, family: Family) -> None:
    pupil = world.pupil()
    link = lambda code: world.clerk().client.post(f"/school/pupils/{pupil.id}/guardians", fiscal_code=code)  # noqa: E731
    refused(link("RSSMRA80A01F205Y"), 422, fiscal_code="check-character")
    refused(link(somebody().fiscal_code), 422, fiscal_code="not-registered")
    fine(link(family.person.fiscal_code), 201)
    assert link(family.person.fiscal_code).status == 409
    assert len(fine(world.clerk().client.get(f"/school/pupils/{pupil.id}"))["guardians"]) == 1


# ------------------------------------------------------------- who may what


PARENT = ["/notices", "/payments", "/cart", "/consents"]
SCHOOL = ["/school", "/school/notices", "/school/payments", "/school/pupils", "/school/notices/new"]


@pytest.mark.parametrize("path", PARENT + SCHOOL + ["/password/change"])
def test_nobody_signed_in(world: World, path: str) -> None:
    refused(Client(world.stack).get(path), 401, "not-signed-in")
    page = Client(world.stack).page(path)
    assert page.status == 303 and page.location == f"/login?next={path}", "and back to where one wanted to go"


@pytest.mark.parametrize("path", SCHOOL)
def test_a_parent_is_no_clerk(family: Family, path: str) -> None:
    refused(family.client.get(path), 403, "forbidden")


def test_a_token_of_another_kind_opens_nothing(world: World, family: Family) -> None:
    head, body, signature = family.client.token.split(".")
    for token in ("x", f"{head}.{body}.", f"{head}.{body}.{signature[:-4]}AAAA", "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + body + "."):
        refused(Client(world.stack, token=token).get("/notices"), 401, "not-signed-in")


def test_signing_out_ends_the_session_at_once(world: World, family: Family) -> None:
    browser = world.browser_of(family)
    kept = dict(browser.cookies)
    assert browser.get("/notices").status == 200
    fine(browser.post("/logout"))
    browser.cookies = kept
    refused(browser.get("/notices"), 401, "not-signed-in")


def test_a_form_of_another_site_is_refused(world: World, family: Family) -> None:
    """With the cookie and without the token, or with both from elsewhere: nothing happens."""
    browser = world.browser_of(family)
    number = world.clerk().issue(family.pupil)["number"]
    fields = {"school": PERTINI.code, "number": number}
    token, browser.csrf = browser.csrf, None
    refused(browser.post("/cart/items", **fields), 403, "form-expired")
    browser.csrf = token
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://altrove.example"}):
        refused(browser.post("/cart/items", headers=headers, **fields), 403, "form-expired")
    assert fine(browser.get("/cart"))["items"] == []
    fine(browser.post("/cart/items", **fields), 201)
    fine(browser.post("/cart/cancel"))


# ------------------------------------------------------------ odd requests


@pytest.mark.parametrize("path", ["/login", "/registration", "/consents", "/cart/items", "/cart/checkout", "/school/notices"])
def test_bodies_that_are_none(world: World, family: Family, path: str) -> None:
    client = world.clerk().client if path.startswith("/school") else family.client if path.startswith("/c") else Client(world.stack)
    client.get(path)  # cookie and token of the form, where it has them
    send = lambda body, kind: client.send("POST", path, body=body, headers={"Content-Type": kind})  # noqa: E731
    assert send("<xml/>", "application/xml").status in (403, 415)
    assert send("{", "application/json").status == 400
    assert send("[]", "application/json").status == 400
    assert send("x" * 70_000, "application/json").status == 413
    refused(send('{"surprise": "1"}', "application/json"), 422, "unknown-field")


def test_unknown_paths_and_methods(world: World) -> None:
    client = Client(world.stack)
    refused(client.get("/nothing/here"), 404, "not-found")
    assert client.page("/nothing/here").status == 404
    answer = client.send("PUT", "/login")
    refused(answer, 405)
    assert "POST" in answer.headers["allow"]
