"""A charge from the wish to the ledger, against a real sandbox of the gateway."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from core.clock import now
from core.ids import new_id
from payments import attempts, charging, lookups, outcomes
from payments.errors import IllegalMoveError
from payments.gateways.base import ChargeAnswer, ChargeRequest, Outcome
from payments.models import ChargeAttempt, Refill
from payments.outcomes import Recorded
from payments.patience import DEFAULT_PATIENCE, Patience
from payments.state import News
from tests.payments.till import Till, later

LOST = "drop_after"
NEVER_ARRIVED = "drop_before"


def approved(amount: str = "10.00", ref: str = "60000000001") -> ChargeAnswer:
    return ChargeAnswer(outcome=Outcome.APPROVED, gateway_ref=ref, approved_amount=Decimal(amount))


def test_an_approved_charge_credits_the_client_once(till: Till):
    refill_id = till.request(till.save_card())
    assert till.charge(refill_id) is Recorded.MOVED
    assert till.charge(refill_id) is None
    refill = till.refill(refill_id)
    assert (refill.state, refill.credited) == ("succeeded", Decimal("10.00"))
    assert till.live() == 10
    assert till.taken() == ["10.00"]
    assert till.postings(refill_id) == 1
    assert till.books_are_right()


def test_the_client_gets_a_receipt(till: Till):
    till.charge(till.request(till.save_card()))
    mail = till.mails()[0]
    assert mail.subject == "We received your payment of 10.00 USD"
    assert "Visa …1111" in mail.body_text


def test_a_declined_charge_leaves_the_balance(till: Till):
    refill_id = till.request(till.save_card(zip="46282"))
    till.charge(refill_id)
    refill = till.refill(refill_id)
    assert refill.state == "declined"
    assert refill.reason == "The bank declined the card."
    assert till.live() == 0
    assert till.postings(refill_id) == 0


def test_a_decline_is_final_for_its_key(till: Till):
    refill_id = till.request(till.save_card(zip="46282"))
    till.charge(refill_id)
    assert till.charge(refill_id) is None
    assert till.look_up(refill_id) is None
    assert len(till.merchant.charges()) == 1


def test_a_partial_approval_credits_exactly_what_was_approved(till: Till):
    refill_id = till.request(till.save_card(zip="46225"))
    till.charge(refill_id)
    refill = till.refill(refill_id)
    assert (refill.state, refill.credited) == ("succeeded", Decimal("1.23"))
    assert till.live() == Decimal("1.23")
    assert "only a part" in till.mails()[0].body_text


def test_a_held_charge_waits_for_the_decision(till: Till):
    refill_id = till.request(till.save_card(zip="46290"))
    till.charge(refill_id)
    assert till.refill(refill_id).state == "held"
    assert till.live() == 0
    assert till.refill(refill_id).next_look_at > now() + timedelta(minutes=59)
    till.look_up(refill_id)
    assert till.refill(refill_id).state == "held"


@pytest.mark.parametrize(
    ("approve", "state", "live"), [(True, "succeeded", 10), (False, "declined", 0)]
)
def test_a_look_learns_how_a_held_charge_was_decided(till: Till, approve, state, live):
    refill_id = till.request(till.save_card(zip="46290"))
    till.charge(refill_id)
    till.sandbox.control("held", ref=till.attempt(refill_id).gateway_ref, approve=approve)
    till.look_up(refill_id)
    assert till.refill(refill_id).state == state
    assert till.live() == live


def test_sending_is_on_disk_before_the_first_byte_leaves(till: Till, monkeypatch):
    refill_id = till.request(till.save_card())
    seen = []

    def look_from_outside(session, lease):
        with till.work() as other:
            attempt = other.get(ChargeAttempt, lease.key)
            seen.append(
                (attempt.state, attempt.request["amount"], attempt.first_sent_at is not None)
            )
        return may_send(session, lease)

    may_send = attempts.may_send
    monkeypatch.setattr(attempts, "may_send", look_from_outside)
    till.charge(refill_id)
    assert seen == [("sending", "10.00", True)]


def test_the_stored_request_is_the_one_that_was_sent(till: Till):
    card = till.save_card()
    refill_id = till.request(card)
    till.charge(refill_id)
    attempt = till.attempt(refill_id)
    request = ChargeRequest.from_json(attempt.request)
    assert request.key == attempt.key == attempts.attempt_key(refill_id, 1)
    assert request.payment_profile_ref == card.method_ref
    assert till.merchant.charges()[0]["key"] == attempt.key


def test_the_key_follows_from_the_refill_and_fits_the_gateway(till: Till):
    refill_id = new_id()
    keys = {attempts.attempt_key(refill_id, n) for n in (1, 2, 1)}
    assert len(keys) == 2
    assert all(len(key) == 20 and key.isalnum() and key.isupper() for key in keys)


# Lost answers


@pytest.mark.parametrize("fault", [LOST, "http_500_after", "unreadable_after"])
def test_a_lost_answer_is_looked_up_and_never_charged_again(till: Till, fault):
    refill_id = till.request(till.save_card())
    till.sandbox.misbehave(fault)
    till.charge(refill_id)
    assert till.refill(refill_id).state == "unknown"
    assert till.live() == 0
    till.look_up(refill_id)
    assert till.refill(refill_id).state == "succeeded"
    assert till.live() == 10
    assert till.taken() == ["10.00"]
    assert len(till.attempts(refill_id)) == 1


def test_the_first_look_comes_after_five_seconds_and_the_waits_grow(till: Till, sent_jobs):
    refill_id = till.request(till.save_card())
    till.sandbox.misbehave(NEVER_ARRIVED)
    sent_jobs.clear()
    till.charge(refill_id)
    assert [(job.name, job.delay_ms) for job in sent_jobs] == [("payments.look_up", 5000)]
    waits = []
    for _ in range(2):
        till.look_up(refill_id)
        waits.append(round((till.refill(refill_id).next_look_at - now()).total_seconds()))
    assert waits == [15, 45]


def test_no_look_is_later_than_the_moment_when_it_may_be_sent_again(till: Till):
    refill_id = till.request(till.save_card())
    till.sandbox.misbehave(NEVER_ARRIVED)
    till.charge(refill_id)
    for _ in range(4):
        till.look_up(refill_id)
    assert till.refill(refill_id).next_look_at <= now() + timedelta(minutes=2)


def test_what_never_arrived_is_sent_again_when_the_first_lease_is_over(till: Till):
    refill_id = till.request(till.save_card())
    till.sandbox.misbehave(NEVER_ARRIVED)
    till.charge(refill_id)
    first = till.attempt(refill_id).request
    till.look_up(refill_id)
    assert till.taken() == []
    with later(seconds=121):
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "succeeded"
    assert till.taken() == ["10.00"]
    assert [attempt.request for attempt in till.attempts(refill_id)] == [first]


def test_the_duplicate_window_stops_a_second_sending_that_slips_through(till: Till):
    """The look-up is blind here: only the gateway's own guard is left."""
    refill_id = till.request(till.save_card())
    till.sandbox.misbehave(LOST)
    till.charge(refill_id)
    attempt = till.attempt(refill_id)
    with later(seconds=121):
        with till.work() as session:
            _, row = attempts.lock_attempt(session, attempt.key)
            row.lease_owner, row.lease_until = "me", now() + timedelta(minutes=2)
        lease = attempts.Lease(attempt.key, "me", now() + timedelta(minutes=2))
        gateway = till.merchant.gateway()
        charging.send(
            till.work,
            gateway,
            lease,
            ChargeRequest.from_json(attempt.request),
            patience=DEFAULT_PATIENCE,
        )
        gateway.close()
    assert till.refill(refill_id).state == "succeeded"
    assert till.taken() == ["10.00"]


def test_nothing_is_sent_again_after_six_hours(till: Till):
    refill_id = till.request(till.save_card())
    till.sandbox.misbehave(NEVER_ARRIVED)
    till.charge(refill_id)
    with later(hours=6, minutes=1):
        till.look_up(refill_id)
        refill = till.refill(refill_id)
    assert (refill.state, till.attempt(refill_id).state) == ("failed", "not_charged")
    assert "Nothing was charged" in refill.reason
    assert till.taken() == []


def test_a_charge_that_was_settled_meanwhile_is_found_in_its_batch(till: Till):
    refill_id = till.request(till.save_card())
    till.sandbox.misbehave(LOST)
    till.charge(refill_id)
    till.sandbox.control("settle", login=till.merchant.login)
    with later(hours=7):
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "succeeded"
    assert till.live() == 10


def test_lists_that_cannot_be_read_prove_nothing(till: Till):
    refill_id = till.request(till.save_card())
    till.sandbox.misbehave(NEVER_ARRIVED)
    till.charge(refill_id)
    with later(hours=7):
        till.sandbox.misbehave("http_502", call="getUnsettledTransactionListRequest")
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "unknown"
        assert till.events() == ["payment_long_unknown"]


def test_another_amount_under_our_key_is_for_a_person(till: Till):
    refill_id = till.request(till.save_card())
    till.sandbox.misbehave(LOST)
    till.charge(refill_id)
    with till.work() as session:
        session.execute(
            update(Refill).where(Refill.id == refill_id).values(amount=Decimal("11.00"))
        )
    till.look_up(refill_id)
    assert till.refill(refill_id).state == "unknown"
    assert till.live() == 0
    assert "payment_undecided" in till.events()


def test_a_partial_approval_whose_answer_was_lost_is_released(till: Till):
    refill_id = till.request(till.save_card(zip="46225"))
    till.sandbox.misbehave(LOST)
    till.charge(refill_id)
    till.look_up(refill_id)
    assert till.refill(refill_id).credited == Decimal("1.23")
    assert till.live() == Decimal("1.23")


# Nothing was sent


def test_a_gateway_that_is_down_is_tried_again_with_a_new_attempt(till: Till):
    refill_id = till.request(till.save_card())
    away = Till(
        till.tenant,
        till.client,
        till.merchant,
        till.account_id,
        till.settings.model_copy(update={"authorizenet_test_api_url": "http://127.0.0.1:1/x"}),
    )
    away.charge(refill_id)
    assert till.refill(refill_id).state == "requested"
    assert till.attempt(refill_id).state == "not_charged"
    till.charge(refill_id)
    assert till.refill(refill_id).state == "succeeded"
    assert [attempt.n for attempt in till.attempts(refill_id)] == [1, 2]


def test_a_gateway_that_stays_down_ends_the_refill(till: Till):
    refill_id = till.request(till.save_card())
    away = till.settings.model_copy(update={"authorizenet_test_api_url": "http://127.0.0.1:1/x"})
    away_till = Till(till.tenant, till.client, till.merchant, till.account_id, away)
    for _ in range(4):
        away_till.charge(refill_id)
    assert till.refill(refill_id).state == "failed"
    assert till.refill(refill_id).reason.endswith("Nothing was charged.")


def test_wrong_credentials_end_the_refill_and_tell_the_staff(till: Till):
    refill_id = till.request(till.save_card())
    till.sandbox.add_merchant(till.merchant.login, transaction_key="changed")
    till.charge(refill_id)
    assert till.refill(refill_id).state == "failed"
    assert till.events() == ["payment_failed"]


def test_a_removed_card_is_not_charged(till: Till):
    card = till.save_card()
    refill_id = till.request(card)
    with till.work() as session:
        session.get(type(card), card.id).state = "removed"
    assert till.charge(refill_id) is None
    assert till.refill(refill_id).state == "failed"
    assert till.merchant.charges() == []


# Leases, fences, one charge per card


def test_who_lost_the_lease_does_not_send(till: Till, monkeypatch):
    refill_id = till.request(till.save_card())
    may_send = attempts.may_send

    def sleep_past_the_lease(session, lease):
        with later(minutes=3):
            return may_send(session, lease)

    monkeypatch.setattr(attempts, "may_send", sleep_past_the_lease)
    till.charge(refill_id)
    assert till.merchant.charges() == []


def test_an_overtaken_worker_does_not_book(till: Till):
    refill_id = till.request(till.save_card())
    with till.work() as session:
        attempt = attempts.begin_attempt(
            session, refill_id, owner="zombie", patience=DEFAULT_PATIENCE
        )
    with till.work() as session:
        outcomes.record_silence(session, attempt.key, News.LEASE_OVER)
    with till.work() as session:
        recorded = outcomes.record_outcome(session, attempt.key, approved(), lease_owner="zombie")
    assert recorded is Recorded.FENCED
    assert till.live() == 0
    assert till.refill(refill_id).state == "unknown"


def test_nobody_looks_at_what_is_still_being_sent(till: Till):
    refill_id = till.request(till.save_card())
    with till.work() as session:
        attempts.begin_attempt(session, refill_id, owner="one", patience=DEFAULT_PATIENCE)
    assert till.look_up(refill_id) is None


def test_a_dead_worker_s_charge_is_found_when_its_lease_is_over(till: Till):
    refill_id = till.request(till.save_card())
    with till.work() as session:
        attempt = attempts.begin_attempt(
            session, refill_id, owner="dead", patience=DEFAULT_PATIENCE
        )
        request = ChargeRequest.from_json(attempt.request)
    gateway = till.merchant.gateway()
    gateway.charge(request)
    gateway.close()
    with later(seconds=121):
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "succeeded"


def test_a_dead_worker_s_request_is_sent_again_only_after_the_grace(till: Till):
    refill_id = till.request(till.save_card())
    with till.work() as session:
        attempts.begin_attempt(session, refill_id, owner="dead", patience=DEFAULT_PATIENCE)
    with later(minutes=11):
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "processing"
    assert till.taken() == []
    with later(minutes=12, seconds=1):
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "succeeded"
    assert till.taken() == ["10.00"]


def test_two_look_ups_at_once_send_again_once(till: Till):
    refill_id = till.request(till.save_card())
    till.sandbox.misbehave(NEVER_ARRIVED)
    till.charge(refill_id)
    key = till.attempt(refill_id).key
    with later(seconds=121):
        with till.work() as session:
            first = lookups._begin(session, till.open_gateway, key, DEFAULT_PATIENCE)
        assert till.look_up(refill_id) is None
        first.gateway.close()
    assert till.merchant.charges() == []


def test_one_card_has_one_charge_under_way(till: Till, sent_jobs):
    card = till.save_card()
    first, second = till.request(card), till.request(card)
    with till.work() as session:
        attempts.begin_attempt(session, first, owner="one", patience=DEFAULT_PATIENCE)
    assert till.charge(second) is None
    assert till.refill(second).state == "requested"
    assert till.refill(second).next_look_at < now() + timedelta(seconds=6)
    assert till.merchant.charges() == []


def test_the_next_charge_of_a_card_follows_when_the_first_is_done(till: Till):
    card = till.save_card()
    first, second = till.request(card), till.request(card)
    till.charge(first)
    till.charge(second)
    assert till.taken() == ["10.00", "10.00"]
    assert till.live() == 20


# The single door


def test_the_same_outcome_five_times_posts_once(till: Till):
    refill_id = till.request(till.save_card())
    till.charge(refill_id)
    attempt = till.attempt(refill_id)
    for _ in range(5):
        with till.work() as session:
            recorded = outcomes.record_outcome(
                session, attempt.key, approved(ref=attempt.gateway_ref)
            )
        assert recorded is Recorded.SAME
    assert till.postings(refill_id) == 1
    assert len(till.mails()) == 1


def test_news_that_contradicts_the_books_raises(till: Till):
    refill_id = till.request(till.save_card(zip="46282"))
    till.charge(refill_id)
    with till.work() as session, pytest.raises(IllegalMoveError):
        outcomes.record_outcome(session, till.attempt(refill_id).key, approved())
    assert till.live() == 0


def test_a_gateway_that_took_more_than_was_asked_for_is_for_a_person(till: Till):
    refill_id = till.request(till.save_card())
    with till.work() as session:
        attempt = attempts.begin_attempt(session, refill_id, owner="one", patience=DEFAULT_PATIENCE)
    with till.work() as session:
        outcomes.record_outcome(session, attempt.key, approved("10.01"), lease_owner="one")
    assert till.refill(refill_id).state == "unknown"
    assert till.live() == 0
    assert till.events() == ["payment_undecided"]


def test_outcome_posting_state_and_mail_are_one_transaction(till: Till):
    refill_id = till.request(till.save_card())
    with till.work() as session:
        attempt = attempts.begin_attempt(session, refill_id, owner="one", patience=DEFAULT_PATIENCE)

    def record_and_crash():
        with till.work() as session:
            outcomes.record_outcome(session, attempt.key, approved(), lease_owner="one")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        record_and_crash()
    assert till.attempt(refill_id).state == "sending"
    assert till.refill(refill_id).state == "processing"
    assert till.live() == 0
    assert till.mails() == []


def test_the_waiting_times_are_those_of_the_rule():
    patience = Patience()
    assert patience.lease == timedelta(minutes=2)
    assert patience.grace == timedelta(minutes=10)
    assert patience.resend_within == timedelta(hours=6)
    assert patience.looks[0] == timedelta(seconds=5)
    assert patience.held_look == timedelta(hours=1)
    assert list(patience.looks) == sorted(patience.looks)


def test_another_tenant_cannot_charge_or_see_it(till: Till, other_till: Till):
    refill_id = till.request(till.save_card())
    with pytest.raises(Exception, match="Refill not found"):
        other_till.charge(refill_id)
    till.charge(refill_id)
    assert other_till.attempts(refill_id) == []
    assert other_till.mails() == []
