"""The core's rules under races: two that write at once, a consumer that sleeps while its lease ends, answers in the wrong order.

Each case is held at one call by the proxy, so that it goes the same way every time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from lib.client import Client, fine, refused
from lib.station import Receipt
from lib.world import fresh_id
from rig.campaign import Campaign, Run, flow_named
from rig.faults import Aim, Fault, Kind
from rig.flows import PASSWORD, Flow, family_alone, issued, linked, not_consented, submitted
from rig.ground import Ground

SETTLE = Aim("psp-callback", "dynamodb", "TransactWriteItems", "NOTICE+RECEIPT/OK")
CLAIM = Aim("send-email", "dynamodb", "PutItem", "CLAIM")


@contextmanager
def held(ground: Ground, aim: Aim, work: Callable[[], Any]) -> Iterator[list[Any]]:
    """`work` goes on in a thread until it makes the call; inside the block it stands still there. Afterwards its result is in the list."""
    results: list[Any] = []

    def go() -> None:
        try:
            results.append(work())
        except Exception as error:  # noqa: BLE001
            results.append(error)

    ground.proxy.plan(Fault(Kind.HOLD, aim))
    thread = threading.Thread(target=go)
    thread.start()
    ground.proxy.held()
    try:
        yield results
    finally:
        ground.proxy.release()
        thread.join()


def heard(ground: Ground, receipt: Receipt) -> str:
    """What the Node hears about a receipt, once."""
    return ground.world.station.deliver(receipt).verdict


def play(campaign: Campaign, name: str, prepare: Callable[[Ground], Any], act: Callable[[Ground, Any], None], **how: Any) -> Run:
    run = campaign.run(Flow(name, prepare, act), **how)
    assert run.problems == [], run.problems
    return run


# ------------------------------------------------------------------ receipts


def test_two_receipts_at_once_settle_a_notice_once(campaign: Campaign) -> None:
    """The one that decided on what the other then changed reads again and is told as the second (CORE 1.1, 1.5)."""
    def act(ground: Ground, state: Any) -> None:
        first, second = Receipt(state.school.code, state.number), Receipt(state.school.code, state.number)
        with held(ground, SETTLE, lambda: heard(ground, first)) as slow:
            assert heard(ground, second) == "OK"
        assert slow == ["OK"]
        [notice] = ground.world.items(f"NOTICE#{state.school.code}#{state.number}")
        assert notice["receipt"] == second.id and notice["further"] == [first.id]

    play(campaign, "race-of-receipts", issued, act)


def test_the_same_receipt_at_once_is_one(campaign: Campaign) -> None:
    def act(ground: Ground, state: Any) -> None:
        receipt = Receipt(state.school.code, state.number)
        with held(ground, SETTLE, lambda: heard(ground, receipt)) as slow:
            assert heard(ground, receipt) == "OK"
        assert slow == ["PAA_RECEIPT_DUPLICATA"]

    play(campaign, "race-of-one-receipt", issued, act)


def test_conflicts_three_times_are_tried_again_and_never_answered_as_final(campaign: Campaign) -> None:
    def act(ground: Ground, state: Any) -> None:
        receipt = Receipt(state.school.code, state.number)
        ground.proxy.plan(*(Fault(Kind.CONFLICT, Aim(SETTLE.function, SETTLE.service, SETTLE.operation, SETTLE.item, nth)) for nth in range(1, 10)))
        said = ground.world.station.deliver(receipt)
        assert said.status == 500, "the Node comes back: nothing is final"
        assert heard(ground, receipt) == "OK"

    play(campaign, "conflicts", issued, act)


# ---------------------------------------------------------------------- mails


def test_a_consumer_that_slept_before_its_claim_finds_it_done(campaign: Campaign) -> None:
    """The message came again meanwhile and was served; who wakes up sends nothing (CORE 2.4)."""
    def act(ground: Ground, state: Any) -> None:
        driver = ground.driver
        state.clerk.issue(state.family.pupil, due=str(ground.due()))
        driver.read()
        [shard] = driver.shards
        driver.invoke("relay-changes", {"Records": list(shard.records)})
        shard.records.clear()
        mapping = next(mapping for mapping in driver.mappings if mapping.queue == "mail-bulk")
        driver._read_queue(mapping)
        event = {"Records": [driver._record(mapping, message) for message in driver.queues["mail-bulk"]]}
        driver.queues["mail-bulk"].clear()
        with held(ground, CLAIM, lambda: driver.invoke("send-email", event)) as slept:
            assert driver.invoke("send-email", event) == ({"batchItemFailures": []}, None)
        assert slept == [({"batchItemFailures": []}, None)]

    run = play(campaign, "sleeping-consumer", linked, act)
    assert run.evidence is not None
    assert len([mail for mail in run.evidence.mails if "Nuovo avviso" in mail["subject"]]) == 1


def test_a_lease_that_ended_lets_another_send_and_the_late_end_changes_nothing(campaign: Campaign) -> None:
    """Killed between claim and send: after the lease another one sends, once."""
    def act(ground: Ground, state: Any) -> None:
        ground.proxy.plan(Fault(Kind.KILL_BEFORE, Aim("send-email", "sesv2", "SendEmail", "mail")))
        state.clerk.issue(state.family.pupil, due=str(ground.due()))

    run = play(campaign, "ended-lease", linked, act, edges={"duplicate": 1.0})
    assert run.evidence is not None
    announced = [mail for mail in run.evidence.mails if "Nuovo avviso" in mail["subject"]]
    assert len(announced) == 1


def test_a_cause_that_a_newer_one_replaced_is_told_once(campaign: Campaign) -> None:
    """Two recoveries before anything was sent: one mail, with the newer link (CORE 2.5)."""
    def act(ground: Ground, state: Any) -> None:
        for _ in range(2):
            client = Client(ground.stack)
            fine(client.post("/password/forgot", username=state.family.username, **client.robot("/password/forgot")), 202)
            ground.driver.clock.advance(61)

    run = play(campaign, "superseded", family_alone, act)
    assert run.evidence is not None
    assert len([mail for mail in run.evidence.mails if "Reimpostazione password" in mail["subject"]]) == 1


# --------------------------------------------------------------------- people


def test_a_sign_in_that_read_the_old_password_does_not_outlive_its_change(campaign: Campaign) -> None:
    """The generation was read with the credential (CORE 3.1)."""
    def act(ground: Ground, state: Any) -> None:
        family, aim = state.family, Aim("login", "dynamodb", "PutItem", "PERSON/R#SESSION")
        login = lambda: Client(ground.stack).post("/login", username=family.username, password=family.password)  # noqa: E731
        with held(ground, aim, login) as slow:
            fine(family.client.post("/password/change", old_password=family.password, new_password=PASSWORD, new_password_confirmation=PASSWORD))
        [answer] = slow
        assert answer.status == 200, answer.text
        refused(Client(ground.stack, token=answer.json()["access_token"]).get("/consents"), 401, "not-signed-in")

    play(campaign, "late-sign-in", family_alone, act)


def test_two_presses_of_the_confirmation_make_one_person(campaign: Campaign) -> None:
    def act(ground: Ground, state: Any) -> None:
        press = lambda: Client(ground.stack).post("/registration/verify", token=state.token)  # noqa: E731
        verified = next(call.aim for call in campaign.clean(flow_named("verify-email")).calls if call.operation == "TransactWriteItems")
        with held(ground, verified, press) as slow:
            fine(press(), 201)
        assert slow[0].status in (409, 410), slow[0].text
        people = [item for item in ground.evidence().items if item["SK"] == "R#PERSON" and item["email"] == state.person.email]
        assert len(people) == 1

    campaign.clean(flow_named("verify-email"))
    play(campaign, "two-presses", submitted, act)


def test_two_consents_at_once_are_one_decision(campaign: Campaign) -> None:
    """The first moment counts, and the history tells one."""
    def act(ground: Ground, state: Any) -> None:
        aim = next(call.aim for call in campaign.clean(flow_named("consent")).calls if call.operation == "TransactWriteItems")
        accept = lambda: state.family.client.post("/consents", accept="on")  # noqa: E731
        with held(ground, aim, accept) as slow:
            fine(accept())
        assert slow[0].status == 200, slow[0].text
        items = [item for item in ground.evidence().items if "CONSENT" in item["SK"]]
        assert len(items) == 2 and items[0]["at"] == items[1]["at"], items

    campaign.clean(flow_named("consent"))
    play(campaign, "two-consents", not_consented, act)


# -------------------------------------------------------------------- commands


@pytest.mark.parametrize("keys", [1, 2], ids=["one command twice", "two commands"])
def test_commands_at_once(campaign: Campaign, keys: int) -> None:
    """One key is one notice whoever is first; two keys are two notices with numbers of their own (CORE 1.6)."""
    def act(ground: Ground, state: Any) -> None:
        key = [fresh_id(), fresh_id()]
        order = lambda n: state.clerk.issue(state.family.pupil, due=str(ground.due()), idempotency_key=key[n % keys])["number"]  # noqa: E731
        with held(ground, Aim("issue-notice", "dynamodb", "PutItem", "NOTICE"), lambda: order(0)) as slow:
            quick = order(1)
        assert isinstance(slow[0], str) and (slow[0] == quick) is (keys == 1), (slow, quick)

    play(campaign, "race-of-commands", linked, act)


def test_a_mail_in_doubt_that_is_overtaken_leaves_no_claim_open(campaign: Campaign) -> None:
    """Killed between claim and send, and paid before the lease ends: nothing is left to announce, and that is an end too (CORE 2.4)."""
    def act(ground: Ground, state: Any) -> None:
        ground.proxy.plan(Fault(Kind.KILL_BEFORE, Aim("send-email", "sesv2", "SendEmail", "mail")))
        number = state.clerk.issue(state.family.pupil, due=str(ground.due()))["number"]
        while not ground.driver.errors:
            ground.driver.step()
        assert heard(ground, Receipt(state.school.code, number)) == "OK"

    play(campaign, "overtaken", linked, act)
