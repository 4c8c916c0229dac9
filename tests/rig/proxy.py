"""Between functions and emulator: sees every call, counts its units, and does to it what the plan says.

Each function speaks to `http://127.0.0.1:<port>/<function>/<service>/…`; the prefix is taken off and the rest goes on. Bodies are
changed (units are asked for), so requests are signed again with the function's own key: its role stays enforced.
"""

import hashlib
import hmac
import json
import os
import re
import select
import signal
import socket
import threading
import time
import traceback
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from rig.faults import READS, Aim, Fault, Kind, Saying, conflicted, refused, throttled

#: How long a slow answer waits for the client to give up, at most: longer than any client of ours waits.
PATIENCE = 30.0
READ_BYTES = 1 << 16
STATES = {200: "OK", 400: "Bad Request", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}


@dataclass
class Call:
    """One call of a function over all its attempts."""

    function: str
    service: str
    operation: str
    item: str
    start: float
    end: float = 0.0
    attempts: int = 0
    #: Of the last attempt; 0: no answer was given.
    status: int = 0
    write: float = 0.0
    read: float = 0.0
    #: Partition key (of the table or of an index), units, `w` or `r`.
    keys: list[tuple[str, float, str]] = field(default_factory=list)
    #: Of reads: strongly consistent?
    consistent: bool | None = None
    index: str | None = None
    conditional: bool = False
    body: dict[str, Any] | None = None
    answer: dict[str, Any] | None = None
    fault: Fault | None = None
    #: The step of the flow in which it was made.
    step: str = ""

    @property
    def aim(self) -> Aim:
        return Aim(self.function, self.service, self.operation, self.item)


@dataclass
class Exchange:
    """A request of pagoPA's Node and what came back."""

    operation: str
    request: bytes
    #: As the Node saw it; None: no answer came.
    status: int | None
    response: bytes | None
    #: As the station said it, whether it arrived or not; None: it never heard the request.
    said_status: int | None
    said: bytes | None
    at: float
    #: `pagopa-sandbox`, or `test` where a test plays the Node.
    node: str = "pagopa-sandbox"


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}


# ------------------------------------------------------------------- wires


class Reader:
    """What came over a connection, as HTTP/1.1 messages."""

    def __init__(self, connection: socket.socket):
        self.connection = connection
        self.buffer = b""

    def fill(self) -> None:
        more = self.connection.recv(READ_BYTES)
        if not more:
            raise ConnectionError("closed")
        self.buffer += more

    def head(self) -> tuple[str, list[tuple[str, str]]]:
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            self.fill()
        head, self.buffer = self.buffer[:end].decode("latin-1"), self.buffer[end + 4:]
        first, *lines = head.split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return first, [(name.lower(), value.strip()) for name, _, value in pairs]

    def exactly(self, size: int) -> bytes:
        if len(self.buffer) < size:
            parts, missing = [self.buffer], size - len(self.buffer)
            while missing > 0:
                part = self.connection.recv(READ_BYTES)
                if not part:
                    raise ConnectionError("closed")
                parts.append(part)
                missing -= len(part)
            self.buffer = b"".join(parts)
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def body(self, headers: dict[str, str]) -> bytes:
        if "chunked" not in headers.get("transfer-encoding", ""):
            return self.exactly(int(headers.get("content-length") or 0))
        parts = []
        while True:
            while b"\r\n" not in self.buffer:
                self.fill()
            line, _, self.buffer = self.buffer.partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            parts.append(self.exactly(size + 2)[:-2])
            if size == 0:
                return b"".join(parts)


class Wire:
    """One kept connection to the emulator."""

    def __init__(self, port: int):
        self.port = port
        self.connection: socket.socket | None = None

    def exchange(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> Answer:
        head = "".join([f"{method} {path} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in headers), f"content-length: {len(body)}\r\n\r\n"])
        connection = self._connected()
        try:
            connection.sendall(head.encode("latin-1") + body)
            reader = Reader(connection)
            first, found = reader.head()
            fields = dict(found)
            status = int(first.split(" ", 2)[1])
            answer = Answer(status, found, b"" if status in (204, 304) or method == "HEAD" else reader.body(fields))
            if fields.get("connection", "").lower() == "close":
                self.close()
            return answer
        except OSError:
            self.close()
            raise

    def _connected(self) -> socket.socket:
        if self.connection is not None and select.select([self.connection], [], [], 0)[0]:
            self.close()  # the other side has closed it meanwhile
        if self.connection is None:
            self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.connection

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


# ---------------------------------------------------------------- processes


def children(process: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").iterdir():
        with suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found


def environment_of(process: int) -> dict[str, str]:
    try:
        text = Path(f"/proc/{process}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return {}
    return dict(pair.split("=", 1) for pair in text.split("\0") if "=" in pair)


def _sockets(process: int) -> set[str]:
    with suppress(OSError):
        return {os.readlink(entry.path) for entry in os.scandir(f"/proc/{process}/fd")}
    return set()


class Processes:
    """The functions' processes: children of the emulator, known by their environment."""

    def __init__(self, emulator: int):
        self.emulator = emulator

    def _look(self) -> dict[int, dict[str, str]]:
        return {process: environment_of(process) for process in children(self.emulator)}

    def of(self, function: str) -> list[int]:
        """`function` as the emulator calls it, with the stack's name."""
        return [process for process, variables in self._look().items() if variables.get("AWS_LAMBDA_FUNCTION_NAME") == function]

    def with_key(self, access_key: str) -> dict[str, str]:
        """The environment of a process that signs with a key."""
        return next(variables for variables in self._look().values() if variables.get("AWS_ACCESS_KEY_ID") == access_key)

    def behind(self, port: int, function: str) -> list[int]:
        """Who holds the connection that comes from a local port; all of the function where that cannot be told."""
        ending = f":{port:04X}"
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            cells = line.split()
            if cells[1].endswith(ending) and cells[1].startswith("0100007F"):
                holder = f"socket:[{cells[9]}]"
                found = [process for process in self.of(function) if holder in _sockets(process)]
                if found:
                    return found
        return self.of(function)


# ------------------------------------------------------------------ signing


class Signer:
    """AWS Signature Version 4, over the headers that the client had signed."""

    def __init__(self, processes: Processes):
        self.processes = processes
        self._keys: dict[tuple[str, str], bytes] = {}

    def sign(self, request: Request, path: str) -> str:
        """The Authorization header of the request as it is now; its date, scope and list of headers stay."""
        given = request.headers["authorization"]
        access_key, scope = re.search(r"Credential=([^/]+)/([^,]+)", given).groups()  # type: ignore[union-attr]
        names = re.search(r"SignedHeaders=([^,]+)", given)[1]  # type: ignore[index]
        digest = request.headers.get("x-amz-content-sha256")
        if digest is None or re.fullmatch(r"[0-9a-f]{64}", digest):
            digest = hashlib.sha256(request.body).hexdigest()
            if "x-amz-content-sha256" in request.headers:
                request.headers["x-amz-content-sha256"] = digest
        place, _, query = path.partition("?")
        if "/s3/" not in scope:
            place = urllib.parse.quote(place, safe="/-_.~")
        query = "&".join(sorted(part if "=" in part else f"{part}=" for part in query.split("&") if part))
        lines = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names.split(";"))
        canonical = f"{request.method}\n{place}\n{query}\n{lines}\n{names}\n{digest}"
        text = f"AWS4-HMAC-SHA256\n{request.headers['x-amz-date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(self._key(access_key, scope), text.encode(), hashlib.sha256).hexdigest()
        return f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"

    def _key(self, access_key: str, scope: str) -> bytes:
        known = self._keys.get((access_key, scope))
        if known is None:
            known = f"AWS4{self.processes.with_key(access_key)['AWS_SECRET_ACCESS_KEY']}".encode()
            for part in scope.split("/"):
                known = hmac.new(known, part.encode(), hashlib.sha256).digest()
            self._keys[access_key, scope] = known
        return known


# ------------------------------------------------- what a call is about


def shape(key: str) -> str:
    """A sort key without its ids: only the words of it, which are in capitals."""
    return "#".join(part for part in key.split("#") if re.fullmatch(r"[A-Z]{1,14}", part))


def label(pk: str, sk: str) -> str:
    kind, rest = pk.split("#", 1)[0], shape(sk)
    return kind if rest in ("", kind) else f"{kind}/{rest}"


def _text(value: dict[str, Any] | None) -> str:
    return str(next(iter(value.values()))) if value else ""


def _named(key: dict[str, Any]) -> str:
    return label(_text(key.get("PK")), _text(key.get("SK")))


def _condition(body: dict[str, Any]) -> tuple[str, str]:
    """Partition and shape of the sort key that a Query asks for."""
    names, values = body.get("ExpressionAttributeNames") or {}, body.get("ExpressionAttributeValues") or {}
    partition, sort = "", "*"
    for part in re.split(r"(?i)\s+and\s+", body.get("KeyConditionExpression", "")):
        if found := re.match(r"(?i)begins_with\s*\(\s*([\w#]+)\s*,\s*(:\w+)", part):
            kept = shape(_text(values.get(found[2])))
            sort = f"{kept}#*" if kept else "*"
        elif found := re.match(r"([\w#]+)\s*(<=|>=|=|<|>|(?i:between))\s*(:\w+)", part):
            if names.get(found[1], found[1]).endswith("PK"):
                partition = _text(values.get(found[3]))
            elif found[2] == "=":
                sort = shape(_text(values.get(found[3])))
    return partition, sort


#: What a transaction or a batch does to one item.
ACTIONS = ("Put", "Update", "Delete", "ConditionCheck")
INDEX_KEYS = {"by-pupil": "G1PK", "by-school": "G2PK"}


def _transaction(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [part for entry in body.get("TransactItems") or [] for name in ACTIONS if (part := entry.get(name))]


def size_of(value: Any) -> int:
    """About what DynamoDB counts for an attribute."""
    kind, inner = next(iter(value.items()))
    match kind:
        case "M":
            return 3 + sum(len(name) + 1 + size_of(part) for name, part in inner.items())
        case "L":
            return 3 + sum(1 + size_of(part) for part in inner)
        case "SS" | "NS" | "BS":
            return sum(map(len, inner))
        case "N":
            return (len(inner) + 1) // 2 + 1
        case "B":
            return len(inner) * 3 // 4
    return 1 if kind in ("BOOL", "NULL") else len(str(inner).encode())


def _weight(item: dict[str, Any]) -> int:
    return max(1, -(-sum(len(name) + size_of(value) for name, value in item.items()) // 1024))


def describe(call: Call, request: Request, stack: str) -> None:
    """Operation, item and what else the request tells."""
    if call.service in ("checkout", "station"):
        call.item = call.service
        call.operation = request.headers.get("soapaction", "").strip('"') or request.path.split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    elif call.service == "s3":
        parts = request.path.split("?")[0].strip("/").split("/")
        call.operation = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(request.method, request.method)
        call.item = parts[1] if len(parts) > 1 else "*"
    elif call.service == "sesv2":
        call.operation, call.item = "SendEmail" if request.path.endswith("/outbound-emails") else f"{request.method}{request.path}", "mail"
        call.body = json.loads(request.body) if request.body else None
    else:
        call.operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
        call.body = json.loads(request.body) if request.body else {}
        if call.service == "sqs":
            call.item = call.body.get("QueueUrl", "").rsplit("/", 1)[-1].removeprefix(f"{stack}-")
        elif call.service == "secretsmanager":
            call.item = call.body.get("SecretId", "").rsplit("/", 1)[-1]
        else:
            describe_table(call, call.body)


def describe_table(call: Call, body: dict[str, Any]) -> None:
    call.index = body.get("IndexName")
    match call.operation:
        case "TransactWriteItems":
            parts = _transaction(body)
            call.item = "+".join(sorted(_named(part.get("Item") or part["Key"]) for part in parts))
            call.conditional = any("ConditionExpression" in part for part in parts)
        case "BatchGetItem":
            asked = list(body["RequestItems"].values())
            call.item = "+".join(sorted({_named(key) for part in asked for key in part["Keys"]}))
            call.consistent = all(part.get("ConsistentRead") for part in asked)
        case "Query":
            partition, sort = _condition(body)
            kind = partition.split("#", 1)[0]
            call.item = call.index or (kind if sort == kind else f"{kind}/{sort}")
            call.consistent = bool(body.get("ConsistentRead"))
        case "Scan":
            call.item, call.consistent = call.index or "*", bool(body.get("ConsistentRead"))
        case _:
            call.item = _named(body.get("Item") or body.get("Key") or {})
            call.conditional = "ConditionExpression" in body
            call.consistent = bool(body.get("ConsistentRead")) if call.operation in READS else None


def count(call: Call, answer: dict[str, Any]) -> None:
    """Adds the units of one answer of the table, also by partition key."""
    body, spent = call.body or {}, answer.pop("ConsumedCapacity", None)
    for capacity in spent if isinstance(spent, list) else [spent] if spent else []:
        total = capacity.get("CapacityUnits", 0.0)
        if call.operation in READS:
            total = max(total, _read_units(call, answer))
            call.read += total
            keys = _read_keys(call, body)
            call.keys += [(key, total / len(keys), "r") for key in keys]
            continue
        indexes = {name: units["CapacityUnits"] for name, units in (capacity.get("GlobalSecondaryIndexes") or {}).items()}
        _wrote(call, total - sum(indexes.values()), indexes)
    if call.operation not in READS and str(answer.get("__type", "")).endswith(("#ConditionalCheckFailedException", "#TransactionCanceledException")):
        # A refused condition costs as much as the write; the answer of an error does not say it.
        _wrote(call, sum(map(_weight, _written(body))) * (2 if call.operation == "TransactWriteItems" else 1), {})


def _written(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [part.get("Item") or part.get("Key") or {} for part in _transaction(body) or [body]]


def _wrote(call: Call, table: float, indexes: dict[str, float]) -> None:
    items = _written(call.body or {})
    weights = [_weight(item) for item in items]
    call.write += table + sum(indexes.values())
    call.keys += [(_text(item.get("PK")), table * weight / sum(weights), "w") for item, weight in zip(items, weights, strict=True)]
    for name, units in indexes.items():
        held = [_text(item[INDEX_KEYS[name]]) for item in items if INDEX_KEYS.get(name) in item] or ["?"]
        call.keys += [(f"{name}:{key}", units / len(held), "w") for key in held]


def _read_units(call: Call, answer: dict[str, Any]) -> float:
    """By size: 4 KB a unit, half of it where the read may be old. The emulator counts a page as one item."""
    batches = answer.get("Responses") or {}
    single = [answer["Item"]] if answer.get("Item") else [item for items in batches.values() for item in items] if isinstance(batches, dict) else []
    sizes = [sum(len(name) + size_of(value) for name, value in item.items()) for item in single]
    page = sum(len(name) + size_of(value) for item in answer.get("Items") or [] for name, value in item.items())
    blocks = sum(-(-size // 4096) for size in sizes) + -(-page // 4096)
    return blocks * (1.0 if call.consistent else 0.5)


def _read_keys(call: Call, body: dict[str, Any]) -> list[str]:
    match call.operation:
        case "Query":
            return [f"{call.index}:{_condition(body)[0]}" if call.index else _condition(body)[0]]
        case "BatchGetItem":
            return [_text(key["PK"]) for part in body["RequestItems"].values() for key in part["Keys"]]
        case "GetItem":
            return [_text(body["Key"]["PK"])]
    return ["*"]


# ------------------------------------------------------------------ the proxy

#: Headers that belong to one connection, or that are written anew.
OURS = frozenset({"host", "content-length", "connection", "authorization", "transfer-encoding", "keep-alive", "expect"})


class Dropped(Exception):
    """No answer is given: the connection is closed."""


class Proxy:
    """`places`: where plain HTTP goes, service → the Host it must name."""

    def __init__(self, emulator_port: int, emulator: int, stack: str, places: dict[str, str]):
        self.upstream = emulator_port
        self.stack = stack
        self.places = places
        self.processes = Processes(emulator)
        self.signer = Signer(self.processes)
        self.port = 0
        #: Calls in the order in which they began, while `record()`.
        self.recording: list[Call] = []
        #: All that was planned since `forget()`.
        self.faults: list[Fault] = []
        self.mails: list[dict[str, Any]] = []
        self.exchanges: list[Exchange] = []
        #: Seconds by message: a real delay would be waited for, the driver's is the virtual clock's.
        self.delays: dict[str, int] = {}
        #: Queues that got messages, and `stream` where the table was written: the driver looks there first.
        self.touched: set[str] = set()
        #: Errors of the proxy itself: a case that met one proves nothing.
        self.broken: list[str] = []
        self._armed: dict[Aim, Fault] = {}
        self._seen: Counter[Aim] = Counter()
        self._open: dict[str, Call] = {}
        self._lock = threading.Lock()
        self._held = threading.Semaphore(0)
        self._gate = threading.Event()
        self._gate.set()
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._step = ""

    # -------------------------------------------------------------- life

    def start(self) -> "Proxy":
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True, name="proxy").start()
        return self

    def stop(self) -> None:
        self.clear()
        if self._listener is not None:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for connections
            self._listener.close()
            self._listener = None

    def url(self, function: str, service: str) -> str:
        return f"http://127.0.0.1:{self.port}/{function}/{service}/"

    # -------------------------------------------------------- what is asked

    @contextmanager
    def record(self) -> Iterator[list[Call]]:
        """All calls from now on, as they come."""
        found: list[Call] = []
        self.recording = found
        try:
            yield found
        finally:
            self.recording = []

    def mark(self, step: str) -> None:
        """What comes now belongs to this step."""
        self._step = step

    def hang_up(self) -> None:
        """Cuts every connection that a function holds open, as minutes of rest would."""
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def plan(self, *faults: Fault) -> None:
        """Arms faults; counting of like calls begins anew."""
        with self._lock:
            self._seen.clear()
            self._armed = {fault.aim: fault for fault in faults}
            self.faults += faults
            if any(fault.kind is Kind.HOLD for fault in faults):
                self._held = threading.Semaphore(0)
                self._gate.clear()

    def clear(self) -> None:
        """No faults from now on; what is held goes on."""
        with self._lock:
            self._armed = {}
        self._gate.set()

    def held(self, timeout: float = 5) -> None:
        """Waits until a call is held."""
        assert self._held.acquire(timeout=timeout), "no call came to be held"

    def release(self) -> None:
        self._gate.set()

    def forget(self) -> None:
        """What was seen until now is over."""
        with self._lock:
            self._armed, self._open = {}, {}
            self.faults, self.mails, self.exchanges, self.delays = [], [], [], {}
            self._seen.clear()

    def kill(self, function: str, port: int | None = None) -> None:
        """SIGKILL of the process behind a connection, or of all of a function."""
        name = f"{self.stack}-{function}"
        for process in self.processes.behind(port, name) if port else self.processes.of(name):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    # ---------------------------------------------------------- connections

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection, peer[1]), daemon=True, name="proxy-connection").start()

    def _serve(self, connection: socket.socket, port: int) -> None:
        wire, reader = Wire(self.upstream), Reader(connection)
        self._connections.add(connection)
        try:
            while True:
                first, found = reader.head()
                headers = dict(found)
                if headers.get("expect", "").lower() == "100-continue":
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                method, path, _ = first.split(" ", 2)
                _, function, service, rest = path.split("/", 3)
                request = Request(method, f"/{rest.lstrip('/')}", headers, reader.body(headers))
                connection.sendall(self._answer(request, function, service, wire, connection, port))
        except (ConnectionError, Dropped):
            pass  # the client has gone, or gets no answer
        except Exception:  # noqa: BLE001
            self.broken.append(traceback.format_exc())
        finally:
            self._connections.discard(connection)
            connection.close()
            wire.close()

    def _answer(self, request: Request, function: str, service: str, wire: Wire, connection: socket.socket, port: int) -> bytes:
        call = self._call(request, function, service)
        exchange = Exchange(call.operation, request.body, None, None, None, None, time.time()) if service == "station" else None
        if exchange:
            self.exchanges.append(exchange)
        call.status = 0
        try:
            answer = self._do(call, request, wire, connection, port, exchange)
            call.status = answer.status
            if exchange:
                exchange.status, exchange.response = answer.status, answer.body
        finally:
            call.end = time.time()
        head = [f"HTTP/1.1 {answer.status} {STATES.get(answer.status, 'Said')}\r\n"]
        head += [f"{name}: {value}\r\n" for name, value in answer.headers if name.lower() not in OURS]
        return f"{''.join(head)}content-length: {len(answer.body)}\r\n\r\n".encode("latin-1") + answer.body

    def _call(self, request: Request, function: str, service: str) -> Call:
        """The call that this attempt belongs to."""
        invocation = request.headers.get("amz-sdk-invocation-id")
        with self._lock:
            known = self._open.get(invocation) if invocation else None
            if known:
                known.attempts += 1
                return known
        call = Call(function, service, "", "", time.time(), attempts=1, step=self._step)
        describe(call, request, self.stack)
        with self._lock:
            if invocation:
                self._open[invocation] = call
            self.recording.append(call)
            self._seen[call.aim] += 1
            aim = Aim(function, service, call.operation, call.item, self._seen[call.aim])
            call.fault = self._armed.pop(aim, None)
            if call.fault:
                call.fault.fired += 1
        return call

    # ---------------------------------------------------------------- faults

    def _do(self, call: Call, request: Request, wire: Wire, connection: socket.socket, port: int, exchange: Exchange | None) -> Answer:
        def forward() -> Answer:
            return self._forward(call, request, wire, exchange)

        kind, first = call.fault.kind if call.fault else None, call.attempts == 1
        match kind:
            case Kind.REFUSE:
                return said(refused(call.service))
            case Kind.REFUSE_ONCE if first:
                return said(refused(call.service))
            case Kind.THROTTLE:
                return said(throttled(call.service))
            case Kind.CONFLICT if first:
                return said(conflicted(len(_transaction(call.body or {}))))
            case Kind.PARTIAL if first:
                return self._partly(call, request, wire)
            case Kind.LOSE | Kind.LOSE_ONCE if first:
                forward()
                raise Dropped
            case Kind.LOSE:
                raise Dropped
            case Kind.SLOW if first:
                answer = forward()
                gone(connection, PATIENCE)
                return answer
            case Kind.TWICE if first:
                answer, given = forward(), call.answer
                forward()
                call.answer = given
                return answer
            case Kind.KILL_BEFORE:
                self.kill(call.function, port)
                raise Dropped
            case Kind.KILL_AFTER:
                forward()
                self.kill(call.function, port)
                raise Dropped
            case Kind.HOLD:
                self._held.release()
                self._gate.wait(PATIENCE)
                if gone(connection, 0):
                    raise Dropped  # the client has given up: it is as if this never was sent
        return forward()

    def _partly(self, call: Call, request: Request, wire: Wire) -> Answer:
        body = json.loads(request.body)
        refused_one, *others = body["Entries"]
        failed = [{"Id": refused_one["Id"], "SenderFault": False, "Code": "InternalError", "Message": "We encountered an internal error. Please try again."}]
        if not others:
            return said(Saying(200, json.dumps({"Successful": [], "Failed": failed}).encode(), {"Content-Type": "application/x-amz-json-1.0"}))
        request.body = json.dumps({**body, "Entries": others}).encode()
        answer = self._forward(call, request, wire, None)
        content = answer.json()
        content["Failed"] = [*(content.get("Failed") or []), *failed]
        answer.body = json.dumps(content).encode()
        return answer

    def _forward(self, call: Call, request: Request, wire: Wire, exchange: Exchange | None) -> Answer:
        if call.service == "dynamodb":
            body = json.loads(request.body)
            body["ReturnConsumedCapacity"] = "INDEXES"
            request.body = json.dumps(body, separators=(",", ":")).encode()
        delay = 0
        if call.service == "sqs" and b"DelaySeconds" in request.body:
            body = json.loads(request.body)
            delay = body.pop("DelaySeconds", 0)
            request.body = json.dumps(body).encode()
        request.headers["host"] = self.places.get(call.service) or f"127.0.0.1:{self.upstream}"
        request.headers["content-length"] = str(len(request.body))
        headers = [(name, value) for name, value in request.headers.items() if name not in OURS]
        if "authorization" in request.headers:
            headers.append(("authorization", self.signer.sign(request, request.path)))
            headers = [(name, request.headers.get(name, value) if name != "authorization" else value) for name, value in headers]
        headers.append(("host", request.headers["host"]))
        answer = wire.exchange(request.method, request.path, headers, request.body)
        if exchange:
            exchange.said_status, exchange.said = answer.status, answer.body
        if call.service not in ("s3", "checkout", "station"):
            with suppress(ValueError):
                call.answer = answer.json()
        if delay and call.answer:
            self.delays[call.answer["MessageId"]] = delay
        if call.service == "sqs":
            self.touched.add(call.item)
        if call.service == "dynamodb" and call.answer is not None:
            if call.operation not in READS:
                self.touched.add("stream")
            count(call, call.answer)
        elif call.service == "sesv2" and answer.status == 200 and call.operation == "SendEmail":
            self.mails.append(mail(call.body or {}, call.answer or {}))
        return answer


def said(saying: Saying) -> Answer:
    return Answer(saying.status, list(saying.headers.items()), saying.body)


def gone(connection: socket.socket, seconds: float) -> bool:
    """Has the client closed, or does it within so many seconds? Clients that give up do."""
    if not select.select([connection], [], [], seconds)[0]:
        return False
    with suppress(OSError):
        return connection.recv(1, socket.MSG_PEEK) == b""
    return True


def mail(body: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """A mail that the service took, in the shape of the local stack's list."""
    content = body["Content"]["Simple"]
    text, html = (content["Body"].get(part, {}).get("Data", "") for part in ("Text", "Html"))
    headers = {header["Name"]: header["Value"] for header in content.get("Headers") or []}
    return {
        "key": headers.get("X-Message-Key", ""), "id": answer.get("MessageId", ""), "from": parseaddr(body.get("FromEmailAddress", ""))[1],
        "to": [address for part in ("ToAddresses", "CcAddresses", "BccAddresses") for address in body["Destination"].get(part) or []],
        "subject": content["Subject"]["Data"], "text": text, "html": html, "at": time.time(), "headers": headers,
        "links": re.findall(r"https?://[^\s\"'<>)]+", text),
    }
