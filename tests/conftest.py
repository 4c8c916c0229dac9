"""Fixtures: a stack of the tests' own (emulator, template, demo data) and a browser.

The functions must be built (`make test` does it, or `make build`); nothing here compiles.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "infra" / "local"))

import stack as local_stack  # noqa: E402
from lib.stacks import PATIENT, a_stack  # noqa: E402
from lib.world import World  # noqa: E402

if TYPE_CHECKING:
    from rig.campaign import Campaign
    from rig.ground import Ground

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]
LOG_LINES = 40

_running: local_stack.LocalStack | None = None


@pytest.fixture(scope="session")
def stack() -> Iterator[local_stack.LocalStack]:
    """The deployed service with its demo data; see LocalStack for what it offers."""
    global _running
    with a_stack("test", **{**PATIENT, "CallTimeoutMilliseconds": "1500"}) as running:
        _running = running
        yield running
    _running = None


@pytest.fixture(scope="session")
def world(stack: local_stack.LocalStack) -> World:
    """Clerks, fresh pupils, fresh families, the station; see lib/world.py."""
    return World(stack)


@pytest.fixture(scope="session")
def ground() -> Iterator["Ground"]:
    """A stack of its own, whose queues, stream and clock are driven by the rig (docs/rig.md)."""
    from rig.ground import Ground

    with a_stack("rig", **PATIENT) as running:
        yield Ground.raise_(running)


@pytest.fixture(scope="session")
def campaign(ground: "Ground") -> "Campaign":
    from rig.campaign import Campaign

    return Campaign(ground)


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """The system's Chromium, headless; it finds names below .localhost on this machine by itself."""
    program = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium on this machine (make doctor)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: object, stack: local_stack.LocalStack) -> Iterator[object]:
    """A fresh page in Italian whose relative addresses are the service's."""
    context = browser.new_context(base_url=stack.origin, locale="it-IT", timezone_id="Europe/Rome")  # type: ignore[attr-defined]
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


# ------------------------------------------------------------ reporting


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--strict-skips", action="store_true", default=os.environ.get("CI") == "true",
                     help="a skipped test fails (the default where CI=true)")


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """A skip in CI would hide a missing tool."""
    if report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"Skipped, which CI does not accept: {reason}"


def complaints(stack: local_stack.LocalStack, since: float) -> str:
    """Lines of all functions above the level of information, since a moment."""
    try:
        found = [f"{name}: {line}" for name in local_stack.deployment.functions() for line in stack.logs(name, since) if '"level":"ERROR"' in line or '"level":"WARN"' in line]
    except Exception as error:  # noqa: BLE001 (the emulator may be what failed)
        return f"the logs cannot be read: {error}"
    return "\n".join(line[:1000] for line in found[-LOG_LINES:])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    if item.config.getoption("--strict-skips"):
        _refuse_skip(report)
    if report.failed and _running is not None:
        report.sections.append(("emulator's log", _running.log_tail(LOG_LINES)))
        report.sections.append(("what functions complained of", complaints(_running, time.time() - call.duration - 1)))


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    outcome = yield
    if collector.config.getoption("--strict-skips"):
        _refuse_skip(outcome.get_result())
