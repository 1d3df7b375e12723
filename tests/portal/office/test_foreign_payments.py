"""A payment in another currency at a desk; a tax number that is too short."""

from datetime import date
from decimal import Decimal

import pytest

from billing import currencies, exchange_rates, payment_accounts
from billing.models import Transaction
from core.errors import InvalidInputError
from core.ids import new_id
from core.tax_ids import check_tax_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tests.factories.cast import Client, Tenant
from tests.portal.browser import HTMX, Browser
from tests.portal.office import desk

NEW = "/office/transactions/new/payment"


def test_it_is_shown_before_and_explained_after(
    as_owner: Browser, acme: Tenant, acme_client: Client
) -> None:
    with tenant_scope(acme.scope), unit_of_work() as session:
        general = payment_accounts.get_general(session, acme.id).id
        currencies.save_currency(
            session,
            reseller_id=acme.id,
            code="EUR",
            precision=currencies.usual_precision("EUR"),
            stamp=None,
        )
    form = {
        "transaction_id": str(new_id()),
        "client_id": str(acme_client.id),
        "amount": "100",
        "currency": "EUR",
        "payment_account_id": str(general),
        "status": "approved",
    }
    page = as_owner.get(f"{NEW}?client={acme_client.id}").text
    assert '<option selected value="USD">' in page
    assert '<option value="EUR">' in page
    refused = as_owner.post(NEW, data=form, headers=HTMX)
    assert refused.status_code == 422
    assert "There is no exchange rate from EUR to USD" in refused.text
    with tenant_scope(acme.scope), unit_of_work() as session:
        exchange_rates.create_rate(
            session,
            reseller_id=acme.id,
            from_currency="EUR",
            to_currency="USD",
            day=date(2026, 1, 1),
            rate=Decimal("1.0625"),
        )
    said = as_owner.get(f"{NEW}/amount", query_string=form).text
    assert "× 1.0625 =" in said
    assert "106.25" in said
    assert "by the rate of 1 Jan 2026" in said
    by_hand = as_owner.get(f"{NEW}/amount", query_string={**form, "rate": "1.1"}).text
    assert "by the rate that you gave" in by_hand
    for _click in range(2):
        assert as_owner.post(NEW, data=form).status_code == 303
    (booked,) = desk.stored(acme, Transaction)
    assert (booked.total, booked.original_amount) == (Decimal("106.25"), Decimal(100))
    detail = as_owner.get(f"/office/transactions/{booked.id}").text
    assert "100.00 EUR × 1.0625 = 106.25 USD" in detail


@pytest.mark.parametrize("text", ["DE123", "FR 12", "ATU1", "GB1"])
def test_a_tax_number_that_is_too_short_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        check_tax_id(text)


@pytest.mark.parametrize("text", ["DEPOT", "", "12-3456789", "W 1", "DE136695976"])
def test_a_number_of_ones_own_is_taken(text: str) -> None:
    check_tax_id(text)
