"""Two families at once: nothing of one is ever in the other's pages, cookies or mails, and nothing of anybody in a log."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import deploy as deployment
import pytest
from lib.client import Client, fine
from lib.pages import Walker
from lib.people import Person, somebody
from lib.sandbox import Checkout
from lib.world import PERTINI, Pupil, World

PASSWORDS = ("Prima-famiglia-1", "Seconda-famiglia-2")


@dataclass
class Side:
    """One family, as far as the story has come, in a browser of its own."""

    walker: Walker
    person: Person
    pupil: Pupil
    password: str
    canaries: set[str] = field(default_factory=set)
    number: str = ""
    token: str = ""
    username: str = ""
    provisional: str = ""
    attempt: str = ""


def steps(world: World, side: Side) -> Iterator[str]:
    """The whole story in pages; it stops after each step, so that two of them can be told in turns."""
    walker, person = side.walker, side.person
    side.canaries |= {person.fiscal_code, person.surname, person.email, side.pupil.person.surname, side.pupil.person.fiscal_code, side.password}

    assert walker.register(person.fiscal_code).status == 200, walker.page.text
    yield "begun"
    walker.press("/details", **person.details)
    assert person.email in walker.page.text
    yield "review"
    walker.press("/confirm")
    yield "confirmed"
    side.token = world.token_in(world.mail(person.email, "Conferma registrazione"))
    side.canaries.add(side.token)
    walker.open(f"/registration/verify?token={side.token}")
    walker.press("/registration/verify")
    yield "verified"
    side.username, side.provisional = world.credentials_in(world.mail(person.email, "Creazione utenza"))
    side.canaries |= {side.username, side.provisional}
    walker.open("/login")
    walker.press("/login", username=side.username, password=side.provisional)
    walker.press("/password/change", old_password=side.provisional, new_password=side.password, new_password_confirmation=side.password)
    yield "signed in"
    walker.open("/consents")
    walker.press("/consents", accept="on")
    yield "consented"
    world.clerk().link(side.pupil, person)
    side.number = world.clerk().issue(side.pupil, description=f"Contributo {side.pupil.person.surname}")["number"]
    side.canaries.add(side.number)
    world.mail(person.email, "Nuovo avviso di pagamento")
    yield "told"
    walker.open("/notices")
    assert side.number in walker.page.answer.text
    walker.open(f"/notices/{PERTINI.code}/{side.number}")
    walker.press("/cart/items")
    walker.open("/cart")
    yield "in the cart"
    checkout = Checkout(world.stack, walker)
    walker.press("/cart/checkout")
    side.attempt = ""
    yield "at Checkout"
    checkout.pay(walker.page.url)
    side.attempt = re.search(r"/cart/attempts/([a-z2-7]{26})", checkout.returned)[1]  # type: ignore[index]
    side.canaries.add(side.attempt)
    yield "paid"
    world.mail(person.email, "Pagamento eseguito")
    for path in ("/payments", f"/notices/{PERTINI.code}/{side.number}", "/cart", "/services"):
        walker.open(path)
    yield "the end"


@pytest.fixture(scope="module")
def sides(world: World) -> tuple[Side, Side]:
    """Two families go through the story in turns, step by step, on the same environments of the functions."""
    first, second = (Side(Walker(world.stack), somebody(), world.pupil(), password) for password in PASSWORDS)
    for _ in zip(steps(world, first), steps(world, second), strict=True):
        pass
    return first, second


def test_nothing_of_one_is_in_the_others_pages(sides: tuple[Side, Side]) -> None:
    for mine, theirs in (sides, sides[::-1]):
        for page in mine.walker.seen:
            shown = f"{page.url}\n{page.answer.headers}\n{page.answer.text}"
            found = [canary for canary in theirs.canaries if canary.lower() in shown.lower()]
            assert not found, f"{found} on {page.url}"
        assert any(mine.number in page.answer.text for page in mine.walker.seen), "the check sees something"


def test_cookies_are_ones_own_and_stay_on_their_host(world: World, sides: tuple[Side, Side]) -> None:
    first, second = (side.walker.cookies for side in sides)
    host = world.stack.origin.removeprefix("http://")
    assert set(first[host]) >= {"session", "browser"}
    for name in ("session", "browser"):
        assert first[host][name] != second[host][name]
    # The sandbox gets none of ours, and gives none that we would get.
    sandbox = world.stack.sandbox_origin.removeprefix("http://")
    assert not set(first.get(sandbox, {})) & {"session", "browser", "flash"}
    for page in sides[0].walker.seen:
        for line in page.answer.headers.get_all("Set-Cookie") or []:
            assert "Domain" not in line and "HttpOnly" in line and "SameSite=Lax" in line and "Path=/" in line, line


def test_nothing_of_one_is_in_the_others_mails(world: World, sides: tuple[Side, Side]) -> None:
    for mine, theirs in (sides, sides[::-1]):
        mails = world.stack.mails(mine.person.email)
        assert len(mails) == 5, [mail["subject"] for mail in mails]
        for mail in mails:
            assert mail["to"] == [mine.person.email], "one reader a mail"
            text = json.dumps(mail, ensure_ascii=False)
            assert not [canary for canary in theirs.canaries if canary in text], mail["subject"]
            assert mine.person.fiscal_code not in text and mine.pupil.person.fiscal_code not in text and mine.pupil.person.surname not in mail["subject"]


def test_what_is_known_of_the_other_opens_nothing(world: World, sides: tuple[Side, Side]) -> None:
    mine, theirs = sides
    for path in (f"/notices/{PERTINI.code}/{theirs.number}", f"/documents/{PERTINI.code}/{theirs.number}/receipt.pdf", f"/cart/attempts/{theirs.attempt}/ok"):
        page = mine.walker.open(path)
        assert page.status == 404 and theirs.number not in page.text, path


def test_many_at_once_each_see_their_own(world: World, sides: tuple[Side, Side]) -> None:
    """The same functions, warm from another's request a moment ago."""
    clients = [(side, Client(world.stack)) for side in sides]
    for side, client in clients:
        client.sign_in(side.username, side.password)

    def look(turn: int) -> None:
        side, client = clients[turn % 2]
        other = clients[(turn + 1) % 2][0]
        shown = json.dumps(fine(client.get("/payments")))
        assert side.number in shown and not [canary for canary in other.canaries if canary in shown]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(look, range(40)))


def test_nobody_is_in_any_log(world: World, sides: tuple[Side, Side]) -> None:
    """No name, code, address, token, password or cookie in a line of any function, of the whole run."""
    canaries = {canary: side.person.name for side in sides for canary in side.canaries - {side.number, side.attempt}}
    for side in sides:
        for cookies in side.walker.cookies.values():
            canaries |= {value: f"cookie {name}" for name, value in cookies.items() if len(value) > 8}
    read = 0
    for function in deployment.functions():
        lines = world.stack.logs(function)
        read += len(lines)
        for line in lines:
            found = [what for canary, what in canaries.items() if canary.lower() in line.lower()]
            assert not found, f"{function}: {found} in {line[:300]}"
    assert read > 100, "there are logs to look into"


def test_one_line_a_request_and_each_is_json(world: World, sides: tuple[Side, Side]) -> None:
    for function in ("register", "login", "notices", "cart"):
        lines = [line for line in world.stack.logs(function) if line.startswith("{")]
        assert lines, function
        for line in lines:
            entry = json.loads(line)
            if "method" in entry:
                assert entry["function"] == function and entry["correlation_id"] and entry["status"] and "duration_ms" in entry, entry
                assert "?" not in entry["path"], "no query in a log"
