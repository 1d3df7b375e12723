"""The proof of the books finds what was tampered with, and nothing where all is well."""

from datetime import date
from decimal import Decimal

import psycopg
import pytest
from sqlalchemy import select

from billing.ledger_check import check_ledger, find_last_check
from billing.periods import period_for_dates
from core.platform_uow import platform_unit_of_work
from core.zones import get_zone
from sandbox.embedded import Postgres
from tenants.models import Event
from tests.billing.books import Books, utc

D = Decimal


@pytest.fixture
def busy(acme: Books) -> Books:
    """Something of everything: payments, charges, reversals, pending ones, paid invoices."""
    acme.pay("50.00")
    bounced = acme.pay("5.00")
    acme.pay("7.00", status="pending")
    wrong = acme.charge("3", dated_at=utc("2026-01-05T12:00:00"))
    acme.charge("20.123456", dated_at=utc("2026-01-06T12:00:00"))
    acme.charge("1", dated_at=utc("2026-02-06T12:00:00"))
    period = period_for_dates(date(2026, 1, 1), date(2026, 1, 31), get_zone("America/New_York"))
    acme.invoice(period)
    acme.reverse(wrong)
    acme.reverse(bounced)
    return acme


def tamper(postgres: Postgres, statement: str) -> None:
    """As nobody of the application could: a superuser past every trigger."""
    with psycopg.connect(
        host=str(postgres.socket_dir), user="postgres", dbname="portal", autocommit=True
    ) as connection:
        connection.execute("set session_replication_role = replica")
        assert connection.execute(statement).rowcount > 0


def test_books_that_are_right_are_proven_and_the_result_is_stored(busy: Books):
    with busy.work() as session:
        result = check_ledger(session, busy.tenant.id)
    assert (result.ok, result.findings, result.entries) == (True, {}, 8)
    with busy.work() as session:
        last = find_last_check(session, busy.tenant.id)
        assert (last.ok, last.entries) == (True, 8)


@pytest.mark.parametrize(
    ("statement", "rules"),
    [
        ("update client_balances set live = live + 1", {"balance_differs"}),
        ("update client_balances set fixed = 0", {"balance_differs"}),
        (
            "update ledger_lines set amount = amount + 1 where account = 'revenue'",
            {"entry_unbalanced"},
        ),
        (
            "update ledger_lines set balance_after = 0 where account = 'client_live'"
            " and entry_id = (select min(entry_id) from ledger_lines)",
            {"running_balance_differs"},
        ),
        (
            "delete from ledger_lines where entry_id = (select max(entry_id) from ledger_lines)",
            {"entry_unbalanced", "balance_differs", "transaction_not_posted"},
        ),
        (
            "update transactions set total = total + 1, net = net + 1 where status = 'approved'"
            " and type = 'payment' and reverses_id is null",
            {"transaction_not_posted"},
        ),
        (
            "update transactions set status = 'approved' where status = 'pending'",
            {"transaction_not_posted"},
        ),
        (
            "delete from transactions where invoice_id is null and reverses_id is null"
            " and type = 'charge'",
            {"entry_without_source"},
        ),
        ("update invoices set total = total + 1, rounding = rounding + 1", {"invoice_not_posted"}),
        ("update invoices set net = net + 1, rounding = rounding - 1", {"invoice_sums_differ"}),
        ("update invoice_lines set net = net + 1 where line_no = 1", {"invoice_sums_differ"}),
        ("update transactions set invoice_id = null where total = 3", {"invoice_sums_differ"}),
        ("update number_series set next_number = 9", {"numbers_have_gaps"}),
        ("update invoices set paid = paid - 1", {"paid_differs"}),
        (
            "update payment_allocations set amount = 60 where amount > 0",
            {"payment_overspent", "paid_differs"},
        ),
        ("update client_billing set last_invoiced_on = null", {"last_invoiced_behind"}),
    ],
)
def test_what_was_tampered_with_is_found(
    busy: Books, postgres: Postgres, statement: str, rules: set[str]
):
    tamper(postgres, statement)
    with busy.work() as session:
        result = check_ledger(session, busy.tenant.id)
    assert not result.ok
    assert set(result.findings) == rules
    with busy.work() as session:
        assert not find_last_check(session, busy.tenant.id).ok
        event = session.scalars(select(Event).where(Event.service == "ledger")).one()
        assert event.level == "error"


def test_the_platform_role_proves_the_same(busy: Books, globex: Books, postgres: Postgres):
    tamper(postgres, f"update client_balances set live = 1 where client_id = {globex.client.id}")
    with platform_unit_of_work() as session:
        assert check_ledger(session, busy.tenant.id).ok
        found = check_ledger(session, globex.tenant.id).findings
    assert list(found) == ["balance_differs"]
    assert str(globex.client.id) in found["balance_differs"][0]
