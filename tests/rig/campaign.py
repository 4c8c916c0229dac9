"""The method, one for every flow: record a clean run → each call × each fault, in a fresh school and family → faults stop, time is
driven until nothing is left to do → ALL standing checks.

    make faults                      every call of every flow with every fault that applies to it
    make faults SEED=7 N=500         so many random plans of two to four faults
    make faults CASE='issue | issue-notice dynamodb PutItem NOTICE | lose'     one case again, with all it did
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rig.checks import MAY_BE_EMPTY, Verdict, check
from rig.faults import Aim, Fault, Kind, applicable
from rig.flows import FLOWS, Flow
from rig.ground import Evidence, Ground
from rig.proxy import Call

#: The seed of the short campaign that is part of the suite.
SHORT_SEED = 20261124
#: What queues do in every case: the driver's own rates. `None` for orderly queues.
USUAL: dict[str, float] = {}


@dataclass
class Run:
    """A flow, once: what it called, what was found."""

    flow: Flow
    calls: list[Call]
    faults: list[Fault]
    verdicts: list[Verdict] = field(default_factory=list)
    #: What made it end early: a refusal of something right, a bound of rounds.
    broke: str = ""
    seconds: float = 0
    evidence: Evidence | None = None

    @property
    def problems(self) -> list[str]:
        found = [f"{verdict.id}: {problem}" for verdict in self.verdicts for problem in verdict.problems]
        if self.evidence and self.evidence.swept and not self.evidence.lost:
            # Nothing but a lost change is the sweeper's: it would hide what the road forgets (CORE 2.10).
            found.append(f"sweep: the sweeper had to send {self.evidence.swept}")
        return [*([self.broke] if self.broke else []), *found]

    @property
    def red(self) -> set[str]:
        """The checks that failed."""
        return {problem.partition(":")[0] for problem in self.problems if problem != self.broke} | ({"broke"} if self.broke else set())


@dataclass
class Case:
    run: Run
    problems: list[str]

    @property
    def name(self) -> str:
        return " + ".join(name_of(self.run.flow, fault) for fault in self.run.faults)


def name_of(flow: Flow, fault: Fault) -> str:
    aim = fault.aim
    nth = f" {aim.nth}" if aim.nth > 1 else ""
    return f"{flow.name} | {aim.function} {aim.service} {aim.operation} {aim.item}{nth} | {fault.kind}"


def named(name: str) -> tuple[Flow, Fault]:
    """The flow and the fault of a case's name, as a red case prints it."""
    flow, call, kind = (part.strip() for part in name.split("|"))
    function, service, operation, item, *nth = call.split(" ")
    return flow_named(flow), Fault(Kind(kind), Aim(function, service, operation, item, int(nth[0]) if nth else 1))


def flow_named(name: str) -> Flow:
    return next(flow for flow in FLOWS if flow.name == name)


class Campaign:
    def __init__(self, ground: Ground, seed: int = SHORT_SEED):
        self.ground = ground
        self.random = random.Random(seed)
        self.seed = seed
        self._clean: dict[str, Run] = {}

    # ------------------------------------------------------------ one run

    def run(self, flow: Flow, faults: Iterable[Fault] = (), *, edges: dict[str, float] | None = USUAL) -> Run:
        """Prepares, acts under faults, lets everything come to its end, looks at all there is, and leaves nothing behind.

        `edges` are the rates at which queues and stream misbehave."""
        ground, armed = self.ground, list(faults)
        started = time.monotonic()
        ground.driver.edges.off()
        run = Run(flow, [], armed)
        try:
            state = self._prepared(flow)
        except (AssertionError, OSError) as error:
            run.broke = f"the preparation failed twice: {type(error).__name__}: {str(error)[:600]}"
            ground.purge()
            return run
        if edges is not None:
            # By the case's name: played again alone it meets the same.
            ground.driver.edges.on(crc32("|".join([str(self.seed), flow.name, *map(str, armed)]).encode()), **edges)
        try:
            with ground.proxy.record() as calls:
                ground.proxy.plan(*armed)
                try:
                    flow.act(ground, state)
                    ground.driver.settle()
                finally:
                    ground.proxy.clear()
                    run.calls = list(calls)
        except Exception as error:  # noqa: BLE001 (whatever stopped it is the finding)
            run.broke = f"{type(error).__name__}: {str(error)[:600]}"
            try:
                ground.driver.settle()
            except Exception as stuck:  # noqa: BLE001
                run.broke += f"; then {type(stuck).__name__}: {str(stuck)[:300]}"
        ground.look_at_counters()
        run.evidence = ground.evidence()
        run.verdicts = check(run.evidence)
        ground.purge()
        run.seconds = time.monotonic() - started
        return run

    def _prepared(self, flow: Flow) -> Any:
        """What the flow begins with. It is not what is tried: on a busy machine it may be made once more."""
        for last in (False, True):
            try:
                state = flow.prepare(self.ground)
                self.ground.driver.settle(sweep=False)
                return state
            except (AssertionError, OSError):
                if last:
                    raise
                self.ground.purge()

    def clean(self, flow: Flow) -> Run:
        """The flow without faults and with orderly queues: what it calls. A red clean run is an error."""
        if flow.name not in self._clean:
            run = self.run(flow, edges=None)
            if any(call.attempts > 1 for call in run.calls):
                run = self.run(flow, edges=None)  # the machine was busy for longer than a client's patience
            if run.problems:
                raise AssertionError(f"{flow.name} without any fault: " + "; ".join(run.problems))
            self._clean[flow.name] = run
        return self._clean[flow.name]

    def case(self, flow: Flow, *faults: Fault, at_least_one: bool = False) -> Case:
        run = self.run(flow, faults)
        fired = [fault.fired for fault in run.faults]
        problems = list(run.problems)
        if at_least_one and not any(fired):
            problems.append("no fault fired")
        if not at_least_one and any(count != 1 for count in fired):
            problems.append(f"the fault fired {fired} times instead of once")
        return Case(run, problems)

    # ----------------------------------------------------------- campaigns

    def faults(self, flow: Flow) -> list[Fault]:
        """Each call of the clean run with each fault that can befall it."""
        seen: Counter[Aim] = Counter()
        found: list[Fault] = []
        if not flow.faulted:
            return found
        for call in self.clean(flow).calls:
            aim = call.aim
            seen[aim] += 1
            found += [Fault(kind, Aim(aim.function, aim.service, aim.operation, aim.item, seen[aim])) for kind in applicable(call)]
        return found

    def exhaustive(self, flows: Iterable[Flow]) -> Iterator[Case]:
        for flow in flows:
            for fault in self.faults(flow):
                yield self.case(flow, fault)

    def sample(self, flows: Iterable[Flow], count: int) -> Iterator[Case]:
        """So many cases, spread over flows and kinds; the same for the same seed."""
        every = [(flow, fault) for flow in flows for fault in self.faults(flow)]
        for flow, fault in self.random.sample(every, min(count, len(every))):
            yield self.case(flow, fault)

    def at_random(self, flows: list[Flow], count: int) -> Iterator[Case]:
        """Plans of two to four faults in one flow. A later fault may find its call gone: one at least must fire."""
        for _ in range(count):
            flow = self.random.choice([flow for flow in flows if len(self.faults(flow)) > 1])
            possible = self.faults(flow)
            plan = self.random.sample(possible, min(self.random.randint(2, 4), len(possible)))
            yield self.case(flow, *plan, at_least_one=True)


def empty_checks(runs: Iterable[Run]) -> list[str]:
    """Standing checks that looked at nothing in all these runs, though nothing says why that would be right."""
    subjects: Counter[str] = Counter()
    for run in runs:
        for verdict in run.verdicts:
            subjects[verdict.id] += verdict.subjects
    return [f"{name} looked at nothing" for name, count in subjects.items() if count == 0 and name not in MAY_BE_EMPTY]


# ----------------------------------------------------------------- printing


class Tally:
    """Flow × call × fault × verdict as they come, and the totals."""

    def __init__(self, verbose: bool) -> None:
        self.verbose = verbose
        self.cases: list[Case] = []
        self.started = time.monotonic()

    def add(self, case: Case) -> None:
        self.cases.append(case)
        if self.verbose or case.problems:
            print(f"{'RED  ' if case.problems else 'green'} {case.name}  {case.run.seconds:.2f} s", flush=True)
        for problem in case.problems:
            print(f"      {problem}", flush=True)

    def totals(self) -> str:
        kinds = Counter(str(fault.kind) for case in self.cases for fault in case.run.faults if fault.fired)
        subjects: Counter[str] = Counter()
        for case in self.cases:
            for verdict in case.run.verdicts:
                subjects[verdict.id] += verdict.subjects
        red = sum(bool(case.problems) for case in self.cases)
        calls = sum(len(case.run.calls) for case in self.cases)
        return "\n".join([
            f"{len(self.cases)} cases, {red} red, {calls} calls seen, {sum(kinds.values())} faults fired, {time.monotonic() - self.started:.0f} s",
            "faults  " + "  ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())),
            "checks  " + "  ".join(f"{name} {count}" for name, count in subjects.items()) + "   (subjects looked at)",
        ])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["faults", "counts"])
    parser.add_argument("--seed", type=int, help="random plans instead of every case")
    parser.add_argument("--number", type=int, help="so many random plans instead of every case (200 with a seed alone)")
    parser.add_argument("--flow", action="append", help="only these flows")
    parser.add_argument("--case", help="one case (or plan) again, by the name that a red one printed")
    parser.add_argument("--write", action="store_true", help="counts: write them into the file")
    options = parser.parse_args()

    from lib.stacks import PATIENT, a_stack
    from rig import counts

    flows = [flow for flow in FLOWS if not options.flow or flow.name in options.flow]
    with a_stack("faults", **PATIENT) as stack:
        campaign = Campaign(Ground.raise_(stack), SHORT_SEED if options.seed is None else options.seed)
        if options.what == "counts":
            return counts.show(campaign, flows, write=options.write)
        tally = Tally(verbose=True)
        if options.case:
            plan = [named(name) for name in options.case.split(" + ")]
            cases: Iterable[Case] = iter([campaign.case(plan[0][0], *(fault for _, fault in plan), at_least_one=len(plan) > 1)])
        elif options.seed is not None or options.number is not None:
            print(f"seed {campaign.seed}: {options.number or 200} plans")
            cases = campaign.at_random(flows, options.number or 200)
        else:
            cases = campaign.exhaustive(flows)
        for case in cases:
            tally.add(case)
        print(tally.totals())
        empty = [] if options.case or options.flow else empty_checks(case.run for case in tally.cases)
        for line in empty:
            print(f"RED   {line}")
        return 1 if empty or any(case.problems for case in tally.cases) else 0


if __name__ == "__main__":
    sys.exit(main())
