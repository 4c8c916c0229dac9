"""A browser without scripts: opens pages, fills in forms, follows redirects from host to host, keeps each host's cookies."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag, urlencode, urljoin, urlsplit

from lxml import html

from lib import captcha
from lib.client import PAGE

MOST_REDIRECTS = 8


@dataclass
class Page:
    url: str
    answer: Any

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def document(self) -> html.HtmlElement:
        return html.fromstring(self.answer.body.decode())

    @property
    def text(self) -> str:
        """What a person reads, blanks folded."""
        main = self.document.find(".//main")
        return " ".join((self.document if main is None else main).text_content().split())

    @property
    def heading(self) -> str:
        found = self.document.find(".//h1")
        return " ".join(found.text_content().split()) if found is not None else ""

    def links(self) -> list[str]:
        return [urljoin(self.url, link.get("href")) for link in self.document.iterfind(".//a[@href]")]

    def link(self, words: str) -> str:
        """Where the link with these words leads."""
        for link in self.document.iterfind(".//a[@href]"):
            if words.lower() in " ".join(link.text_content().split()).lower():
                return urljoin(self.url, link.get("href"))
        raise AssertionError(f"no link {words!r} on {self.url}: {self.text[:400]}")

    def form(self, action: str) -> html.FormElement:
        """The form that posts to an action with this text in it, else the one that asks there."""
        forms = [form for form in self.document.forms if action in urljoin(self.url, form.get("action") or "")]
        forms.sort(key=lambda form: (form.get("method") or "get").lower() != "post")
        assert forms, f"no form to {action!r} on {self.url}: {self.text[:400]}"
        return forms[0]

    def input(self, name: str) -> Any:
        """The first field of that name."""
        found = self.document.xpath(f"//*[@name='{name}']")
        assert found, f"no field {name!r} on {self.url}"
        return found[0]


class Walker:
    def __init__(self, stack: Any, language: str = "it"):
        self.stack = stack
        self.language = language
        self.cookies: dict[str, dict[str, str]] = {}
        self.page: Page | None = None
        #: Every page that was shown, for tests that look for what must not be there.
        self.seen: list[Page] = []

    def open(self, url: str) -> Page:
        return self._go("GET", urljoin(self.page.url if self.page else self.stack.origin + "/", url), None)

    def submit(self, form: html.FormElement, **values: str) -> Page:
        """Sends a form as a browser does; `values` replaces what is in its fields. Keys may hold `-` as `_`."""
        assert self.page is not None
        fields = dict(form.fields)
        given = {}
        for name, value in values.items():
            named = name if name in fields else name.replace("_", "-")
            assert named in fields or named in [b.get("name") for b in form.iterfind(".//button[@name]")], f"no field {name!r}; there are {sorted(fields)}"
            given[named] = value
        sent = {name: value for name, value in {**fields, **given}.items() if value is not None}
        url = urljoin(self.page.url, form.get("action") or self.page.url)
        if (form.get("method") or "get").lower() == "get":
            return self._go("GET", f"{url.split('?')[0]}?{urlencode(sent)}", None)
        return self._go("POST", url, sent)

    def press(self, action: str, **values: str) -> Page:
        """Submits the present page's form to that action."""
        assert self.page is not None
        return self.submit(self.page.form(action), **values)

    def post(self, url: str, form: dict[str, str]) -> Page:
        """A form as a script would fill it in: fields that no element has."""
        assert self.page is not None
        return self._go("POST", urljoin(self.page.url, url), form)

    def register(self, fiscal_code: str) -> Page:
        """The first page of the registration, with the captcha's widget at work."""
        page = self.open("/registration")
        challenge = json.loads(page.document.xpath("//altcha-widget/@challenge")[0])
        fields = {"csrf": page.form("/registration").fields["csrf"], "fiscal_code": fiscal_code, "altcha": captcha.solve(challenge)}
        return self.post("/registration", fields)

    def _go(self, method: str, url: str, form: dict[str, str] | None) -> Page:
        origin_of = lambda url: "{0.scheme}://{0.netloc}".format(urlsplit(url))  # noqa: E731
        for _ in range(MOST_REDIRECTS):
            url = urldefrag(url)[0]
            jar = self.cookies.setdefault(urlsplit(url).netloc, {})
            headers = {"Accept": PAGE, "Accept-Language": self.language}
            if self.page is not None:
                same = origin_of(self.page.url) == origin_of(url)
                headers["Sec-Fetch-Site"] = "same-origin" if same else "cross-site"
            if method == "POST" and self.page is not None:
                headers |= {"Origin": origin_of(self.page.url), "Referer": self.page.url if same else origin_of(self.page.url) + "/"}
            answer = self.stack.request(method, url, headers=headers, cookies=jar or None, form=form)
            for line in answer.headers.get_all("Set-Cookie") or []:
                pair, *attributes = line.split(";")
                name, _, value = pair.partition("=")
                if any(attribute.strip().lower() == "max-age=0" for attribute in attributes):
                    jar.pop(name, None)
                else:
                    jar[name] = value
            if answer.status in (301, 302, 303, 307, 308) and answer.location:
                url = urljoin(url, answer.location)
                if answer.status not in (307, 308):
                    method, form = "GET", None
                continue
            self.page = Page(url, answer)
            self.seen.append(self.page)
            return self.page
        raise AssertionError(f"more than {MOST_REDIRECTS} redirects, the last to {url}")
