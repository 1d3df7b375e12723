"""Webhooks of gateways: signed, stored once, handled later, and only a hint."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from billing import payment_accounts, transactions
from core.clock import now
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from payments import attempts, charging, events, gateway_accounts
from payments.gateways.base import ChargeRequest, Outcome, RefundRequest
from payments.models import GatewayEvent
from payments.patience import DEFAULT_PATIENCE
from portal.access import ACCESS_MARK
from portal.webhooks.views import MAX_BODY_BYTES
from sandbox.authorizenet.webhooks import signature_of
from tenants.models import Event
from tests.payments.conftest import gateway_process, other_till, sent_jobs, till  # noqa: F401
from tests.payments.test_refills import begin_page, pay_on
from tests.payments.till import Till, later
from worker.sweeps.payments import find_unhandled_events

CHARGED = "net.authorize.payment.authcapture.created"
HELD = "net.authorize.payment.fraud.held"
RELEASED = "net.authorize.payment.fraud.approved"
REJECTED = "net.authorize.payment.fraud.declined"
REFUNDED = "net.authorize.payment.refund.created"
VOIDED = "net.authorize.payment.void.created"
CARD = "net.authorize.customer.paymentProfile.created"


class Caller:
    """The gateway, calling the webhook of one till."""

    def __init__(self, app: Flask, till: Till) -> None:  # noqa: F811 (the fixture's type)
        self._client = app.test_client()
        self.till = till
        with till.work() as session:
            account = gateway_accounts.get_account(session, till.account_id)
            self.path = f"/webhooks/authorizenet/{account.webhook_token}"

    def call(
        self, type_name: str = CHARGED, event_id: str = "event-1", **payload: Any
    ) -> TestResponse:
        body = {"notificationId": event_id, "eventType": type_name, "payload": payload}
        return self.post(json.dumps(body).encode())

    def post(self, raw: bytes, *, key: str = "", path: str = "") -> TestResponse:
        signature = signature_of(key or self.till.merchant.signature_key, raw)
        return self._client.post(
            path or self.path,
            data=raw,
            headers={"X-ANET-Signature": signature, "Content-Type": "application/json"},
        )

    def tell_of(self, refill_id, type_name: str = CHARGED, event_id: str = "event-1"):
        """Call about a refill's attempt, as the gateway would."""
        charge = self.till.merchant.charges(attempts.attempt_key(refill_id, 1))[-1]
        return self.call(type_name, event_id, id=charge["ref"], invoiceNumber=charge["key"])

    def handle(self) -> list[str | None]:
        """Handle all that waits; the results."""
        till = self.till  # noqa: F811 (the fixture's name)
        waiting = [row.id for row in self.rows() if row.handled_at is None]
        return [events.handle_event(till.work, till.open_gateway, one) for one in waiting]

    def rows(self) -> list[GatewayEvent]:
        with self.till.work() as session:
            return list(session.scalars(select(GatewayEvent).order_by(GatewayEvent.id)))


@pytest.fixture
def caller(app: Flask, till: Till) -> Caller:  # noqa: F811 (pytest's way)
    return Caller(app, till)


@pytest.fixture
def lost(caller: Caller):
    """A refill that the gateway has charged and whose answer was lost."""
    refill_id = caller.till.request(caller.till.save_card())
    caller.till.sandbox.misbehave("drop_after")
    caller.till.charge(refill_id)
    return refill_id


# At the door


def test_a_signed_event_is_stored_and_its_job_sent_after_the_commit(caller, sent_jobs):  # noqa: F811
    assert caller.call(id="60001", invoiceNumber="KEY").status_code == 200
    (row,) = caller.rows()
    assert (row.kind, row.gateway_ref, row.attempt_key) == ("charge_created", "60001", "KEY")
    assert [(job.name, job.args, job.reseller_id) for job in sent_jobs] == [
        ("payments.handle_event", {"event_id": row.id}, caller.till.tenant.id)
    ]


def test_the_same_event_five_times_is_stored_once(caller, sent_jobs):  # noqa: F811
    answers = [caller.call(id="60001").status_code for _ in range(5)]
    assert answers == [200] * 5
    assert len(caller.rows()) == len(sent_jobs) == 1


def test_a_wrong_signature_is_refused_and_told_once_a_day(caller):
    for _ in range(3):
        answer = caller.post(b'{"notificationId": "1", "eventType": "x"}', key="another key")
        assert (answer.status_code, answer.text) == (401, "wrong signature")
    assert caller.rows() == []
    with caller.till.work() as session:
        assert session.scalars(select(Event.code)).all() == ["webhook_refused"]


def test_one_changed_byte_is_refused(app, caller):
    raw = b'{"notificationId": "1", "eventType": "x"}'
    signature = signature_of(caller.till.merchant.signature_key, raw)
    answer = app.test_client().post(
        caller.path, data=raw + b" ", headers={"X-ANET-Signature": signature}
    )
    assert answer.status_code == 401
    assert caller.rows() == []


def test_an_unsigned_event_is_refused(app, caller):
    assert app.test_client().post(caller.path, data=b"{}").status_code == 401


def test_another_tenant_s_key_opens_nothing_here(caller, other_till):  # noqa: F811
    raw = b'{"notificationId": "1", "eventType": "x"}'
    assert caller.post(raw, key=other_till.merchant.signature_key).status_code == 401
    assert caller.rows() == []


def test_the_same_event_id_of_two_accounts_is_two_events(app, caller, other_till):  # noqa: F811
    other = Caller(app, other_till)
    caller.call(id="1")
    other.call(id="1")
    assert len(caller.rows()) == len(other.rows()) == 1


def test_wrong_signatures_without_end_are_answered_later_and_later(caller):
    answers = [caller.post(b"{}", key="another key").status_code for _ in range(70)]
    assert answers[:60] == [401] * 60
    assert 429 in answers[60:]
    # whoever has the key is not kept waiting
    assert caller.call(id="1").status_code == 200


def test_an_account_that_tells_too_much_within_a_minute_is_asked_to_come_again(caller, monkeypatch):
    monkeypatch.setattr(events, "MOST_PER_MINUTE", 3)
    answers = [caller.call(event_id=f"event-{n}", id="1").status_code for n in range(4)]
    assert answers == [200, 200, 200, 429]
    with later(seconds=61):
        assert caller.call(event_id="event-9", id="1").status_code == 200


def test_one_account_that_tells_too_much_keeps_no_other_waiting(
    app,
    caller,
    other_till,  # noqa: F811
    monkeypatch,
):
    monkeypatch.setattr(events, "MOST_PER_MINUTE", 1)
    assert [caller.call(event_id=f"e{n}", id="1").status_code for n in range(2)] == [200, 429]
    assert Caller(app, other_till).call(id="1").status_code == 200


@pytest.mark.parametrize("path", ["/webhooks/authorizenet/nobody", "/webhooks/stripe/{token}"])
def test_an_address_that_does_not_exist_is_not_found(caller, path):
    token = caller.path.rsplit("/", 1)[1]
    assert caller.post(b"{}", path=path.format(token=token)).status_code == 404


def test_a_body_of_more_than_256_kib_is_refused(caller):
    padding = "x" * MAX_BODY_BYTES
    assert caller.call(id="1", padding=padding).status_code == 413
    assert caller.rows() == []


def test_a_body_of_256_kib_is_taken(caller):
    head = b'{"notificationId": "1", "eventType": "x", "payload": {"p": "'
    raw = head + b"x" * (MAX_BODY_BYTES - len(head) - 3) + b'"}}'
    assert len(raw) == MAX_BODY_BYTES
    assert caller.post(raw).status_code == 200


def test_a_webhook_is_not_read_by_get(app, caller):
    assert app.test_client().get(caller.path).status_code == 405


def test_the_view_says_why_it_needs_no_login(app):
    access = getattr(app.view_functions["webhooks.receive"], ACCESS_MARK)
    assert "signature" in access.reason


def test_the_answer_sets_no_cookie(caller):
    assert "Set-Cookie" not in caller.call(id="1").headers


# Handling


def test_an_event_settles_an_unknown_charge(caller, lost):
    caller.tell_of(lost)
    assert caller.handle() == ["moved"]
    assert caller.till.refill(lost).state == "succeeded"
    assert caller.till.live() == 10


def test_an_event_before_the_worker_s_own_answer_posts_once(caller):
    """The worker has sent and not yet written: the webhook is faster."""
    till = caller.till  # noqa: F811
    refill_id = till.request(till.save_card())
    answers = []
    gateway = till.merchant.gateway()
    charge = gateway.charge

    def charge_and_be_overtaken(request, **options):
        answer = charge(request, **options)
        caller.tell_of(refill_id)
        answers.extend(caller.handle())
        return answer

    gateway.charge = charge_and_be_overtaken
    charging.charge_refill(till.work, lambda _account: gateway, refill_id)
    assert answers == ["moved"]
    assert till.postings(refill_id) == 1
    assert till.live() == 10
    assert len(till.mails()) == 1


def test_events_out_of_order_do_not_move_a_charge_back(caller):
    till = caller.till  # noqa: F811
    refill_id = till.request(till.save_card(zip="46290"))
    till.charge(refill_id)
    till.sandbox.control("held", ref=till.attempt(refill_id).gateway_ref, approve=True)
    caller.tell_of(refill_id, RELEASED, "event-2")
    caller.tell_of(refill_id, HELD, "event-1")
    assert caller.handle() == ["moved", "same"]
    assert till.refill(refill_id).state == "succeeded"
    assert till.postings(refill_id) == 1


def test_the_event_is_a_hint_the_gateway_s_word_is_what_counts(caller):
    """A signed event says charged; the gateway says declined."""
    till = caller.till  # noqa: F811
    refill_id = till.request(till.save_card(zip="46282"))
    till.sandbox.misbehave("drop_after")
    till.charge(refill_id)
    caller.tell_of(refill_id)
    caller.handle()
    assert till.refill(refill_id).state == "declined"
    assert till.live() == 0


def test_an_event_about_another_transaction_under_our_key_is_not_believed(caller, lost):
    till = caller.till  # noqa: F811
    other = till.request(till.save_card(number="5424000000000015"))
    till.charge(other)
    ref = till.attempt(other).gateway_ref
    caller.call(id=ref, invoiceNumber=attempts.attempt_key(lost, 1))
    assert caller.handle() == ["mismatch"]
    assert till.refill(lost).state == "unknown"


def test_an_event_about_somebody_else_s_payment_is_put_aside(caller):
    caller.call(id="60001", invoiceNumber="COUNTER-SALE-7")
    assert caller.handle() == [None]
    assert caller.rows()[0].result == "not ours"


def test_a_silent_gateway_leaves_the_event_for_the_sweep(caller, lost):
    caller.tell_of(lost)
    caller.till.sandbox.misbehave("http_502", call="getTransactionDetailsRequest")
    assert caller.handle() == [None]
    assert caller.rows()[0].handled_at is None
    with later(seconds=30), platform_unit_of_work() as session:
        assert find_unhandled_events(session) == 1
    assert caller.handle() == ["moved"]


def waiting_in(**span: float) -> int:
    with later(**span), platform_unit_of_work() as session:
        return find_unhandled_events(session)


@pytest.mark.parametrize("fault", ["busy", "maintenance"])
def test_a_busy_gateway_leaves_the_event_open(caller, lost, fault):
    caller.tell_of(lost)
    caller.till.sandbox.misbehave(fault, call="getTransactionDetailsRequest")
    assert caller.handle() == [None]
    assert caller.rows()[0].handled_at is None
    assert waiting_in(seconds=30) == 1
    assert caller.handle() == ["moved"]


def test_wrong_credentials_leave_the_event_open(caller, lost):
    caller.tell_of(lost)
    merchant = caller.till.merchant
    caller.till.sandbox.add_merchant(merchant.login, transaction_key="changed")
    assert caller.handle() == [None]
    assert caller.rows()[0].handled_at is None
    caller.till.sandbox.add_merchant(merchant.login, transaction_key=merchant.transaction_key)
    assert caller.handle() == ["moved"]


def test_an_event_that_cannot_be_asked_about_is_asked_about_less_and_less(caller, lost):
    caller.tell_of(lost)
    caller.till.sandbox.misbehave("busy", call="getTransactionDetailsRequest", times=50)
    for _ in range(9):
        caller.handle()
    assert waiting_in(minutes=59) == 0
    assert waiting_in(minutes=61) == 1


def test_an_event_of_a_week_is_given_up_and_told(caller, lost):
    caller.tell_of(lost)
    with later(days=6, hours=23):
        caller.till.sandbox.misbehave("busy", call="getTransactionDetailsRequest")
        assert caller.handle() == [None]
    assert waiting_in(days=8) == 1
    with later(days=8):
        assert caller.handle() == [None]
    assert caller.rows()[0].result == "given up"
    assert waiting_in(days=9) == 0
    assert "webhook_given_up" in caller.till.events()


def test_an_event_whose_money_cannot_be_booked_stays_open_and_is_told(caller, lost):
    """Somebody entered a transaction under the refill's id meanwhile."""
    till = caller.till  # noqa: F811
    with till.work() as session:
        transactions.create_payment(
            session,
            transaction_id=lost,
            client_id=till.client.id,
            amount=Decimal("5.00"),
            payment_account_id=payment_accounts.get_general(session, till.tenant.id).id,
        )
    caller.tell_of(lost)
    assert caller.handle() == [None]
    assert caller.rows()[0].handled_at is None
    assert till.events() == ["payment_not_recorded"]


# Money that somebody gives back at the gateway itself


def refund(till: Till, refill_id, key: str, amount: str = "10.00") -> str:  # noqa: F811
    """By the merchant, in the gateway's own interface; its reference."""
    gateway = till.merchant.gateway()
    till.sandbox.control("settle", login=till.merchant.login)
    (charge,) = till.merchant.charges(till.attempt(refill_id).key)
    answer = gateway.refund(
        RefundRequest(
            key=key,
            gateway_ref=charge["ref"],
            amount=Decimal(amount),
            currency="USD",
            last_four="1111",
        )
    )
    gateway.close()
    assert answer.outcome is Outcome.APPROVED
    return answer.gateway_ref


@pytest.mark.parametrize("key", ["same", "MERCHANTS-OWN"])
def test_a_refund_at_the_gateway_is_told_and_books_nothing(caller, key):
    till = caller.till  # noqa: F811
    refill_id = till.request(till.save_card())
    till.charge(refill_id)
    wanted = till.attempt(refill_id).key if key == "same" else key
    ref = refund(till, refill_id, wanted, "4.00")
    caller.call(REFUNDED, id=ref, invoiceNumber=wanted)
    assert caller.handle() == ["refund"]
    assert till.events() == ["payment_refunded"]
    assert till.refill(refill_id).state == "succeeded"
    assert till.live() == 10


def test_a_refund_of_a_counter_sale_is_not_ours(caller):
    till = caller.till  # noqa: F811
    refill_id = till.request(till.save_card())
    till.charge(refill_id)
    gateway = till.merchant.gateway()
    request = ChargeRequest.from_json(till.attempt(refill_id).request)
    sale = gateway.charge(replace(request, key="COUNTER-7"))
    till.sandbox.control("settle", login=till.merchant.login)
    wish = RefundRequest(
        key="COUNTER-7B",
        gateway_ref=sale.gateway_ref,
        amount=Decimal(1),
        currency="USD",
        last_four="1111",
    )
    ref = gateway.refund(wish).gateway_ref
    gateway.close()
    caller.call(REFUNDED, id=ref, invoiceNumber="COUNTER-7B")
    assert caller.handle() == ["not ours"]
    assert till.events() == []


def test_a_refund_under_the_same_number_does_not_hide_the_charge(caller, lost):
    """The answer was lost, then the merchant gave the money back under our key."""
    till = caller.till  # noqa: F811
    refund(till, lost, till.attempt(lost).key)
    with later(minutes=20):
        till.look_up(lost)
    assert till.refill(lost).state == "succeeded"
    assert (till.live(), till.postings(lost)) == (10, 1)
    assert till.events() == ["payment_refunded"]


def test_a_refund_event_about_an_unknown_charge_credits_nothing(caller, lost):
    till = caller.till  # noqa: F811
    key = till.attempt(lost).key
    ref = refund(till, lost, key)
    caller.call(REFUNDED, id=ref, invoiceNumber=key)
    assert caller.handle() == ["refund"]
    assert till.refill(lost).state == "unknown"
    assert till.live() == 0


def test_a_second_payment_that_is_voided_leaves_nothing_to_do(caller):
    till = caller.till  # noqa: F811
    refill_id = till.request(till.save_card())
    till.charge(refill_id)
    twice = till.save_card(number="5424000000000015")
    request = ChargeRequest.from_json(till.attempt(refill_id).request)
    gateway = till.merchant.gateway()
    second = gateway.charge(replace(request, payment_profile_ref=twice.method_ref))
    gateway.void(second.gateway_ref)
    gateway.close()
    caller.call(VOIDED, id=second.gateway_ref, invoiceNumber=request.key)
    assert caller.handle() == ["second payment"]
    assert till.events() == ["payment_second_voided"]


def test_a_decline_that_a_webhook_tells_of_a_page_is_looked_up_and_not_believed(
    caller,
    sent_jobs,  # noqa: F811
):
    """Held on one page and declined; on another page the payment was made, its webhook lost."""
    till = caller.till  # noqa: F811
    till.sandbox.control("webhooks", is_on=False)
    refill_id = new_id()
    first, second = begin_page(till, refill_id), begin_page(till, refill_id)
    pay_on(first, zip="46290", card_number="4007000000027")
    till.look_up(refill_id)
    held = till.attempt(refill_id).gateway_ref
    pay_on(second)
    till.sandbox.control("held", ref=held, approve=False)
    with later(hours=1):
        sent_jobs.clear()
        caller.call(REJECTED, id=held, invoiceNumber=till.attempt(refill_id).key)
        assert caller.handle() == ["looking"]
        assert "payments.look_up" in [job.name for job in sent_jobs]
        assert till.refill(refill_id).state == "held"
        till.look_up(refill_id)
    assert till.refill(refill_id).state == "succeeded"
    assert till.live() == 10


def test_a_void_at_the_gateway_is_told_and_charges_nothing_again(caller):
    till = caller.till  # noqa: F811
    refill_id = till.request(till.save_card())
    till.charge(refill_id)
    gateway = till.merchant.gateway()
    gateway.void(till.attempt(refill_id).gateway_ref)
    gateway.close()
    caller.tell_of(refill_id, VOIDED)
    assert caller.handle() == ["correction"]
    assert till.refill(refill_id).state == "succeeded"
    assert "payment_went_back" in till.events()


def test_a_second_payment_under_a_booked_key_is_for_a_person(caller):
    """Two pages of one payment were open, and each was paid with another card."""
    till = caller.till  # noqa: F811
    refill_id = till.request(till.save_card())
    till.charge(refill_id)
    twice = till.save_card(number="5424000000000015")
    request = ChargeRequest.from_json(till.attempt(refill_id).request)
    gateway = till.merchant.gateway()
    again = gateway.charge(replace(request, payment_profile_ref=twice.method_ref))
    gateway.close()
    assert again.outcome is Outcome.APPROVED
    caller.tell_of(refill_id)
    assert caller.handle() == ["second payment"]
    assert till.live() == Decimal("10.00")
    assert "payment_second" in till.events()


def test_money_for_an_attempt_that_was_closed_is_for_a_person(caller):
    till = caller.till  # noqa: F811
    refill_id = till.request(till.save_card())
    till.sandbox.misbehave("drop_after")
    till.charge(refill_id)
    with till.work() as session:
        refill, attempt = attempts.lock_attempt(session, till.attempt(refill_id).key)
        attempt.state, refill.state = "not_charged", "failed"
    caller.tell_of(refill_id)
    assert caller.handle() == ["contradiction"]
    assert till.live() == 0
    assert "payment_undecided" in till.events()


def test_a_card_added_at_the_gateway_asks_for_our_list_to_be_made_equal(caller, sent_jobs):  # noqa: F811
    card = caller.till.save_card()
    sent_jobs.clear()
    caller.call(CARD, id=card.method_ref, customerProfileId=card.customer_ref)
    caller.handle()
    assert [(job.name, job.args) for job in sent_jobs][1:] == [
        ("payments.sync_cards", {"client_id": caller.till.client.id})
    ]


def test_a_held_charge_is_settled_by_its_event(caller):
    till = caller.till  # noqa: F811
    refill_id = till.request(till.save_card(zip="46290"))
    till.charge(refill_id)
    assert till.refill(refill_id).next_look_at > now() + timedelta(minutes=59)
    till.sandbox.control("held", ref=till.attempt(refill_id).gateway_ref, approve=True)
    caller.tell_of(refill_id, RELEASED)
    caller.handle()
    assert till.live() == Decimal(10)


def test_the_event_of_one_tenant_is_handled_in_its_scope_only(caller, other_till, lost):  # noqa: F811
    caller.tell_of(lost)
    (row,) = caller.rows()
    assert (
        events.handle_event(
            other_till.work, other_till.open_gateway, row.id, patience=DEFAULT_PATIENCE
        )
        is None
    )
    assert caller.till.refill(lost).state == "unknown"
