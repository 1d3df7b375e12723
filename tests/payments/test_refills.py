"""The wish to add money: asked for once, within bounds, for one's own card."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from billing.client_billing import Billing, save_billing
from core.clock import now
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from payments import hosted_pages, refills
from payments.errors import NoGatewayError, RefillConflictError
from payments.models import Refill
from tenants.clients import get_client
from tenants.models import AuditRecord
from tests.factories.cast import make_client
from tests.payments.till import RETURN_URL, Till, later
from tests.sandbox.authorizenet_server import Browser


def begin_page(till: Till, refill_id, amount="10.00"):
    return hosted_pages.begin_hosted_refill(
        till.work,
        till.open_gateway,
        refill_id=refill_id,
        client_id=till.client.id,
        amount=Decimal(amount),
        return_url=RETURN_URL,
        cancel_url=RETURN_URL,
    )


def pay_on(page, **fields):
    with Browser() as browser:
        browser.fill_in(page.url, page.form_fields["token"], **fields)


# Saved card


def test_a_refill_is_asked_for_and_its_job_sent_after_the_commit(till: Till, sent_jobs):
    card = till.save_card()
    sent_jobs.clear()
    refill_id = till.request(card)
    assert till.refill(refill_id).state == "requested"
    assert [(job.name, job.args) for job in sent_jobs] == [
        ("payments.charge_refill", {"refill_id": str(refill_id)})
    ]


def test_a_double_click_makes_one_refill(till: Till, sent_jobs):
    card = till.save_card()
    sent_jobs.clear()
    refill_id = till.request(card)
    assert till.request(card, refill_id=refill_id) == refill_id
    with till.work() as session:
        assert len(session.scalars(select(Refill)).all()) == 1
    assert len(sent_jobs) == 1


def test_two_clicks_at_the_same_moment_make_one_refill(till: Till):
    card, refill_id, gate, errors = till.save_card(), new_id(), threading.Barrier(4), []

    def click():
        gate.wait()
        try:
            till.request(card, refill_id=refill_id)
        except Exception as error:  # noqa: BLE001 (told below)
            errors.append(error)

    threads = [threading.Thread(target=click) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with till.work() as session:
        assert len(session.scalars(select(Refill)).all()) == 1


def test_the_same_id_with_another_amount_is_refused(till: Till):
    card = till.save_card()
    refill_id = till.request(card)
    with pytest.raises(RefillConflictError):
        till.request(card, "11.00", refill_id=refill_id)


@pytest.mark.parametrize("amount", ["0.99", "0", "-5", "50000.01", "10.001", "NaN", "Infinity"])
def test_an_amount_out_of_bounds_is_refused(till: Till, amount):
    card = till.save_card()
    with pytest.raises(InvalidInputError) as refused:
        till.request(card, amount)
    assert refused.value.field == "amount"


@pytest.mark.parametrize("amount", ["1.00", "50000.00"])
def test_the_bounds_themselves_are_taken(till: Till, amount):
    assert till.refill(till.request(till.save_card(), amount)).amount == Decimal(amount)


def test_another_client_s_card_does_not_exist(till: Till):
    card = till.save_card()
    other = make_client(till.tenant, "Another client")
    with till.work() as session, pytest.raises(NotFoundError):
        refills.request_refill(
            session,
            refill_id=new_id(),
            client_id=other.id,
            amount=Decimal(10),
            saved_card_id=card.id,
        )


def test_another_tenant_s_refill_does_not_exist(till: Till, other_till: Till):
    refill_id = till.request(till.save_card())
    with pytest.raises(NotFoundError):
        other_till.refill(refill_id)


def test_another_tenant_cannot_take_a_refill_s_id(till: Till, other_till: Till):
    refill_id = till.request(till.save_card())
    with pytest.raises(RefillConflictError):
        other_till.request(other_till.save_card(), refill_id=refill_id)


def test_a_removed_card_is_refused(till: Till):
    card = till.save_card()
    with till.work() as session:
        session.get(type(card), card.id).state = "removed"
    with pytest.raises(InvalidInputError, match="removed"):
        till.request(card)


def test_a_refill_is_in_the_audit_log(till: Till):
    refill_id = till.request(till.save_card())
    with till.work() as session:
        record = session.scalars(
            select(AuditRecord).where(AuditRecord.object_id == str(refill_id))
        ).one()
    assert record.action == "create"
    assert record.changes["amount"] == [None, "10.000000"]


def test_the_panel_asks_with_its_own_role(till: Till):
    card, refill_id = till.save_card(), new_id()
    with tenant_scope(till.client.panel_scope), unit_of_work() as session:
        refills.request_refill(
            session,
            refill_id=refill_id,
            client_id=till.client.id,
            amount=Decimal(10),
            saved_card_id=card.id,
        )
    till.charge(refill_id)
    assert till.refill(refill_id).state == "succeeded"


def test_the_panel_cannot_ask_for_another_client(till: Till):
    card = till.save_card()
    other = make_client(till.tenant, "Another client", login="another")
    with (
        tenant_scope(other.panel_scope),
        unit_of_work() as session,
        pytest.raises(NotFoundError),
    ):
        refills.request_refill(
            session,
            refill_id=new_id(),
            client_id=till.client.id,
            amount=Decimal(10),
            saved_card_id=card.id,
        )


def test_a_lost_job_is_found_by_the_sweep_after_a_minute(till: Till):
    refill = till.refill(till.request(till.save_card()))
    assert refill.next_look_at <= now() + timedelta(minutes=1)


# The gateway's page


def test_a_payment_on_the_gateway_s_page_credits_the_client(till: Till):
    refill_id = new_id()
    page = begin_page(till, refill_id)
    assert till.attempt(refill_id).state == "sending"
    assert till.refill(refill_id).state == "processing"
    pay_on(page)
    till.look_up(refill_id)
    assert till.refill(refill_id).state == "succeeded"
    assert till.live() == 10
    assert till.taken() == ["10.00"]


def test_the_browser_s_return_alone_credits_nothing(till: Till):
    refill_id = new_id()
    begin_page(till, refill_id)
    with till.work() as session:
        hosted_pages.look_after_return(session, refill_id)
    till.look_up(refill_id)
    assert till.refill(refill_id).state == "processing"
    assert till.live() == 0


def test_a_decline_on_the_page_leaves_room_for_another_card(till: Till):
    refill_id = new_id()
    page = begin_page(till, refill_id)
    pay_on(page, zip="46282")
    till.look_up(refill_id)
    assert till.refill(refill_id).state == "processing"
    pay_on(page, card_number="5424 0000 0000 0015")
    till.look_up(refill_id)
    assert till.refill(refill_id).state == "succeeded"


def test_a_page_that_nobody_pays_on_is_abandoned(till: Till):
    refill_id = new_id()
    begin_page(till, refill_id)
    with later(minutes=24):
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "processing"
    with later(minutes=25, seconds=1):
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "abandoned"


def test_a_page_that_only_declined_is_declined_in_the_end(till: Till):
    refill_id = new_id()
    pay_on(begin_page(till, refill_id), zip="46282")
    with later(minutes=26):
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "declined"


def test_asking_for_the_page_again_is_the_same_attempt(till: Till):
    refill_id = new_id()
    begin_page(till, refill_id)
    page = begin_page(till, refill_id)
    pay_on(page)
    till.look_up(refill_id)
    assert len(till.attempts(refill_id)) == 1
    assert till.taken() == ["10.00"]


def test_a_paid_page_is_not_opened_again(till: Till):
    refill_id = new_id()
    pay_on(begin_page(till, refill_id))
    till.look_up(refill_id)
    with pytest.raises(ConflictError):
        begin_page(till, refill_id)


def test_without_a_gateway_for_the_currency_there_is_no_page(till: Till):
    euro = make_client(till.tenant, "Euro client", currency="EUR")
    with pytest.raises(NoGatewayError):
        hosted_pages.begin_hosted_refill(
            till.work,
            till.open_gateway,
            refill_id=new_id(),
            client_id=euro.id,
            amount=Decimal(10),
            return_url=RETURN_URL,
            cancel_url=RETURN_URL,
        )


def test_an_open_refill_holds_the_clients_currency(till: Till) -> None:
    card = till.save_card()
    till.request(card)
    with till.work() as session:
        client = get_client(session, till.client.id)
        client.currency = "EUR"
        with pytest.raises(InvalidInputError) as refused:
            save_billing(session, client, Billing())
        session.rollback()
    assert refused.value.field == "currency"
