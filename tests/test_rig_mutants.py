"""A check that cannot fail checks nothing: each mutant of `shared/mutants` breaks one rule, and what should see it must see it."""

import json
import os
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from lib.client import Client, fine
from lib.stacks import BUILD
from lib.station import Receipt
from lib.world import fresh_id
from rig.actor import Actor
from rig.campaign import Campaign, Run, flow_named, named
from rig.faults import Fault
from rig.flows import Flow, family_alone, issued, linked, notice
from rig.ground import Ground
from test_rig_core import SETTLE, held

ALWAYS_TWICE = {"duplicate": 1.0}
#: What sees a mutant that no standing check can see.
Look = Callable[[Run], bool]


@dataclass(frozen=True)
class Trap:
    """How a mutant is caught: a flow, a fault (as a red case names it), queues and stream that misbehave, or steps of its own."""

    flow: str
    fault: str | None = None
    edges: dict[str, float] | None = None
    #: Of what the mutant's own line names (`G4` …): these checks must be red; or whatever this sees.
    look: Look | None = None
    prepare: Callable[[Ground], Any] | None = None
    act: Callable[[Ground, Any], None] | None = None


# ------------------------------------------------------------- steps of their own


def two_receipts_at_once(ground: Ground, state: Any) -> None:
    first, second = Receipt(state.school.code, state.number), Receipt(state.school.code, state.number)
    with held(ground, SETTLE, lambda: ground.world.station.deliver(first)):
        ground.world.station.deliver(second)


def issue(ground: Ground, state: Any, times: int = 1) -> None:
    for _ in range(times):
        state.clerk.issue(state.family.pupil, due=str(ground.due()))


def issue_twice(ground: Ground, state: Any) -> None:
    issue(ground, state, 2)


def ask_twice_before_anything_is_sent(ground: Ground, state: Any) -> None:
    for _ in range(2):
        client = Client(ground.stack)
        fine(client.post("/password/forgot", username=state.family.username, **client.robot("/password/forgot")), 202)
        ground.driver.clock.advance(61)


def eight_days_late(ground: Ground, state: Any) -> None:
    """The change reaches the relay when its window is over."""
    issue(ground, state)
    ground.driver.read()
    records = [record for shard in ground.driver.shards for record in shard.records]
    for shard in ground.driver.shards:
        shard.records.clear()
    ground.driver.clock.advance(8 * 24 * 3600)
    ground.driver.invoke("relay-changes", {"Records": records})


def told_once(ground: Ground, state: Any) -> None:
    """Nobody asks again: a repeat with the same key would make up for it."""
    fields = {"pupil": state.family.pupil.id, "description": "Gita", "category": "trip", "amount": "22.00", "due": str(ground.due()), "idempotency_key": fresh_id()}
    number = Actor(ground, state.clerk.client).step("issue", "POST", "/school/notices", fields, expect=201).json()["number"]
    ground.told_that("issue", 201, notice(state.school.code, number, state="payable"))


def it_comes_again_while_it_is_held(ground: Ground, state: Any) -> None:
    """A queue may deliver again at any time, while the lease of whoever died still runs."""
    issue(ground, state)
    while not ground.driver.queues.get("mail-bulk"):
        ground.driver.step()
    for message in ground.driver.queues["mail-bulk"]:
        message.visible = 0
    ground.driver.step()


def the_first_of_two_exchanges_comes_again(ground: Ground, state: Any) -> None:
    """Two messages of the journal in one batch, then one of them again alone."""
    ground.world.station.verify(state.school.code, state.number)
    ground.world.station.get_payment(state.school.code, state.number)
    ground.driver._read_queue(next(mapping for mapping in ground.driver.mappings if mapping.queue == "journal"))
    first = replace(ground.driver.queues["journal"][0])
    ground.driver.step()
    ground.driver.queues["journal"].append(first)


def a_message_of_tomorrow(ground: Ground, state: Any) -> None:
    issue(ground, state)
    ground.driver.read()
    [change] = [change for change in ground.driver.changes if change.new and change.new.get("kind") == "notice" and change.event == "INSERT"][-1:]
    body = {"v": 2, "what": {"kind": "announce", "school": state.school.code, "number": change.new["number"]}, "cause": change.new["notified"]}  # type: ignore[index]
    answer, error = ground.driver.invoke("send-email", {"Records": [{"messageId": "00000000-0000-4000-8000-000000000001", "body": json.dumps(body)}]})
    assert not error and answer["batchItemFailures"], "a message of a newer format was acknowledged"


def poison_in_the_table(ground: Ground, state: Any) -> None:
    """An item that cannot be read, and a change that only the sweeper can bring."""
    ground.world.table.put_item(Item={"PK": f"NOTICE#{state.school.code}#poison", "SK": "NOTICE", "kind": "notice", "version": "x"})
    issue(ground, state)
    ground.driver.settle()
    ground.world.table.delete_item(Key={"PK": f"NOTICE#{state.school.code}#poison", "SK": "NOTICE"})
    ground.driver.skip()


def two_passes_before_anything_is_sent(ground: Ground, state: Any) -> None:
    """The second pass asks for nothing: the first has."""
    issue(ground, state)
    ground.driver.settle(sweep=False)
    ground.driver.edges.lose = 0.0
    for _ in range(2):
        ground.driver.clock.advance(ground.driver.lag + 1)
        ground.driver.invoke("sweep-changes", {"source": "aws.events"})
    ground.driver._read_queue(next(mapping for mapping in ground.driver.mappings if mapping.queue == "mail-bulk"))
    messages = [message.body for message in ground.driver.queues["mail-bulk"]]
    assert len(messages) == len(set(messages)), "the sweeper asked twice"


# --------------------------------------------------------------------- the traps


def mails(run: Run, subject: str) -> int:
    return len([mail for mail in run.evidence.mails if subject in mail["subject"]]) if run.evidence else 0


def attempts(run: Run) -> bool:
    return any(call.service == "sesv2" and call.attempts > 1 for call in run.calls)


def weakly_read(run: Run) -> bool:
    return any(call.consistent is False and not call.index and call.function != "pagopa-sandbox" for call in run.calls)


def given_up(run: Run) -> bool:
    return run.evidence is not None and any(key.startswith("failed-changes/") for key in run.evidence.objects)


RECEIPT = "psp-callback dynamodb TransactWriteItems NOTICE+RECEIPT/OK"
RELAY = "relay-changes sqs SendMessageBatch mail-bulk"
MAIL = "send-email sesv2 SendEmail mail"

TRAPS: dict[str, Trap] = {
    "ok-before-commit": Trap("station", f"{RECEIPT} | refuse"),
    "ko-on-transient": Trap("station", f"{RECEIPT} | refuse"),
    "receipt-without-notice": Trap("station"),
    "settle-unconditional": Trap("station", prepare=issued, act=two_receipts_at_once),
    "paid-amount-of-notice": Trap("receipt-of-another-amount"),
    "copies-unseen": Trap("receipt-odd"),
    "share-settles": Trap("receipt-beside"),
    "ko-pays": Trap("receipt-beside"),
    "raw-cut": Trap("station"),
    "relay-forgets": Trap("associate", f"{RELAY} | refuse"),
    "relay-ignores-failed": Trap("associate", f"{RELAY} | partial"),
    "relay-skips-guardian": Trap("associate"),
    "relay-skips-poison": Trap("associate", edges={"poison": 1.0}, look=lambda run: not given_up(run)),
    "causes-from-version": Trap("station"),
    "consume-forgets": Trap("associate", f"{MAIL} | refuse"),
    "never-acknowledged": Trap("associate"),
    "send-without-claim": Trap("associate", edges=ALWAYS_TWICE),
    "claim-unconditional": Trap("associate", edges=ALWAYS_TWICE),
    "one-claim-for-all": Trap("issue"),
    "held-is-done": Trap("issue", f"{MAIL} | kill-before", prepare=linked, act=it_comes_again_while_it_is_held),
    "never-finish": Trap("associate"),
    "finish-before-send": Trap("associate", f"{MAIL} | kill-before"),
    "retry-mail-in-sdk": Trap("associate", f"{MAIL} | refuse", look=attempts),
    "not-superseded": Trap("recover-password", prepare=family_alone, act=ask_twice_before_anything_is_sent, look=lambda run: mails(run, "Reimpostazione password") > 1),
    "unknown-version-read": Trap("issue", prepare=linked, act=a_message_of_tomorrow, look=lambda run: "newer format" in run.broke),
    "parked-sent": Trap("issue", prepare=linked, act=eight_days_late, look=lambda run: mails(run, "Nuovo avviso") > 0),
    "sweep-stops-at-poison": Trap("issue", prepare=linked, act=poison_in_the_table, edges={"lose": 1.0}),
    "sweep-forgets-pause": Trap("issue", prepare=linked, act=two_passes_before_anything_is_sent, edges={"lose": 1.0}, look=lambda run: "asked twice" in run.broke),
    "sweep-finds-nothing": Trap("associate", edges={"lose": 1.0}),
    "told-before-write": Trap("issue", "issue-notice dynamodb PutItem NOTICE | refuse", prepare=linked, act=told_once),
    "number-again": Trap("issue", prepare=linked, act=issue_twice),
    "command-forgotten": Trap("issue"),
    "block-untold": Trap("issue-first-of-block"),
    "attempt-forgotten": Trap("checkout"),
    "link-one-side": Trap("associate"),
    "generation-unchecked": Trap("change-password"),
    "token-twice": Trap("resend"),
    "count-wrong": Trap("school-pages"),
    "weak-read": Trap("list-and-open", look=weakly_read),
    "log-address": Trap("associate"),
    "journal-skipped": Trap("station"),
    "journal-overwrites": Trap("station", prepare=issued, act=the_first_of_two_exchanges_comes_again),
}


def mutants() -> list[dict[str, str]]:
    """All there are, by the program that was built with them."""
    program = BUILD / "seed" / "bootstrap"
    if not program.exists():
        return []
    said = subprocess.run([str(program), "--mutants"], text=True, capture_output=True, check=True, env={"PATH": os.environ["PATH"]})
    return [json.loads(line) for line in said.stdout.splitlines()]


def faults(trap: Trap) -> list[Fault]:
    return [named(f"{trap.flow} | {trap.fault}")[1]] if trap.fault else []


def play(campaign: Campaign, trap: Trap) -> Run:
    flow = flow_named(trap.flow)
    own = Flow(trap.flow, trap.prepare or flow.prepare, trap.act or flow.act)
    return campaign.run(own, faults(trap), edges=trap.edges)


def caught(run: Run, trap: Trap, checks: str) -> bool:
    if trap.look:
        return trap.look(run)
    expected = {word.strip() for word in checks.split(",")}
    # What the road forgets the sweeper brings and thereby tells; what stands still or refuses somebody breaks the run.
    also = {"sweep"} if "G4" in expected else {"broke"} if expected & {"G6", "G7"} else set()
    return bool(run.red & (expected | also))


def test_every_mutant_has_a_trap() -> None:
    assert {mutant["name"] for mutant in mutants()} == set(TRAPS)


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant["name"])
def test_a_mutant_is_caught(campaign: Campaign, ground: Ground, mutant: dict[str, str]) -> None:
    trap = TRAPS[mutant["name"]]
    ground.mutant(mutant["name"], functions_of(campaign, trap))
    try:
        run = play(campaign, trap)
    finally:
        ground.mutant(None)
    assert caught(run, trap, mutant["checks"]), f"{mutant['breaks']}: nothing saw it ({mutant['checks']} should); red: {run.red} {run.problems[:3]}"


@pytest.mark.parametrize("name", sorted({name for name, trap in TRAPS.items() if trap.act or trap.edges or trap.fault}))
def test_a_trap_catches_nobody_innocent(campaign: Campaign, name: str) -> None:
    """The same steps, faults and edges without the mutant: nothing is red, and nothing is seen."""
    trap = TRAPS[name]
    run = play(campaign, trap)
    if trap.look:
        assert not trap.look(run), run.problems
    if name not in ("relay-skips-poison", "parked-sent"):  # there the failure itself is what is looked at
        assert run.problems == [], run.problems


def functions_of(campaign: Campaign, trap: Trap) -> Iterable[str]:
    """Only these processes need to be started anew."""
    return {call.function for call in campaign.clean(flow_named(trap.flow)).calls}
