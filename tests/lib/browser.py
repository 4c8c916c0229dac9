"""A person at a real browser, who notices what is wrong: errors in the console, requests elsewhere, barriers (axe-core)."""

import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lib.tools import ROOT

SCREENS = ROOT / "tests" / ".output" / "screens"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
#: What the page itself tells of a broken policy, before any script of its own runs.
LISTEN = """
window.__violations = [];
document.addEventListener('securitypolicyviolation', e => window.__violations.push(e.effectiveDirective + ' ' + e.blockedURI + ' ' + e.sourceFile));
"""


@cache
def axe() -> str:
    return AXE.read_text(encoding="utf-8")


class Person:
    """One browser context; everything that goes wrong in it is kept in `wrong` and asked for by `fine()`."""

    def __init__(self, browser: Any, stack: Any, name: str, size: dict[str, int], *, scripts: bool = True, language: str = "it-IT"):
        self.stack, self.name = stack, name
        self.context = browser.new_context(
            base_url=stack.origin, locale=language, timezone_id="Europe/Rome", viewport=size, java_script_enabled=scripts,
            is_mobile=size is PHONE, has_touch=size is PHONE, accept_downloads=True)
        self.context.set_default_timeout(15_000)
        self.scripts = scripts
        if scripts:
            self.context.add_init_script(LISTEN)
        self.hosts = {urlsplit(url).netloc for url in (stack.origin, stack.sandbox_origin)}
        self.wrong: list[str] = []
        self.expected: list[str] = []
        self.looked: list[str] = []
        self.page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"{self.page.url}: {error}"))
        self.page.on("request", self._request)
        self.page.on("requestfailed", self._failed)

    def _console(self, message: Any) -> None:
        # A refused form (422, 409) is shown by the browser as an error of the network: that is what it is told to be.
        refused = re.search(r"status of (4\d\d)", message.text)
        if message.type == "error" and not (refused and refused[1] in self.expected):
            self.wrong.append(f"{self.page.url}: {message.text[:300]}")

    def _request(self, request: Any) -> None:
        url = urlsplit(request.url)
        if url.scheme in ("http", "https") and url.netloc not in self.hosts:
            self.wrong.append(f"{self.page.url} asked {request.url}")

    def _failed(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # a download, or a page that was left
            self.wrong.append(f"{request.url}: {request.failure}")

    # ------------------------------------------------------------ acting

    def go(self, path: str) -> None:
        self.page.goto(path, wait_until="load")

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.fill(f"[name='{name}']", value)

    def tick(self, *boxes: str) -> None:
        """Where the box is drawn, which may be its label's doing."""
        for box in boxes:
            self.page.check(box, force=True)
            assert self.page.is_checked(box), box

    def submit(self, within: str = "main form", button: str = "button[type=submit]") -> None:
        with self.page.expect_navigation(wait_until="load"):
            self.page.locator(f"{within} {button}").first.click()

    def press(self, words: str, within: str = "main") -> None:
        """A button or link by what stands on it."""
        target = self.page.locator(within).locator("a, button").filter(has_text=words).first
        with self.page.expect_navigation(wait_until="load"):
            target.click()

    def not_a_robot(self) -> None:
        self.page.locator("altcha-widget input[type=checkbox]").first.click()  # ticked once the work is done
        self.page.wait_for_function("() => (document.querySelector('input[name=altcha]') || {}).value")

    @property
    def heading(self) -> str:
        return " ".join(self.page.locator("h1").first.inner_text().split())

    @property
    def text(self) -> str:
        return " ".join(self.page.locator("main").inner_text().split())

    # ------------------------------------------------------------ looking

    def look(self, what: str) -> None:
        """Looks at the present page as everybody would: barriers, width, policy; keeps a picture."""
        self.looked.append(what)
        SCREENS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENS / f"{self.name}-{len(self.looked):02}-{what}.png", full_page=True)
        if not self.scripts:
            return
        self.page.evaluate(axe())
        found = self.page.evaluate("rules => axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']})", RULES)
        for violation in found["violations"]:
            nodes = [f"{node['target']} {node['html'][:160]} {node.get('failureSummary', '')[:300]}" for node in violation["nodes"][:3]]
            self.wrong.append(f"{what} ({self.page.url}): {violation['id']}: {violation['help']}\n    " + "\n    ".join(nodes))
        self.wrong += [f"{what}: policy: {entry}" for entry in self.page.evaluate("window.__violations || []")]
        wide = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if wide[0] > wide[1]:
            self.wrong.append(f"{what} ({self.page.url}) is {wide[0]} wide on a screen of {wide[1]}")
        if self.page.locator("h1").count() != 1:
            self.wrong.append(f"{what} has {self.page.locator('h1').count()} first headings")
        if self.page.locator("html[lang]").count() != 1 or not self.page.title():
            self.wrong.append(f"{what} has no language or no title")

    def fine(self) -> None:
        assert not self.wrong, "\n".join(self.wrong)

    def close(self) -> None:
        self.context.close()

    def cookies(self) -> dict[str, dict[str, Any]]:
        return {f"{cookie['domain']} {cookie['name']}": cookie for cookie in self.context.cookies()}


def clear_screens() -> None:
    for old in Path(SCREENS).glob("*.png"):
        old.unlink()
