"""What is sent to Authorize.net, and what its answers mean."""

import json
import threading
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from payments.gateways.authorizenet import AuthorizeNetGateway
from payments.gateways.authorizenet.documents import RequestBuilder
from payments.gateways.authorizenet.transport import NAMESPACE, parse
from payments.gateways.base import (
    ChargeRequest,
    GatewayCredentials,
    Initiator,
    Outcome,
    ReplyStatus,
    TransactionStatus,
)
from tests.payments.gateways.charge_requests import charge_request


class TestRequests:
    build = RequestBuilder(GatewayCredentials("login", "key"))

    def sent(self, **changes):
        return parse(self.build.charge(charge_request("1", "2", **changes)))

    def test_the_key_and_the_longest_duplicate_window_are_always_sent(self):
        document = self.sent()

        settings = {
            setting.findtext("settingName"): setting.findtext("settingValue")
            for setting in document.iter("setting")
        }
        assert settings["duplicateWindow"] == "28800"
        assert document.findtext("refId") == "ATTEMPT-1"
        assert document.findtext("transactionRequest/order/invoiceNumber") == "ATTEMPT-1"

    def test_a_stored_request_builds_the_same_bytes(self):
        request = charge_request(
            "1", "2", initiator=Initiator.MERCHANT, original_network_transaction_id="ABC123",
            original_amount=Decimal("5.00"), description="Zoë ns1:test",
        )  # fmt: skip
        stored = json.loads(json.dumps(request.to_json()))

        assert self.build.charge(ChargeRequest.from_json(stored)) == self.build.charge(request)

    def test_our_own_charges_carry_the_first_network_transaction(self):
        document = self.sent(initiator=Initiator.MERCHANT, original_network_transaction_id="ABC123")

        assert document.findtext(".//processingOptions/isSubsequentAuth") == "true"
        assert document.findtext(".//originalNetworkTransId") == "ABC123"

    def test_the_first_use_of_a_card_is_marked(self):
        assert self.sent(first_use=True).findtext(".//isFirstSubsequentAuth") == "true"

    def test_a_long_description_does_not_stop_a_charge(self):
        assert len(self.sent(description="ü" * 300).findtext(".//description")) == 255

    @pytest.mark.parametrize("key", ["", "K" * 21, "schlüssel", "a\nb"])
    def test_a_key_that_does_not_fit_is_a_mistake_of_ours(self, key):
        with pytest.raises(ValueError, match="attempt key"):
            charge_request("1", "2", key=key)

    @pytest.mark.parametrize("amount", [Decimal(0), Decimal(-1), Decimal("NaN"), 1.5])
    def test_an_amount_must_be_a_positive_decimal(self, amount):
        with pytest.raises(ValueError, match="positive Decimal"):
            charge_request("1", "2", amount=amount)


@contextmanager
def scripted(*answers):
    """A gateway that says just this, in this order; for answers the sandbox never gives."""
    waiting = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format, *args):
            """Say nothing."""

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = f'<r xmlns="{NAMESPACE[1:-1]}">{waiting.pop(0)}</r>'.encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    gateway = AuthorizeNetGateway(
        GatewayCredentials("login", "key"), api_url=f"{url}/api", hosted_url=url
    )
    try:
        yield gateway
    finally:
        gateway.close()
        server.shutdown()
        thread.join()
        server.server_close()


def says(code, text="", *, is_error=True):
    result = "Error" if is_error else "Ok"
    return (
        f"<messages><resultCode>{result}</resultCode>"
        f"<message><code>{code}</code><text>{text}</text></message></messages>"
    )


class TestStrangeAnswers:
    def test_a_profile_of_another_customer_is_not_adopted(self):
        owner = "<profile><merchantCustomerId>client-2</merchantCustomerId></profile>"
        with scripted(
            says("E00039", "A duplicate record with ID 77 already exists."),
            says("I00001", is_error=False) + owner,
        ) as gateway:
            reply = gateway.create_customer(merchant_customer_id="client-1")

        assert reply.status is ReplyStatus.REFUSED

    def test_a_duplicate_of_another_key_proves_nothing(self):
        duplicate = (
            "<transactionResponse><responseCode>3</responseCode><transId>55</transId>"
            "<errors><error><errorCode>11</errorCode></error></errors></transactionResponse>"
        )
        original = (
            "<transaction><transId>55</transId><submitTimeUTC>2026-01-01T00:00:00Z</submitTimeUTC>"
            "<transactionStatus>settledSuccessfully</transactionStatus>"
            "<order><invoiceNumber>ANOTHER</invoiceNumber></order></transaction>"
        )
        with scripted(
            says("E00027") + duplicate, says("I00001", is_error=False) + original
        ) as gateway:
            answer = gateway.charge(charge_request("1", "2"))

        assert answer.outcome is Outcome.UNKNOWN

    @pytest.mark.parametrize(
        ("answer", "outcome"),
        [
            (says("E00001", "An error occurred."), Outcome.UNKNOWN),
            (says("E00003"), Outcome.REFUSED),
            (says("I00001", is_error=False), Outcome.UNKNOWN),
            ("", Outcome.UNKNOWN),
            (
                "<transactionResponse><responseCode>9</responseCode></transactionResponse>",
                Outcome.UNKNOWN,
            ),
            (
                "<transactionResponse><responseCode>3</responseCode><transId>0</transId>"
                "</transactionResponse>",
                Outcome.REFUSED,
            ),
        ],
    )
    def test_only_a_clear_refusal_is_called_one(self, answer, outcome):
        with scripted(answer) as gateway:
            assert gateway.charge(charge_request("1", "2")).outcome is outcome

    @pytest.mark.parametrize("code", ["E00001", "E00053", "E00104"])
    def test_a_gateway_in_trouble_refuses_nothing(self, code):
        with scripted(*[says(code)] * 3) as gateway:
            assert gateway.charge(charge_request("1", "2")).outcome is Outcome.UNKNOWN
            assert gateway.fetch("55").status is ReplyStatus.UNREACHABLE
            assert gateway.list_methods("1").status is ReplyStatus.UNREACHABLE

    def test_a_partial_approval_that_names_no_group_stays_held(self):
        partly = (
            "<transactionResponse><responseCode>4</responseCode><transId>55</transId>"
            "<messages><message><code>295</code><description>Partly</description></message>"
            "</messages><prePaidCard><approvedAmount>1.23</approvedAmount></prePaidCard>"
            "</transactionResponse>"
        )
        with scripted(says("I00001", is_error=False) + partly) as gateway:
            answer = gateway.charge(charge_request("1", "2"))

        assert (answer.outcome, answer.gateway_ref) == (Outcome.PENDING, "55")
        assert answer.approved_amount == Decimal("1.23")

    def test_a_status_of_the_future_is_left_to_a_person(self):
        details = (
            "<transaction><transId>55</transId><submitTimeUTC>2026-01-01T00:00:00Z</submitTimeUTC>"
            "<transactionStatus>somethingNew</transactionStatus></transaction>"
        )
        with scripted(says("I00001", is_error=False) + details) as gateway:
            transaction = gateway.fetch("55").value

        assert transaction.status is TransactionStatus.UNRECOGNISED
        assert transaction.to_answer().outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html/>",
        b"not xml",
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    ],
)
def test_what_is_not_the_gateways_format_is_not_read(content):
    assert parse(content) is None


def test_an_answer_keeps_its_umlauts_with_and_without_byte_order_mark():
    body = f'<r xmlns="{NAMESPACE[1:-1]}"><t>Fäke Müller</t></r>'.encode()

    assert parse(body).findtext("t") == "Fäke Müller"
    assert parse(b"\xef\xbb\xbf" + body).findtext("t") == "Fäke Müller"
