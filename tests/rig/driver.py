"""The event source: reads the table's stream and the queues, invokes the functions with what Lambda would hand them, and does with
their answers what Lambda does. Time is the virtual clock's: nothing is waited for.
"""

import json
import os
import random
import re
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from rig.proxy import Answer, Proxy, Wire

REGION = "eu-south-1"
#: More than any flow needs: what goes on longer does not end.
MOVES = 60
ROUNDS = 600
#: A scheduled event that fails is tried twice more, a minute and two minutes later.
SCHEDULE_PAUSES = (0, 60, 120)
FUNCTION_OF_SCHEDULE = "sweep-changes"
MAIL_QUEUES = ("mail-now", "mail-bulk")


class Stuck(AssertionError):
    """Something never comes to its end; its text says what."""


# ------------------------------------------------------------- the emulator


class Aws:
    """A client without ceremony: the rig asks thousands of small questions."""

    def __init__(self, port: int):
        self.port = port
        self._wires: list[Wire] = []

    def send(self, service: str, method: str, path: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Answer:
        key = f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
        try:
            wire = self._wires.pop()
        except IndexError:
            wire = Wire(self.port)
        answer = wire.exchange(method, path, [("host", f"127.0.0.1:{self.port}"), ("authorization", key), *headers], body)
        self._wires.append(wire)
        return answer

    def _json(self, service: str, target: str, body: dict[str, Any], version: str = "1.0") -> dict[str, Any]:
        answer = self.send(service, "POST", "/", [("content-type", f"application/x-amz-json-{version}"), ("x-amz-target", target)], json.dumps(body).encode())
        assert answer.status == 200, f"{target}: {answer.status} {answer.body.decode(errors='replace')[:400]}"
        return answer.json()

    def table(self, operation: str, **body: Any) -> dict[str, Any]:
        return self._json("dynamodb", f"DynamoDB_20120810.{operation}", body)

    def stream(self, operation: str, **body: Any) -> dict[str, Any]:
        return self._json("dynamodb", f"DynamoDBStreams_20120810.{operation}", body)

    def queue(self, operation: str, **body: Any) -> dict[str, Any]:
        return self._json("sqs", f"AmazonSQS.{operation}", body)

    def logs(self, operation: str, **body: Any) -> dict[str, Any]:
        return self._json("logs", f"Logs_20140328.{operation}", body, "1.1")

    def invoke(self, function: str, event: Any) -> tuple[Any, str | None]:
        """The function's result, and the error where there is one."""
        answer = self.send("lambda", "POST", f"/2015-03-31/functions/{function}/invocations", [("content-type", "application/json")], json.dumps(event).encode())
        if answer.status != 200:
            return None, f"HTTP {answer.status}: {answer.body.decode(errors='replace')[:300]}"
        if not any(name == "x-amz-function-error" for name, _ in answer.headers):
            return answer.json(), None
        with suppress(ValueError, AttributeError):
            # Our emulator makes an error of reported failures of a stream's batch; its own poller ignores them otherwise.
            if (error := answer.json()).get("errorType") == "BatchItemFailures":
                return {"batchItemFailures": json.loads(error["errorMessage"])}, None
        return None, answer.body.decode(errors="replace")[:300]


def plain(value: dict[str, Any]) -> Any:
    """A value of the table's wire format; numbers are whole where they can be."""
    kind, inner = next(iter(value.items()))
    match kind:
        case "S" | "BOOL":
            return inner
        case "N":
            return int(inner) if re.fullmatch(r"-?\d+", inner) else Decimal(inner)
        case "NULL":
            return None
        case "M":
            return {name: plain(part) for name, part in inner.items()}
        case "L":
            return [plain(part) for part in inner]
        case "SS" | "NS":
            return set(inner)
    return inner


def plain_item(item: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if item is None else {name: plain(value) for name, value in item.items()}


# ------------------------------------------------------------------- time


class Clock:
    """The offset that functions add to their clock."""

    def __init__(self, file: Path):
        self.file = file
        self.offset = 0
        self.reset()

    def set(self, offset: float) -> None:
        self.offset = int(offset)
        fresh = self.file.with_suffix(".new")
        fresh.write_text(str(self.offset))
        os.replace(fresh, self.file)  # never half written

    def advance(self, seconds: float) -> None:
        self.set(self.offset + seconds)

    def reset(self) -> None:
        self.set(0)

    def time(self) -> float:
        return time.time() + self.offset

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)


# ----------------------------------------------------------------- mappings


@dataclass
class Mapping:
    """An event source mapping as it is deployed, with what belongs to its source."""

    uuid: str
    function: str
    arn: str
    #: The queue's short name; None: the stream.
    queue: str | None
    batch: int
    reports: bool
    retries: int = -1
    age: int = -1
    bisects: bool = False
    failures: str | None = None
    patterns: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    visibility: int = 30
    receives: int = 0
    dead_letters: str = ""


def matches(pattern: Any, value: Any) -> bool:
    """A filter pattern of Lambda. A rule that is not known here is an error, never a guess."""
    if isinstance(pattern, dict):
        return all(matches(rule, value.get(name) if isinstance(value, dict) else None) for name, rule in pattern.items())
    for rule in pattern:
        if isinstance(rule, dict):
            name, wanted = next(iter(rule.items()))
            found = {
                "prefix": lambda: isinstance(value, str) and value.startswith(wanted),  # noqa: B023
                "exists": lambda: (value is not None) is wanted,  # noqa: B023
                "anything-but": lambda: value is not None and value not in (wanted if isinstance(wanted, list) else [wanted]),  # noqa: B023
            }[name]()
        else:
            found = value == rule and type(value) is type(rule)
        if found:
            return True
    return False


# ------------------------------------------------------------------- edges


@dataclass
class Edges:
    """What queues and streams may do at any time, by chance; the same seed does the same."""

    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    #: A batch of the stream again, from an earlier record.
    replay: float = 0.0
    #: Records that nobody ever gets: only the sweeper can bring what they cause.
    lose: float = 0.0
    #: Records that nobody can read.
    poison: float = 0.0
    seed: int | None = None
    #: What was done, for whoever reads a failure.
    done: list[str] = field(default_factory=list)
    dice: random.Random = field(default_factory=random.Random)

    def on(self, seed: int, *, duplicate: float = 0.05, reorder: float = 0.05, delay: float = 0.05, replay: float = 0.0, lose: float = 0.0, poison: float = 0.0) -> None:
        self.duplicate, self.reorder, self.delay, self.replay, self.lose, self.poison = duplicate, reorder, delay, replay, lose, poison
        self.seed, self.dice, self.done = seed, random.Random(seed), []

    def off(self) -> None:
        self.duplicate = self.reorder = self.delay = self.replay = self.lose = self.poison = 0.0
        self.seed, self.done = None, []

    def happens(self, what: str) -> bool:
        rate = getattr(self, what)
        if not rate or self.dice.random() >= rate:
            return False
        self.done.append(what)
        return True


# ------------------------------------------------------------------- work


@dataclass
class Change:
    """A record of the table's stream."""

    event: str
    keys: dict[str, Any]
    old: dict[str, Any] | None
    new: dict[str, Any] | None
    sequence: str
    #: As it came.
    record: dict[str, Any] = field(repr=False, default_factory=dict)


@dataclass
class Message:
    id: str
    body: str
    sent: float
    #: On the virtual clock.
    visible: float
    receives: int = 0
    #: Rounds that it is still held back.
    back: int = 0
    error: str = ""


@dataclass
class Settled:
    rounds: int = 0
    #: Seconds that the virtual clock was moved.
    moved: int = 0
    invocations: int = 0
    #: Messages that the sweeper sent.
    swept: list[str] = field(default_factory=list)


class Shard:
    """The one shard of the stream, as one mapping reads it."""

    def __init__(self, mapping: Mapping):
        self.mapping = mapping
        #: What is still to be handed over, in order; the first `ready` of it in one batch.
        self.records: deque[dict[str, Any]] = deque()
        self.ready = 0
        self.tries = 0
        self.handed: list[dict[str, Any]] = []


class Driver:
    """`settle()` is the way to use it; `step()` for whoever waits for something in the middle."""

    def __init__(self, stack: Any, proxy: Proxy, clock: Clock, lease: int, lag: int):
        self.stack, self.proxy, self.clock, self.lease, self.lag = stack, proxy, clock, lease, lag
        self.aws = Aws(stack.port)
        self.edges = Edges()
        self.changes: list[Change] = []
        #: Of them, those that no consumer got.
        self.lost: list[Change] = []
        self.swept: list[str] = []
        #: Function and error of each invocation that failed.
        self.errors: list[tuple[str, str]] = []
        self.invocations = 0
        #: Ids of the mappings that brought somebody something, since the driver was made.
        self.used: set[str] = set()
        self.queues: dict[str, list[Message]] = {}
        self.mappings = self._read_mappings()
        self.shards = [Shard(mapping) for mapping in self.mappings if mapping.queue is None]
        self.stream = self.shards[0].mapping.arn
        self._iterator = ""
        self._sweeping = False
        self.skip()

    # ------------------------------------------------------------ deployment

    def _read_mappings(self) -> list[Mapping]:
        pages = self.stack.client("lambda").get_paginator("list_event_source_mappings").paginate()
        found = [self._mapping(entry) for page in pages for entry in page["EventSourceMappings"]]
        return [mapping for mapping in found if mapping]

    def _mapping(self, entry: dict[str, Any]) -> Mapping | None:
        name = entry["FunctionArn"].rsplit(":", 1)[-1]
        if not name.startswith(f"{self.stack.name}-"):
            return None
        arn = entry["EventSourceArn"]
        mapping = Mapping(
            entry["UUID"], name.removeprefix(f"{self.stack.name}-"), arn, None, int(entry.get("BatchSize", 100)),
            "ReportBatchItemFailures" in (entry.get("FunctionResponseTypes") or []))
        if ":sqs:" in arn:
            mapping.queue = arn.rsplit(":", 1)[1].removeprefix(f"{self.stack.name}-")
            mapping.url = self.stack.queue_urls[mapping.queue]
            attributes = self.aws.queue("GetQueueAttributes", QueueUrl=mapping.url, AttributeNames=["All"])["Attributes"]
            redrive = json.loads(attributes["RedrivePolicy"])
            mapping.visibility, mapping.receives = int(attributes["VisibilityTimeout"]), int(redrive["maxReceiveCount"])
            mapping.dead_letters = redrive["deadLetterTargetArn"].rsplit(":", 1)[1].removeprefix(f"{self.stack.name}-")
            return mapping
        mapping.retries, mapping.age = int(entry["MaximumRetryAttempts"]), int(entry["MaximumRecordAgeInSeconds"])
        mapping.bisects = bool(entry.get("BisectBatchOnFunctionError"))
        mapping.failures = entry["DestinationConfig"]["OnFailure"]["Destination"]
        mapping.patterns = [json.loads(each["Pattern"]) for each in entry["FilterCriteria"]["Filters"]]
        return mapping

    def lambda_name(self, function: str) -> str:
        return f"{self.stack.name}-{function}"

    def freeze(self, function: str) -> None:
        self._signal(function, signal.SIGSTOP)

    def thaw(self, function: str) -> None:
        self._signal(function, signal.SIGCONT)

    def _signal(self, function: str, what: signal.Signals) -> None:
        for process in self.proxy.processes.of(self.lambda_name(function)):
            with suppress(ProcessLookupError):
                os.kill(process, what)

    # ---------------------------------------------------------------- reading

    def skip(self) -> None:
        """What is in the stream until now concerns nobody."""
        shard = self.aws.stream("DescribeStream", StreamArn=self.stream)["StreamDescription"]["Shards"][0]["ShardId"]
        self._iterator = self.aws.stream("GetShardIterator", StreamArn=self.stream, ShardId=shard, ShardIteratorType="LATEST")["ShardIterator"]

    def forget(self) -> None:
        """The case is over."""
        self.changes, self.lost, self.swept, self.errors, self.queues, self.invocations = [], [], [], [], {}, 0
        self.shards = [Shard(shard.mapping) for shard in self.shards]
        self.edges.off()
        self.skip()

    def read(self) -> None:
        """Takes in what has changed, and hands nothing over."""
        while True:
            page = self.aws.stream("GetRecords", ShardIterator=self._iterator)
            self._iterator = page["NextShardIterator"]
            for record in page["Records"]:
                self._take(record)
            if len(page["Records"]) < 1000 and not self._has_more(page["Records"]):
                return

    @staticmethod
    def _has_more(records: list[dict[str, Any]]) -> bool:
        """A page ends at 1000 records or at 1 MB."""
        return len(records) > 1 and len(json.dumps(records)) > 900_000

    def _take(self, record: dict[str, Any]) -> None:
        images = record["dynamodb"]
        keys, old, new = plain_item(images["Keys"]) or {}, plain_item(images.get("OldImage")), plain_item(images.get("NewImage"))
        change = Change(record["eventName"], keys, old, new, images["SequenceNumber"], record)
        self.changes.append(change)
        for shard in self.shards:
            if not any(matches(pattern, record) for pattern in shard.mapping.patterns):
                continue
            if self.edges.happens("lose"):
                self.lost.append(change)
                continue
            # Its age counts on the virtual clock.
            aged = {**images, "ApproximateCreationDateTime": int(self.clock.time())}
            shard.records.append({**record, "dynamodb": aged, "eventSourceARN": shard.mapping.arn})
            if self.edges.happens("poison"):
                shard.records.append({**self.poison(), "eventSourceARN": shard.mapping.arn})

    def poison(self) -> dict[str, Any]:
        """A record of a kind that causes messages, which no release can read."""
        keys = {"PK": {"S": f"NOTICE#poison#{uuid4().hex}"}, "SK": {"S": "NOTICE"}}
        images = {
            "ApproximateCreationDateTime": int(self.clock.time()), "Keys": keys, "NewImage": {**keys, "kind": {"S": "notice"}, "version": {"S": "none"}},
            "SequenceNumber": f"{int(time.time() * 1000):020d}{self.edges.dice.randrange(10**10):010d}", "SizeBytes": 100, "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
        return {"eventID": uuid4().hex, "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": REGION, "dynamodb": images}

    def _read_queue(self, mapping: Mapping) -> None:
        held = self.queues.setdefault(mapping.queue or "", [])
        while True:
            found = self.aws.queue("ReceiveMessage", QueueUrl=mapping.url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages") or []
            if not found:
                return
            entries = [{"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]} for index, message in enumerate(found)]
            self.aws.queue("DeleteMessageBatch", QueueUrl=mapping.url, Entries=entries)
            for message in found:
                self._hold(held, message, mapping)
            if len(found) < 10:
                return

    def _hold(self, held: list[Message], message: dict[str, Any], mapping: Mapping) -> None:
        now = self.clock.time()
        taken = Message(message["MessageId"], message["Body"], now, now + self.proxy.delays.pop(message["MessageId"], 0))
        if self._sweeping and mapping.queue in MAIL_QUEUES:
            self.swept.append(taken.body)
        if self.edges.happens("delay"):
            taken.back = self.edges.dice.randint(1, 4)
        place = self.edges.dice.randrange(len(held) + 1) if self.edges.happens("reorder") else len(held)
        held.insert(place, taken)
        if self.edges.happens("duplicate"):
            held.append(Message(taken.id, taken.body, now, taken.visible, back=self.edges.dice.randint(1, 3)))

    # --------------------------------------------------------------- invoking

    def invoke(self, function: str, event: Any) -> tuple[Any, str | None]:
        self.invocations += 1
        result, error = self.aws.invoke(self.lambda_name(function), event)
        if error:
            self.errors.append((function, error))
        return result, error

    def step(self) -> bool:
        """One round over all sources; says whether there may be more to do."""
        touched, self.proxy.touched = self.proxy.touched, set()
        if not touched and not any(shard.records for shard in self.shards):
            touched = {"stream", *(mapping.queue or "" for mapping in self.mappings)}  # somebody may have gone around the proxy
        if "stream" in touched:
            self.read()
        for mapping in self.mappings:
            if mapping.queue in touched:
                self._read_queue(mapping)
        worked = [self._run_shard(shard) for shard in self.shards]
        worked += [self._run_queue(mapping) for mapping in self.mappings if mapping.queue]
        return any(worked) or bool(self.proxy.touched)

    # -- queues

    def _run_queue(self, mapping: Mapping) -> bool:
        held, now, worked = self.queues.setdefault(mapping.queue or "", []), self.clock.time(), False
        due = [message for message in held if message.visible <= now and message.back == 0]
        for message in held:
            message.back = max(0, message.back - 1)
        while due:
            batch: list[Message] = []
            for message in due:
                # Two copies of a message never travel in one batch.
                if len(batch) < mapping.batch and all(message.id != other.id for other in batch):
                    batch.append(message)
            due = [message for message in due if message not in batch]
            self._hand_over(mapping, held, batch)
            worked = True
        return worked or any(message.back for message in held)

    def _hand_over(self, mapping: Mapping, held: list[Message], batch: list[Message]) -> None:
        self.used.add(mapping.uuid)
        for message in batch:
            message.receives += 1
        result, error = self.invoke(mapping.function, {"Records": [self._record(mapping, message) for message in batch]})
        failed = {message.id for message in batch}
        if not error:
            reported = self._reported(mapping, result, failed)
            failed = failed if reported is None else reported
        for message in batch:
            if message.id not in failed:
                held[:] = [other for other in held if other is not message]
                continue
            message.error = error or "reported as failed"
            message.visible = self.clock.time() + mapping.visibility
            if message.receives >= mapping.receives:
                held[:] = [other for other in held if other is not message]
                self.aws.queue("SendMessage", QueueUrl=self.stack.queue_urls[mapping.dead_letters], MessageBody=message.body)

    @staticmethod
    def _reported(mapping: Mapping, result: Any, known: set[str]) -> set[str] | None:
        """The failed of a batch; None where the answer makes the whole batch fail."""
        if not mapping.reports or not isinstance(result, dict):
            return set()
        failures = result.get("batchItemFailures") or []
        ids = {failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures}
        return ids if ids <= known else None

    def _record(self, mapping: Mapping, message: Message) -> dict[str, Any]:
        attributes = {"ApproximateReceiveCount": str(message.receives), "SentTimestamp": str(int(message.sent * 1000)), "SenderId": "000000000000",
                      "ApproximateFirstReceiveTimestamp": str(int(message.sent * 1000))}
        return {"messageId": message.id, "receiptHandle": f"{message.id}-{message.receives}", "body": message.body, "attributes": attributes, "messageAttributes": {},
                "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": mapping.arn, "awsRegion": REGION}

    # -- the stream

    def _run_shard(self, shard: Shard) -> bool:
        mapping, records = shard.mapping, shard.records
        old = self.clock.time() - mapping.age
        while mapping.age >= 0 and records and records[0]["dynamodb"]["ApproximateCreationDateTime"] < old:
            self._give_up(shard, [records.popleft()], "RecordAgeExceeded")
            shard.ready, shard.tries = 0, 0
        if not records:
            return False
        shard.ready = min(shard.ready or mapping.batch, len(records), mapping.batch)
        batch = [records[index] for index in range(shard.ready)]
        self.used.add(mapping.uuid)
        result, error = self.invoke(mapping.function, {"Records": batch})
        done = 0 if error else self._progress(mapping, result, batch)
        for _ in range(done):
            shard.handed.append(records.popleft())
        if done == len(batch):
            shard.ready, shard.tries = 0, 0
            self._replay(shard)
        elif done:
            # What is left of the batch is a batch of its own, from the first that failed on.
            shard.ready, shard.tries = len(batch) - done, 0
        elif mapping.bisects and len(batch) > 1:
            shard.ready = len(batch) // 2  # does not count as a try
        else:
            shard.tries += 1
            if 0 <= mapping.retries < shard.tries:
                self._give_up(shard, [records.popleft() for _ in batch], "RetryAttemptsExhausted")
                shard.ready, shard.tries = 0, 0
        return True

    @staticmethod
    def _progress(mapping: Mapping, result: Any, batch: list[dict[str, Any]]) -> int:
        """How many records are done with: all before the lowest that is reported."""
        failures = result.get("batchItemFailures") or [] if mapping.reports and isinstance(result, dict) else []
        if not failures:
            return len(batch)
        order = [record["dynamodb"]["SequenceNumber"] for record in batch]
        places = [order.index(failure["itemIdentifier"]) if failure.get("itemIdentifier") in order else 0 for failure in failures]
        return min(places)

    def _replay(self, shard: Shard) -> None:
        if shard.handed and self.edges.happens("replay"):
            count = self.edges.dice.randint(1, min(len(shard.handed), shard.mapping.batch))
            shard.records.extendleft(reversed(shard.handed[-count:]))

    def _give_up(self, shard: Shard, records: list[dict[str, Any]], why: str) -> None:
        """The object that Lambda leaves in the bucket of failed changes."""
        mapping, now = shard.mapping, self.clock.now()
        images = [record["dynamodb"] for record in records]
        arrival = [datetime.fromtimestamp(image["ApproximateCreationDateTime"], UTC).isoformat().replace("+00:00", "Z") for image in images]
        content = {
            "requestContext": {"requestId": str(uuid4()), "functionArn": f"arn:aws:lambda:{REGION}:000000000000:function:{self.lambda_name(mapping.function)}",
                               "condition": why, "approximateInvokeCount": shard.tries},
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0", "timestamp": now.isoformat().replace("+00:00", "Z"),
            "DDBStreamBatchInfo": {
                "shardId": "shardId-00000000000000000000-00000000", "startSequenceNumber": images[0]["SequenceNumber"], "endSequenceNumber": images[-1]["SequenceNumber"],
                "approximateArrivalOfFirstRecord": arrival[0], "approximateArrivalOfLastRecord": arrival[-1], "batchSize": len(records), "streamArn": mapping.arn,
            },
            "payload": json.dumps({"Records": records}),
        }
        key = f"aws/lambda/{mapping.uuid}/shardId-00000000000000000000-00000000/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid4()}"
        bucket = (mapping.failures or "").rsplit(":", 1)[-1]
        answer = self.aws.send("s3", "PUT", f"/{bucket}/{key}", body=json.dumps(content).encode())
        assert answer.status == 200, answer.body

    # --------------------------------------------------------------- settling

    def settle(self, *, sweep: bool = True, limit: int = MOVES) -> Settled:
        """Goes on until nothing is left to do, moving the clock where only time helps; then one pass of the sweeper."""
        settled, before = Settled(), self.invocations
        self._drain(settled, limit, self.step)
        if sweep:
            sent = len(self.swept)
            self._sweep(settled, limit)
            settled.swept = self.swept[sent:]
            self._drain(settled, limit, self.step)
        settled.invocations = self.invocations - before
        return settled

    def _drain(self, settled: Settled, limit: int, step: Callable[[], bool]) -> None:
        moves = 0
        while True:
            settled.rounds += 1
            if settled.rounds > ROUNDS:
                raise Stuck(f"after {ROUNDS} rounds: {self.open_work()}")
            if step():
                continue
            waiting = [message.visible for held in self.queues.values() for message in held]
            if not waiting:
                return
            moves += 1
            if moves > limit:
                raise Stuck(f"after {limit} moves of the clock: {self.open_work()}")
            self._move(settled, max(self.lease + 1, min(waiting) - self.clock.time() + 1))

    def _move(self, settled: Settled, seconds: float) -> None:
        self.clock.advance(seconds)
        settled.moved += int(seconds)

    def open_work(self) -> str:
        """What is not done yet, in words."""
        parts = [f"{queue}: {message.body[:160]} received {message.receives} times, {message.error}" for queue, held in self.queues.items() for message in held]
        parts += [f"{len(shard.records)} records for {shard.mapping.function}, tried {shard.tries} times" for shard in self.shards if shard.records]
        parts += [f"last error of {function}: {error}" for function, error in self.errors[-1:]]
        parts += [f"edges {self.edges.seed}: {' '.join(self.edges.done)}"] if self.edges.seed is not None else []
        return "; ".join(parts) or "nothing"

    def _sweep(self, settled: Settled, limit: int) -> None:
        """One pass of the sweeper, when all that it may look at is old enough: the schedule's event and the chain it begins."""
        self._move(settled, self.lag + 1)
        self._sweeping = True
        try:
            for pause in SCHEDULE_PAUSES:
                self._move(settled, pause)
                _, error = self.invoke(FUNCTION_OF_SCHEDULE, self._schedule_event())
                if not error:
                    break
            else:
                raise Stuck(f"the sweep cannot be begun: {error}")
            chain = [mapping for mapping in self.mappings if mapping.function == FUNCTION_OF_SCHEDULE]
            self._drain(settled, limit, lambda: any([self._go_on(mapping) for mapping in chain]))
            for mapping in self.mappings:
                if mapping.queue in MAIL_QUEUES:
                    self._read_queue(mapping)
        finally:
            self._sweeping = False

    def _go_on(self, mapping: Mapping) -> bool:
        self._read_queue(mapping)
        return self._run_queue(mapping)

    def _schedule_event(self) -> dict[str, Any]:
        at = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"version": "0", "id": str(uuid4()), "detail-type": "Scheduled Event", "source": "aws.events", "account": "000000000000", "time": at, "region": REGION,
                "resources": [f"arn:aws:events:{REGION}:000000000000:rule/{self.stack.name}-SweepSchedule"], "detail": {}}
