"""Debits of bank accounts at both gateways: nothing counts before the bank has paid."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.errors import InvalidInputError
from payments import attempts, auto_payment, events, gateway_accounts, held, notices, refunding
from payments import refunds as giving_back
from payments.dues import Why
from payments.errors import CardBusyError
from payments.gateways.base import EventKind, InboundEvent, MethodKind
from payments.models import ClientAutoPayment
from payments.outcomes import Recorded
from payments.saved_cards import remove_card, request_card_page
from tests.payments.till import RETURN_URL, Till, later, open_till

_UNPAID = {"account": "000222222227"}


@pytest.fixture(params=["authorizenet", "stripe"])
def bank_till(request) -> Till:
    """Acme's till at each gateway in turn, with bank accounts switched on."""
    name = "till" if request.param == "authorizenet" else "stripe_till"
    till: Till = request.getfixturevalue(name)
    till.take_bank_accounts()
    return till


def is_stripe(till: Till) -> bool:
    return hasattr(till.merchant, "secret_key")


def let_bank_refuse(till: Till, refill_id) -> None:
    """The bank does not pay; Authorize.net tells of it after the settlement."""
    till.merchant.let_banks_pay()
    if not is_stripe(till):
        till.merchant.send_back(till.attempt(refill_id).gateway_ref)


def unpaid_account(till: Till):
    return till.save_bank_account(**(_UNPAID if is_stripe(till) else {}))


class TestPaying:
    def test_a_debit_credits_nothing_until_the_bank_has_paid_and_then_once(self, bank_till):
        bank = bank_till.save_bank_account()
        refill_id = bank_till.request(bank, "25.00")

        bank_till.charge(refill_id)
        waiting = bank_till.refill(refill_id)
        before = bank_till.live()
        bank_till.look_up(refill_id)
        bank_till.merchant.let_banks_pay()
        bank_till.look_up(refill_id)
        bank_till.look_up(refill_id)

        assert (waiting.state, waiting.credited, before) == ("held", 0, 0)
        assert waiting.reason == "The bank is paying; this takes some business days."
        assert bank_till.refill(refill_id).state == "succeeded"
        assert bank_till.live() == Decimal("25.00")
        assert bank_till.postings(refill_id) == 1
        assert bank_till.books_are_right()
        subjects = [mail.subject for mail in bank_till.mails()]
        assert sum("bank is paying" in one for one in subjects) == 1, subjects
        assert sum("received" in one for one in subjects) == 1

    def test_nothing_but_bank_and_four_digits_is_kept(self, bank_till):
        bank = bank_till.save_bank_account()

        assert (bank.kind, bank.last_four, bank.expiry_year) == ("bank_account", "6789", None)
        assert notices.describe_card(bank).endswith("…6789")
        assert bank.brand in ("JPMorgan Chase", "STRIPE TEST BANK")
        stored = " ".join(str(value) for value in vars(bank).values())
        assert "123456789" not in stored
        assert "021000021" not in stored
        assert "110000000" not in stored

    def test_a_debit_that_is_not_paid_says_why_and_credits_nothing(self, bank_till):
        bank = unpaid_account(bank_till)
        refill_id = bank_till.request(bank, "25.00")
        bank_till.charge(refill_id)

        let_bank_refuse(bank_till, refill_id)
        bank_till.look_up(refill_id)

        refill = bank_till.refill(refill_id)
        assert (refill.state, refill.credited, bank_till.live()) == ("declined", 0, 0)
        assert refill.reason == "The bank account does not cover the amount."
        assert bank_till.postings(refill_id) == 0

    def test_a_lost_answer_is_looked_up_and_never_debited_twice(self, bank_till):
        bank = bank_till.save_bank_account()
        refill_id = bank_till.request(bank, "25.00")
        bank_till.sandbox.misbehave("drop_after")

        bank_till.charge(refill_id)
        bank_till.look_up(refill_id)
        again = bank_till.charge(refill_id)
        bank_till.merchant.let_banks_pay()
        bank_till.look_up(refill_id)

        assert again is None
        assert bank_till.live() == Decimal("25.00")
        assert len(bank_till.merchant.charges()) == 1

    def test_a_worker_that_died_after_sending_is_followed_by_a_look(self, bank_till):
        bank = bank_till.save_bank_account()
        refill_id = bank_till.request(bank, "25.00")
        with bank_till.work() as session:
            attempt = attempts.begin_attempt(
                session, refill_id, owner="dead", patience=attempts.DEFAULT_PATIENCE
            )
            request = attempts.ChargeRequest.from_json(attempt.request)
            account = gateway_accounts.get_account(session, bank_till.account_id)
        gateway = bank_till.open_gateway(account)
        gateway.charge(request)
        gateway.close()

        with later(minutes=13):
            bank_till.look_up(refill_id)
            state = bank_till.refill(refill_id).state
            bank_till.merchant.let_banks_pay()
        with later(hours=2):
            bank_till.look_up(refill_id)

        assert (request.method, state) == (MethodKind.BANK_ACCOUNT, "held")
        assert bank_till.live() == Decimal("25.00")
        assert len(bank_till.merchant.charges()) == 1

    def test_the_staff_cannot_approve_what_only_the_bank_decides(self, bank_till):
        refill_id = bank_till.request(bank_till.save_bank_account())
        bank_till.charge(refill_id)

        with bank_till.work() as session:
            account = gateway_accounts.get_account(session, bank_till.account_id)
            choices = held.choices_of(account.gateway, bank_till.attempt(refill_id))

        assert (choices.approve, choices.decline) == (False, False)

    def test_an_account_with_a_debit_under_way_is_not_removed(self, bank_till):
        bank = bank_till.save_bank_account()
        bank_till.charge(bank_till.request(bank))

        with pytest.raises(CardBusyError, match="bank account"):
            remove_card(
                bank_till.work,
                bank_till.open_gateway,
                client_id=bank_till.client.id,
                card_id=bank.id,
            )


class TestComingBack:
    def paid(self, till: Till):
        refill_id = till.request(till.save_bank_account(), "25.00")
        till.charge(refill_id)
        till.merchant.let_banks_pay()
        till.look_up(refill_id)
        assert till.live() == Decimal("25.00")
        return refill_id

    def test_a_debit_that_is_taken_back_is_found_without_a_webhook_and_booked_once(self, bank_till):
        refill_id = self.paid(bank_till)
        bank_till.merchant.send_back(bank_till.attempt(refill_id).gateway_ref)

        too_early = bank_till.recheck(refill_id)
        with later(days=1, minutes=1):
            looked = bank_till.recheck(refill_id)
        with later(days=3):
            again = bank_till.recheck(refill_id)

        assert (too_early, looked, again) == (False, True, False)
        assert bank_till.live() == 0
        assert bank_till.refill(refill_id).charged_back == Decimal("25.00")
        assert bank_till.books_are_right()
        assert bank_till.events().count("payment_charged_back") == 1
        assert bank_till.attempt(refill_id).recheck_at is None

    def test_a_debit_is_watched_for_two_months_and_then_left_alone(self, bank_till):
        refill_id = self.paid(bank_till)
        attempt = bank_till.attempt(refill_id)
        looks = 0
        while attempt.recheck_at is not None:
            looks += 1
            with later(attempt.recheck_at + timedelta(minutes=1)):
                assert bank_till.recheck(refill_id)
            attempt = bank_till.attempt(refill_id)

        assert 15 < looks < 40
        assert bank_till.live() == Decimal("25.00")

    def test_who_disputes_a_debit_is_not_charged_by_itself_again(self, bank_till):
        with bank_till.work() as session:
            client = auto_payment.clients.get_client(session, bank_till.client.id)
            auto_payment.save_auto_payment(
                session, client, auto_payment.AutoPayment(True, Decimal("20"))
            )
        refill_id = self.paid(bank_till)
        bank_till.merchant.send_back(bank_till.attempt(refill_id).gateway_ref)
        with later(days=2):
            bank_till.recheck(refill_id)

        with bank_till.work() as session:
            row = session.get(ClientAutoPayment, bank_till.client.id)
            assert row.suspended_reason == auto_payment.DISPUTED

    def test_a_repeated_event_about_a_returned_debit_books_it_once(self, stripe_till):
        stripe_till.take_bank_accounts()
        refill_id = self.paid(stripe_till)
        ref = stripe_till.attempt(refill_id).gateway_ref
        stripe_till.merchant.send_back(ref)

        results = []
        for n in range(3):
            with stripe_till.work() as session:
                account = gateway_accounts.get_account(session, stripe_till.account_id)
                told = InboundEvent(f"evt_{n}", EventKind.OTHER, gateway_ref=ref)
                event_id = events.store_event(session, account, told)
            results.append(
                events.handle_event(stripe_till.work, stripe_till.open_gateway, event_id)
            )

        assert results == ["charged back", "same", "same"]
        assert stripe_till.live() == 0
        assert stripe_till.books_are_right()

    def test_what_was_paid_and_taken_back_between_two_looks_adds_up_to_nothing(self, bank_till):
        refill_id = bank_till.request(bank_till.save_bank_account(), "25.00")
        bank_till.charge(refill_id)
        bank_till.merchant.let_banks_pay()
        bank_till.merchant.send_back(bank_till.attempt(refill_id).gateway_ref)

        bank_till.look_up(refill_id)

        assert bank_till.live() == 0
        assert bank_till.books_are_right()
        assert bank_till.refill(refill_id).state in ("declined", "succeeded")

    def test_a_paid_debit_is_given_back_to_its_account(self, bank_till):
        refill_id = self.paid(bank_till)
        refund_id = notices.UUID(int=77)
        with bank_till.work() as session:
            giving_back.request_refund(
                session,
                refund_id=refund_id,
                refill_id=refill_id,
                amount=Decimal("5.00"),
                reason="test",
            )

        recorded = refunding.send_refund(bank_till.work, bank_till.open_gateway, refund_id)

        assert recorded is Recorded.MOVED
        assert bank_till.live() == Decimal("20.00")


class TestAutoPayment:
    def test_while_a_debit_is_under_way_nothing_more_is_charged(self, bank_till):
        bank_till.save_bank_account()
        with bank_till.work() as session:
            client = auto_payment.clients.get_client(session, bank_till.client.id)
            auto_payment.save_auto_payment(
                session, client, auto_payment.AutoPayment(True, Decimal("20"))
            )
        bank_till.owe("5.00")
        with bank_till.work() as session:
            refill = auto_payment.request_due(session, bank_till.client.id)
        bank_till.charge(refill.id)
        bank_till.owe("100.00")

        with later(days=2), bank_till.work() as session:
            due = auto_payment.preview(session, bank_till.client.id)
            second = auto_payment.request_due(session, bank_till.client.id)

        assert bank_till.refill(refill.id).state == "held"
        assert (due.why, second) == (Why.UNDER_WAY, None)
        assert len(bank_till.merchant.charges()) == 1

    def test_an_unpaid_debit_is_tried_again_by_the_calendar(self, bank_till):
        unpaid_account(bank_till)
        with bank_till.work() as session:
            client = auto_payment.clients.get_client(session, bank_till.client.id)
            auto_payment.save_auto_payment(
                session, client, auto_payment.AutoPayment(True, Decimal("20"))
            )
        bank_till.owe("5.00")
        with bank_till.work() as session:
            refill = auto_payment.request_due(session, bank_till.client.id)
        bank_till.charge(refill.id)

        let_bank_refuse(bank_till, refill.id)
        bank_till.look_up(refill.id)

        with bank_till.work() as session:
            row = session.get(ClientAutoPayment, bank_till.client.id)
            assert (row.declines_in_row, row.suspended_at) == (1, None)
            assert row.next_try_at is not None


class TestTheSwitch:
    def test_off_as_a_new_account_is_no_bank_account_can_be_added(self, till):
        with pytest.raises(InvalidInputError):
            request_card_page(
                till.work,
                till.open_gateway,
                client_id=till.client.id,
                return_url=RETURN_URL,
                cancel_url=RETURN_URL,
                kind=MethodKind.BANK_ACCOUNT,
            )

    def test_switched_off_nothing_more_is_debited_also_of_what_was_asked_for(self, bank_till):
        bank = bank_till.save_bank_account()
        asked = bank_till.request(bank)
        bank_till.take_bank_accounts(taken=False)

        bank_till.charge(asked)
        with pytest.raises(InvalidInputError, match="switched off"):
            bank_till.request(bank)

        assert bank_till.refill(asked).state == "failed"
        assert bank_till.merchant.charges() == []

    def test_in_another_currency_it_cannot_be_switched_on(self, till, settings):
        euros = open_till(till.sandbox, settings, "Globex", currency="EUR")

        with pytest.raises(InvalidInputError, match="USD only"):
            euros.take_bank_accounts()
