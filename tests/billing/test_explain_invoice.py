"""Every figure of an invoice opens into the figures that it was made of, and these add up."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import text

from billing import explain_invoice, tax_profiles
from billing.explain_invoice import InvoiceWhy, LineWhy
from billing.periods import period_for_dates
from core.errors import NotFoundError
from core.ids import new_id
from core.zones import get_zone
from tests.billing.books import Books, utc

JANUARY = period_for_dates(date(2026, 1, 1), date(2026, 1, 31), get_zone("America/New_York"))
DAY = utc("2026-01-05T12:00")


def why(books: Books, invoice_id) -> InvoiceWhy:
    with books.work() as session:
        return explain_invoice.explain_invoice(session, invoice_id)


def why_line(books: Books, invoice_id, number: int) -> LineWhy:
    with books.work() as session:
        return explain_invoice.explain_line(session, invoice_id, number)


def taxed(books: Books, *rates: tuple[str, str, int]) -> None:
    """The client's profile, with name, percent and priority of each tax."""
    with books.work() as session:
        profile = tax_profiles.create_profile(
            session,
            reseller_id=books.tenant.id,
            name="Taxes",
            taxes=[(name, Decimal(rate), order) for name, rate, order in rates],
        )
        profile_id = profile.id
    books.save_billing(tax_profile_id=profile_id)


def test_the_totals_name_their_lines_taxes_and_rounding(acme: Books) -> None:
    taxed(acme, ("VAT", "19", 1))
    for amount in ("0.013", "0.013", "10.0049"):
        acme.charge(amount, dated_at=DAY)
    made = acme.invoice(JANUARY)
    assert made is not None

    found = why(acme, made.id)

    steps = {(step.kind, step.label): step for step in found.steps}
    assert steps[("lines", "")].inputs == {"count": Decimal(3)}
    assert steps[("lines", "")].result == Decimal("10.0309") == made.net
    tax = steps[("tax_of_lines", "VAT")]
    assert (tax.inputs["count"], tax.inputs["base"]) == (Decimal(3), Decimal("10.0309"))
    assert tax.result == made.tax == Decimal("1.905871")
    assert steps[("total", "")].result == made.total == Decimal("11.94")
    assert steps[("rounding", "")].result == made.rounding == Decimal("0.003229")
    assert found.is_proven


def test_a_line_opens_its_charge_and_each_step_of_its_taxes(acme: Books) -> None:
    taxed(acme, ("GST", "5", 1), ("QST", "9.975", 2))
    acme.charge("100", dated_at=DAY, tax_mode="including", quantity=Decimal(8))
    made = acme.invoice(JANUARY)
    assert made is not None

    found = why_line(acme, made.id, 1)

    assert [step.kind for step in found.steps] == [
        "entered", "base_of_total", "share_of_tax", "base_of_total", "share_of_tax", "unit_price",
    ]  # fmt: skip
    assert found.steps[0].result == Decimal(100)
    assert found.steps[1].inputs == {"total": Decimal(100), "percent": Decimal("9.975")}
    assert found.steps[-1].result == found.line.net / 8
    assert found.line.net + found.line.tax == Decimal(100)
    assert found.is_proven
    assert found.transaction_id is not None


def test_figures_that_do_not_add_up_are_told(acme: Books) -> None:
    acme.charge("10", dated_at=DAY)
    made = acme.invoice(JANUARY)
    assert made is not None
    with acme.work() as session:
        session.execute(text("update invoice_lines set net = net + 1"))

    assert not why(acme, made.id).is_proven
    assert not why_line(acme, made.id, 1).is_proven


def test_a_line_of_before_its_charge_was_kept_still_shows_its_price(acme: Books) -> None:
    acme.charge("10", dated_at=DAY, quantity=Decimal(4))
    made = acme.invoice(JANUARY)
    assert made is not None
    with acme.work() as session:
        session.execute(text("update invoice_lines set transaction_id = null"))

    found = why_line(acme, made.id, 1)

    assert [step.kind for step in found.steps] == ["unit_price"]
    assert found.steps[0].result == Decimal("2.5")


def test_nobody_opens_anothers_invoice(acme: Books, globex: Books) -> None:
    acme.charge("10", dated_at=DAY)
    made = acme.invoice(JANUARY)
    assert made is not None
    with pytest.raises(NotFoundError):
        why(globex, made.id)
    with pytest.raises(NotFoundError):
        why_line(globex, made.id, 1)
    with pytest.raises(NotFoundError):
        why_line(acme, new_id(), 1)
