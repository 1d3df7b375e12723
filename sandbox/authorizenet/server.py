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

from sandbox.authorizenet import api, control, hosted, people
from sandbox.authorizenet.chaos import Chaos, Rule
from sandbox.authorizenet.control import Sandbox
from sandbox.authorizenet.markup import Response
from sandbox.authorizenet.store import Store
from sandbox.authorizenet.tokens import CARD_PAGE, PAYMENT_PAGE
from sandbox.authorizenet.webhooks import Deliverer

_LONGEST_BODY = 1_000_000
_API_PATH = "/xml/v1/request.api"
_STYLE = Path(__file__).with_name("sandbox.css")
_MERCHANT = re.compile(r"/merchants/(\d+)")
_ACTION = re.compile(r"/merchants/(\d+)/(?:(settle)|transactions/(\d+)/([a-z]+))")
_BOM = b"\xef\xbb\xbf"

_FAILURES = {
    "http_429": (429, b"Too many requests"),
    "http_502": (502, b"<html><body>Bad gateway</body></html>"),
    "http_500_after": (500, b"<html><body>Internal server error</body></html>"),
    "unreadable_after": (200, b"<html><body>Please wait</body></html>"),
}


class Server(ThreadingHTTPServer):
    """The sandbox, listening."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], state: Path) -> None:
        super().__init__(address, Handler)
        store = Store(state)
        self.sandbox = Sandbox(store, Chaos(), Deliverer(store))

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
    server_version = "AuthorizeNetSandbox"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: addresses and bodies are nobody's business."""

    def do_GET(self) -> None:
        """Pages and the style sheet."""
        path = urlsplit(self.path).path
        merchant = _MERCHANT.fullmatch(path)
        if path == "/":
            self._reply(people.home(self._store))
        elif path == "/sandbox.css":
            self._reply(Response(200, _STYLE.read_bytes(), "text/css; charset=utf-8"))
        elif path == "/healthz":
            self._reply(Response(200, b"ok", "text/plain"))
        elif merchant:
            self._reply(people.merchant_page(self._store, int(merchant[1])))
        else:
            self._reply(people.missing())

    def do_POST(self) -> None:
        """The API, forms and commands."""
        body = self._body()
        if body is None:
            self.close_connection = True
            self._reply(Response(413, b"", "text/plain"))
            return
        path = urlsplit(self.path).path
        action = _ACTION.fullmatch(path)
        if path == _API_PATH:
            self._api(body)
        elif path.startswith("/control/"):
            self._control(path.removeprefix("/control/"), body)
        elif path in _PAGES:
            name, answer = _PAGES[path]
            self._with_faults(name, "", lambda: answer(self._store, _form(body)))
        elif action and self._is_own_form():
            merchant_id, settle, transaction_id, name = action.groups()
            number = int(transaction_id) if transaction_id else None
            self._reply(people.act(self._store, int(merchant_id), settle or name, number))
            self.server.sandbox.deliverer.wake()
        else:
            self._reply(people.missing())

    @property
    def _store(self) -> Store:
        return self.server.sandbox.store

    def _api(self, body: bytes) -> None:
        question = api.read_question(body)

        def process() -> Response:
            answer = api.answer(self._store, question)
            return Response(200, answer, "text/xml; charset=utf-8")

        self._with_faults(question.name, question.login, process)

    def _control(self, name: str, body: bytes) -> None:
        # A page of another origin cannot send this type without asking first.
        if self.headers.get_content_type() != "application/json":
            self._reply(Response(415, b"application/json is expected", "text/plain"))
            return
        self._reply(control.answer(self.server.sandbox, name, body))

    def _with_faults(self, name: str, login: str, process: Callable[[], Response]) -> None:
        faults = self.server.sandbox.chaos.draw(name, login)
        _sleep(faults.get("delay_before"))
        if "drop_before" in faults:
            self._drop()
            return
        for fault in ("http_429", "http_502"):
            if fault in faults:
                self._fail(fault)
                return
        for fault, trouble in api.TROUBLES.items():
            if fault in faults:
                self._reply(Response(200, api.refuse(name, trouble), "text/xml; charset=utf-8"))
                return
        response = process()
        self.server.sandbox.deliverer.wake()
        _sleep(faults.get("delay_after"))
        if "drop_after" in faults:
            self._drop()
        elif "http_500_after" in faults:
            self._fail("http_500_after")
        elif "unreadable_after" in faults:
            self._fail("unreadable_after")
        elif "without_bom" in faults:
            self._reply(Response(200, response.body.removeprefix(_BOM), response.content_type))
        else:
            self._reply(response)

    def _fail(self, fault: str) -> None:
        status, body = _FAILURES[fault]
        self._reply(Response(status, body))

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

    def _is_own_form(self) -> bool:
        return self.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")

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


_Page = Callable[[Store, Mapping[str, str]], Response]
_PAGES: dict[str, tuple[str, _Page]] = {
    "/customer/addPayment": (
        "hostedCardPage",
        lambda store, form: hosted.open_page(store, CARD_PAGE, form),
    ),
    "/customer/addPayment/submit": ("hostedCard", hosted.submit_card),
    "/payment/payment": (
        "hostedPaymentPage",
        lambda store, form: hosted.open_page(store, PAYMENT_PAGE, form),
    ),
    "/payment/payment/submit": ("hostedPayment", hosted.submit_payment),
}
