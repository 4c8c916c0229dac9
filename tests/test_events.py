"""Every fixture of events/ against the deployed functions: the answer, what was written, what was sent (events/README.md)."""

import base64
import http.client
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import deploy as deployment
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from lib import events
from lib.consumers import MAIL_QUEUES, Consumers, sqs_event
from lib.world import PERTINI, World, fresh_id

QUEUES = (*MAIL_QUEUES, "journal", "sweep", "sandbox-deliveries")
CONSUMERS = ("send-email", "archive-journal", "sweep-changes", "pagopa-sandbox")
MEMBERS = {"status", "code", "fields", "headers", "cookies", "body_contains", "body_lacks", "result", "writes", "messages", "mails", "objects"}


class Rig:
    """Queues without consumers: what is sent stays there, is counted, and then brought to send-email by hand."""

    def __init__(self, world: World, consumers: Consumers):
        self.world, self.consumers = world, consumers
        self.connection = http.client.HTTPConnection("127.0.0.1", world.stack.port, timeout=30)
        #: What stood in the tables when the case before had been looked at.
        self.last: dict[tuple[str, str, str], Any] = {}

    def settle(self) -> dict[str, list[str]]:
        """Waits until the relay has passed on all that was written before now, then collects."""
        fences = {"mail-now": fresh_id(), "mail-bulk": fresh_id()}
        cause = {"id": fresh_id(), "at": datetime.now(UTC).isoformat().replace("+00:00", "Z")}
        now = {"PK": f"REGISTRATION#{fences['mail-now']}", "SK": "REGISTRATION", "kind": "registration", "id": fences["mail-now"], "version": 1, "fiscal_code": "fence",
               "browser": "fence", "language": "it", "details": None, "step": "submitted", "cause": cause, "created_at": cause["at"], "expires_at": cause["at"],
               "secret": {"key_version": 1, "attempt": 1, "nonce": "fence"}}
        bulk = {"PK": f"PUPIL#{fences['mail-bulk']}", "SK": f"GUARDIAN#{fences['mail-bulk']}", "kind": "guardian", "pupil": fences["mail-bulk"], "person": fences["mail-bulk"],
                "linked": cause, "school": PERTINI.code, "school_name": "fence", "pupil_name": "fence", "pupil_surname": "fence", "class": "1A"}
        for item in (now, bulk):
            self.world.table.put_item(Item=item)
        found: dict[str, list[str]] = {queue: [] for queue in fences}

        def passed() -> bool:
            waiting = [queue for queue, fence in fences.items() if not any(fence in body for body in found[queue])]
            for queue in waiting[:1]:
                found[queue] += self.consumers.take(queue)
            return not waiting

        self.world.stack.wait_for("the fences behind all changes", passed, every=0.01)
        for item in (now, bulk):
            self.world.table.delete_item(Key={"PK": item["PK"], "SK": item["SK"]})
        return self.collect({queue: [body for body in bodies if fences[queue] not in body] for queue, bodies in found.items()})

    def collect(self, found: dict[str, list[str]] | None = None) -> dict[str, list[str]]:
        """Empties the queues and brings the mails' messages to send-email; answers what was in them."""
        with ThreadPoolExecutor(len(QUEUES)) as pool:
            rest = dict(zip(QUEUES, pool.map(self.consumers.take, QUEUES), strict=True))
        found = {queue: (found or {}).get(queue, []) + rest[queue] for queue in QUEUES}
        mails = [body for queue in MAIL_QUEUES for body in found[queue]]
        for start in range(0, len(mails), 10):
            answer = self.world.stack.invoke("send-email", sqs_event(mails[start : start + 10]))
            assert answer == {"batchItemFailures": []}, answer
        return {queue: bodies for queue, bodies in found.items() if bodies}

    def finish_sweep(self) -> None:
        """A pass is a chain of messages: the rest of it, which depends on how full the table is."""
        while bodies := self.consumers.take("sweep"):
            for body in bodies:
                assert self.world.stack.invoke("sweep-changes", sqs_event([body], "sweep")) == {"batchItemFailures": []}

    def invoke(self, function: str, event: Any) -> Any:
        answer = self.world.stack.client("lambda").invoke(FunctionName=self.world.stack.function_name(function), Payload=json.dumps(event).encode())
        result = json.loads(answer["Payload"].read())
        # The emulator makes an error of a stream batch's failed records, or it would not deliver them again.
        if answer.get("FunctionError") and result.get("errorType") == "BatchItemFailures":
            return {"batchItemFailures": json.loads(result["errorMessage"])}
        assert not answer.get("FunctionError"), f"{function} failed: {result}"
        return result

    def snapshot(self) -> dict[tuple[str, str, str], Any]:
        """Every item of both tables, as it came: parsing it as an SDK does would be most of these tests' time."""
        stack, items = self.world.stack, {}
        for name in (stack.table_name, stack.sandbox_table_name):
            after: dict[str, Any] = {}
            while True:
                page = self.raw("Scan", {"TableName": name, "ConsistentRead": True, **after})
                items |= {(name, item["PK"]["S"], item["SK"]["S"]): item for item in page["Items"]}
                if "LastEvaluatedKey" not in page:
                    break
                after = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        return items

    def raw(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(request)
        asked = AWSRequest("POST", self.world.stack.endpoint, {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}, body)
        SigV4Auth(Credentials("test", "test"), "dynamodb", self.world.stack.target.region).add_auth(asked)
        self.connection.request("POST", "/", body, dict(asked.headers))
        answer = self.connection.getresponse()
        page = json.loads(answer.read())
        assert answer.status == 200, page
        return page

    def objects(self) -> int:
        pages = self.world.stack.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.world.stack.archive_bucket)
        return sum(len(page.get("Contents", [])) for page in pages)


@pytest.fixture(scope="module")
def rig(world: World) -> Iterator[Rig]:
    consumers = Consumers(world.stack)
    world.stack.wait_for("an end of what is under way", lambda: not any(consumers.depth(queue) for queue in QUEUES))
    with consumers.stopped(*CONSUMERS):
        rig = Rig(world, consumers)
        world.pump = rig.settle
        yield rig
        rig.settle()
        world.pump = None


@pytest.fixture(scope="module")
def cast(rig: Rig) -> events.Cast:
    return events.Cast(rig.world)


def test_every_function_has_fixtures_and_every_fixture_an_expectation() -> None:
    having = Counter(name.split("/")[0] for name in events.names())
    missing = [function for function in deployment.functions() if not having[function]]
    assert not missing, f"no events for {', '.join(missing)}"
    unknown = sorted(set(having) - set(deployment.functions()))
    assert not unknown, f"events for functions that are not there: {', '.join(unknown)}"
    problems = []
    for name in events.names():
        if not (events.FOLDER / f"{name}.expect.json").is_file():
            problems.append(f"{name} has no expectation")
            continue
        expected = events.expectation(name)
        problems += [f"{name} expects {member!r}, which nobody checks" for member in set(expected) - MEMBERS]
        if not {"status", "result"} & set(expected):
            problems.append(f"{name} expects neither a status nor a result")
    assert not problems, "\n".join(problems)
    left = [path.name for path in events.FOLDER.rglob("*.expect.json") if not path.with_name(path.name.replace(".expect", "")).is_file()]
    assert not left, f"expectations without events: {left}"


@pytest.mark.parametrize("name", events.names())
def test_event(rig: Rig, cast: events.Cast, name: str) -> None:
    case = events.Case(cast, name)
    if case.function in ("cart", "checkout") or "number.cart" in case.text or "{{attempt}}" in case.text:
        cast.parent.client.post("/cart/cancel")
    event, expected = case.event(), case.expected()
    before = rig.snapshot()
    if before != rig.last:  # making the case wrote something
        rig.settle()
        before = rig.snapshot()
    mails, objects = len(rig.world.stack.mails()), rig.objects()

    answer = rig.invoke(case.function, event)

    if case.function == "sweep-changes":
        rig.finish_sweep()
    rig.last = after = rig.snapshot()
    changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
    sent, got = len(rig.world.stack.mails()) - mails, rig.objects() - objects
    messages = rig.settle() if changed else rig.collect()  # without a change no relay has to be waited for
    if "result" in expected:
        assert answer == expected["result"], answer
    else:
        check_answer(answer, expected)
    check_writes(changed, expected.get("writes", {}))
    assert sent == expected.get("mails", 0), "mails"
    assert got == expected.get("objects", 0), "objects in the archive"
    assert {queue: len(bodies) for queue, bodies in messages.items()} == expected.get("messages", {}), messages


def check_answer(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    body = answer.get("body") or ""
    if answer.get("isBase64Encoded"):
        body = base64.b64decode(body).decode("latin-1")
    shown = f"{answer['statusCode']} {answer.get('headers')}\n{body[:1500]}"
    assert answer["statusCode"] == expected["status"], shown
    headers = {name.lower(): value for name, value in (answer.get("headers") or {}).items()}
    for name, text in expected.get("headers", {}).items():
        assert (text is None and name not in headers) or (text is not None and text in headers.get(name, "")), f"{name}: {shown}"
    cookies = {line.split("=")[0] for line in answer.get("cookies") or []}
    assert set(expected.get("cookies", [])) <= cookies, f"cookies {cookies}: {shown}"
    for text in listed(expected.get("body_contains")):
        assert text in body, f"{text!r} is not in it: {shown}"
    for text in listed(expected.get("body_lacks")):
        assert text not in body, f"{text!r} is in it: {shown}"
    if "code" in expected or "fields" in expected:
        problem = json.loads(body)
        assert expected.get("code", problem["code"]) == problem["code"], shown
        if "fields" in expected:
            assert {error["field"]: error["code"] for error in problem["errors"]} == expected["fields"], shown


def listed(texts: str | list[str] | None) -> list[str]:
    return [texts] if isinstance(texts, str) else texts or []


def check_writes(changed: list[tuple[str, str, str]], expected: dict[str, int]) -> None:
    """Each change belongs to the longest beginning that is named; anything else is one too many."""
    found: Counter[str] = Counter()
    for _, pk, sk in changed:
        beginnings = [beginning for beginning in expected if pk.startswith(beginning)]
        found[max(beginnings, key=len) if beginnings else f"unexpected {pk} {sk}"] += 1
    assert dict(found) == {beginning: count for beginning, count in expected.items() if count}, [key[1:] for key in changed]
