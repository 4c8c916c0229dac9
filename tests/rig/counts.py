"""Round trips, units, messages and mails of each flow, beside their limits: speed and cost that a test can guard.

A change fails until `counts.toml` is updated in the same commit (`make counts WRITE=1`), and a value above its limit fails even then.
Times are never guarded. What varies by nature has a range.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rig.flows import Flow
from rig.proxy import Call

FILE = Path(__file__).with_name("counts.toml")
#: What is counted, in this order, and what each means.
COLUMNS = {
    "calls": "requests to AWS",
    "hops": "of them one after the other",
    "write": "write units, indexes included",
    "read": "read units",
    "messages": "messages put on queues",
    "mails": "mails handed to the mail service",
    "hottest": "write units on the busiest partition key in one second",
}
#: pagoPA's own services are not AWS; secrets are read once an environment, at its start.
NOT_COUNTED = {"checkout", "station", "secretsmanager"}
#: The sandbox stands for pagoPA: what it costs is nobody's bill. The sweeper walks the whole table: its pass is a flow of its own.
NOT_COUNTED_FUNCTIONS = {"pagopa-sandbox", "sweep-changes"}

Value = int | float | list[int | float]


def hops(calls: Iterable[Call]) -> int:
    """Calls that overlap are one hop."""
    count, until = 0, float("-inf")
    for call in sorted(calls, key=lambda call: call.start):
        if call.start >= until:
            count += 1
        until = max(until, call.end)
    return count


def hottest(calls: Iterable[Call]) -> float:
    seconds: Counter[tuple[str, int]] = Counter()
    for call in calls:
        for key, units, way in call.keys:
            if way == "w":
                seconds[key, int(call.start)] += units  # type: ignore[assignment]
    return max(seconds.values(), default=0)


def messages(call: Call) -> int:
    if call.service != "sqs" or not call.operation.startswith("SendMessage"):
        return 0
    return len((call.body or {}).get("Entries") or [None])


def of(flow: str, calls: Iterable[Call]) -> dict[str, float]:
    """The counts of a flow's recorded run."""
    others = NOT_COUNTED_FUNCTIONS - ({"sweep-changes"} if flow == "sweep" else set())
    counted = [call for call in calls if call.service not in NOT_COUNTED and call.function not in others]
    return {
        "calls": len(counted),
        "hops": hops(counted),
        "write": sum(call.write for call in counted),
        "read": sum(call.read for call in counted),
        "messages": sum(messages(call) for call in counted),
        "mails": sum(call.service == "sesv2" for call in counted),
        "hottest": hottest(counted),
    }


def kept() -> dict[str, dict[str, Any]]:
    return tomllib.loads(FILE.read_text()) if FILE.exists() else {}


def within(value: float, allowed: Value) -> bool:
    return allowed[0] <= value <= allowed[1] if isinstance(allowed, list) else value == allowed


def complaints(name: str, found: dict[str, float], file: dict[str, dict[str, Any]]) -> list[str]:
    """What of a flow's counts is not as the file says, or above its limit."""
    row = file.get(name)
    if row is None:
        return [f"{name} is not in counts.toml: `make counts WRITE=1`, then give it limits"]
    wrong = []
    for column, value in found.items():
        entry = row.get(column)
        if entry is None:
            wrong.append(f"{name}.{column} is {value:g} and not in counts.toml")
        elif not within(value, entry["is"]):
            wrong.append(f"{name}.{column} is {value:g}, counts.toml says {entry['is']}: if that is meant, `make counts WRITE=1` and commit it")
        if entry is not None and value > entry["limit"]:
            wrong.append(f"{name}.{column} is {value:g}, above its limit of {entry['limit']:g}")
    return wrong


def text(file: dict[str, dict[str, Any]]) -> str:
    """The file's own form: one line a count, its limit beside it."""
    lines = ["# What each flow costs, and its limit (docs/rig.md). Written by `make counts WRITE=1`; limits and reasons by hand.", ""]
    for column, meaning in COLUMNS.items():
        lines.append(f"# {column:9} {meaning}")
    for name, row in file.items():
        lines += ["", f"[{name}]"]
        if "why" in row:
            lines.append(f'why = "{row["why"]}"')
        for column in COLUMNS:
            entry = row[column]
            shown = "[" + ", ".join(f"{part:g}" for part in entry["is"]) + "]" if isinstance(entry["is"], list) else f"{entry['is']:g}"
            lines.append(f"{column:9}= {{ is = {shown}, limit = {entry['limit']:g} }}")
    return "\n".join(lines) + "\n"


def show_steps(flow: str, calls: Iterable[Call]) -> None:
    """The same, step by step; what a step causes later is counted with the step before it was seen."""
    steps: dict[str, list[Call]] = {}
    for call in calls:
        steps.setdefault(call.step, []).append(call)
    for step, some in steps.items():
        print(f"  {step:20}" + "".join(f"{value:>18g}" for value in of(flow, some).values()))


def show(campaign: Any, flows: list[Flow], *, write: bool) -> int:
    """Prints the counts beside their limits; with `write` puts them into the file."""
    file, wrong = kept(), []
    print(f"{'flow':22}" + "".join(f"{column:>18}" for column in COLUMNS))
    for flow in flows:
        found = of(flow.name, campaign.clean(flow).calls)
        row = file.setdefault(flow.name, {})
        cells = []
        for column, value in found.items():
            entry = row.setdefault(column, {"is": value, "limit": value})
            if write and not within(value, entry["is"]):
                entry["is"] = value
            mark = "" if within(value, entry["is"]) and value <= entry["limit"] else " !"
            cells.append(f"{value:g} ≤ {entry['limit']:g}{mark}")
        print(f"{flow.name:22}" + "".join(f"{cell:>18}" for cell in cells))
        wrong += complaints(flow.name, found, file)
        if len(flows) == 1:
            show_steps(flow.name, campaign.clean(flow).calls)
    if write:
        FILE.write_text(text(file))
    for line in wrong:
        print(line)
    return 1 if wrong else 0
