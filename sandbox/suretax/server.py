"""HTTP: which address leads where, and faults that are done to the connection itself."""

import json
import re
import socket
import struct
import time
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from sandbox.authorizenet.markup import Response
from sandbox.stripe.chaos import Chaos, Rule
from sandbox.suretax import control, pages
from sandbox.suretax.api import Api
from sandbox.suretax.control import Sandbox
from sandbox.suretax.store import Json, Store

_LONGEST_BODY = 10_000_000
_STYLE = Path(__file__).parent.with_name("authorizenet") / "sandbox.css"
_METHOD = re.compile(r"/Services/V07/SureTax\.asmx/(PostRequest|CancelPostRequest)")
_FIELDS = {"PostRequest": "request", "CancelPostRequest": "requestCancel"}


class Server(ThreadingHTTPServer):
    """The sandbox, listening."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], state: Path) -> None:
        super().__init__(address, Handler)
        store = Store(state)
        self.sandbox = Sandbox(store, Api(store), Chaos())

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        host, port = self.socket.getsockname()[:2]
        return f"http://{host}:{port}"

    def run(self) -> None:
        """Serve until `shutdown` is called from another thread."""
        try:
            self.serve_forever(poll_interval=0.1)
        finally:
            self.server_close()
            self.sandbox.store.close()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "SureTaxSandbox"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: addresses and bodies are nobody's business."""

    def do_GET(self) -> None:
        """The page of what was filed, and the style sheet."""
        path = urlsplit(self.path).path
        if path == "/":
            self._reply(pages.home(self.server.sandbox.store))
        elif path == "/sandbox.css":
            self._reply(Response(200, _STYLE.read_bytes(), "text/css; charset=utf-8"))
        elif path == "/healthz":
            self._reply(Response(200, b"ok", "text/plain"))
        else:
            self._reply(pages.missing())

    def do_POST(self) -> None:
        """The web requests, the switch on the page, and commands."""
        body = self._body()
        path = urlsplit(self.path).path
        method = _METHOD.fullmatch(path)
        if body is None:
            self.close_connection = True
            self._reply(Response(413, b"", "text/plain"))
        elif method:
            self._ask(method[1], body)
        elif path == "/switch":
            self._reply(pages.switch(self.server.sandbox.store))
        elif path.startswith("/control/"):
            self._control(path.removeprefix("/control/"), body)
        else:
            self._reply(pages.missing())

    def _ask(self, method: str, body: bytes) -> None:
        sandbox = self.server.sandbox
        faults = sandbox.chaos.draw(method, "")
        _sleep(faults.get("delay_before"))
        if sandbox.store.is_down or "http_502" in faults:
            self._reply(Response(503, b"<html><body>Service Unavailable</body></html>"))
            return
        if "drop_before" in faults:
            self._drop()
            return
        if "http_429" in faults:
            self._reply(Response(429, b"Too many requests", "text/plain"))
            return
        is_json = self.headers.get_content_type() == "application/json"
        request = _read(body, _FIELDS[method], is_json=is_json)
        refusal = sandbox.take_refusal(method)
        if refusal is not None:
            answer = refusal
        elif method == "PostRequest":
            answer = sandbox.api.calculate(request)
        else:
            answer = sandbox.api.cancel(request)
        _sleep(faults.get("delay_after"))
        if "drop_after" in faults:
            self._drop()
        elif "unreadable_after" in faults:
            self._reply(Response(200, b"<html><body>Please wait</body></html>"))
        elif "http_500_after" in faults:
            self._reply(Response(500, b"<html><body>Server Error</body></html>"))
        else:
            self._reply(_wrap(answer, is_json=is_json))

    def _control(self, name: str, body: bytes) -> None:
        # a page of another origin cannot send this type without asking first
        if self.headers.get_content_type() != "application/json":
            self._reply(Response(415, b"application/json is expected", "text/plain"))
            return
        self._reply(control.answer(self.server.sandbox, name, body))

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
            # the other side has gone; what was done stays done
            self.close_connection = True


def _read(body: bytes, field: str, *, is_json: bool) -> Json:
    """The request inside its wrapping; an empty one for what is none."""
    try:
        if is_json:
            text = json.loads(body)[field]
        else:
            text = parse_qs(body.decode(), keep_blank_values=True)[field][0]
        request = json.loads(text) if isinstance(text, str) else text
    except (ValueError, LookupError, TypeError):
        return {}
    return request if isinstance(request, dict) else {}


def _wrap(answer: Json, *, is_json: bool) -> Response:
    text = json.dumps(answer)
    if is_json:
        return Response(200, json.dumps({"d": text}).encode(), "application/json")
    xml = (
        '<?xml version="1.0" encoding="utf-8"?>\r\n'
        f'<string xmlns="http://tempuri.org/">{escape(text, quote=False)}</string>'
    )
    return Response(200, xml.encode(), "text/xml; charset=utf-8")


def _sleep(rule: Rule | None) -> None:
    if rule is not None:
        time.sleep(rule.delay_s)
