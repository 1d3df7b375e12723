"""HTTP: which address leads where, and faults that are done to the connection itself."""

import re
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from sandbox.authorizenet.markup import Response
from sandbox.stripe import control, pages
from sandbox.stripe.api import Api, Question
from sandbox.stripe.chaos import Chaos, Rule
from sandbox.stripe.control import Sandbox
from sandbox.stripe.store import Store
from sandbox.stripe.webhooks import Deliverer

_LONGEST_BODY = 1_000_000
_STYLE = Path(__file__).parent.with_name("authorizenet") / "sandbox.css"
_CHECKOUT = re.compile(r"/c/pay/(cs_test_\w+)")
_RETURN = re.compile(r"/c/return/(cs_test_\w+)")
_BANK = re.compile(r"/authenticate/((?:pi|seti)_\w+)")


class Server(ThreadingHTTPServer):
    """The sandbox, listening."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], state: Path) -> None:
        super().__init__(address, Handler)
        store = Store(state)
        self.sandbox = Sandbox(store, Api(store), Chaos(), Deliverer(store))

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        host, port = self.socket.getsockname()[:2]
        return f"http://{host}:{port}"

    def run(self) -> None:
        """Serve until `shutdown` is called from another thread."""
        self.sandbox.deliverer.start()
        try:
            self.serve_forever(poll_interval=0.1)
        finally:
            self.server_close()
            self.sandbox.deliverer.stop()
            self.sandbox.store.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Tell what surprises; who is killed or gives up amid a request is no surprise."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "StripeSandbox"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: addresses and bodies are nobody's business."""

    def do_GET(self) -> None:
        """The API, pages and the style sheet."""
        parts = urlsplit(self.path)
        session, back, bank = (
            pattern.fullmatch(parts.path) for pattern in (_CHECKOUT, _RETURN, _BANK)
        )
        if parts.path.startswith("/v1/"):
            self._api(b"")
        elif parts.path == "/":
            self._reply(pages.home(self._store))
        elif parts.path == "/sandbox.css":
            self._reply(Response(200, _STYLE.read_bytes(), "text/css; charset=utf-8"))
        elif parts.path == "/healthz":
            self._reply(Response(200, b"ok", "text/plain"))
        elif session:
            has_failed = "failed=1" in parts.query
            self._reply(pages.show_checkout(self._store, session[1], has_failed=has_failed))
        elif back:
            self._reply(pages.come_back(self._store, back[1]))
            self.server.sandbox.deliverer.wake()
        elif bank:
            self._reply(pages.show_bank(self._store, bank[1]))
        else:
            self._reply(pages.missing())

    def do_DELETE(self) -> None:
        """The API."""
        self._api(self._body() or b"")

    def do_POST(self) -> None:
        """The API, forms and commands."""
        body = self._body()
        if body is None:
            self.close_connection = True
            self._reply(Response(413, b"", "text/plain"))
            return
        path = urlsplit(self.path).path
        session, bank = _CHECKOUT.fullmatch(path), _BANK.fullmatch(path)
        if path.startswith("/v1/"):
            self._api(body)
        elif path.startswith("/control/"):
            self._control(path.removeprefix("/control/"), body)
        elif path == "/debits" and self._is_own_form():
            self._reply(pages.decide_debits(self._store))
            self.server.sandbox.deliverer.wake()
        elif session:
            number, own, form = session[1], self._own_url, _form(body)
            self._with_faults(
                "checkout.submit",
                "",
                lambda _: pages.submit_checkout(self._store, own, number, form),
            )
        elif bank:
            intent, form = bank[1], _form(body)
            self._with_faults("authenticate", "", lambda _: pages.decide(self._store, intent, form))
        else:
            self._reply(pages.missing())

    @property
    def _store(self) -> Store:
        return self.server.sandbox.store

    @property
    def _own_url(self) -> str:
        return self.server.url

    def _api(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        question = Question(
            method=self.command, path=parts.path, query=parts.query, body=body,
            secret_key=self.headers.get("Authorization", "").removeprefix("Bearer ").strip(),
            key=self.headers.get("Idempotency-Key", ""), own_url=self._own_url,
        )  # fmt: skip
        api = self.server.sandbox.api

        def process(faults: Mapping[str, Rule]) -> Response:
            answer = api.answer(
                question,
                pause=lambda: _sleep(faults.get("delay_during")),
                fails_after="http_500_after" in faults,
            )
            headers = {"Idempotent-Replayed": "true"} if answer.is_replayed else {}
            return Response(answer.status, answer.body, "application/json", headers)

        self._with_faults(question.name, api.account_of(question.secret_key), process)

    def _control(self, name: str, body: bytes) -> None:
        # A page of another origin cannot send this type without asking first.
        if self.headers.get_content_type() != "application/json":
            self._reply(Response(415, b"application/json is expected", "text/plain"))
            return
        self._reply(control.answer(self.server.sandbox, name, body))

    def _with_faults(
        self, name: str, account: str, process: Callable[[Mapping[str, Rule]], Response]
    ) -> None:
        faults = self.server.sandbox.chaos.draw(name, account)
        _sleep(faults.get("delay_before"))
        if "drop_before" in faults:
            self._drop()
            return
        if "http_429" in faults:
            text = b'{"error": {"type": "invalid_request_error", "code": "rate_limit",'
            self._reply(Response(429, text + b' "message": "Too many requests"}}'))
            return
        if "http_502" in faults:
            self._reply(Response(502, b"<html><body>Bad gateway</body></html>"))
            return
        response = process(faults)
        self.server.sandbox.deliverer.wake()
        _sleep(faults.get("delay_after"))
        if "drop_after" in faults:
            self._drop()
        elif "unreadable_after" in faults:
            self._reply(Response(200, b"<html><body>Please wait</body></html>"))
        else:
            self._reply(response)

    def _is_own_form(self) -> bool:
        return self.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")

    def _drop(self) -> None:
        """End the connection as a broken line would: no goodbye."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > _LONGEST_BODY:
            return None
        return self.rfile.read(int(length))

    def _reply(self, response: Response) -> None:
        headers = {
            "Content-Type": response.content_type,
            "Content-Length": str(len(response.body)),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            **response.headers,
        }
        try:
            self.send_response(response.status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body)
            self.wfile.flush()
        except ConnectionError:
            # The other side has gone; what was done stays done.
            self.close_connection = True


def _form(body: bytes) -> Mapping[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _sleep(rule: Rule | None) -> None:
    if rule is not None:
        time.sleep(rule.delay_s)
