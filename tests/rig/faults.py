"""What can befall a call, and the exact words with which each service refuses."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from rig.proxy import Call


class Kind(StrEnum):
    REFUSE = "refuse"  # 500 before it is forwarded, at every attempt of this SDK call
    REFUSE_ONCE = "refuse-once"  # at the first attempt only: the SDK's own retry passes
    LOSE = "lose"  # forwarded once, the answer of every attempt dropped
    LOSE_ONCE = "lose-once"  # forwarded, first answer dropped; the SDK's retry is forwarded and answered
    SLOW = "slow"  # forwarded, first attempt answered when the client has given up
    TWICE = "twice"  # forwarded two times, the first answer given
    THROTTLE = "throttle"  # throttled at every attempt
    CONFLICT = "conflict"  # TransactWriteItems: another transaction holds an item; not forwarded; once
    PARTIAL = "partial"  # SendMessageBatch: the first entry is refused, the others are forwarded; once
    KILL_BEFORE = "kill-before"  # SIGKILL of the function's process; not forwarded
    KILL_AFTER = "kill-after"  # forwarded, then SIGKILL before the answer
    HOLD = "hold"  # waits until `Proxy.release()`: for races, not part of campaigns


@dataclass(frozen=True)
class Aim:
    """One call of a flow: `nth` of those that look the same, from 1."""

    function: str
    service: str
    operation: str
    item: str
    nth: int = 1

    def __str__(self) -> str:
        nth = f" {self.nth}" if self.nth > 1 else ""
        return f"{self.function} {self.service} {self.operation} {self.item}{nth}"


@dataclass
class Fault:
    kind: Kind
    aim: Aim
    #: SDK calls it befell, not attempts.
    fired: int = 0

    def __str__(self) -> str:
        return f"{self.aim} | {self.kind}"


READS = frozenset({"GetItem", "BatchGetItem", "Query", "Scan"})
#: No AWS protocol: one attempt, no throttling that a client would know.
PLAIN = frozenset({"checkout", "station"})

ON_READS = (Kind.REFUSE, Kind.REFUSE_ONCE, Kind.SLOW, Kind.THROTTLE, Kind.KILL_BEFORE)
ON_WRITES = (Kind.REFUSE, Kind.REFUSE_ONCE, Kind.LOSE, Kind.LOSE_ONCE, Kind.SLOW, Kind.TWICE, Kind.THROTTLE, Kind.KILL_BEFORE, Kind.KILL_AFTER)
#: The client of the mail service never tries twice: first attempt and every attempt are the same there.
ON_MAIL = (Kind.REFUSE, Kind.LOSE, Kind.SLOW, Kind.TWICE, Kind.THROTTLE, Kind.KILL_BEFORE, Kind.KILL_AFTER)
ON_PLAIN = (Kind.REFUSE, Kind.LOSE, Kind.SLOW, Kind.TWICE, Kind.KILL_BEFORE, Kind.KILL_AFTER)


def applicable(call: "Call") -> list[Kind]:
    """The faults worth trying on a call. Losing the answer of a read is refusing it.

    Secrets are read while an environment starts, so a warm function never does: they are not faulted."""
    if call.service == "secretsmanager":
        return []
    if call.service in PLAIN:
        return list(ON_PLAIN)
    if call.service == "sesv2":
        return list(ON_MAIL)
    if call.operation in READS:
        return list(ON_READS)
    extra = {"TransactWriteItems": [Kind.CONFLICT], "SendMessageBatch": [Kind.PARTIAL]}
    return [*ON_WRITES, *extra.get(call.operation, [])]


# -------------------------------------------------------- what a service says


@dataclass
class Saying:
    """An answer as it goes over the wire."""

    status: int
    body: bytes
    headers: dict[str, str]


def _json(status: int, kind: str, message: str, version: str = "1.0", headers: dict[str, str] | None = None, **more: Any) -> Saying:
    body = json.dumps({"__type": kind, "message": message, **more}).encode()
    return Saying(status, body, {"Content-Type": f"application/x-amz-json-{version}", "x-amzn-RequestId": str(uuid4()), **(headers or {})})


def _rest(status: int, kind: str, message: str) -> Saying:
    return Saying(status, json.dumps({"message": message}).encode(), {"Content-Type": "application/json", "x-amzn-RequestId": str(uuid4()), "x-amzn-ErrorType": kind})


def _xml(status: int, code: str, message: str) -> Saying:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{uuid4()}</RequestId></Error>'
    return Saying(status, body.encode(), {"Content-Type": "application/xml"})


def refused(service: str) -> Saying:
    """500: the service broke, and did nothing."""
    match service:
        case "dynamodb":
            return _json(500, "com.amazonaws.dynamodb.v20120810#InternalServerError", "Internal server error")
        case "sqs":
            return _json(500, "com.amazon.coral.service#InternalFailure", "We encountered an internal error. Please try again.")
        case "sesv2":
            return _rest(500, "InternalFailure", "An internal failure occurred.")
        case "s3":
            return _xml(500, "InternalError", "We encountered an internal error. Please try again.")
        case "secretsmanager":
            return _json(500, "InternalServiceError", "An error occurred on the server side.", "1.1")
        case "checkout":
            body = {"title": "Internal Server Error", "status": 500, "detail": "An internal error occurred"}
            return Saying(500, json.dumps(body).encode(), {"Content-Type": "application/problem+json"})
    return Saying(500, b"<html><body>Internal Server Error</body></html>", {"Content-Type": "text/html"})


def throttled(service: str) -> Saying:
    match service:
        case "dynamodb":
            return _json(
                400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
                "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.")
        case "sqs":
            return _json(400, "com.amazonaws.sqs#RequestThrottled", "Request throttled", headers={"x-amzn-query-error": "RequestThrottled;Sender"})
        case "sesv2":
            return _rest(429, "TooManyRequestsException", "Maximum sending rate exceeded.")
        case "s3":
            return _xml(503, "SlowDown", "Please reduce your request rate.")
    return _json(400, "ThrottlingException", "Rate exceeded", "1.1")


def conflicted(items: int) -> Saying:
    """A transaction of so many items whose last one is held by another."""
    reasons: list[dict[str, str]] = [{"Code": "None"} for _ in range(items)]
    reasons[-1] = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
    listed = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{listed}]"
    return _json(400, "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", message, Message=message, CancellationReasons=reasons)
