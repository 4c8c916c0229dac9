"""One running local stack: the emulator with the deployed template. Used by `make run` and by the tests.

    with LocalStack(port=4566, state=Path(".local/state"), parameters={...}) as stack:
        stack.deploy()
        stack.request("GET", "/services")
"""

import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import deploy as deployment  # noqa: E402

ROOT = deployment.ROOT
REGION = "eu-south-1"
START_SECONDS = 30
STOP_SECONDS = 20  # the emulator writes its state when it stops


class StackError(Exception):
    """Something a person can put right; its text says what and how."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def port_owner(port: int) -> str | None:
    """Who listens on the port of 127.0.0.1, in words; None when it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return None
        except OSError:
            pass
    try:
        listening = {
            line.split()[9]
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for line in Path(table).read_text().splitlines()[1:]
            if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
        }
        for process in Path("/proc").glob("[0-9]*"):
            try:
                sockets = {os.readlink(fd) for fd in (process / "fd").iterdir()}
            except OSError:
                continue
            if any(f"socket:[{inode}]" in sockets for inode in listening):
                command = (process / "cmdline").read_text().replace("\0", " ").strip()
                return f"process {process.name} ({command[:120]})"
    except (OSError, IndexError):
        pass
    return "another process"


@dataclass
class Response:
    """An answer of the stack, as a test wants to look at it."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def location(self) -> str | None:
        return self.headers.get("Location")

    @property
    def cookies(self) -> dict[str, str]:
        jar: dict[str, str] = {}
        for line in self.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                jar[name] = morsel.value
        return jar


class LocalStack:
    """The emulator as a child process, and what it holds after `deploy()`."""

    def __init__(self, port: int, parameters: dict[str, str], work: Path, *, state: Path | None = None,
                 name: str = "pagoinrete", build: Path = ROOT / "build"):
        self.port = port
        self.name = name
        self.state = state
        self.work = work
        self.log = work / "emulator.log"
        self.endpoint = f"http://127.0.0.1:{port}"
        self.target = deployment.Target(name, REGION, self.endpoint, {**parameters, "LocalPort": str(port)}, build, work)
        self.outputs: dict[str, str] = {}
        self.process: subprocess.Popen | None = None
        self._clients: dict[str, Any] = {}

    # ---------------------------------------------------------- life

    def start(self) -> None:
        owner = port_owner(self.port)
        if owner:
            raise StackError(f"Port {self.port} is taken by {owner}. Stop it, or choose another port: make run PORT={self.port + 1}")
        self.work.mkdir(parents=True, exist_ok=True)
        scratch = self.work / "tmp"
        shutil.rmtree(scratch, ignore_errors=True)  # programs of functions that an earlier run unpacked
        scratch.mkdir()
        command = [sys.executable, str(ROOT / "infra" / "local" / "emulator.py"), "--port", str(self.port), "--region", REGION]
        if self.state is not None:
            self.state.mkdir(parents=True, exist_ok=True)
            command += ["--state", str(self.state)]
        # Functions inherit this environment: nothing of the caller's but what a process needs.
        environment = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C in a terminal reaches only us, and we stop it with time to save.
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=ROOT,
                                            env={**environment, "TMPDIR": str(scratch)}, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise StackError(f"The emulator ended at once.\n{self.log_tail(20)}")
            try:
                with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=1):
                    return
            except OSError:
                time.sleep(0.05)
        raise StackError(f"The emulator did not answer within {START_SECONDS} s.\n{self.log_tail(20)}")

    def stop(self) -> None:
        """Stops the emulator gracefully, so that it saves its state; ends what it left running."""
        process = self.process
        if process is None:
            return
        self.process = None
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                print(f"The emulator did not stop within {STOP_SECONDS} s and was ended; what changed since its start is lost.", file=sys.stderr)
        try:
            os.killpg(process.pid, signal.SIGKILL)  # its group: function processes that outlived it
        except (ProcessLookupError, PermissionError):
            pass
        process.wait()

    def __enter__(self) -> "LocalStack":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def log_tail(self, lines: int = 60) -> str:
        if not self.log.exists():
            return ""
        tail = self.log.read_text(errors="replace").splitlines()[-lines:]
        return f"The end of {self.log}:\n" + "\n".join(f"  {line[:400]}" for line in tail)

    # -------------------------------------------------------- deploy

    def deploy(self) -> dict[str, str]:
        self.outputs = deployment.deploy(self.target)
        (self.work / "outputs.json").write_text(json.dumps(self.outputs, indent=2))
        self.write_environment()
        return self.outputs

    def write_environment(self) -> None:
        """A file for `. .local/env`: what the deployed functions get, for a function run by hand beside the stack."""
        variables = {"AWS_ENDPOINT_URL": self.endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
        for page in self.client("lambda").get_paginator("list_functions").paginate():
            for function in page["Functions"]:
                if function["FunctionName"].startswith(f"{self.name}-"):
                    variables.update(function["Environment"]["Variables"])
        lines = (f"export {key}={shlex.quote(value)}\n" for key, value in sorted(variables.items()))
        (self.work / "env").write_text("".join(lines))

    def seed(self) -> None:
        """Makes the demo's schools, people and notices; where they are already it changes nothing."""
        program = self.target.build / "seed" / "bootstrap"
        if not program.exists():
            return
        settings = self.client("lambda").get_function_configuration(FunctionName=self.function_name("register"))
        environment = {key: value for key, value in self.target.cli_environment().items() if key in ("PATH", "HOME") or key.startswith("AWS_")}
        result = subprocess.run([str(program)], text=True, capture_output=True, cwd=ROOT,
                                env={**environment, **settings["Environment"]["Variables"]})
        if result.returncode != 0:
            raise StackError(f"The demo data could not be made (infra/seed):\n{result.stdout}{result.stderr}")

    # ------------------------------------------------------- look in

    def client(self, service: str) -> Any:
        """Made once a service: making one takes longer than most calls."""
        if service not in self._clients:
            self._clients[service] = self.target.client(service)
        return self._clients[service]

    @property
    def origin(self) -> str:
        return self.outputs["Origin"]

    @property
    def station_url(self) -> str:
        return self.outputs["StationUrl"]

    @property
    def sandbox_origin(self) -> str:
        return self.outputs["SandboxOrigin"]

    @property
    def table_name(self) -> str:
        return self.outputs["TableName"]

    @property
    def sandbox_table_name(self) -> str:
        return self.outputs["SandboxTableName"]

    @property
    def archive_bucket(self) -> str:
        return self.outputs["ArchiveBucket"]

    @property
    def queue_urls(self) -> dict[str, str]:
        """By the queue's name in the contract: mail-now, mail-bulk, journal, sweep, sandbox-deliveries, each also with -dlq."""
        found = {}
        for key, url in self.outputs.items():
            if key.endswith(("QueueUrl", "DeadLettersUrl")):
                # The outputs name the emulator's host as it likes; clients go to ours.
                found[url.rsplit(f"/{self.name}-", 1)[1]] = url
        return found

    def function_name(self, function: str) -> str:
        return f"{self.name}-{function}"

    def table(self) -> Any:
        import boto3

        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.resource("dynamodb", region_name=REGION, endpoint_url=self.endpoint, **keys).Table(self.table_name)

    def invoke(self, function: str, event: Any) -> Any:
        """Calls a function with an event and answers its result; a function error is raised."""
        answer = self.client("lambda").invoke(FunctionName=self.function_name(function), Payload=json.dumps(event).encode())
        payload = answer["Payload"].read()
        if answer.get("FunctionError"):
            raise AssertionError(f"{function} failed: {payload.decode()}")
        return json.loads(payload) if payload else None

    def logs(self, function: str, since: float = 0) -> list[str]:
        """Lines that a function logged since a time (seconds)."""
        pages = self.client("logs").get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{self.function_name(function)}", startTime=int(since * 1000))
        return [event["message"].rstrip() for page in pages for event in page["events"]]

    def request(self, method: str, url: str, *, headers: dict[str, str] | None = None, body: bytes | str | None = None,
                form: dict[str, str] | None = None, json_body: Any = None, cookies: dict[str, str] | None = None,
                timeout: float = 40) -> Response:
        """Asks the stack. `url` is a path of the service or an address of any of its hosts; redirects are not followed.

        Names below .localhost need no resolver: the connection goes to 127.0.0.1, the name into the Host header."""
        parts = urllib.parse.urlsplit(urllib.parse.urljoin(self.origin + "/", url))
        sent = {"Host": parts.netloc, **(headers or {})}
        if form is not None:
            body = urllib.parse.urlencode(form)
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if json_body is not None:
            body = json.dumps(json_body)
            sent.setdefault("Content-Type", "application/json")
        if cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        if isinstance(body, str):
            body = body.encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, "")), body=body, headers=sent)
            answer = connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def mails(self, to: str | None = None) -> list[dict[str, Any]]:
        """Mails that SES really took, oldest first; with `to` only those to that address."""
        return read_mails(self.endpoint, to)

    def wait_for(self, what: str, look: Callable[[], Any], timeout: float = 20, every: float = 0.1) -> Any:
        """Looks again and again until `look()` answers something true, and answers that."""
        deadline = time.monotonic() + timeout
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"Waited {timeout:.0f} s in vain for {what}")
            time.sleep(every)

    def wait_for_mail(self, to: str, subject: str = "", count: int = 1, timeout: float = 20) -> dict[str, Any]:
        """The latest of at least `count` mails to an address whose subject holds some text."""
        def look() -> Any:
            found = [mail for mail in self.mails(to) if subject.lower() in mail["subject"].lower()]
            return found[-1] if len(found) >= count else None

        return self.wait_for(f"mail {count} to {to} about {subject!r}", look, timeout)


def read_mails(endpoint: str, to: str | None = None) -> list[dict[str, Any]]:
    """The emulator's list of mails taken by SES, oldest first, in a shape of our own."""
    with urllib.request.urlopen(f"{endpoint}/_ministack/ses/messages", timeout=10) as answer:
        accounts = json.load(answer)["messages"]
    found = []
    for mails in accounts.values():
        for mail in mails:
            recipients = [*mail["To"], *mail["CC"], *mail["BCC"]]
            if to is not None and not any(to.lower() in recipient.lower() for recipient in recipients):
                continue
            found.append({
                "id": mail["MessageId"].split("@")[0],
                "from": mail["Source"],
                "to": recipients,
                "subject": mail["Subject"],
                "at": mail["Timestamp"],
                "text": mail["BodyText"] or "",
                "html": mail["BodyHtml"] or "",
                "links": re.findall(r"https?://[^\s\"'<>)]+", mail["BodyText"] or ""),
            })
    return sorted(found, key=lambda mail: mail["at"])
