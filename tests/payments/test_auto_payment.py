"""Auto payment: who is charged, when, how much, and what happens after a decline."""

import threading
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from billing import invoices, payment_terms
from billing.client_billing import Billing, save_billing
from billing.invoice_models import Invoice
from billing.periods import Period
from core.clock import now, today
from core.errors import InvalidInputError
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from payments import auto_payment, card_letters, refills, saved_cards
from payments.auto_payment import AutoPayment
from payments.dues import Why
from payments.models import Refill, SavedCard
from tenants import clients
from tenants.clients import General, get_client
from tests.payments.test_refills import begin_page, pay_on
from tests.payments.till import Till, later
from worker.sweeps.payments import find_due_clients

DECLINES = "46282"


def save(till: Till, **block) -> None:
    with till.work() as session:
        auto_payment.save_auto_payment(
            session, get_client(session, till.client.id), AutoPayment(enabled=True, **block)
        )


def request_due(till: Till) -> Refill | None:
    with till.work() as session:
        return auto_payment.request_due(session, till.client.id)


def charge_due(till: Till) -> Refill:
    refill = request_due(till)
    assert refill is not None
    till.charge(refill.id)
    return till.refill(refill.id)


def preview(till: Till):
    with till.work() as session:
        return auto_payment.preview(session, till.client.id)


def found_by_the_sweep(till: Till) -> bool:
    with platform_unit_of_work() as session:
        return find_due_clients(session) == 1


def row_of(till: Till):
    with till.work() as session:
        return auto_payment.find_row(session, till.client.id)


@pytest.fixture
def ready(till: Till) -> Till:
    """A prepaid client with a good card and the box ticked."""
    till.save_card()
    save(till)
    return till


@pytest.fixture
def declining(till: Till) -> Till:
    till.save_card(zip=DECLINES)
    save(till, extra_amount=Decimal(5))
    till.owe("10")
    return till


def charges_it(session, card: SavedCard) -> None:
    refills.lock_card(session, card.id)


def writes_of_it(session, card: SavedCard) -> None:
    session.get_one(SavedCard, card.id).tell_at = now()
    session.flush()
    card_letters.tell_client(session, card.client_id)


def looks_whether_it_expires(session, card: SavedCard) -> None:
    card_letters.tell_expiry(session, card.id)


@pytest.mark.parametrize("somebody", [charges_it, writes_of_it, looks_whether_it_expires])
def test_an_automatic_charge_waits_for_nobody_who_has_the_card_locked(till, somebody):
    """It holds the balance, which who charges the card needs next: they would end in a ring."""
    card = till.save_card()
    save(till)
    till.owe("10")
    with till.work() as other:
        somebody(other, card)
        with till.work() as session:
            session.execute(text("set local lock_timeout = '5s'"))
            assert auto_payment.request_due(session, till.client.id) is not None


# When, and how much


@pytest.mark.parametrize(
    ("owed", "extra", "charged"),
    [("10", "0", "10"), ("10", "25", "35"), ("10.004", "0", "10.00"), ("10.005", "0", "10.01")],
)
def test_a_prepaid_client_is_charged_what_lacks_plus_the_extra(ready, owed, extra, charged):
    save(ready, extra_amount=Decimal(extra))
    ready.owe(owed)
    assert charge_due(ready).credited == Decimal(charged)
    assert ready.live() == Decimal(charged) - Decimal(owed)


def test_available_of_exactly_zero_is_charged_the_extra(ready):
    save(ready, extra_amount=Decimal(20))
    assert charge_due(ready).credited == 20


def test_nothing_is_charged_while_something_is_available(ready):
    save(ready, extra_amount=Decimal(20))
    ready.pay("0.01")
    assert request_due(ready) is None
    assert preview(ready).why is Why.NOT_DUE


def test_credit_counts_as_available(ready):
    with ready.work() as session:
        save_billing(session, get_client(session, ready.client.id), Billing(credit=Decimal(50)))
    ready.owe("49.99")
    assert request_due(ready) is None
    ready.owe("0.01")
    save(ready, extra_amount=Decimal(5))
    assert request_due(ready).amount == 5


def test_an_amount_too_small_to_charge_waits_until_it_has_grown(ready):
    ready.owe("0.99")
    assert request_due(ready) is None
    assert preview(ready).why is Why.TOO_LITTLE
    ready.owe("0.01")
    assert request_due(ready).amount == 1


def test_the_preview_is_what_would_be_charged(ready):
    save(ready, extra_amount=Decimal(35))
    ready.owe("10")
    due = preview(ready)
    assert (due.is_due, due.amount, due.why) == (True, Decimal("45.00"), Why.BALANCE_USED_UP)
    assert request_due(ready).amount == due.amount


def test_the_figures_are_kept_with_the_charge(ready):
    save(ready, extra_amount=Decimal(5), day_cap=Decimal(100))
    ready.owe("10")
    figures = charge_due(ready).figures
    assert figures["why"] == "balance_used_up"
    assert Decimal(figures["available"]) == -10
    assert Decimal(figures["extra_amount"]) == 5
    assert Decimal(figures["day_cap"]) == 100
    assert Decimal(figures["amount"]) == 15


def test_after_the_charge_nothing_is_due(ready):
    ready.owe("10")
    charge_due(ready)
    assert ready.live() == 0
    assert request_due(ready) is None


def make_invoice(till: Till, *, total: str, due_in_days: int = 0) -> None:
    """An issued invoice, due in so many days of the client's own calendar."""
    till.owe(total)
    day = today(ZoneInfo("America/New_York"))
    with till.work() as session:
        terms = payment_terms.create_terms(
            session,
            reseller_id=till.tenant.id,
            name=f"Within {due_in_days} days",
            every_days=30,
            grace_days=due_in_days,
        )
        client = get_client(session, till.client.id)
        save_billing(session, client, Billing(postpaid=True, payment_terms_id=terms.id))
        made = invoices.create_invoice(
            session,
            invoice_id=new_id(),
            client_id=client.id,
            period=Period(
                first_on=day - timedelta(days=3),
                last_on=day,
                starts_at=now() - timedelta(days=3),
                ends_at=now() + timedelta(minutes=1),
                boundary_on=day,
            ),
            autoinvoice=True,
        )
        assert made is not None


@pytest.fixture
def postpaid(till: Till) -> Till:
    till.save_card()
    with till.work() as session:
        save_billing(session, get_client(session, till.client.id), Billing(postpaid=True))
    save(till, extra_amount=Decimal(5))
    return till


# Who is not charged


def test_an_unticked_box_charges_nothing(ready):
    ready.owe("10")
    with ready.work() as session:
        auto_payment.save_auto_payment(
            session, get_client(session, ready.client.id), AutoPayment(enabled=False)
        )
    assert request_due(ready) is None
    assert preview(ready).why is Why.OFF
    assert not found_by_the_sweep(ready)


def test_a_stopped_client_is_not_charged(ready):
    ready.owe("10")
    with ready.work() as session:
        client = get_client(session, ready.client.id)
        clients.update_client(
            session,
            client.id,
            version=client.version,
            general=General(client.name, client.currency, client.timezone, "stop"),
        )
    assert request_due(ready) is None
    assert preview(ready).why is Why.INACTIVE
    assert not found_by_the_sweep(ready)


def test_without_a_card_nothing_is_charged(till: Till):
    save(till)
    till.owe("10")
    assert preview(till).why is Why.NO_CARD
    assert not found_by_the_sweep(till)


def test_the_sweep_finds_who_is_due(ready):
    assert not found_by_the_sweep(ready)
    ready.owe("10")
    assert found_by_the_sweep(ready)
    request_due(ready)
    assert not found_by_the_sweep(ready)


# One at a time, and money on its way


def test_one_automatic_charge_at_a_time(ready):
    ready.owe("10")
    assert request_due(ready) is not None
    ready.owe("10")
    assert request_due(ready) is None
    assert preview(ready).why is Why.UNDER_WAY


def test_four_workers_at_the_same_moment_ask_once(ready):
    ready.owe("10")
    gate, made = threading.Barrier(4), []

    def work():
        gate.wait()
        made.append(request_due(ready))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert sum(refill is not None for refill in made) == 1


def test_an_unknown_outcome_holds_the_next_charge_back(ready):
    ready.owe("10")
    ready.sandbox.misbehave("drop_after")
    assert charge_due(ready).state == "unknown"
    ready.owe("10")
    assert request_due(ready) is None


def test_money_on_its_way_counts_as_if_it_had_come(ready):
    with ready.work() as session:
        card_id = auto_payment.preview(session, ready.client.id).saved_card_id
    assert card_id is None
    ready.owe("10")
    card = ready.sync()[0]
    ready.request(card, "8.00")
    assert request_due(ready).amount == 2
    assert preview(ready).why is Why.UNDER_WAY


def test_enough_money_on_its_way_asks_for_nothing(ready):
    ready.owe("10")
    ready.request(ready.sync()[0], "10.01")
    assert request_due(ready) is None
    assert preview(ready).why is Why.NOT_DUE


def open_page(till: Till, amount: str = "50000.00"):
    refill_id = new_id()
    return refill_id, begin_page(till, refill_id, amount)


def test_a_page_that_was_opened_and_not_paid_is_no_money_on_its_way(ready):
    ready.owe("10")
    open_page(ready)
    assert request_due(ready).amount == 10


def test_a_page_of_unknown_outcome_without_a_transaction_is_none_either(ready):
    ready.owe("10")
    refill_id, _ = open_page(ready)
    with later(minutes=26):
        ready.sandbox.misbehave("http_502", call="getUnsettledTransactionListRequest")
        ready.look_up(refill_id)
        assert ready.refill(refill_id).state == "unknown"
        assert request_due(ready).amount == 10


def test_a_held_payment_on_the_page_counts_as_if_it_had_come(ready):
    ready.owe("10")
    refill_id, page = open_page(ready, "8.00")
    pay_on(page, zip="46290", card_number="4007000000027")
    ready.look_up(refill_id)
    assert ready.refill(refill_id).state == "held"
    assert request_due(ready).amount == 2


# Caps


def test_the_day_s_cap_limits_the_charge(ready):
    save(ready, day_cap=Decimal(15))
    ready.owe("10")
    assert charge_due(ready).credited == 10
    ready.owe("10")
    assert charge_due(ready).credited == 5
    ready.owe("10")
    assert request_due(ready) is None
    assert preview(ready).why is Why.CAP_REACHED


def test_the_next_day_begins_anew_but_the_month_goes_on(ready):
    save(ready, day_cap=Decimal(10), month_cap=Decimal(15))
    first = now().replace(day=10, hour=16, minute=0) + timedelta(days=31)
    with later(first):
        ready.owe("10")
        charge_due(ready)
        ready.owe("10")
        assert preview(ready).why is Why.CAP_REACHED
    with later(first, days=1):
        assert charge_due(ready).credited == 5
        assert preview(ready).why is Why.CAP_REACHED
    with later(first, days=31):
        assert preview(ready).amount > 0


@pytest.mark.parametrize("field", ["day_cap", "month_cap"])
def test_a_cap_of_zero_is_refused(till: Till, field):
    with pytest.raises(InvalidInputError) as refused:
        save(till, **{field: Decimal(0)})
    assert refused.value.field == field


# Declines


def test_a_decline_is_told_and_tried_again_after_an_hour(declining):
    assert charge_due(declining).state == "declined"
    assert request_due(declining) is None
    assert preview(declining).why is Why.WAITING
    assert not found_by_the_sweep(declining)
    mail = declining.mails()[0]
    assert "declined" in mail.subject
    assert "The bank declined the card." in mail.body_text
    assert declining.events() == ["auto_payment_declined"]
    with later(minutes=59):
        assert request_due(declining) is None
    with later(minutes=61):
        assert found_by_the_sweep(declining)
        assert request_due(declining) is not None


def test_the_second_retry_comes_after_a_day(declining):
    charge_due(declining)
    with later(minutes=61):
        charge_due(declining)
        waits = row_of(declining).next_try_at - now()
    assert timedelta(hours=23, minutes=59) < waits <= timedelta(days=1)


def test_after_the_staff_let_it_go_on_the_retries_begin_anew(declining):
    for hours in (0, 2, 30):
        with later(hours=hours):
            charge_due(declining)
    with later(days=10):
        with declining.work() as session:
            auto_payment.resume(session, declining.client.id)
        charge_due(declining)
        wait = row_of(declining).next_try_at - now()
    assert timedelta(minutes=59) < wait <= timedelta(hours=1)


def test_another_card_begins_the_retries_anew(declining):
    charge_due(declining)
    with later(hours=2):
        charge_due(declining)
    other = declining.save_card(number="5424000000000015", zip=DECLINES)
    with later(hours=3):
        with tenant_scope(declining.client.panel_scope), unit_of_work() as session:
            saved_cards.set_default(session, declining.client.id, other.id)
        charge_due(declining)
        wait = row_of(declining).next_try_at - now()
    assert timedelta(minutes=59) < wait <= timedelta(hours=1)


def test_the_client_s_own_switch_begins_no_retries_anew(declining):
    charge_due(declining)
    before = row_of(declining).declines_forgotten_at
    for enabled in (False, True):
        with tenant_scope(declining.client.panel_scope), unit_of_work() as session:
            auto_payment.save_own_choice(
                session, declining.client.id, enabled=enabled, extra_amount=Decimal(5)
            )
    assert row_of(declining).declines_forgotten_at == before


def test_three_declines_in_a_row_suspend_until_staff_resume(declining):
    for hours in (0, 2, 30):
        with later(hours=hours):
            charge_due(declining)
    assert row_of(declining).suspended_at is not None
    assert declining.events()[-1] == "auto_payment_suspended"
    assert len(declining.mails()) == 3
    assert "suspended" in declining.mails()[-1].subject
    with later(days=30):
        assert request_due(declining) is None
        assert preview(declining).why is Why.SUSPENDED
        assert not found_by_the_sweep(declining)
        with declining.work() as session:
            auto_payment.resume(session, declining.client.id)
        assert request_due(declining) is not None


def test_a_success_forgets_earlier_declines(declining):
    charge_due(declining)
    declining.save_card(number="5424000000000015")
    with declining.work() as session:
        row = auto_payment.lock_row(session, declining.client.id)
        assert row.declines_in_row == 1
    good = next(card for card in declining.sync() if card.last_four == "0015")
    with declining.work() as session:
        saved_cards.set_default(session, declining.client.id, good.id)
    assert row_of(declining).declines_in_row == 0
    assert charge_due(declining).state == "succeeded"


def test_a_gateway_that_is_down_is_no_decline(ready):
    ready.owe("10")
    away = Till(
        ready.tenant,
        ready.client,
        ready.merchant,
        ready.account_id,
        ready.settings.model_copy(update={"authorizenet_test_api_url": "http://127.0.0.1:1/x"}),
    )
    refill = request_due(ready)
    for _ in range(4):
        away.charge(refill.id)
    assert ready.refill(refill.id).state == "failed"
    row = row_of(ready)
    assert row.declines_in_row == 0
    assert row.next_try_at > now() + timedelta(minutes=59)


def test_a_partial_approval_waits_a_day_for_the_rest(till: Till):
    till.save_card(zip="46225")
    save(till)
    till.owe("10")
    assert charge_due(till).credited == Decimal("1.23")
    assert preview(till).why is Why.WAITING
    with later(hours=25):
        assert preview(till).amount == Decimal("8.77")


def test_every_success_is_told(ready):
    ready.owe("10")
    charge_due(ready)
    assert ready.mails()[0].subject == "Auto payment: 10.00 USD charged"
    assert ready.events() == ["auto_payment_succeeded"]


def test_the_client_is_charged_as_a_merchant_initiated_payment(ready):
    ready.owe("10")
    refill = charge_due(ready)
    assert ready.attempt(refill.id).request["initiator"] == "merchant"


def test_saving_the_block_is_audited_and_read_back(till: Till):
    save(till, extra_amount=Decimal(7), day_cap=Decimal(50))
    with till.work() as session:
        assert auto_payment.get_auto_payment(session, till.client.id) == AutoPayment(
            True, Decimal(7), Decimal(50), None
        )


def test_another_tenant_is_not_touched(ready, other_till: Till):
    ready.owe("10")
    with other_till.work() as session, pytest.raises(Exception, match="not found"):
        auto_payment.request_due(session, ready.client.id)
    with ready.work() as session:
        assert session.scalars(select(Refill)).all() == []


# Postpaid


def test_a_postpaid_client_is_charged_on_the_due_date(postpaid):
    make_invoice(postpaid, total="40")
    assert found_by_the_sweep(postpaid)
    assert charge_due(postpaid).credited == 45
    with postpaid.work() as session:
        invoice = session.scalars(select(Invoice)).one()
    assert invoice.paid == invoice.total
    assert request_due(postpaid) is None


def test_before_the_due_date_nothing_is_charged(postpaid):
    make_invoice(postpaid, total="40", due_in_days=3)
    assert preview(postpaid).why is Why.NOT_DUE
    with later(days=3):
        assert preview(postpaid).amount == 45


def test_what_was_paid_on_the_invoice_is_not_charged(postpaid):
    make_invoice(postpaid, total="40")
    postpaid.pay("15")
    refill = charge_due(postpaid)
    assert refill.credited == 30
    assert Decimal(refill.figures["invoices"][0]["open"]) == 25


def test_a_postpaid_balance_below_zero_alone_is_no_reason(postpaid):
    postpaid.owe("100")
    assert preview(postpaid).why is Why.NOT_DUE
