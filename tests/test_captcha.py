"""The captcha's answer is verified on the server, once, for one form of one browser (F21, F22)."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from boto3.dynamodb.conditions import Attr
from lib import captcha
from lib.client import Client, fine, refused
from lib.people import somebody
from lib.world import World

WAYS = ["robot", "question"]


def begin(client: Client, code: str, **robot: str):
    return client.post("/registration", fiscal_code=code, **robot)


@pytest.fixture
def client(world: World) -> Client:
    return Client(world.stack)


def registrations(world: World) -> int:
    return len(world.table.scan(FilterExpression=Attr("PK").begins_with("REGISTRATION#"), ConsistentRead=True)["Items"])


def test_left_out(world: World, client: Client) -> None:
    client.get("/registration")
    before = registrations(world)
    for robot in ({}, {"altcha": ""}, {"robot_question": "", "robot_answer": ""}):
        refused(begin(client, somebody().fiscal_code, **robot), 422, robot="missing")
    question = fine(client.get("/registration"))["robot"]["question"]
    refused(begin(client, somebody().fiscal_code, robot_question=question["token"]), 422, robot="missing")
    assert registrations(world) == before


@pytest.mark.parametrize("way", WAYS)
def test_replayed(world: World, client: Client, way: str) -> None:
    robot = getattr(client, way)("/registration")
    fine(begin(client, somebody().fiscal_code, **robot), 201)
    before = registrations(world)
    refused(begin(client, somebody().fiscal_code, **robot), 422, robot="used")
    assert registrations(world) == before


def test_replayed_at_once(world: World, client: Client) -> None:
    robot = client.robot("/registration")
    before = registrations(world)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: begin(client, somebody().fiscal_code, **robot), range(8)))
    assert sorted(answer.status for answer in answers) == [201] + [422] * 7
    assert registrations(world) == before + 1


def test_an_answer_that_met_a_wrong_field_is_still_good(client: Client) -> None:
    """A typing error in the code must not cost a second check."""
    robot = client.robot("/registration")
    refused(begin(client, "RSSMRA80A01F205Y", **robot), 422, fiscal_code="check-character")
    fine(begin(client, somebody().fiscal_code, **robot), 201)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("other", ["/username/forgot", "/password/forgot"])
def test_used_for_another_form(client: Client, way: str, other: str) -> None:
    fields = {"fiscal_code": somebody().fiscal_code} if other.startswith("/username") else {"username": "nessuno.0001"}
    refused(client.post(other, **fields, **getattr(client, way)("/registration")), 422, robot="elsewhere")
    refused(begin(client, somebody().fiscal_code, **getattr(client, way)(other)), 422, robot="elsewhere")


@pytest.mark.parametrize("way", WAYS)
def test_brought_from_another_browser(world: World, client: Client, way: str) -> None:
    stranger = Client(world.stack)
    stranger.get("/registration")
    refused(begin(stranger, somebody().fiscal_code, **getattr(client, way)("/registration")), 422, robot="elsewhere")


def test_forged(client: Client) -> None:
    """A challenge of one's own, another answer, a later end: each is signed."""
    solved = json.loads(base64.b64decode(client.robot("/registration")["altcha"]))

    def sent(change) -> dict[str, str]:
        forged = json.loads(json.dumps(solved))
        change(forged)
        return {"altcha": base64.b64encode(json.dumps(forged).encode()).decode()}

    forgeries = [
        lambda f: f["solution"].update(derivedKey="00" * 32),
        lambda f: f["challenge"]["parameters"].update(expiresAt=f["challenge"]["parameters"]["expiresAt"] + 3600),
        lambda f: f["challenge"]["parameters"].update(cost=1),
        lambda f: f["challenge"].pop("signature"),
        lambda f: f["challenge"]["parameters"].pop("keySignature"),
    ]
    for forgery in forgeries:
        refused(begin(client, somebody().fiscal_code, **sent(forgery)), 422, robot="wrong")
    for text in ("x", "e30=", base64.b64encode(b"[]").decode(), "A" * 5000):
        refused(begin(client, somebody().fiscal_code, altcha=text), 422, robot="wrong")
    # An end in the past is over, signed or not.
    over = sent(lambda f: f["challenge"]["parameters"].update(expiresAt=1))
    refused(begin(client, somebody().fiscal_code, **over), 422, robot="expired")


def test_a_question_answered_wrongly_or_bent(client: Client) -> None:
    question = fine(client.get("/registration"))["robot"]["question"]
    answer = captcha.answer(question["text"])
    refused(begin(client, somebody().fiscal_code, robot_question=question["token"], robot_answer=answer + "x"), 422, robot="wrong-answer")
    seed, expires, bound, tag = question["token"].split(".")
    bent = f"{seed}.{int(expires) + 3600}.{bound}.{tag}"
    refused(begin(client, somebody().fiscal_code, robot_question=bent, robot_answer=answer), 422, robot="wrong")
    fine(begin(client, somebody().fiscal_code, robot_question=question["token"], robot_answer=answer.upper() + "."), 201)


def test_the_recoveries_take_each_answer_once(world: World, client: Client) -> None:
    """And say so to a known and an unknown person alike."""
    family = world.family(consented=False)
    for path, known, unknown in (
        ("/username/forgot", {"fiscal_code": family.person.fiscal_code}, {"fiscal_code": somebody().fiscal_code}),
        ("/password/forgot", {"username": family.username}, {"username": "nessuno.0001"}),
    ):
        for fields in (known, unknown):
            robot = client.robot(path)
            fine(client.post(path, **fields, **robot), 202)
            # As if it were long ago: within a minute asking again changes nothing anyway.
            key = {"PK": f"PERSON#{world.person_id(family.username)}", "SK": "R#PERSON"}
            world.table.update_item(Key=key, UpdateExpression="SET recovery.cause.#at = :past", ExpressionAttributeNames={"#at": "at"}, ExpressionAttributeValues={":past": "2026-01-01T00:00:00Z"})
            refused(client.post(path, **fields, **robot), 422, robot="used")
