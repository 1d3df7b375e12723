"""Hosted pages and webhooks of Authorize.net, against the sandbox."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from core import clock
from payments.gateways.authorizenet import AuthorizeNetGateway
from payments.gateways.base import (
    EventKind,
    GatewayCredentials,
    HostedPaymentRequest,
    LookupResult,
    Outcome,
    TransactionStatus,
)
from sandbox.authorizenet.webhooks import signature_of
from tests.payments.gateways.charge_requests import charge_request
from tests.sandbox.authorizenet_server import Browser
from tests.sandbox.webhook_receiver import receiving

_BACK = "http://127.0.0.1:9/back"
_CANCEL = "http://127.0.0.1:9/cancel"


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
        assert len(lookup.charges) == 2
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
