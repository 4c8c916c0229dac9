"""Where the flows are played: a stack whose calls pass the proxy, whose events are the driver's, whose tables hold the case's items only.

Schools and families are made once through the service and kept: for a later case they are put back as they were, which takes
milliseconds. A school's notice numbers go on from case to case, as its functions remember reserved blocks.
"""

import json
import re
import subprocess
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from html import unescape
from itertools import count
from typing import TYPE_CHECKING, Any

from lib.client import Client
from lib.people import Person
from lib.station import Said, Station
from lib.world import Family, School, World

from rig.driver import Aws, Change, Clock, Driver, plain_item
from rig.faults import Fault
from rig.proxy import Exchange, Proxy

if TYPE_CHECKING:
    from rig.actor import Told

SERVICES = {"DYNAMODB": "dynamodb", "SQS": "sqs", "SESV2": "sesv2", "S3": "s3", "SECRETS_MANAGER": "secretsmanager"}
#: Schools that take turns; the first turn of each is slow, and after a round a process must be started anew.
SCHOOLS = 12
#: Sessions live two hours: what is older than this is made anew.
KEPT_SECONDS = 3600
BATCH = 25
DIED = "Runtime.ExitError"
#: Each invocation logs into a stream of its own, and reading a group looks at all of them.
CASES_PER_LOG = 50


@dataclass
class Evidence:
    """All that can be looked at when a case is over."""

    items: list[dict[str, Any]]
    changes: list[Change]
    mails: list[dict[str, Any]]
    exchanges: list[Exchange]
    sandbox_items: list[dict[str, Any]]
    #: `archive/<key>` and `failed-changes/<key>`.
    objects: dict[str, bytes]
    queues: dict[str, list[str]]
    told: list["Told"]
    faults: list[Fault]
    #: Function and line.
    logs: list[tuple[str, str]]
    canaries: set[str]
    counters: list[tuple[str, dict[str, Any]]]
    data_key: bytes
    #: On the virtual clock.
    now: datetime
    #: What the sweeper sent again, and the changes that the edges had lost.
    swept: list[str] = field(default_factory=list)
    lost: list[Change] = field(default_factory=list)
    #: Function and error of each invocation by the driver that failed.
    errors: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Kept:
    """Something made through the service, with all that it left behind."""

    value: Any
    items: list[dict[str, Any]]
    mails: list[dict[str, Any]]
    changes: list[Change]
    made: float


class GroundStation(Station):
    """A test that plays the Node: what it asks is in the evidence too."""

    exchanges: Callable[[], list[Exchange]]

    def post(self, body: bytes, **how: Any) -> Said:
        exchange = Exchange(how.get("action", ""), body, None, None, None, None, time.time(), "test")
        self.exchanges().append(exchange)
        said = super().post(body, **how)
        exchange.status = exchange.said_status = said.status
        exchange.response = exchange.said = said.body
        return said


class GroundWorld(World):
    """Mails are those that passed the proxy; waiting for one drives the stack."""

    def __init__(self, stack: Any, proxy: Proxy, driver: Driver):
        super().__init__(stack)
        self.proxy, self.driver = proxy, driver
        self.pump = driver.step
        self.station = GroundStation(stack)
        self.station.exchanges = lambda: proxy.exchanges

    @property
    def data_key(self) -> bytes:
        return self._data_key

    def forget_clerk(self, school: School) -> None:
        self._clerks.pop(school.code, None)

    def mail(self, to: str, subject: str, count: int = 1) -> dict[str, Any]:
        """As often as a fault lets the mail go out; more than one is for the checks to judge."""
        def found() -> list[dict[str, Any]]:
            return [mail for mail in self.proxy.mails if to in mail["to"] and subject in mail["subject"]]

        while len(found()) < count:
            if not self.driver.step():
                break
        if len(found()) < count:
            self.driver.settle(sweep=False)
        if len(found()) < count:
            self.driver.settle()  # its change was lost: the sweeper brings it
        mails = found()
        assert len(mails) >= count, f"{len(mails)} mails to {to} about {subject!r}"
        return mails[-1]


class Ground:
    @classmethod
    def raise_(cls, stack: Any) -> "Ground":
        """Takes a fresh stack over: its consumers and schedules stop, its demo data go."""
        return cls(stack)

    def __init__(self, stack: Any):
        self.stack = stack
        self.aws = Aws(stack.port)
        self.told: list[Told] = []
        self.counters: list[tuple[str, dict[str, Any]]] = []
        #: Which rule is broken now, and in which functions.
        self._mutant: tuple[str, set[str]] | None = None
        self._cases, self._turn = 0, count()
        #: (host, method, path) of every request.
        self.visited: set[tuple[str, str, str]] = set()
        self.schools: list[School] = []
        stack.request = self._note(stack.request)
        self._kept: dict[str, Kept] = {}
        self._kept_families: dict[tuple[str, bool, bool], list[Kept]] = {}
        self._families_of_case: Counter[tuple[str, bool, bool]] = Counter()
        self._canaries: set[str] = set()
        self._environments = self._read_environments()
        self._switch_off()
        self.proxy = Proxy(stack.port, stack.process.pid, stack.name, {
            "station": urllib.parse.urlsplit(stack.station_url).netloc, "checkout": urllib.parse.urlsplit(stack.sandbox_origin).netloc}).start()
        clock, settings = Clock(stack.work / "clock"), self._environments["send-email"]
        self.driver = Driver(stack, self.proxy, clock, int(settings["LEASE_SECONDS"]), int(settings["SWEEP_LAG_SECONDS"]))
        self.world = GroundWorld(stack, self.proxy, self.driver)
        self._schools = self._seed_schools()
        self._configure({**self._detours(), "CLOCK_FILE": str(clock.file)})
        failed = self.aws.queue("GetQueueUrl", QueueName=f"{stack.name}-failed-changes")["QueueUrl"]
        self._queues: dict[str, str] = {**stack.queue_urls, "failed-changes": failed}
        self.purge()

    # ------------------------------------------------------------- functions

    def _read_environments(self) -> dict[str, dict[str, str]]:
        pages = self.stack.client("lambda").get_paginator("list_functions").paginate()
        prefix = f"{self.stack.name}-"
        ours = [found for page in pages for found in page["Functions"] if found["FunctionName"].startswith(prefix)]
        return {found["FunctionName"].removeprefix(prefix): found["Environment"]["Variables"] for found in ours}

    def _detours(self) -> dict[str, Any]:
        """Variables that send a function's calls through the proxy: a text, or what makes it from function and present value."""
        def through(service: str) -> Callable[[str, str | None], str]:
            return lambda function, _: self.proxy.url(function, service)

        def instead(service: str) -> Callable[[str, str | None], str | None]:
            def change(function: str, value: str | None) -> str | None:
                return value and self.proxy.url(function, service) + urllib.parse.urlsplit(value).path.lstrip("/")

            return change

        return {f"AWS_ENDPOINT_URL_{name}": through(service) for name, service in SERVICES.items()} | {"CHECKOUT_URL": instead("checkout"), "STATION_URL": instead("station")}

    def _configure(self, variables: dict[str, Any], chosen: Iterable[str] | None = None) -> None:
        """Sets variables of functions (None takes one away) and starts their processes anew, warm."""
        functions = self.stack.client("lambda")

        def change(function: str) -> None:
            settings = self._environments[function]
            for name, value in variables.items():
                fresh = value(function, settings.get(name)) if callable(value) else value
                if fresh is None:
                    settings.pop(name, None)
                else:
                    settings[name] = fresh
            functions.update_function_configuration(FunctionName=self.driver.lambda_name(function), Environment={"Variables": settings})
            self.aws.invoke(self.driver.lambda_name(function), {"Records": []})

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(change, chosen or self._environments))

    def _switch_off(self) -> None:
        functions, events = self.stack.client("lambda"), self.stack.client("events")
        for page in functions.get_paginator("list_event_source_mappings").paginate():
            for mapping in page["EventSourceMappings"]:
                functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        for rule in events.list_rules()["Rules"]:
            if rule.get("ScheduleExpression"):
                events.disable_rule(Name=rule["Name"])
        time.sleep(1.5)  # a poller that is at it ends its round

    def due(self) -> date:
        """A date that is right for a new notice."""
        return self.driver.clock.now().date() + timedelta(days=30)

    def watch(self, person: Person) -> None:
        """Somebody whose data must be seen by nobody else."""
        self._canaries |= {person.email, person.surname, person.fiscal_code}

    def told_that(self, step: str, status: int, claim: Callable[[Evidence], str | None]) -> None:
        """What somebody was told, to be compared with what is true at the end."""
        from rig.actor import Told

        self.told.append(Told(step, status, claim))

    def look_at_counters(self) -> None:
        """What the schools of this case see on their dashboards."""
        for school in self.schools:
            answer = self.world.clerk(school).client.get("/school")
            if answer.status == 200:
                self.counters.append((school.code, answer.json()))

    def _note(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        """Remembers which routes were asked for."""
        def noting(method: str, url: str, **how: Any) -> Any:
            parts = urllib.parse.urlsplit(urllib.parse.urljoin(self.stack.origin + "/", url))
            self.visited.add((parts.netloc, method, parts.path))
            return ask(method, url, **how)

        return noting

    def restart(self, function: str) -> None:
        """A fresh process of a function, warm."""
        self.proxy.kill(function)
        while DIED in (self.aws.invoke(self.driver.lambda_name(function), {"Records": []})[1] or ""):
            pass  # the emulator notices a dead process while it hands over an event

    def mutant(self, name: str | None, functions: Iterable[str] | None = None) -> None:
        """One rule broken in these functions, or in none: all of them, or those that were broken, are whole again."""
        chosen = set(self._environments if functions is None else functions)
        if name is None and self._mutant:
            chosen = self._mutant[1]
        self._configure({"MUTANT": name}, chosen)
        self._mutant = (name, chosen) if name else None
        self.driver.skip()

    # --------------------------------------------------- schools and families

    def _seed_schools(self) -> list[School]:
        """Made by the seed program, one by one, and taken out of the table again."""
        program = self.stack.target.build / "seed" / "bootstrap"
        settings = {key: value for key, value in self.stack.target.cli_environment().items() if key in ("PATH", "HOME") or key.startswith("AWS_")}
        found = []
        for number in range(SCHOOLS):
            self._empty(self.stack.table_name)
            command, environment = [str(program), "--schools", "1", "--from", str(number)], {**settings, **self._environments["register"]}
            said = subprocess.run(command, text=True, capture_output=True, check=True, env=environment)
            school = School(**json.loads(said.stdout.splitlines()[0]))
            self._kept[school.code] = Kept(school, self._scan(self.stack.table_name), [], [], 0.0)
            found.append(school)
        return found

    def school(self) -> School:
        """A school that no other of this case has, with its clerk signed in (`world.clerk(school)`)."""
        turn = next(self._turn)
        if turn and turn % len(self._schools) == 0:
            self.restart("issue-notice")  # it remembers blocks of numbers: a school that comes back must look fresh to it
        school = self._schools[turn % len(self._schools)]
        kept = self._kept[school.code]
        self._put_back(kept)
        if time.time() - kept.made > KEPT_SECONDS:
            self.world.forget_clerk(school)
            kept.items = [item for item in kept.items if not item["SK"]["S"].startswith("R#SESSION#")]
            fresh = self._make(lambda: self.world.clerk(school))
            kept.items = [*kept.items, *fresh.items]
            kept.made = time.time()
        self._canaries.add(self.world.clerk(school).client.token or "")
        self.schools.append(school)
        return school

    def family(self, school: School | None, linked: bool = True, consented: bool = True, fresh: bool = False) -> Family:
        """A parent who has gone the whole way, with a pupil of the school; another one at each call of a case."""
        kind = (school.code if school else "", linked, consented)
        turn = self._families_of_case[kind]
        self._families_of_case[kind] += 1
        kept = self._kept_families.setdefault(kind, [])
        if fresh or len(kept) <= turn or time.time() - kept[turn].made > KEPT_SECONDS:
            made = self._make(lambda: self._new_family(school, linked, consented))
            if not fresh and self.driver.clock.offset == 0 and turn <= len(kept):
                kept[turn:turn + 1] = [made]  # one made in the future would be of no use in a later case
        else:
            made = kept[turn]
            self._put_back(made)
        family: Family = made.value
        self._canaries |= {*family.canaries, family.client.token or ""}
        # What a flow changes in it must not be seen by the next case.
        return replace(family, client=Client(self.stack, token=family.client.token), pupils=list(family.pupils))

    def _new_family(self, school: School | None, linked: bool, consented: bool) -> Family:
        family = self.world.family(consented=consented)
        if school:
            pupil = self.world.pupil(school)
            family.pupils.append(pupil)
            if linked:
                self.world.clerk(school).link(pupil, family.person)
        return family

    def _make(self, work: Callable[[], Any]) -> Kept:
        """Does something through the service, without mutants, to its very end; keeps what it left."""
        mutant = self._mutant
        if mutant:
            self.mutant(None)
        self.driver.settle(sweep=False)
        changes, mails = len(self.driver.changes), len(self.proxy.mails)
        value = work()
        self.driver.settle(sweep=False)
        since = self.driver.changes[changes:]
        last = {(change.keys["PK"], change.keys["SK"]): change.record["dynamodb"].get("NewImage") for change in since}
        if mutant:
            self.mutant(*mutant)
        return Kept(value, [item for item in last.values() if item], self.proxy.mails[mails:], since, time.time())

    def _put_back(self, kept: Kept) -> None:
        """Nobody hears of it: what it caused has been done."""
        self.driver.step()
        self._write(self.stack.table_name, [{"PutRequest": {"Item": item}} for item in kept.items])
        self.driver.skip()
        self.driver.changes += kept.changes
        self.proxy.mails += kept.mails

    # ---------------------------------------------------------------- tables

    def _scan(self, table: str, **more: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        after: dict[str, Any] = {}
        while True:
            page = self.aws.table("Scan", TableName=table, ConsistentRead=True, **more, **after)
            items += page["Items"]
            if "LastEvaluatedKey" not in page:
                return items
            after = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _write(self, table: str, requests: list[dict[str, Any]]) -> None:
        for start in range(0, len(requests), BATCH):
            answer = self.aws.table("BatchWriteItem", RequestItems={table: requests[start:start + BATCH]})
            assert not answer.get("UnprocessedItems"), answer

    def _empty(self, table: str) -> list[dict[str, Any]]:
        items = self._scan(table)
        self._write(table, [{"DeleteRequest": {"Key": {"PK": item["PK"], "SK": item["SK"]}}} for item in items])
        return items

    # --------------------------------------------------------------- evidence

    def _buckets(self) -> dict[str, str]:
        return {"archive": self.stack.archive_bucket, "failed-changes": self.stack.outputs["FailedChangesBucket"]}

    def _objects(self, bucket: str) -> list[str]:
        listed = self.aws.send("s3", "GET", f"/{bucket}?list-type=2").body.decode()
        return [unescape(key) for key in re.findall(r"<Key>([^<]*)</Key>", listed)]

    def _bodies(self, queue: str) -> list[str]:
        """What lies in a queue and what the driver holds of it. Messages stay, invisible for a while."""
        found = [message.body for message in self.driver.queues.get(queue, [])]
        while page := self.aws.queue("ReceiveMessage", QueueUrl=self._queues[queue], MaxNumberOfMessages=10, VisibilityTimeout=600).get("Messages"):
            found += [message["Body"] for message in page]
        return found

    def _logs(self) -> list[tuple[str, str]]:
        lines = []
        for function in self._environments:
            group = f"/aws/lambda/{self.driver.lambda_name(function)}"
            events = self.aws.logs("FilterLogEvents", logGroupName=group, startTime=int(self._began * 1000))["events"]
            lines += [(function, event["message"].rstrip()) for event in events if not event["message"].startswith(("START ", "END ", "REPORT "))]
        return lines

    def canaries(self) -> set[str]:
        """What must be nowhere but where it belongs: of families of this case, and the secrets that their mails hold."""
        found = set(self._canaries)
        for mail in self.proxy.mails:
            found |= set(re.findall(r"[?&]token=([A-Za-z0-9]+)", mail["text"]))
            found |= set(re.findall(r"^\s*Password provvisoria:?\s+(\S+)", mail["text"], re.MULTILINE))
        return found - {""}

    def evidence(self) -> Evidence:
        assert not self.proxy.broken, self.proxy.broken[0]
        self.driver.read()
        listed = [(name, bucket, key) for name, bucket in self._buckets().items() for key in self._objects(bucket)]
        objects = {f"{name}/{key}": self.aws.send("s3", "GET", f"/{bucket}/{urllib.parse.quote(key)}").body for name, bucket, key in listed}
        return Evidence(
            items=[plain_item(item) or {} for item in self._scan(self.stack.table_name)],
            changes=list(self.driver.changes), mails=list(self.proxy.mails), exchanges=list(self.proxy.exchanges),
            sandbox_items=[plain_item(item) or {} for item in self._scan(self.stack.sandbox_table_name)],
            objects=objects, queues={queue: self._bodies(queue) for queue in self._queues},
            told=list(self.told), faults=list(self.proxy.faults), logs=self._logs(), canaries=self.canaries(), counters=list(self.counters),
            data_key=self.world.data_key, now=self.driver.clock.now(), swept=list(self.driver.swept), lost=list(self.driver.lost), errors=list(self.driver.errors))

    def purge(self) -> None:
        """The case was never here, but for numbers of notices that were given out."""
        self.proxy.clear()
        self._keep_numbers(self._empty(self.stack.table_name))
        self._empty(self.stack.sandbox_table_name)
        for bucket in self._buckets().values():
            for key in self._objects(bucket):
                self.aws.send("s3", "DELETE", f"/{bucket}/{urllib.parse.quote(key)}")
        for url in self._queues.values():
            self.aws.queue("PurgeQueue", QueueUrl=url)
        self._cases += 1
        if self._cases % CASES_PER_LOG == 0:
            for function in self._environments:
                self.aws.logs("DeleteLogGroup", logGroupName=f"/aws/lambda/{self.driver.lambda_name(function)}")
                self.aws.logs("CreateLogGroup", logGroupName=f"/aws/lambda/{self.driver.lambda_name(function)}")
        self.driver.forget()
        self.proxy.forget()
        self.driver.clock.reset()
        self.told, self.counters, self.schools, self._canaries = [], [], [], set()
        self._families_of_case.clear()
        self._began = time.time()

    def _keep_numbers(self, items: list[dict[str, Any]]) -> None:
        """Functions remember blocks of numbers that they reserved: a school that comes back goes on behind them."""
        numbers = {item["PK"]["S"]: item for item in items if item["SK"]["S"].startswith("NUMBERS#")}
        for school in self._schools:
            if fresh := numbers.get(f"SCHOOL#{school.code}"):
                kept = self._kept[school.code]
                kept.items = [*(item for item in kept.items if not item["SK"]["S"].startswith("NUMBERS#")), fresh]
