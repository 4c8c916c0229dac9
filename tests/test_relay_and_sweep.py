"""Messages are the difference of two images. When the relay dies and the stream forgets, the sweeper closes the hole."""

import json
from collections import Counter

import pytest
from lib.client import Client, fine
from lib.consumers import Consumers, sqs_event
from lib.people import somebody
from lib.station import Receipt
from lib.world import PERTINI, World, fresh_id


@pytest.fixture
def consumers(world: World) -> Consumers:
    return Consumers(world.stack)


def sweep(world: World) -> None:
    """A whole pass: the schedule's event begins it, the chain of messages goes on by itself to the table's end."""
    consumers = Consumers(world.stack)
    world.stack.invoke("sweep-changes", {"source": "aws.events", "detail-type": "Scheduled Event"})
    world.stack.wait_for("the end of the pass", lambda: consumers.depth("sweep") == 0)


def subjects(world: World, address: str) -> Counter[str]:
    return Counter(mail["subject"].split(" - ")[0] for mail in world.stack.mails(address))


def test_the_relay_stopped_during_the_story_and_its_position_thrown_away(world: World, consumers: Consumers) -> None:
    person, pupil, client = somebody(), world.pupil(), Client(world.stack)
    # An item that no release can read must not stop the others.
    poison = {"PK": f"NOTICE#{PERTINI.code}#poison", "SK": "NOTICE"}
    with consumers.stopped("relay-changes"):
        try:
            world.table.put_item(Item={**poison, "kind": "notice", "version": "x"})
            # Nothing but the sweeper brings a mail now: it is asked while one is waited for, until the change is old enough.
            world.pump = lambda: sweep(world)
            username, provisional = world.register(person, client)
            parent, _ = world.first_access(username, provisional)
            fine(parent.post("/consents", accept="on"))
            world.clerk().link(pupil, person)
            issued = world.clerk().issue(pupil)
            paid = Receipt(PERTINI.code, issued["number"])
            assert world.station.deliver(paid).verdict == "OK"
            odd = Receipt(PERTINI.code, issued["number"])
            assert world.station.deliver(odd).verdict == "OK"
            for subject in ("Associazione alunno confermata", "Pagamento eseguito"):
                world.mail(person.email, subject)
            world.stack.wait_for("the school's mail", lambda: sweep(world) or [m for m in world.stack.mails(PERTINI.email) if odd.id in m["text"]])
        finally:
            world.pump = None
            world.table.delete_item(Key=poison)
            consumers.forget_stream()

    expected = {"Conferma registrazione": 1, "Creazione utenza": 1, "Associazione alunno confermata": 1, "Pagamento eseguito": 1}
    # The announcement was overtaken by the payment: whoever has paid is not asked to.
    assert subjects(world, person.email) - Counter({"Nuovo avviso di pagamento": 1}) == expected
    # Every message that was caused has its end, so another pass finds nothing to do.
    for key in ("credentials", "linked", "announce", "paid"):
        assert all(claim["done"] for claim in world.claims(f"{key}/"))
    before = len(world.stack.mails())
    sweep(world)
    sweep(world)
    again = world.clerk().issue(pupil)
    world.mail(person.email, "Nuovo avviso di pagamento", count=subjects(world, person.email)["Nuovo avviso di pagamento"] + 1)
    assert len(world.stack.mails()) == before + 1, "the relay works again, and nothing was sent twice"
    assert again["number"] != issued["number"]


def test_an_announcement_that_was_lost_is_sent_by_the_sweeper(world: World, consumers: Consumers) -> None:
    family = world.family(PERTINI)
    with consumers.stopped("relay-changes"):
        world.clerk().issue(family.pupil)
        world.pump = lambda: sweep(world)
        try:
            world.mail(family.person.email, "Nuovo avviso di pagamento")
        finally:
            world.pump = None
    # The relay comes back with the same change: it is claimed, nothing goes out again.
    world.clerk().issue(family.pupil, description="Seconda richiesta")
    second = world.stack.wait_for("the second notice's mail", lambda: [m for m in world.stack.mails(family.person.email) if "Seconda richiesta" in m["text"]])
    assert len(second) == 1 and subjects(world, family.person.email)["Nuovo avviso di pagamento"] == 2


def test_the_same_batch_again_sends_nothing_again(world: World, consumers: Consumers) -> None:
    """Streams and queues deliver at least once."""
    family = world.family(PERTINI)
    number = world.clerk().issue(family.pupil)["number"]
    world.mail(family.person.email, "Nuovo avviso di pagamento")
    [notice] = world.items(f"NOTICE#{PERTINI.code}#{number}")
    message = json.dumps({"v": 1, "what": {"kind": "announce", "school": PERTINI.code, "number": number}, "cause": notice["notified"]})
    for _ in range(2):
        assert world.stack.invoke("send-email", sqs_event([message, message])) == {"batchItemFailures": []}
    assert subjects(world, family.person.email)["Nuovo avviso di pagamento"] == 1


def test_a_claim_that_another_holds_brings_the_message_back(world: World) -> None:
    """Never acknowledged: whoever holds it may have died."""
    family = world.family(PERTINI)
    number = world.clerk().issue(family.pupil)["number"]
    world.mail(family.person.email, "Nuovo avviso di pagamento")
    [notice] = world.items(f"NOTICE#{PERTINI.code}#{number}")
    effect = f"announce/{PERTINI.code}/{number}/{notice['notified']['id']}"
    for claim in world.claims(effect):
        held = {**claim, "done": False, "lease_until": "2099-01-01T00:00:00Z"}
        world.table.put_item(Item=held)
    message = json.dumps({"v": 1, "what": {"kind": "announce", "school": PERTINI.code, "number": number}, "cause": notice["notified"]})
    answer = world.stack.invoke("send-email", sqs_event([message]))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "00000000-0000-4000-8000-000000000001"}]}
    # The lease is over: the message is sent, with the attempt counted.
    for claim in world.claims(effect):
        world.table.put_item(Item={**claim, "lease_until": "2020-01-01T00:00:00Z"})
    assert world.stack.invoke("send-email", sqs_event([message])) == {"batchItemFailures": []}
    assert subjects(world, family.person.email)["Nuovo avviso di pagamento"] == 2


def test_a_guardian_who_cannot_be_told_keeps_nobody_else_from_being_told(world: World) -> None:
    first, second = world.family(PERTINI), world.family(PERTINI)
    world.clerk().link(first.pupil, second.person)
    with_claims = sorted([first, second], key=lambda family: world.person_id(family.username))
    number = world.clerk().issue(first.pupil)["number"]
    for family in with_claims:
        world.mail(family.person.email, "Nuovo avviso di pagamento")
    [notice] = world.items(f"NOTICE#{PERTINI.code}#{number}")
    effect = f"announce/{PERTINI.code}/{number}/{notice['notified']['id']}"
    # As if nobody had been told, but the first one's claim cannot even be read.
    world.stack.wait_for("all claims", lambda: len([c for c in world.claims(effect) if c["done"]]) == 3)
    for claim in world.claims(effect):
        key = {"PK": claim["PK"], "SK": claim["SK"]}
        if claim["PK"].endswith(world.person_id(with_claims[0].username)):
            world.table.put_item(Item={**key, "version": "unreadable"})
        else:
            world.table.delete_item(Key=key)
    message = json.dumps({"v": 1, "what": {"kind": "announce", "school": PERTINI.code, "number": number}, "cause": notice["notified"]})
    answer = world.stack.invoke("send-email", sqs_event([message]))
    assert answer["batchItemFailures"], "the message comes again for the first"
    assert subjects(world, with_claims[1].person.email)["Nuovo avviso di pagamento"] == 2, "the second was told all the same"
    for claim in world.claims(effect):
        world.table.delete_item(Key={"PK": claim["PK"], "SK": claim["SK"]})


def test_an_effect_that_is_over_is_closed_though_an_attempt_before_had_no_end(world: World) -> None:
    family = world.family(PERTINI)
    number = world.clerk().issue(family.pupil)["number"]
    world.mail(family.person.email, "Nuovo avviso di pagamento")
    [notice] = world.items(f"NOTICE#{PERTINI.code}#{number}")
    effect = f"announce/{PERTINI.code}/{number}/{notice['notified']['id']}"
    world.stack.wait_for("the effect's end", lambda: [c for c in world.claims(effect) if c["PK"] == f"CLAIM#{effect}" and c["done"]])
    [whole] = [c for c in world.claims(effect) if c["PK"] == f"CLAIM#{effect}"]
    world.table.put_item(Item={**whole, "done": False, "lease_until": "2020-01-01T00:00:00Z"})
    message = json.dumps({"v": 1, "what": {"kind": "announce", "school": PERTINI.code, "number": number}, "cause": notice["notified"]})
    assert world.stack.invoke("send-email", sqs_event([message])) == {"batchItemFailures": []}
    [whole] = [c for c in world.claims(effect) if c["PK"] == f"CLAIM#{effect}"]
    assert whole["done"]


def test_a_poison_message_spoils_no_other_and_ends_in_the_dead_letter_queue(world: World, consumers: Consumers) -> None:
    sqs, url = consumers.sqs, world.stack.queue_urls["mail-now"]
    visibility = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"]
    consumers.take("mail-now-dlq")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})  # five tries in seconds
    try:
        poison = f"poison {fresh_id()}"
        sqs.send_message(QueueUrl=url, MessageBody=poison)
        person = somebody()
        world.submit(Client(world.stack), person)
        world.mail(person.email, "Conferma registrazione")
        dead = world.stack.wait_for("the poison in the dead-letter queue", lambda: consumers.take("mail-now-dlq"), timeout=40)
        assert dead == [poison]
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": visibility})


def test_nothing_of_the_tests_is_left_in_a_dead_letter_queue(world: World, consumers: Consumers) -> None:
    for queue in ("mail-now-dlq", "mail-bulk-dlq", "journal-dlq", "sweep-dlq", "sandbox-deliveries-dlq"):
        assert consumers.depth(queue) == 0, f"{queue}: {consumers.take(queue)}"
