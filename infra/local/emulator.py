"""The local AWS: ministack, bound to loopback, with corrections that make it behave like the real services.

    python infra/local/emulator.py [--port 4566] [--state FOLDER]

With a state folder tables, functions, objects and secrets survive a stop (SIGTERM, then a moment to write them); captured
mails never do. IAM is enforced: each function may do what its role allows and nothing else.
"""

import argparse
import json
import os
import socketserver
import sys
from contextvars import ContextVar
from email.utils import parseaddr
from importlib.metadata import version
from pathlib import Path

CHECKED_VERSION = "1.5.33"  # the corrections below reach into its inside


def environment(port: int, state: Path | None, region: str) -> None:
    """ministack reads its settings from the environment while it is imported; function processes inherit it."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "LOCALSTACK_", "MINISTACK_", "LAMBDA_")):
            del os.environ[name]
    os.environ.update(
        AUTH="true", BIND_HOST="127.0.0.1", GATEWAY_PORT=str(port), MINISTACK_REGION=region, LOG_LEVEL="INFO",
        AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_REGION=region, AWS_DEFAULT_REGION=region,
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
        IOT_MTLS_ENABLED="0", SFTP_ENABLED="0",  # no listeners beside the one
    )
    if state is not None:
        os.environ.update(PERSIST_STATE="1", S3_PERSIST="1", STATE_DIR=str(state / "services"), S3_DATA_DIR=str(state / "objects"))


def answer_without_delay() -> None:
    """The runtime API writes head and body separately; with Nagle's algorithm each invocation waits for a delayed ACK."""
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True


def do_not_wait_for_logs() -> None:
    """A function that prints nothing would cost 50 ms of waiting for its first line."""
    from ministack.core import lambda_runtime

    lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (0.005, 0.003, 0.250)


def report_stream_failures() -> None:
    """Stream mappings ignore `batchItemFailures`; make such a batch fail, so that it is delivered again."""
    from ministack.services import lambda_svc

    execute = lambda_svc._execute_function

    def execute_and_look(function, event, *args, **kwargs):
        result = execute(function, event, *args, **kwargs)
        records = event.get("Records") if isinstance(event, dict) else None
        if not records or records[0].get("eventSource") != "aws:dynamodb" or result.get("error"):
            return result
        body = result.get("body")
        try:
            answer = json.loads(body) if isinstance(body, str | bytes) else body
        except ValueError:
            return result
        failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
        if not failures:
            return result
        error = {"errorType": "BatchItemFailures", "errorMessage": json.dumps(failures)}
        return {**result, "error": True, "body": error}

    lambda_svc._execute_function = execute_and_look


def forget_stream_positions() -> None:
    """Positions of stream mappings are kept over a restart, the records are not: new ones would be skipped."""
    from ministack.services import lambda_svc

    restore = lambda_svc._restore_state

    def restore_without_positions(data):
        positions = (data or {}).get("dynamodb_stream_positions")
        return restore(data if positions is None else {**data, "dynamodb_stream_positions": type(positions)()})

    lambda_svc._restore_state = restore_without_positions


def read_queue_concurrency() -> None:
    """CloudFormation hands a Number parameter over as text; the queue poller compares it with a number and stops."""
    from ministack.services import lambda_svc

    concurrency = lambda_svc._sqs_esm_concurrency

    def with_a_number(mapping, *args, **kwargs):
        scaling = mapping.get("ScalingConfig") or {}
        if isinstance(scaling.get("MaximumConcurrency"), str):
            scaling["MaximumConcurrency"] = int(scaling["MaximumConcurrency"])
        return concurrency(mapping, *args, **kwargs)

    lambda_svc._sqs_esm_concurrency = with_a_number


def leave_our_hosts_alone() -> None:
    """Paths such as POST /login belong to the emulator's own Cognito pages on any host; on our domains they are ours."""
    from ministack import app

    def unless_ours(handler):
        async def handle(method, path, headers, *args, **kwargs):
            ours = app._resolve_custom_domain_request(headers.get("host", ""), path) is not None
            return None if ours else await handler(method, path, headers, *args, **kwargs)

        return handle

    app._handle_pre_body_request = unless_ours(app._handle_pre_body_request)
    app._handle_post_body_shortcuts = unless_ours(app._handle_post_body_shortcuts)


def name_the_mail_sender() -> None:
    """Sending a mail is authorised on `*`, without condition keys; AWS asks for the sender's identity and address."""
    from ministack.core import iam_actions, iam_evaluator

    sender: ContextVar[str] = ContextVar("sender", default="")
    resource_arn = iam_actions._ses_v2_resource_arn
    condition_key = iam_evaluator._resolve_condition_key

    def with_the_identity(method, path, body, region, account_id):
        if method != "POST" or path.rstrip("/") != "/v2/email/outbound-emails":
            return resource_arn(method, path, body, region, account_id)
        address = parseaddr(iam_actions._safe_json_field(body, "FromEmailAddress") or "")[1]
        sender.set(address)
        return f"arn:aws:ses:{region}:{account_id}:identity/{address.rpartition('@')[2]}"

    iam_actions._ses_v2_resource_arn = with_the_identity
    iam_evaluator._resolve_condition_key = lambda key, context: (
        sender.get() or None if key.lower() == "ses:fromaddress" else condition_key(key, context)
    )


def authorise_batches_as_single_messages() -> None:
    """IAM has no action for SQS batches: who may send one message may send ten."""
    from ministack.core import iam_actions

    action_of = iam_actions.extract_iam_action

    def without_batch(service, *args, **kwargs):
        action = action_of(service, *args, **kwargs)
        return action.removesuffix("Batch") if action and service == "sqs" else action

    iam_actions.extract_iam_action = without_batch


def let_items_expire() -> None:
    """CloudFormation makes tables without their time to live: expired items would stay for ever."""
    from ministack.services import dynamodb
    from ministack.services.cloudformation import provisioners

    table = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    create = table["create"]

    def create_with_expiry(logical_id, properties, stack_name):
        name, attributes = create(logical_id, properties, stack_name)
        expiry = properties.get("TimeToLiveSpecification")
        if expiry:
            dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": {**expiry, "Enabled": True}})
        return name, attributes

    table["create"] = create_with_expiry


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--state", type=Path, help="folder that keeps the state; without it nothing is kept")
    parser.add_argument("--region", default="eu-south-1")
    options = parser.parse_args()
    sys.argv = sys.argv[:1]

    found = version("ministack")
    if found != CHECKED_VERSION:
        print(f"emulator: ministack {found} is installed, the corrections were checked with {CHECKED_VERSION}", file=sys.stderr)
        return 1
    environment(options.port, options.state and options.state.resolve(), options.region)
    answer_without_delay()
    do_not_wait_for_logs()
    report_stream_failures()
    forget_stream_positions()
    read_queue_concurrency()
    leave_our_hosts_alone()
    name_the_mail_sender()
    let_items_expire()
    authorise_batches_as_single_messages()
    from ministack.app import main as serve

    return serve() or 0


if __name__ == "__main__":
    sys.exit(main())
