"""The main job in a real browser: a parent with a phone, a clerk at a desk, and whoever cannot use a mouse or a script.

Every page that is met on the way is looked at: no barriers by axe-core (WCAG 2.1 A and AA), nothing wider than the screen,
no error in the console, no broken policy, no request to anybody else. Pictures stay in tests/.output/screens.
"""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from lib import captcha
from lib.browser import DESKTOP, PHONE, Person, clear_screens
from lib.people import somebody
from lib.tools import pdf_text
from lib.world import DEMO_PASSWORD, PERTINI, World

PASSWORD = "Nuova-parola-2026"


@pytest.fixture(scope="module", autouse=True)
def pictures() -> None:
    clear_screens()


@pytest.fixture
def parent(browser: object, world: World) -> Iterator[Person]:
    person = Person(browser, world.stack, "parent", PHONE)
    yield person
    person.close()


@pytest.fixture
def clerk(browser: object, world: World) -> Iterator[Person]:
    person = Person(browser, world.stack, "clerk", DESKTOP)
    yield person
    person.close()


def sign_in(who: Person, username: str, password: str) -> None:
    who.go("/login")
    who.fill(username=username, password=password)
    who.submit()


def test_the_whole_story(world: World, parent: Person, clerk: Person) -> None:
    human, pupil = somebody(), world.pupil(school_class="2B")

    # 1. The parent registers.
    parent.go("/")
    parent.look("welcome")
    parent.go("/registration")
    parent.look("fiscal-code")
    parent.fill(fiscal_code=human.fiscal_code)
    parent.not_a_robot()
    parent.look("not-a-robot")
    parent.submit()
    parent.look("personal-data")
    details = human.details
    parent.fill(**{name: details[name] for name in ("name", "surname", "birth_date", "birth_place", "email", "email_confirmation")})
    parent.tick(f"[name=sex][value={human.sex}]", "[name=terms]", "[name=privacy]")
    parent.submit()
    parent.look("review")
    assert human.email in parent.text and human.fiscal_code in parent.text
    parent.submit("main form[action$='/confirm']")
    parent.look("mail-sent")
    link = next(link for link in world.mail(human.email, "Conferma registrazione")["links"] if "/verify" in link)
    parent.go(link)
    parent.look("confirm-address")
    parent.submit()
    parent.look("address-confirmed")
    username, provisional = world.credentials_in(world.mail(human.email, "Creazione utenza"))

    # 2. The first access.
    sign_in(parent, username, provisional)
    assert "/password/change" in parent.page.url
    parent.look("change-password")
    parent.fill(old_password=provisional, new_password=PASSWORD, new_password_confirmation=PASSWORD)
    parent.submit()
    parent.look("password-changed")
    parent.press("Torna all'area riservata")
    parent.look("services")
    parent.press("Pago in rete")
    parent.look("conditions")
    parent.tick("[name=accept]")
    parent.submit("main form[action*='/consents']")
    parent.look("pago-in-rete")
    parent.press("Vai a Pago in Rete Scuole")
    parent.look("home")

    # 3. The clerk links the parent to the pupil and issues a notice.
    sign_in(clerk, PERTINI.clerk, DEMO_PASSWORD)
    assert clerk.page.url.endswith("/school")
    clerk.look("dashboard")
    clerk.go(f"/school/pupils?q={pupil.person.surname}")
    clerk.look("pupils")
    clerk.press(pupil.person.surname)
    clerk.look("pupil")
    clerk.fill(fiscal_code=human.fiscal_code)
    clerk.submit()
    assert human.surname in clerk.text
    clerk.look("parent-linked")
    clerk.press("Nuovo avviso")
    assert clerk.page.input_value("[name=pupil]") == pupil.id
    clerk.fill(description="Gita a Firenze", amount="22,00", due=str(date.today() + timedelta(days=30)))
    clerk.page.select_option("[name=category]", "voluntary-contribution")
    clerk.look("new-notice")
    clerk.submit()
    clerk.look("check-notice")
    assert "Gita a Firenze" in clerk.text and "22,00" in clerk.text and pupil.person.surname in clerk.text
    clerk.submit()
    clerk.look("notice-issued")
    number = clerk.page.url.rstrip("/").rsplit("/", 1)[1].split("?")[0]
    assert len(number) == 18, clerk.page.url

    # 4. The parent is told, sees it and pays.
    notice = next(link for link in world.mail(human.email, "Nuovo avviso")["links"] if number in link)
    parent.go("/notices")
    parent.look("notices")
    assert "Gita a Firenze" in parent.text and "22,00" in parent.text
    parent.go(notice)
    parent.look("notice")
    parent.submit("main form[action*='/cart/items']")
    parent.go("/cart")
    parent.look("cart")
    parent.submit("main form[action*='/cart/checkout']")
    assert parent.page.url.startswith(world.stack.sandbox_origin)
    parent.look("checkout-start")
    if parent.page.locator("[name=email]").count():
        parent.fill(email=human.email)
        parent.submit()
    parent.look("checkout-method")
    with parent.page.expect_navigation():
        parent.page.click("button[name=method][value=card]")
    parent.look("checkout-card")
    parent.fill(holder="Maria Prova", number="4242 4242 4242 4242", expiry="12/39", cvv="123")
    parent.submit()
    parent.look("checkout-providers")
    with parent.page.expect_navigation():
        parent.page.click("button[name=psp][value=card-esempio]")
    parent.look("checkout-summary")
    assert "0,50" in parent.text and "22,50" in parent.text
    parent.submit("main form[action$='/confirm']")
    parent.look("checkout-outcome")
    parent.press("torna a")
    parent.look("back-from-checkout")

    # 5. and 6. The receipt comes; both see it.
    world.mail(human.email, "Pagamento eseguito")
    parent.go("/payments")
    parent.look("payments")
    assert "Gita a Firenze" in parent.text
    parent.go(notice)
    parent.look("notice-paid")
    with parent.page.expect_download() as download:
        parent.page.locator("main a[href$='receipt.pdf']").first.click()
    text = pdf_text(download.value.path().read_bytes())
    assert "Gita a Firenze" in text and "22,00" in text and number[1:] in text
    clerk.go(f"/school/notices/{number}")
    clerk.look("notice-paid")
    assert "Pagato" in clerk.text
    for path, what in (("/school/notices", "notices"), ("/school/payments", "payments"), ("/school", "dashboard-again")):
        clerk.go(path)
        clerk.look(what)

    # Cookies: ours stay ours, and scripts do not see them.
    ours, theirs = (url.removeprefix("http://").split(":")[0] for url in (world.stack.origin, world.stack.sandbox_origin))
    cookies = parent.cookies()
    assert f"{ours} session" in cookies and not any(name.startswith(theirs) and name.endswith("session") for name in cookies)
    for name, cookie in cookies.items():
        assert cookie["httpOnly"] and cookie["sameSite"] == "Lax" and cookie["path"] == "/", name
    parent.fine()
    clerk.fine()


def test_public_pages_in_both_languages(parent: Person) -> None:
    for path in ("/", "/login", "/username/forgot", "/password/forgot", "/privacy", "/conditions", "/assistance", "/accessibility", "/legal-notes"):
        for language in ("it", "en"):
            parent.go(f"{path}?lang={language}")
            assert parent.page.get_attribute("html", "lang") == language
            parent.look(f"public{path.replace('/', '-')}-{language}")
    parent.expected.append("404")
    parent.go("/nothing/here")
    parent.look("not-found")
    parent.fine()


def test_refused_forms_are_told_to_everybody(world: World, parent: Person, clerk: Person) -> None:
    """The summary has the focus, each error its field, and the pages have no barriers in that state either."""
    parent.expected += ["401", "409", "410", "422"]
    clerk.expected += ["422"]
    parent.go("/login")
    parent.fill(username="nessuno.9999", password="Sbagliata-1")
    parent.submit()
    parent.look("wrong-credentials")
    assert parent.page.input_value("[name=username]") == "nessuno.9999" and parent.page.input_value("[name=password]") == ""
    parent.go("/registration")
    parent.fill(fiscal_code="RSSMRA80A01F205Y")
    parent.not_a_robot()
    parent.submit()
    parent.look("wrong-fiscal-code")
    assert parent.page.input_value("[name=fiscal_code]") == "RSSMRA80A01F205Y"
    assert parent.page.get_attribute("[name=fiscal_code]", "aria-invalid") == "true"
    described = parent.page.get_attribute("[name=fiscal_code]", "aria-describedby").split()
    assert any("lettera" in parent.page.inner_text(f"#{part}") for part in described)
    assert parent.page.title().startswith("Errore")
    parent.page.click("#error-summary a[href='#fiscal_code']")
    assert parent.page.evaluate("document.activeElement.name") == "fiscal_code"
    parent.go("/registration/verify?token=AAAAAAAAAAAAAAAAAAAA")
    parent.look("expired-link")

    sign_in(clerk, PERTINI.clerk, DEMO_PASSWORD)
    clerk.go(f"/school/notices/new?pupil={world.pupil().id}")
    clerk.fill(description="Gita", amount="22.005", due=str(date.today() + timedelta(days=3)))
    clerk.page.select_option("[name=category]", "trip")
    clerk.submit()
    clerk.look("wrong-amount")
    assert clerk.page.input_value("[name=amount]") == "22.005" and clerk.page.input_value("[name=description]") == "Gita"
    parent.fine()
    clerk.fine()


def test_the_keyboard_is_enough(world: World, parent: Person) -> None:
    parent.go("/")
    parent.page.keyboard.press("Tab")
    skip = parent.page.locator(":focus")
    assert "Vai al contenuto principale" in skip.inner_text() and skip.bounding_box()["width"] > 1, "seen once it has the focus"
    parent.page.keyboard.press("Enter")
    assert parent.page.evaluate("document.activeElement.id") == "main"

    # Signing in without a mouse: every stop on the way shows where it is.
    parent.go("/login")
    parent.page.focus("[name=username]")
    parent.page.keyboard.type("segreteria.pertini")
    for _ in range(6):
        parent.page.keyboard.press("Tab")
        outline = parent.page.evaluate("(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' || s.boxShadow !== 'none' })()")
        assert outline, parent.page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        if parent.page.evaluate("document.activeElement.name") == "password":
            break
    parent.page.keyboard.type(DEMO_PASSWORD)
    with parent.page.expect_navigation():
        parent.page.keyboard.press("Enter")
    assert parent.page.url.endswith("/school")
    parent.fine()


def test_without_scripts_a_question_stands_in_for_the_captcha(world: World, browser: object) -> None:
    human = somebody()
    parent = Person(browser, world.stack, "without-scripts", PHONE, scripts=False)
    try:
        parent.go("/registration")
        parent.look("fiscal-code")
        parent.fill(fiscal_code=human.fiscal_code, robot_answer=captcha.answer(parent.page.inner_text("label[for=robot_answer]")))
        parent.submit()
        parent.look("personal-data")
        details = human.details
        parent.fill(**{name: details[name] for name in ("name", "surname", "birth_date", "birth_place", "email", "email_confirmation")})
        parent.tick(f"[name=sex][value={human.sex}]", "[name=terms]", "[name=privacy]")
        parent.submit()
        parent.submit("main form[action$='/confirm']")
        parent.look("mail-sent")
        parent.go(next(link for link in world.mail(human.email, "Conferma registrazione")["links"] if "/verify" in link))
        parent.submit()
        username, provisional = world.credentials_in(world.mail(human.email, "Creazione utenza"))
        sign_in(parent, username, provisional)
        parent.fill(old_password=provisional, new_password=PASSWORD, new_password_confirmation=PASSWORD)
        parent.submit()
        parent.press("Torna all'area riservata")
        parent.look("services")
        parent.press("Pago in rete")
        parent.tick("[name=accept]")
        parent.submit("main form[action*='/consents']")
        parent.go("/notices")
        parent.look("notices")
        assert "Non ci sono avvisi" in parent.text
        # The menu opens and signs out without a script as well.
        parent.page.click("details.user-menu summary")
        parent.submit("form[action='/logout']")
        parent.go("/notices")
        assert "/login" in parent.page.url
        parent.fine()
    finally:
        parent.close()


def test_a_page_with_barriers_would_be_seen(parent: Person) -> None:
    """The check itself: what it must notice, it notices."""
    parent.go("/login")
    parent.page.evaluate("""() => {
        document.querySelector('label[for=username]').remove();
        const wide = document.createElement('div'); wide.style.width = '2000px'; wide.style.height = '1px'; document.querySelector('main').append(wide);
        console.error('something broke');
        const image = document.createElement('img'); image.src = 'https://example.org/x.png'; document.querySelector('main').append(image);
    }""")
    parent.page.wait_for_function("() => window.__violations.length")
    parent.look("broken")
    wrong = "\n".join(parent.wrong)
    for sign in ("label", "image-alt", "wide on a screen of 390", "something broke", "img-src"):
        assert sign in wrong, (sign, wrong)


def test_on_small_and_enlarged_screens(browser: object, world: World) -> None:
    """320 pixels wide, which is also what 400 % of a desk's screen leaves (WCAG 1.4.10)."""
    person = Person(browser, world.stack, "narrow", {"width": 320, "height": 640})
    try:
        for path in ("/", "/login", "/registration", "/privacy"):
            person.go(path)
            person.look(f"narrow{path.replace('/', '-')}")
        sign_in(person, PERTINI.clerk, DEMO_PASSWORD)
        for path in ("/school", "/school/notices", "/school/pupils", "/school/notices/new"):
            person.go(path)
            person.look(f"narrow{path.replace('/', '-')}")
        person.fine()
    finally:
        person.close()


def test_a_clerk_with_a_phone_sees_amount_due_date_and_state(browser: object, world: World) -> None:
    notice = world.clerk().issue(world.pupil(), "1234.50")
    world.station.pay(PERTINI.code, notice["number"], amount="1234.50")
    for language in ("it-IT", "en-GB"):
        person = Person(browser, world.stack, f"clerk-phone-{language[:2]}", PHONE, language=language)
        try:
            sign_in(person, PERTINI.clerk, DEMO_PASSWORD)
            for path in (f"/school/notices?q={notice['number']}", f"/school/payments?q={notice['number']}"):
                person.go(path)
                person.look(path.split("?")[0].rsplit("/", 1)[1])
                cells = person.page.locator("main tbody tr").first.locator("th, td")
                for cell in cells.all():
                    box = cell.bounding_box()
                    assert box is None or (box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]), (path, cell.inner_text(), box)
                labels = [cell.evaluate("cell => getComputedStyle(cell, '::before').content") for cell in cells.all()]
                assert all(label.strip('"') for label in labels) and len(set(labels)) == len(labels), labels
            person.fine()
        finally:
            person.close()


def test_buttons_do_not_touch_on_a_phone(world: World, parent: Person) -> None:
    family = world.family()
    parent.expected.append("409")
    parent.go("/registration")
    parent.fill(fiscal_code=family.person.fiscal_code)
    parent.not_a_robot()
    parent.submit()
    parent.look("already-registered")
    boxes = [button.bounding_box() for button in parent.page.locator("main a.btn").all()]
    assert len(boxes) == 3
    for one, other in zip(boxes, boxes[1:], strict=False):
        assert other["y"] >= one["y"] + one["height"] + 8 or other["x"] >= one["x"] + one["width"] + 8, boxes
    parent.fine()
