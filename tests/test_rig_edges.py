"""What the edges of the service may do: queues that repeat and reorder, streams that replay and forget, clocks that differ, processes that
are frozen, a Node that repeats. After each of it, all standing checks (docs/rig.md)."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rig.campaign import Campaign, Run, flow_named
from rig.flows import Flow
from rig.ground import Ground

#: Each kind of message is caused by one of these.
TELLING = ("register", "verify-email", "change-password", "recover-password", "recover-username", "associate", "issue", "pay-online", "receipt-odd")


def green(run: Run) -> None:
    assert run.problems == [], run.problems


@pytest.mark.parametrize("name", TELLING)
def test_queues_that_repeat_reorder_and_hold_back_half_of_all_messages(campaign: Campaign, name: str) -> None:
    green(campaign.run(flow_named(name), edges={"duplicate": 0.5, "reorder": 0.5, "delay": 0.5}))


@pytest.mark.parametrize("name", TELLING)
def test_the_stream_gives_batches_again_from_an_earlier_position(campaign: Campaign, name: str) -> None:
    green(campaign.run(flow_named(name), edges={"replay": 0.6}))


@pytest.mark.parametrize("name", TELLING)
def test_what_the_stream_forgot_the_sweeper_brings(campaign: Campaign, name: str) -> None:
    """Every kind of message, with nothing but the sweeper to bring it."""
    run = campaign.run(flow_named(name), edges={"lose": 1.0})
    assert run.evidence is not None and run.evidence.lost and run.evidence.swept
    green(run)


@pytest.mark.parametrize("name", ["issue", "pay-online"])
def test_a_record_that_nobody_can_read_stops_no_other(campaign: Campaign, name: str) -> None:
    run = campaign.run(flow_named(name), edges={"poison": 1.0})
    assert run.evidence is not None
    given_up = [key for key in run.evidence.objects if key.startswith("failed-changes/")]
    assert given_up, "the record that cannot be read ends where somebody can repair it"
    # That object is the only complaint: everything else was told.
    assert {problem.partition(":")[0] for problem in run.problems} <= {"G6"}, run.problems


@pytest.mark.parametrize("seconds", [600, -590])
@pytest.mark.parametrize("name", ["register", "issue", "pay-online"])
def test_clocks_that_are_ten_minutes_off(campaign: Campaign, name: str, seconds: int) -> None:
    flow = flow_named(name)

    def prepare(ground: Ground) -> Any:
        ground.driver.clock.set(seconds)
        return flow.prepare(ground)

    green(campaign.run(Flow(name, prepare, flow.act)))


@pytest.mark.parametrize("name", ["station", "receipt-odd"])
@pytest.mark.parametrize("moment", ["2027-03-28T00:59:50+00:00", "2027-10-31T00:59:50+00:00"])
def test_the_nights_on_which_italian_clocks_change(campaign: Campaign, name: str, moment: str) -> None:
    """Ten seconds before the hour that does not exist, and before the one that comes twice: the Node sleeps on neither."""
    flow = flow_named(name)

    def act(ground: Ground, state: Any) -> None:
        ground.driver.clock.set((datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds())
        flow.act(ground, state)

    green(campaign.run(Flow(name, flow.prepare, act)))


@pytest.mark.parametrize(("name", "frozen"), [("issue", "issue-notice"), ("issue", "send-email"), ("station", "psp-callback"), ("list-and-open", "notices")])
def test_a_process_that_was_frozen_and_has_lost_its_connections(campaign: Campaign, name: str, frozen: str) -> None:
    """Between two invocations an environment stands still; what it held open is gone when it wakes."""
    flow = flow_named(name)

    def act(ground: Ground, state: Any) -> None:
        ground.driver.freeze(frozen)
        ground.proxy.hang_up()
        ground.driver.thaw(frozen)
        flow.act(ground, state)

    green(campaign.run(Flow(name, flow.prepare, act)))
