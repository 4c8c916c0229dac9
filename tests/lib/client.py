"""One browser, or one program: its cookies, its form token, its language."""

from typing import Any
from urllib.parse import urlencode

from lib import captcha

PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def problem(answer: Any) -> dict[str, Any]:
    """The problem that an answer tells (RFC 9457), checked for what all of them have."""
    assert answer.headers["content-type"].startswith("application/problem+json"), f"{answer.status}: {answer.text[:400]}"
    body = answer.json()
    assert body["status"] == answer.status and body["title"] and body["correlation_id"], body
    assert body["type"] == f"urn:pagoinrete:problem:{body['code']}", body
    return body


def refused(answer: Any, status: int, code: str | None = None, **fields: str) -> dict[str, Any]:
    """A refusal with this status, and this code or exactly these wrong fields."""
    assert answer.status == status, f"{answer.status} instead of {status}: {answer.text[:600]}"
    body = problem(answer)
    if code is not None:
        assert body["code"] == code, body
    if fields:
        wrong = {error["field"]: error["code"] for error in body["errors"]}
        assert wrong == fields, body
        assert all(error["detail"] for error in body["errors"]), body
    return body


def fine(answer: Any, status: int = 200) -> Any:
    """The JSON of an answer that must have this status."""
    assert answer.status == status, f"{answer.status} instead of {status}: {answer.text[:600]}"
    return answer.json() if answer.body else None


class Client:
    """Keeps what a browser keeps. With `token` it is a program that signs in by it and needs no form token."""

    def __init__(self, stack: Any, token: str | None = None, language: str = "it"):
        self.stack = stack
        self.token = token
        self.language = language
        self.cookies: dict[str, str] = {}
        self.csrf: str | None = None
        #: Everything that was received, for tests that look for what must not be there.
        self.received: list[str] = []

    def send(self, method: str, path: str, *, fields: dict[str, Any] | None = None, accept: str = "application/json",
             headers: dict[str, str] | None = None, form: dict[str, str] | None = None, body: bytes | str | None = None) -> Any:
        sent = {"Accept": accept, "Accept-Language": self.language, **(headers or {})}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        elif self.csrf and method not in ("GET", "HEAD") and form is None:
            sent.setdefault("X-Csrf-Token", self.csrf)
        answer = self.stack.request(method, path, headers=sent, cookies=self.cookies or None, json_body=fields, form=form, body=body)
        for line in answer.headers.get_all("Set-Cookie") or []:
            pair, *attributes = line.split(";")
            name, _, value = pair.partition("=")
            if any(attribute.strip().lower() == "max-age=0" for attribute in attributes):
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        self.csrf = answer.headers.get("x-csrf-token", self.csrf)
        self.received.append(f"{answer.headers}\n{answer.text}")
        return answer

    def get(self, path: str, **query: str) -> Any:
        return self.send("GET", f"{path}?{urlencode(query)}" if query else path)

    def page(self, path: str, **query: str) -> Any:
        """As a browser asks."""
        return self.send("GET", f"{path}?{urlencode(query)}" if query else path, accept=PAGE)

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: Any) -> Any:
        return self.send("POST", path, fields=fields, headers=headers)

    def post_form(self, path: str, **fields: str) -> Any:
        """As a browser sends a form; the form's token is added."""
        return self.send("POST", path, form={"csrf": self.csrf or "", **fields}, accept=PAGE)

    def delete(self, path: str) -> Any:
        return self.send("DELETE", path)

    # ------------------------------------------------------- not a robot

    def robot(self, path: str) -> dict[str, str]:
        """A solved captcha for the form at a path."""
        return {"altcha": captcha.solve(fine(self.get(path))["robot"]["altcha"])}

    def question(self, path: str) -> dict[str, str]:
        """The other way: the question and its answer."""
        question = fine(self.get(path))["robot"]["question"]
        return {"robot_question": question["token"], "robot_answer": captcha.answer(question["text"])}

    # ----------------------------------------------------------- signing in

    def sign_in(self, username: str, password: str) -> dict[str, Any]:
        """Signs in with the cookie, as a browser does; answers what a program gets as well."""
        self.get("/login")
        signed = fine(self.post("/login", username=username, password=password))
        self.csrf = None
        fine(self.get("/password/change"))  # any page: its answer brings the session's form token
        return signed
