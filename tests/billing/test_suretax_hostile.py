"""A tenant may name a SureTax server of its own: what it answers is a stranger's word."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from billing import suretax_wire
from billing.suretax_wire import Answer, Credentials, Outcome


@pytest.fixture
def answered() -> Iterator[Callable[[bytes], Answer]]:
    """What the adapter makes of a server's answer."""
    said = [b""]

    class Stranger(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(said[0])))
            self.end_headers()
            self.wfile.write(said[0])

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Stranger)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    who = Credentials(f"http://127.0.0.1:{server.server_port}", False, "1", "key")

    def ask(body: bytes) -> Answer:
        said[0] = body
        return suretax_wire.calculate(who, {})

    yield ask
    server.shutdown()
    thread.join()
    server.server_close()


def taxes(**tax: str) -> bytes:
    one = {"TaxAmount": "1.00", "TaxTypeCode": "101", "TaxTypeDesc": "Tax", **tax}
    told = {
        "ResponseCode": "9999", "Successful": "Y", "TotalTax": one["TaxAmount"],
        "GroupList": [{"LineNumber": "1", "TaxList": [one]}],
    }  # fmt: skip
    return json.dumps(told).encode()


def test_a_plain_answer_is_read_in_either_wrapping(answered):
    assert answered(taxes()).total == 1
    wrapped = b'<?xml version="1.0"?><string xmlns="http://tempuri.org/">%b</string>\n' % taxes()
    assert answered(wrapped).total == 1


@pytest.mark.parametrize("field", ["TaxAmount", "FeeRate", "TaxRate", "RevenueBase"])
@pytest.mark.parametrize("figure", ["1E+99999999", "1E-99999999", "NaN", "9" * 5000])
def test_a_figure_that_fills_the_memory_once_it_is_written_is_none(answered, field, figure):
    assert answered(taxes(**{field: figure})).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        b"<string" * 500_000,
        b"<string>" * 400_000,
        b"[" * 1_000_000,
        b'{"d": "' + b"[" * 1_000_000 + b'"}',
        b'{"ResponseCode": 1E+99999999999999999999}',
        b"</string><string>",
        b"\xff\xfe",
    ],
    ids=["open tags", "tags", "brackets", "brackets in it", "exponent", "backwards", "no text"],
)
def test_an_answer_that_would_keep_a_worker_busy_is_none(answered, body):
    assert answered(body).outcome is Outcome.UNKNOWN
