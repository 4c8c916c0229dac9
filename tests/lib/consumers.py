"""What works behind the scenes (stream, queues, schedule), stopped and started again, and their messages by hand."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

MAIL_QUEUES = ("mail-now", "mail-bulk")


class Consumers:
    def __init__(self, stack: Any):
        self.stack = stack
        self.functions = stack.client("lambda")
        self.sqs = stack.client("sqs")
        self.events = stack.client("events")

    # --------------------------------------------------------- mappings

    def mappings(self, function: str) -> list[dict[str, Any]]:
        return self.functions.list_event_source_mappings(FunctionName=self.stack.function_name(function))["EventSourceMappings"]

    def switch(self, function: str, on: bool) -> None:
        for mapping in self.mappings(function):
            self.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)

    @contextmanager
    def stopped(self, *functions: str, schedule: bool = True) -> Iterator[None]:
        """Without the consumers of these functions, and without the sweeper's clock."""
        rules = [rule["Name"] for rule in self.events.list_rules()["Rules"]] if schedule else []
        for function in functions:
            self.switch(function, False)
        for rule in rules:
            self.events.disable_rule(Name=rule)
        try:
            yield
        finally:
            for rule in rules:
                self.events.enable_rule(Name=rule)
            for function in functions:
                self.switch(function, True)

    def forget_stream(self) -> None:
        """The relay's mapping is made anew at the stream's end: what came before is never delivered."""
        [old] = self.mappings("relay-changes")
        kept = ("FunctionName", "EventSourceArn", "BatchSize", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError",
                "ParallelizationFactor", "DestinationConfig", "FilterCriteria", "FunctionResponseTypes")
        settings = {name: old[name] for name in kept if name in old} | {"FunctionName": self.stack.function_name("relay-changes")}
        self.functions.delete_event_source_mapping(UUID=old["UUID"])
        self.functions.create_event_source_mapping(**settings, StartingPosition="LATEST", Enabled=True)

    # ----------------------------------------------------------- queues

    def take(self, queue: str) -> list[str]:
        """All messages of a queue; they are gone from it."""
        url, bodies = self.stack.queue_urls[queue], []
        while True:
            found = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages", [])
            if not found:
                return bodies
            bodies += [message["Body"] for message in found]
            self.sqs.delete_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(found)])

    def depth(self, queue: str) -> int:
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.stack.queue_urls[queue], AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"])["Attributes"]
        return sum(int(value) for value in attributes.values())


def sqs_event(bodies: list[str], queue: str = "mail-now") -> dict[str, Any]:
    """A batch as Lambda hands it over."""
    return {"Records": [{
        "messageId": f"00000000-0000-4000-8000-{number:012}", "receiptHandle": "handle", "body": body, "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": f"arn:aws:sqs:eu-south-1:000000000000:{queue}", "awsRegion": "eu-south-1",
    } for number, body in enumerate(bodies, 1)]}


def kinds(bodies: list[str]) -> list[str]:
    return sorted(json.loads(body)["what"]["kind"] for body in bodies)
