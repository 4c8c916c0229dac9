"""Every AWS call counted, every fault injected, everything checked: the flows of the service through the rig (docs/rig.md)."""

import lint_template
import pytest
from rig import counts, flows
from rig.campaign import Campaign, Tally, empty_checks
from rig.flows import FLOWS, Flow

#: Cases of the campaign that is part of the suite; `make faults` runs all there are.
SHORT = 120


@pytest.fixture(scope="session")
def tally() -> Tally:
    return Tally(verbose=False)


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_a_flow_without_faults_keeps_all_checks_and_costs_what_it_may(campaign: Campaign, flow: Flow) -> None:
    run = campaign.clean(flow)
    assert counts.complaints(flow.name, counts.of(flow.name, run.calls), counts.kept()) == []


def test_every_route_and_every_mapping_of_the_template_is_in_a_flow(campaign: Campaign) -> None:
    """By what the flows have really asked for and caused, not by what they say."""
    for flow in FLOWS:
        campaign.clean(flow)
    driver = campaign.ground.driver
    assert flows.uncovered(lint_template.flatten(), campaign.ground.visited) == []
    assert [f"{mapping.function} <- {mapping.queue or 'stream'}" for mapping in driver.mappings if mapping.uuid not in driver.used] == []


def test_counts_are_of_flows_that_exist() -> None:
    assert set(counts.kept()) == {flow.name for flow in FLOWS}


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_what_decides_is_read_strongly(campaign: Campaign, flow: Flow) -> None:
    """Indexes lag in the cloud and never here: they serve lists only; all else is read from the table, strongly (CORE 2.5)."""
    lists = {"notices", "monitor-payments", "associate-parent", "issue-notice", "send-email"}
    for call in campaign.clean(flow).calls:
        if call.service != "dynamodb" or call.consistent is None or call.function == "pagopa-sandbox":
            continue
        if call.index:
            assert call.function in lists, f"{call.aim} reads an index"
        else:
            assert call.consistent, f"{call.aim} reads what may be old"


def test_a_short_campaign(campaign: Campaign, tally: Tally) -> None:
    for case in campaign.sample(FLOWS, SHORT):
        tally.add(case)
    print(tally.totals())
    assert [f"{case.name}: {case.problems}" for case in tally.cases if case.problems] == []
    assert empty_checks(case.run for case in tally.cases) == []
