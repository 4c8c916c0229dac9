"""Each function works under a role of its own, and the role holds no more and no less than its step needs.

The emulator enforces the roles (AUTH=true): one permission taken away makes its step fail, giving it back heals it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import boto3
import deploy as deployment
import pytest
from lib.client import Client, fine
from lib.consumers import sqs_event
from lib.people import somebody
from lib.sandbox import Checkout
from lib.station import Receipt
from lib.world import DEMO_PASSWORD, PERTINI, World, fresh_id


class Roles:
    def __init__(self, stack: Any):
        self.stack = stack
        self.iam = stack.client("iam")

    def of(self, function: str) -> str:
        settings = self.stack.client("lambda").get_function_configuration(FunctionName=self.stack.function_name(function))
        return settings["Role"].rsplit("/", 1)[1]

    def own(self, function: str) -> dict[str, Any]:
        policy = self.iam.get_role_policy(RoleName=self.of(function), PolicyName="own")["PolicyDocument"]
        return policy if isinstance(policy, dict) else json.loads(policy)

    def managed(self, function: str) -> list[dict[str, str]]:
        return self.iam.list_attached_role_policies(RoleName=self.of(function))["AttachedPolicies"]

    def actions(self, function: str) -> set[tuple[str, str]]:
        """What a role may do, and with what."""
        found = set()
        for statement in self.own(function)["Statement"]:
            for action in listed(statement["Action"]):
                found |= {(action, resource) for resource in listed(statement["Resource"])}
        return found

    @contextmanager
    def without(self, function: str, action: str) -> Iterator[None]:
        role, document = self.of(function), self.own(function)
        lacking = json.loads(json.dumps(document))
        taken = 0
        for statement in lacking["Statement"]:
            kept = [each for each in listed(statement["Action"]) if each != action]
            taken += len(listed(statement["Action"])) - len(kept)
            statement["Action"] = kept
        assert taken, f"{function} has no {action} to lose"
        lacking["Statement"] = [statement for statement in lacking["Statement"] if statement["Action"]]
        # A policy without a statement is none; one that allows nothing real stands in for it.
        lacking["Statement"] = lacking["Statement"] or [{"Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*"}]
        self.iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=json.dumps(lacking))
        try:
            yield
        finally:
            self.iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=json.dumps(document))


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


@pytest.fixture(scope="module")
def roles(world: World) -> Roles:
    return Roles(world.stack)


def test_no_two_functions_share_a_role(roles: Roles) -> None:
    used = {function: roles.of(function) for function in deployment.functions()}
    assert len(set(used.values())) == len(used), used


def test_no_role_holds_a_star(roles: Roles) -> None:
    for function in deployment.functions():
        for action, resource in roles.actions(function):
            assert "*" not in action, (function, action)
            assert resource != "*", (function, action)


def test_only_who_signs_people_in_reads_the_signing_key(roles: Roles) -> None:
    def readers(name: str) -> set[str]:
        return {function for function in deployment.functions() if any(name in policy["PolicyName"] for policy in roles.managed(function))}

    assert readers("ReadSessionKey") == {"login", "change-password"}
    assert readers("ReadStationSecret") == {"psp-callback", "pagopa-sandbox"}
    assert readers("ReadTokenKey") == {"register", "verify-email", "recover-credentials", "send-email"}


def test_only_relay_and_sweeper_send_mail_messages_and_only_send_email_sends_mail(world: World, roles: Roles) -> None:
    senders: dict[str, set[str]] = {}
    for function in deployment.functions():
        for action, resource in roles.actions(function):
            if action == "sqs:SendMessage":
                senders.setdefault(resource.rsplit(f"{world.stack.name}-", 1)[1], set()).add(function)
    assert senders == {
        "mail-now": {"relay-changes", "sweep-changes"}, "mail-bulk": {"relay-changes", "sweep-changes"}, "sweep": {"sweep-changes"},
        "journal": {"psp-callback", "issue-notice"}, "sandbox-deliveries": {"pagopa-sandbox"},
    }
    assert {function for function in deployment.functions() if any("ses:" in action for action, _ in roles.actions(function))} == {"send-email"}


def test_the_sandbox_reaches_nothing_of_the_service(world: World, roles: Roles) -> None:
    """Neither by its role's words nor in truth: its own credentials are refused everywhere but at home."""
    stack = world.stack
    resources = {resource for _, resource in roles.actions("pagopa-sandbox")}
    assert all(stack.table_name not in resource or stack.sandbox_table_name in resource for resource in resources)
    settings = stack.client("lambda").get_function_configuration(FunctionName=stack.function_name("pagopa-sandbox"))
    text = json.dumps(settings["Environment"]["Variables"])
    for secret in ("data-key", "token-key", "session-key", stack.table_name, "mail-now", "mail-bulk", "journal"):
        assert secret not in text, secret

    as_sandbox = assume(stack, settings["Role"])
    calls: list[Callable[[], Any]] = [
        lambda: as_sandbox("dynamodb").get_item(TableName=stack.table_name, Key={"PK": {"S": f"SCHOOL#{PERTINI.code}"}, "SK": {"S": "SCHOOL"}}),
        lambda: as_sandbox("dynamodb").scan(TableName=stack.table_name),
        lambda: as_sandbox("dynamodb").put_item(TableName=stack.table_name, Item={"PK": {"S": "X"}, "SK": {"S": "X"}}),
        lambda: as_sandbox("sqs").send_message(QueueUrl=stack.queue_urls["mail-now"], MessageBody="x"),
        lambda: as_sandbox("sqs").receive_message(QueueUrl=stack.queue_urls["journal"]),
        lambda: as_sandbox("secretsmanager").get_secret_value(SecretId=f"{stack.name}/data-key"),
        lambda: as_sandbox("s3").list_objects_v2(Bucket=stack.archive_bucket),
    ]
    for call in calls:
        with pytest.raises(Exception, match="AccessDenied|not authorized"):
            call()
    as_sandbox("dynamodb").get_item(TableName=stack.sandbox_table_name, Key={"PK": {"S": "X"}, "SK": {"S": "X"}})


def assume(stack: Any, role: str) -> Callable[[str], Any]:
    # Only Lambda may take a function's role: for the test, the account may as well.
    iam, name = stack.client("iam"), role.rsplit("/", 1)[1]
    account = stack.client("sts").get_caller_identity()["Account"]
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"},
    ]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    got = stack.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    keys = {"aws_access_key_id": got["AccessKeyId"], "aws_secret_access_key": got["SecretAccessKey"], "aws_session_token": got["SessionToken"]}
    return lambda service: boto3.client(service, region_name=stack.target.region, endpoint_url=stack.endpoint, **keys)


# ---------------------------------------- one permission less, and its step fails


def status(answer: Any) -> int:
    return answer.status


@pytest.fixture(scope="module")
def family(world: World):
    return world.family(PERTINI)


STEPS: dict[tuple[str, str], Callable[[World, Any], bool]] = {
    ("pages", "dynamodb:Query"): lambda w, f: status(f.client.get("/services")) == 200,
    ("register", "dynamodb:PutItem"): lambda w, f: begins(w),
    ("verify-email", "dynamodb:GetItem"): lambda w, f: status(Client(w.stack).get("/registration/verify", token="A" * 20)) == 410,
    ("login", "dynamodb:PutItem"): lambda w, f: status(Client(w.stack).post("/login", username=f.username, password=f.password)) == 200,
    ("change-password", "dynamodb:Query"): lambda w, f: status(f.client.get("/password/change")) == 200,
    ("recover-credentials", "dynamodb:PutItem"): lambda w, f: recovers(w),
    ("consent", "dynamodb:Query"): lambda w, f: status(f.client.get("/consents")) == 200,
    ("notices", "dynamodb:Query"): lambda w, f: status(f.client.get("/notices")) == 200,
    ("cart", "dynamodb:PutItem"): lambda w, f: fills_the_cart(w, f),
    ("checkout", "dynamodb:PutItem"): lambda w, f: checks_out(w, f),
    ("documents", "dynamodb:GetItem"): lambda w, f: gets_a_receipt(w, f),
    ("monitor-payments", "dynamodb:Query"): lambda w, f: status(w.clerk().client.get("/school/notices")) == 200,
    ("issue-notice", "dynamodb:PutItem"): lambda w, f: issues(w),
    ("associate-parent", "dynamodb:PutItem"): lambda w, f: links(w, f),
    ("psp-callback", "dynamodb:PutItem"): lambda w, f: w.station.deliver(Receipt(PERTINI.code, w.clerk().issue(w.pupil())["number"])).status == 200,
    ("pagopa-sandbox", "dynamodb:PutItem"): lambda w, f: opens_a_cart(w, f),
}


def begins(world: World) -> bool:
    client = Client(world.stack)
    return status(client.post("/registration", fiscal_code=somebody().fiscal_code, **client.robot("/registration"))) == 201


def recovers(world: World) -> bool:
    client = Client(world.stack)
    return status(client.post("/password/forgot", username="nessuno.0001", **client.robot("/password/forgot"))) == 202


def issues(world: World) -> bool:
    sent = {"pupil": world.pupil().id, "description": "Gita", "category": "trip", "amount": "1.00", "due": str(date.today()), "idempotency_key": fresh_id()}
    return status(world.clerk().client.post("/school/notices", **sent)) == 201


def links(world: World, family: Any) -> bool:
    return status(world.clerk().client.post(f"/school/pupils/{world.pupil().id}/guardians", fiscal_code=family.person.fiscal_code)) == 201


def fills_the_cart(world: World, family: Any) -> bool:
    number = world.clerk().issue(family.pupil)["number"]
    put = family.client.post("/cart/items", school=PERTINI.code, number=number)
    return status(put) == 201 and status(family.client.delete(f"/cart/items/{PERTINI.code}/{number}")) == 200


def checks_out(world: World, family: Any) -> bool:
    number = world.clerk().issue(family.pupil)["number"]
    fine(family.client.post("/cart/items", school=PERTINI.code, number=number), 201)
    opened = family.client.post("/cart/checkout", headers={"Idempotency-Key": fresh_id()})
    fine(family.client.post("/cart/cancel"))
    return status(opened) == 201


def opens_a_cart(world: World, family: Any) -> bool:
    return checks_out(world, family)


def gets_a_receipt(world: World, family: Any) -> bool:
    number = world.clerk().issue(family.pupil)["number"]
    world.station.pay(PERTINI.code, number)
    return status(family.client.get(f"/documents/{PERTINI.code}/{number}/receipt.pdf")) == 200


@pytest.mark.parametrize("function, action", list(STEPS), ids=[f"{function} without {action}" for function, action in STEPS])
def test_a_permission_taken_away_makes_its_step_fail_and_given_back_heals_it(world: World, roles: Roles, family: Any, function: str, action: str) -> None:
    step = STEPS[function, action]
    assert step(world, family)
    with roles.without(function, action):
        assert not step(world, family), f"{function} works without {action}"
    assert step(world, family), "given back"


BEHIND_QUEUES = [("relay-changes", "sqs:SendMessage"), ("send-email", "ses:SendEmail"), ("archive-journal", "s3:PutObject"), ("sweep-changes", "dynamodb:Scan")]


@pytest.mark.parametrize("function, action", BEHIND_QUEUES, ids=[f"{function} without {action}" for function, action in BEHIND_QUEUES])
def test_consumers_fail_loudly_without_a_permission(world: World, roles: Roles, function: str, action: str) -> None:
    number = world.clerk().issue(world.pupil())["number"]
    [item] = world.items(f"NOTICE#{PERTINI.code}#{number}")
    event, well = {
        "relay-changes": ({"Records": [stream_record(world, number)]}, {"batchItemFailures": []}),
        "send-email": (lost_confirmation(world), {"batchItemFailures": []}),
        "archive-journal": (sqs_event(['{"v":1}'], "journal"), {"batchItemFailures": []}),
        "sweep-changes": ({"source": "aws.events"}, {}),
    }[function]
    with roles.without(function, action):
        try:
            failed = world.stack.invoke(function, event) != well
        except AssertionError:
            failed = True
        assert failed, f"{function} works without {action}"
    assert world.stack.invoke(function, event) == well
    assert item["number"] == number


def stream_record(world: World, number: str) -> dict[str, Any]:
    key = {"PK": {"S": f"NOTICE#{PERTINI.code}#{number}"}, "SK": {"S": "NOTICE"}}
    image = world.stack.client("dynamodb").get_item(TableName=world.stack.table_name, Key=key)["Item"]
    return {"eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb", "eventSourceARN": "arn:aws:dynamodb:eu-south-1:000000000000:table/t/stream/s",
            "dynamodb": {"Keys": key, "NewImage": image, "SequenceNumber": "1"}}


def lost_confirmation(world: World) -> dict[str, Any]:
    """A confirmation mail that has been sent, with its claim forgotten: it must go out again."""
    client, person = Client(world.stack), somebody()
    path = world.submit(client, person)
    registration = path.rsplit("/", 1)[1]
    world.mail(person.email, "Conferma registrazione")
    [item] = world.items(f"REGISTRATION#{registration}")
    claims = world.stack.wait_for("the claim", lambda: [c for c in world.claims(f"confirm-address/{registration}/") if c["done"]])
    world.table.delete_item(Key={"PK": claims[0]["PK"], "SK": claims[0]["SK"]})
    return sqs_event([json.dumps({"v": 1, "what": {"kind": "confirm-address", "registration": registration}, "cause": item["cause"]})])


def test_the_clerk_of_the_demo_can_sign_in(world: World) -> None:
    """The cheapest sign that every permission is back."""
    fine(Client(world.stack).post("/login", username=PERTINI.clerk, password=DEMO_PASSWORD))
    assert Checkout(world.stack).control("GET", "receipts").status == 200
