"""The payer at the sandbox's Checkout, and its controls: what real life does to receipts."""

from typing import Any

from lib.client import fine
from lib.pages import Page, Walker

CARD = "4242 4242 4242 4242"
LATE_CARD = "4000 0000 0000 0119"
REFUSED_CARD = "4000 0000 0000 0002"
MOST_PAGES = 12


class Checkout:
    """Somebody without scripts who pays a cart; `email` where the cart brought none."""

    def __init__(self, stack: Any, walker: Walker | None = None):
        self.stack = stack
        self.walker = walker or Walker(stack)
        #: The summary as the payer read it.
        self.summary = ""
        #: Where the payer was sent back to.
        self.returned = ""

    def pay(self, url: str, *, card: str = CARD, psp: str | None = None, email: str = "genitore@famiglie.example") -> Page:
        """From the cart's address back to the creditor's site."""
        page = self.walker.open(url)
        for _ in range(MOST_PAGES):
            assert page.status == 200, f"{page.status} {page.url}: {page.text[:400]}"
            match page.url.split("?")[0].rstrip("/").rsplit("/", 1)[1]:
                case "method":
                    page = self.walker.press("/method", method="card")
                case "card":
                    page = self.walker.press("/card", holder="Maria Prova", number=card, expiry="12/39", cvv="123")
                case "psp":
                    first = page.document.xpath("//button[@name='psp']/@value")[0]
                    page = self.walker.press("/psp", psp=psp or first)
                case "summary":
                    self.summary = page.text
                    page = self.walker.press("/confirm")
                case "outcome":
                    self.returned = page.link("torna a")
                    return self.walker.open(self.returned)
                case _:
                    page = self.walker.press("/pay/", email=email)
        raise AssertionError(f"Checkout does not end: {page.url}")

    # ---------------------------------------------------------- controls

    def control(self, method: str, path: str, fields: dict[str, Any] | None = None) -> Any:
        return self.stack.request(method, f"{self.stack.sandbox_origin}/sandbox/{path}", json_body=fields, headers={"Accept": "application/json"})

    def repeat(self, receipt: str, **how: Any) -> dict[str, Any]:
        """The receipt again, as `how` says; what the station answered."""
        return fine(self.control("POST", f"receipts/{receipt}/repeat", how))

    def receipts(self, number: str) -> list[dict[str, Any]]:
        return fine(self.control("GET", f"receipts?notice_number={number}&limit=200"))["receipts"]

    def pay_notice(self, school: str, number: str, **how: Any) -> dict[str, Any]:
        """Somebody pays a notice at a counter or in an app: verify, activation, receipt."""
        return fine(self.control("POST", "payments", {"fiscal_code": school, "notice_number": number, **how}), 201)
