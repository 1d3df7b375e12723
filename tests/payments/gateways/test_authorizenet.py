"""The Authorize.net adapter against the sandbox, which is a real server."""

import dataclasses
import json
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core import clock
from payments.gateways.authorizenet import AuthorizeNetGateway
from payments.gateways.authorizenet.documents import RequestBuilder
from payments.gateways.authorizenet.transport import NAMESPACE, parse
from payments.gateways.base import (
    ChargeRequest,
    EventKind,
    GatewayCredentials,
    HostedPaymentRequest,
    Initiator,
    LookupResult,
    Outcome,
    ReplyStatus,
    TransactionStatus,
)
from sandbox.authorizenet.webhooks import signature_of
from tests.payments.gateways.contract import GatewayContract
from tests.sandbox.authorizenet_server import Browser
from tests.sandbox.webhook_receiver import receiving

_ZIPS = {"good": "10001", "declined": "46282", "held": "46290", "partial": "46225"}
_BACK = "http://127.0.0.1:9/back"
_CANCEL = "http://127.0.0.1:9/cancel"


class AuthorizeNetAccount:
    """The sandbox's account in the words of the contract."""

    def __init__(self, merchant, receiver):
        self._merchant = merchant
        self._receiver = receiver
        self._gateways = []
        self.gateway = self._open()
        self.credentials = merchant.credentials

    def _open(self, **options):
        self._gateways.append(self._merchant.gateway(**options))
        return self._gateways[-1]

    def close(self):
        for gateway in self._gateways:
            gateway.close()

    def gateway_at_closed_port(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        return self._open(api_url=f"http://127.0.0.1:{port}/xml/v1/request.api")

    def gateway_with_wrong_secret(self):
        wrong = dataclasses.replace(self._merchant, transaction_key="wrong")
        self._gateways.append(wrong.gateway())
        return self._gateways[-1]

    def impatient_gateway(self):
        return self._open(timeout_s=(1.0, 1.0))

    def new_card(self, customer_ref, behaviour="good"):
        return self._merchant.save_card(customer_ref, zip=_ZIPS[behaviour])

    def charges(self, key):
        return self._merchant.charges(key)

    def misbehave(self, fault, **rule):
        self._merchant.sandbox.misbehave(fault, login=self._merchant.login, **rule)

    def settle(self):
        self._merchant.sandbox.control("settle", login=self._merchant.login)

    def decide_held(self, ref, *, approve):
        self._merchant.sandbox.control("held", ref=ref, approve=approve)

    def pass_time(self, seconds):
        self._merchant.sandbox.control("clock", offset_s=seconds)

    def signed_event(self):
        while True:
            posted = self._receiver.next()
            if json.loads(posted.raw)["payload"]["entityName"] == "transaction":
                return posted.headers, posted.raw


@pytest.fixture
def account(sandbox):
    with receiving() as receiver:
        account = AuthorizeNetAccount(
            sandbox.add_merchant(name="Acme", webhook_urls=[receiver.url]), receiver
        )
        yield account
        account.close()


@pytest.fixture
def gateway(acme):
    gateway = acme.gateway()
    yield gateway
    gateway.close()


@pytest.fixture
def customer_ref(gateway):
    return gateway.create_customer(merchant_customer_id="client-1").value


def charge_request(customer_ref, card_ref, **changes):
    values = {
        "key": "ATTEMPT-1",
        "amount": Decimal("25.10"),
        "currency": "USD",
        "customer_profile_ref": customer_ref,
        "payment_profile_ref": card_ref,
    }
    return ChargeRequest(**{**values, **changes})


class TestContract(GatewayContract):
    """Authorize.net keeps the contract of all gateways."""


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


class TestCharging:
    def test_a_reference_that_is_no_number_is_refused_before_sending(self, gateway):
        answer = gateway.charge(charge_request("cus_1", "2"))

        assert (answer.outcome, answer.code) == (Outcome.REFUSED, "invalid_request")

    def test_another_currency_than_the_accounts_is_refused(self, acme, gateway, customer_ref):
        card = acme.save_card(customer_ref)

        answer = gateway.charge(charge_request(customer_ref, card, currency="EUR"))

        assert answer.outcome is Outcome.REFUSED
        assert acme.charges() == []

    def test_a_lost_release_of_a_partial_approval_can_be_finished(
        self, acme, gateway, customer_ref
    ):
        card = acme.save_card(customer_ref, zip="46225")
        request = charge_request(customer_ref, card)
        # The first answer is lost, so the release is never asked for.
        acme.sandbox.misbehave("drop_after")
        assert gateway.charge(request).outcome is Outcome.UNKNOWN
        waiting = gateway.find(key="ATTEMPT-1", since=clock.now()).deciding
        assert waiting.status is TransactionStatus.AWAITING_RELEASE
        assert waiting.to_answer().outcome is Outcome.PENDING

        answers = [gateway.release(waiting), gateway.release(waiting)]

        assert {(a.outcome, a.approved_amount) for a in answers} == {
            (Outcome.APPROVED, Decimal("1.23"))
        }
        (charge,) = acme.charges("ATTEMPT-1")
        assert charge["amount"] == "1.23"

    def test_sending_a_partial_approval_again_releases_it(self, acme, gateway, customer_ref):
        request = charge_request(customer_ref, acme.save_card(customer_ref, zip="46225"))
        acme.sandbox.misbehave("drop_after")
        gateway.charge(request)

        answer = gateway.charge(request)

        assert (answer.outcome, answer.approved_amount) == (Outcome.APPROVED, Decimal("1.23"))
        assert answer.is_duplicate

    def test_a_voided_charge_cannot_be_released(self, acme, gateway, customer_ref):
        request = charge_request(customer_ref, acme.save_card(customer_ref, zip="46225"))
        acme.sandbox.misbehave("drop_after")
        gateway.charge(request)
        waiting = gateway.find(key="ATTEMPT-1", since=clock.now()).deciding
        gateway.void(waiting.gateway_ref)

        assert gateway.release(waiting).outcome is Outcome.DECLINED

    def test_ten_threads_with_one_request_charge_once(self, acme, gateway, customer_ref):
        request = charge_request(customer_ref, acme.save_card(customer_ref))
        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda _: gateway.charge(request), range(10)))

        assert {answer.outcome for answer in answers} == {Outcome.APPROVED}
        assert len({answer.gateway_ref for answer in answers}) == 1
        assert len(acme.charges("ATTEMPT-1")) == 1

    def test_one_account_does_not_see_the_others_transactions(self, sandbox, acme, gateway):
        customer_ref = gateway.create_customer(merchant_customer_id="client-1").value
        card = acme.save_card(customer_ref)
        ref = gateway.charge(charge_request(customer_ref, card)).gateway_ref
        globex = sandbox.add_merchant(name="Globex").gateway()

        try:
            assert globex.fetch(ref).status is ReplyStatus.NOT_FOUND
            assert globex.void(ref).outcome is Outcome.REFUSED
            lookup = globex.find(key="ATTEMPT-1", since=clock.now(), customer_ref=customer_ref)
            assert lookup.result is LookupResult.NOT_FOUND
        finally:
            globex.close()

    def test_a_chargeback_shows(self, acme, gateway, customer_ref):
        request = charge_request(customer_ref, acme.save_card(customer_ref))
        ref = gateway.charge(request).gateway_ref
        acme.sandbox.control("settle")
        acme.sandbox.control("chargeback", ref=ref)

        assert gateway.fetch(ref).value.status is TransactionStatus.CHARGEBACK

    def test_what_was_charged_survives_kill_minus_nine(self, acme, gateway, customer_ref):
        request = charge_request(customer_ref, acme.save_card(customer_ref))
        ref = gateway.charge(request).gateway_ref

        acme.sandbox.kill()
        acme.sandbox.start()

        assert gateway.fetch(ref).value.status is TransactionStatus.CAPTURED
        assert gateway.charge(request).is_duplicate


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

    def test_a_status_of_the_future_is_left_to_a_person(self):
        details = (
            "<transaction><transId>55</transId><submitTimeUTC>2026-01-01T00:00:00Z</submitTimeUTC>"
            "<transactionStatus>somethingNew</transactionStatus></transaction>"
        )
        with scripted(says("I00001", is_error=False) + details) as gateway:
            transaction = gateway.fetch("55").value

        assert transaction.status is TransactionStatus.UNRECOGNISED
        assert transaction.to_answer().outcome is Outcome.UNKNOWN


class TestLookingUp:
    def test_an_old_settled_charge_is_found_in_its_batch(self, acme, gateway, customer_ref):
        acme.sandbox.control("clock", offset_s=-70 * 86_400)
        card = acme.save_card(customer_ref)
        gateway.charge(charge_request(customer_ref, card))
        acme.sandbox.control("settle")
        acme.sandbox.control("clock", offset_s=0)

        lookup = gateway.find(key="ATTEMPT-1", since=clock.now() - timedelta(days=70))

        assert lookup.deciding.status is TransactionStatus.SETTLED

    def test_two_charges_with_one_key_are_for_a_person_to_decide(self, acme, gateway, customer_ref):
        for number in ("4111111111111111", "4007000000027"):
            card = acme.save_card(customer_ref, number)
            gateway.charge(charge_request(customer_ref, card))

        lookup = gateway.find(key="ATTEMPT-1", since=clock.now())

        assert lookup.result is LookupResult.FOUND
        assert len(lookup.transactions) == 2
        assert lookup.deciding is None

    def test_reports_that_are_switched_off_show_in_the_check(self, sandbox):
        gateway = sandbox.add_merchant(reports_enabled=False).gateway()
        try:
            reply = gateway.check_credentials()
            lookup = gateway.find(key="ATTEMPT-1", since=clock.now())
        finally:
            gateway.close()

        assert reply.ok
        assert not reply.value.reports_enabled
        assert lookup.result is LookupResult.CANNOT_TELL

    def test_an_unreachable_gateway_is_told_from_a_refusal(self, acme, gateway):
        acme.sandbox.misbehave("http_502", call="*", times=1)

        assert gateway.check_credentials().status is ReplyStatus.UNREACHABLE


class TestHostedPages:
    def open_card_page(self, gateway, customer_ref):
        reply = gateway.hosted_card_page(
            customer_ref=customer_ref, return_url=_BACK, cancel_url=_CANCEL
        )
        return reply.value.url, reply.value.form_fields["token"]

    def open_payment_page(self, gateway, **changes):
        values = {
            "key": "PAGE-1",
            "amount": Decimal("40.00"),
            "currency": "USD",
            "return_url": _BACK,
            "cancel_url": _CANCEL,
            "description": "Refill of Zoë",
        }
        reply = gateway.hosted_payment_page(HostedPaymentRequest(**{**values, **changes}))
        return reply.value.url, reply.value.form_fields["token"]

    def test_a_card_saved_on_the_page_can_be_charged(self, gateway, customer_ref):
        url, token = self.open_card_page(gateway, customer_ref)
        with Browser() as browser:
            assert browser.post(url, {"token": token}).status_code == 200
            back = browser.fill_in(url, token)
        assert (back.status_code, back.headers["Location"]) == (303, _BACK)

        (method,) = gateway.list_methods(customer_ref).value
        answer = gateway.charge(charge_request(customer_ref, method.payment_profile_ref))

        assert answer.outcome is Outcome.APPROVED

    def test_a_real_card_number_is_not_accepted(self, gateway, customer_ref):
        url, token = self.open_card_page(gateway, customer_ref)
        with Browser() as browser:
            page = browser.fill_in(url, token, card_number="4242424242424242")

        assert page.status_code == 422
        assert "test card numbers" in page.text
        assert "4242424242424242" not in page.text
        assert gateway.list_methods(customer_ref).value == ()

    def test_a_payment_on_the_page_is_found_by_its_key(self, acme, gateway):
        url, token = self.open_payment_page(gateway)
        assert gateway.find(key="PAGE-1", since=clock.now()).result is LookupResult.NOT_FOUND
        with Browser() as browser:
            page = browser.post(url, {"token": token})
            assert "40.00 USD" in page.text
            assert "Refill of Zoë" in page.text
            assert browser.fill_in(url, token).headers["Location"] == _BACK

        paid = gateway.find(key="PAGE-1", since=clock.now()).deciding

        assert (paid.status, paid.amount) == (TransactionStatus.CAPTURED, Decimal("40.00"))

    def test_a_second_click_does_not_pay_again(self, acme, gateway):
        url, token = self.open_payment_page(gateway)
        with Browser() as browser:
            browser.fill_in(url, token)
            again = browser.fill_in(url, token, card_number="4007000000027")

        assert again.headers["Location"] == _BACK
        assert len(acme.charges("PAGE-1")) == 1

    def test_clicks_at_the_same_moment_pay_once(self, acme, gateway):
        url, token = self.open_payment_page(gateway)

        def click(number):
            with Browser() as browser:
                return browser.fill_in(url, token, zip=f"1000{number}").headers["Location"]

        acme.sandbox.misbehave("delay_before", call="hostedPayment", times=8, delay_s=0.3)
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(click, range(8))) == {_BACK}

        assert len(acme.charges("PAGE-1")) == 1

    def test_after_a_decline_another_card_can_pay(self, acme, gateway):
        url, token = self.open_payment_page(gateway)
        with Browser() as browser:
            declined = browser.fill_in(url, token, zip="46282")
            assert declined.status_code == 422
            assert "declined" in declined.text
            browser.fill_in(url, token, card_number="4007000000027")

        lookup = gateway.find(key="PAGE-1", since=clock.now())
        assert len(lookup.transactions) == 2
        assert lookup.deciding.status is TransactionStatus.CAPTURED

    def test_the_payment_page_can_keep_the_card(self, gateway, customer_ref):
        url, token = self.open_payment_page(
            gateway, customer_profile_ref=customer_ref, offer_to_save=True
        )
        with Browser() as browser:
            browser.fill_in(url, token, save_card="1")

        assert len(gateway.list_methods(customer_ref).value) == 1

    def test_a_page_expires(self, acme, gateway, customer_ref):
        url, token = self.open_card_page(gateway, customer_ref)
        acme.sandbox.control("clock", offset_s=901)
        with Browser() as browser:
            assert browser.post(url, {"token": token}).status_code == 410
            assert browser.fill_in(url, token).status_code == 410


class TestWebhooks:
    @pytest.fixture
    def receiver(self, acme):
        with receiving() as receiver:
            acme.sandbox.add_merchant(acme.login, webhook_urls=[receiver.url])
            yield receiver

    def test_another_accounts_signature_is_refused(self, sandbox, acme, gateway, receiver):
        gateway.create_customer(merchant_customer_id="client-9")
        posted = receiver.next()
        globex = sandbox.add_merchant(name="Globex").gateway()

        try:
            assert globex.verify_webhook(posted.headers, posted.raw) is None
        finally:
            globex.close()

    def test_while_a_key_is_changed_both_are_accepted(self, acme, gateway, receiver):
        gateway.create_customer(merchant_customer_id="client-9")
        posted = receiver.next()
        both = AuthorizeNetGateway(
            GatewayCredentials(
                acme.login, acme.transaction_key, ("the new key", acme.signature_key)
            ),
            api_url=acme.sandbox.api_url,
            hosted_url=acme.sandbox.hosted_url,
        )

        try:
            assert both.verify_webhook(posted.headers, posted.raw) is not None
        finally:
            both.close()

    def test_a_wrong_signature_is_refused(self, acme, gateway, receiver):
        acme.sandbox.control("webhooks", wrong_signature=True)
        gateway.create_customer(merchant_customer_id="client-9")
        posted = receiver.next()

        assert gateway.verify_webhook(posted.headers, posted.raw) is None

    def test_a_held_charge_and_its_release_are_told(self, acme, gateway, customer_ref, receiver):
        card = acme.save_card(customer_ref, zip="46290")
        ref = gateway.charge(charge_request(customer_ref, card)).gateway_ref
        acme.sandbox.control("held", ref=ref, approve=True)

        kinds = []
        while EventKind.CHARGE_RELEASED not in kinds:
            posted = receiver.next()
            kinds.append(gateway.verify_webhook(posted.headers, posted.raw).kind)

        assert EventKind.METHOD_CHANGED in kinds
        assert kinds.index(EventKind.CHARGE_HELD) < kinds.index(EventKind.CHARGE_RELEASED)

    @pytest.mark.parametrize("raw", [b"", b"[]", b"null", b'{"payload": []}', b"\xff"])
    def test_signed_nonsense_is_no_event(self, acme, gateway, raw):
        headers = {"X-ANET-Signature": signature_of(acme.signature_key, raw)}

        assert gateway.verify_webhook(headers, raw) is None


def test_no_secret_and_no_request_is_ever_logged(acme, caplog):
    caplog.set_level(logging.DEBUG)
    gateway = acme.gateway()
    customer_ref = gateway.create_customer(merchant_customer_id="client-1").value
    card = acme.save_card(customer_ref)
    for fault in ("drop_after", "http_502", "unreadable_after"):
        acme.sandbox.misbehave(fault)
        gateway.charge(charge_request(customer_ref, card, key=fault[:10]))
    gateway.charge(charge_request("not a number", card))
    gateway.close()

    assert acme.transaction_key not in caplog.text
    assert "merchantAuthentication" not in caplog.text


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
