"""The mailbox beside the local stack: a page with every mail that SES really took. Never deployed anywhere.

    python infra/local/mailbox.py --port 8025 --endpoint http://127.0.0.1:4566

Reads the emulator's list each time and keeps nothing: mails are gone when the emulator was restarted.
`GET /messages?to=ADDRESS` answers the same as JSON.
"""

import argparse
import json
import re
import sys
import urllib.parse
from datetime import datetime, timezone, tzinfo
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

sys.path.insert(0, str(Path(__file__).resolve().parent))
from stack import read_mails  # noqa: E402

STYLE = """
*{box-sizing:border-box}body{margin:0;font:1rem/1.5 system-ui,sans-serif;color:#17324d;background:#f5f6f8}
header{background:#06c;color:#fff;padding:1rem 1.5rem}header h1{font-size:1.25rem;margin:0}header p{margin:.25rem 0 0}
main{max-width:70rem;margin:0 auto;padding:1.5rem}a{color:#0059b3}a:focus,input:focus,button:focus,iframe:focus{outline:3px solid #f90;outline-offset:2px}
form{display:flex;flex-wrap:wrap;gap:.5rem;align-items:end;margin-bottom:1rem}label{display:block;font-weight:600}
input,button{font:inherit;padding:.4rem .6rem;border:1px solid #5c6f82;border-radius:4px;min-width:0}button{background:#06c;color:#fff;border-color:#06c;cursor:pointer}
ol{list-style:none;margin:0;padding:0}li a{display:block;background:#fff;border:1px solid #d9dadb;border-radius:4px;padding:.75rem 1rem;margin-bottom:.5rem;text-decoration:none;overflow-wrap:anywhere}
li a:hover{border-color:#06c}li strong{display:block}li span{color:#455b71}dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;overflow-wrap:anywhere}
dt{font-weight:600}dd{margin:0}iframe{width:100%;height:36rem;border:1px solid #d9dadb;background:#fff}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#fff;border:1px solid #d9dadb;padding:1rem}
.note{border-left:4px solid #06c;padding:.5rem 1rem;background:#fff}
"""
# What may happen inside a mail's frame: nothing but opening its links elsewhere.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data: cid:; sandbox allow-popups allow-popups-to-escape-sandbox"
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
RESTARTED = "Le e-mail non sopravvivono al riavvio dell'emulatore.", "Mails do not survive a restart of the emulator."


def both(italian: str, english: str) -> str:
    return f'{escape(italian)} <span lang="en">· {escape(english)}</span>'


def zone() -> tzinfo:
    try:
        return ZoneInfo("Europe/Rome")
    except ZoneInfoNotFoundError:  # no zones on this machine: UTC, and it says so
        return timezone.utc


def when(at: float) -> str:
    """Italian time, as the service's own pages show it, with its zone: CET or CEST."""
    return datetime.fromtimestamp(at, zone()).strftime("%d/%m/%Y %H:%M:%S %Z")


def page(title: str, body: str) -> bytes:
    return f"""<!doctype html>
<html lang="it"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{STYLE}</style></head>
<body><header><h1>{both("Casella di posta di prova", "Test mailbox")}</h1>
<p>{both("Solo locale: ogni e-mail che il servizio ha davvero consegnato a SES.", "Local only: every mail that the service really handed to SES.")}</p></header>
<main>{body}</main></body></html>""".encode()


def list_page(mails: list[dict], to: str) -> bytes:
    items = "".join(
        f"""<li><a href="/mail/{escape(mail["id"])}"><strong>{escape(mail["subject"]) or "—"}</strong>
<span>{escape(", ".join(mail["to"]))} · <time>{when(mail["at"])}</time></span></a></li>"""
        for mail in reversed(mails)
    )
    found = f"<ol>{items}</ol>" if items else f'<p class="note">{both("Nessuna e-mail.", "No mail.")}</p>'
    return page(
        f"Casella di posta ({len(mails)})",
        f"""<form action="/" method="get"><div><label for="to">{both("Destinatario", "Recipient")}</label>
<input id="to" name="to" value="{escape(to)}" autocomplete="off" size="34"></div>
<button>{both("Filtra", "Filter")}</button></form>
<h2>{len(mails)} {both("e-mail, la più recente per prima", "mails, newest first")}</h2>{found}
<p class="note">{both(*RESTARTED)} <a href="/?to={escape(urllib.parse.quote(to))}">{both("Aggiorna", "Reload")}</a></p>""",
    )


def mail_page(mail: dict) -> bytes:
    html = (
        f"""<h3>HTML</h3><iframe src="/mail/{escape(mail["id"])}/html" title="{escape(mail["subject"])}"
sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe>""" if mail["html"] else ""
    )
    return page(
        mail["subject"],
        f"""<p><a href="/">← {both("Tutte le e-mail", "All mails")}</a></p><h2>{escape(mail["subject"])}</h2>
<dl><dt>{both("Da", "From")}</dt><dd>{escape(mail["from"])}</dd><dt>{both("A", "To")}</dt><dd>{escape(", ".join(mail["to"]))}</dd>
<dt>{both("Data", "Date")}</dt><dd><time>{when(mail["at"])}</time></dd></dl>{html}
<h3>{both("Testo", "Text")}</h3><pre>{escape(mail["text"])}</pre>""",
    )


def framed(html: str) -> bytes:
    """A mail's HTML with links that open in a tab of their own and say nothing about where they come from."""
    return re.sub(r"<a(?=\s)", '<a target="_blank" rel="noopener noreferrer"', html, flags=re.IGNORECASE).encode()


class Mailbox(BaseHTTPRequestHandler):
    endpoint = ""

    def do_GET(self) -> None:  # noqa: N802 (the library's name)
        url = urllib.parse.urlsplit(self.path)
        to = urllib.parse.parse_qs(url.query).get("to", [""])[0].strip()
        try:
            mails = read_mails(self.endpoint, to or None)
        except OSError:
            body = f'<p class="note">{both("L’emulatore non risponde: `make run` è in esecuzione?", "The emulator does not answer: is `make run` running?")}</p>'
            return self.answer(503, page("Casella di posta", body))
        if url.path == "/":
            return self.answer(200, list_page(mails, to))
        if url.path == "/messages":
            return self.answer(200, json.dumps({"messages": mails[::-1]}, ensure_ascii=False).encode(), "application/json")
        asked = re.fullmatch(r"/mail/([A-Za-z0-9-]+)(/html)?", url.path)
        mail = next((mail for mail in mails if asked and mail["id"] == asked[1]), None)
        if mail is None:
            body = f'<p><a href="/">{both("Tutte le e-mail", "All mails")}</a></p><p class="note">{both("Questa e-mail non c’è più.", "This mail is gone.")} {both(*RESTARTED)}</p>'
            return self.answer(404, page("404", body))
        if asked and asked[2]:
            return self.answer(200, framed(mail["html"]), policy=MAIL_POLICY)
        return self.answer(200, mail_page(mail))

    def answer(self, status: int, body: bytes, kind: str = "text/html; charset=utf-8", policy: str = PAGE_POLICY) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet: addresses are nobody's business, not even locally."""


def serve(port: int, endpoint: str) -> ThreadingHTTPServer:
    """A server that is not running yet; call serve_forever in a thread."""
    return ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (Mailbox,), {"endpoint": endpoint}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8025)
    parser.add_argument("--endpoint", default="http://127.0.0.1:4566")
    options = parser.parse_args()
    print(f"Mailbox: http://localhost:{options.port}/")
    serve(options.port, options.endpoint).serve_forever()


if __name__ == "__main__":
    main()
