"""A person, a payer or the Node under faults: asks again as patient ones do, and remembers what they were told."""

import http.client
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lib.client import Client

if TYPE_CHECKING:
    from rig.ground import Evidence, Ground

#: How often somebody tries before they give up.
PATIENCE = 6

Claim = Callable[["Evidence"], str | None]


@dataclass
class Told:
    """What somebody was told at last, and whether that is true: `claim` answers what is not."""

    step: str
    status: int
    claim: Claim
    #: What they heard before that: HTTP statuses, or how the connection ended.
    before: tuple[str, ...] = ()


class Refused(AssertionError):
    """The service refused somebody who did nothing wrong, served somebody whom it must not, or never answered."""


def word(answer: Any) -> str:
    """An answer in one word: the code of its problem, else its status."""
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        return json.loads(answer.body).get("code") or str(answer.status)
    return str(answer.status)


def spent(answer: Any) -> bool:
    """Is nothing wrong but the captcha, which an earlier try has used up?"""
    errors = answer.json().get("errors") if word(answer) == "invalid-fields" else None
    return bool(errors) and all(error["field"] == "robot" for error in errors)


def honest(claim: Claim | None, before: tuple[str, ...]) -> Claim:
    """The claim, and that nobody hears of a fault where there was none."""
    def untrue(evidence: "Evidence") -> str | None:
        if before and not any(fault.fired for fault in evidence.faults):
            return f"heard {', '.join(before)} though nothing had failed"
        return claim(evidence) if claim else None

    return untrue


def patiently(ask: Callable[[], Any]) -> tuple[Any, tuple[str, ...]]:
    """Asks until there is an answer below 500; and what came before it."""
    before: list[str] = []
    for _ in range(PATIENCE):
        try:
            answer = ask()
        except (OSError, http.client.HTTPException) as error:
            before.append(type(error).__name__)
            continue
        if answer.status < 500:
            return answer, tuple(before)
        before.append(word(answer))
    raise Refused(f"nothing but {before}")


class Actor:
    def __init__(self, ground: "Ground", client: Client | None = None):
        self.ground = ground
        self.client = client or Client(ground.stack)

    def tell(self, step: str, status: int, claim: Claim | None, before: tuple[str, ...] = ()) -> None:
        self.ground.told.append(Told(step, status, honest(claim, before), before))

    def step(self, name: str, method: str, path: str, fields: Any = None, *, expect: int | str = 200, already: Collection[str] = (), key: str | None = None,
             accept: str = "application/json", form: dict[str, str] | None = None, claim: Claim | None = None) -> Any:
        """One request, the very same again after HTTP 5xx or a cut connection. `fields` may be a function: a captcha that an earlier try has
        spent is solved anew.

        `expect` is a status or the code of a problem; `already` are codes that are right only to a repeat, since the first try has done the work:
        the claim must then hold all the same."""
        self.ground.proxy.mark(name)
        fill = fields if callable(fields) else lambda: fields
        given = fill()

        def ask() -> Any:
            headers = {"Idempotency-Key": key} if key else None
            body: dict[str, Any] = {"form": {"csrf": self.client.csrf or "", **form}} if form is not None else {"fields": given}
            return self.client.send(method, path, accept=accept, headers=headers, **body)

        try:
            answer, before = patiently(ask)
            while before and callable(fields) and spent(answer):
                given = fill()
                answer, more = patiently(ask)
                before = (*before, "captcha used", *more)
                if len(before) > 2 * PATIENCE:
                    break
        except Refused as error:
            raise Refused(f"{name}: {error}") from None
        said = word(answer)
        if answer.status == expect or said == expect or (before and said in already):
            self.tell(name, answer.status, claim, before)
            return answer
        wrong = f"{said} instead of {expect}{f' after {list(before)}' if before else ''}: {answer.text[:300]}"
        self.tell(name, answer.status, lambda _: wrong)
        raise Refused(f"{name}: {wrong}")

    def get(self, name: str, path: str, **more: Any) -> Any:
        return self.step(name, "GET", path, **more)

    def robot(self, path: str, **fields: Any) -> Callable[[], dict[str, Any]]:
        """Fields of a form with a captcha."""
        return lambda: {**fields, **self.client.robot(path)}

    def shown(self, name: str, seen: Any, wanted: Any) -> None:
        """What a page says must be what the table said when it was asked."""
        self.tell(name, 200, lambda _: None if seen == wanted else f"was shown {seen!r} instead of {wanted!r}")


class Patient:
    """A stack for a browser whose user reloads after an error, each redirect by itself."""

    def __init__(self, actor: Actor, stack: Any):
        self._actor, self._stack = actor, stack

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stack, name)

    def request(self, method: str, url: str, **how: Any) -> Any:
        answer, before = patiently(lambda: self._stack.request(method, url, **how))
        self._actor.tell(f"{method} at Checkout", answer.status, None, before)
        return answer


class Node:
    """pagoPA's Node, played by a test: repeats what got no answer or HTTP 500, as the real one does; what it heard is in the evidence."""

    def __init__(self, ground: "Ground"):
        self.ground = ground

    def ask(self, name: str, question: Callable[[], Any], verdict: str = "OK", claim: Claim | None = None, *, again: str = "") -> Any:
        """Until there is an answer, which must be this one; `again` is right only to a repeat."""
        self.ground.proxy.mark(name)
        try:
            answer, before = patiently(question)
        except Refused as error:
            raise Refused(f"{name}: {error}") from None
        right = answer.verdict == verdict or (before and answer.verdict == again)
        wrong = f"the Node heard {answer.verdict} instead of {verdict} after {list(before)}"
        self.ground.told.append(Told(name, answer.status, honest(claim if right else lambda _: wrong, before), before))
        if not right:
            raise Refused(f"{name}: {wrong}")
        return answer

    def deliver(self, name: str, receipt: Any, verdict: str = "OK", *, version: str = "V2", claim: Claim | None = None) -> None:
        """A receipt until OK; a repeat may hear that it is known."""
        self.ask(name, lambda: self.ground.world.station.deliver(receipt, version), verdict, claim, again="PAA_RECEIPT_DUPLICATA")
