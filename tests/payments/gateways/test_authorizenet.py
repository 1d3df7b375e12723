"""What only the Authorize.net adapter has to get right, against the sandbox."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

from core import clock
from payments.gateways.authorizenet import documents, lookup
from payments.gateways.base import (
    LookupResult,
    Outcome,
    ReplyStatus,
    TransactionStatus,
)
from tests.payments.gateways.charge_requests import charge_request


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
            found = globex.find(key="ATTEMPT-1", since=clock.now(), customer_ref=customer_ref)
            assert found.result is LookupResult.NOT_FOUND
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


class TestLookingUp:
    def test_an_old_settled_charge_is_found_in_its_batch(self, acme, gateway, customer_ref):
        acme.sandbox.control("clock", offset_s=-70 * 86_400)
        card = acme.save_card(customer_ref)
        gateway.charge(charge_request(customer_ref, card))
        acme.sandbox.control("settle")
        acme.sandbox.control("clock", offset_s=0)

        found = gateway.find(key="ATTEMPT-1", since=clock.now() - timedelta(days=70))

        assert found.deciding.status is TransactionStatus.SETTLED

    def test_a_charge_on_a_later_page_is_found(self, acme, gateway, customer_ref, monkeypatch):
        monkeypatch.setattr(documents, "PAGE_SIZE", 2)
        monkeypatch.setattr(lookup, "PAGE_SIZE", 2)
        card = acme.save_card(customer_ref)
        for number in range(5):
            gateway.charge(charge_request(customer_ref, card, key=f"PAGED-{number}"))

        found = gateway.find(key="PAGED-0", since=clock.now())

        assert found.result is LookupResult.FOUND

    def test_of_two_charges_with_one_key_the_first_decides(self, acme, gateway, customer_ref):
        first, second = (
            gateway.charge(charge_request(customer_ref, acme.save_card(customer_ref, number)))
            for number in ("4111111111111111", "4007000000027")
        )

        found = gateway.find(key="ATTEMPT-1", since=clock.now())

        assert found.result is LookupResult.FOUND
        assert [one.gateway_ref for one in found.moving] == [first.gateway_ref, second.gateway_ref]
        assert found.deciding.gateway_ref == first.gateway_ref

    def test_reports_that_are_switched_off_show_in_the_check(self, sandbox):
        gateway = sandbox.add_merchant(reports_enabled=False).gateway()
        try:
            reply = gateway.check_credentials()
            found = gateway.find(key="ATTEMPT-1", since=clock.now())
        finally:
            gateway.close()

        assert reply.ok
        assert not reply.value.reports_enabled
        assert found.result is LookupResult.CANNOT_TELL

    def test_an_unreachable_gateway_is_told_from_a_refusal(self, acme, gateway):
        acme.sandbox.misbehave("http_502", call="*", times=1)

        assert gateway.check_credentials().status is ReplyStatus.UNREACHABLE


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
