"""Many new clients in a few statements: the blocks that `billing` owns.

The blocks were checked before; what they choose is of the client's own reseller.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select

from billing.client_billing import Billing
from billing.client_models import ClientLowBalance
from billing.low_balance import LowBalance
from billing.models import ClientBalance, ClientBilling, PaymentTerms
from billing.periods import next_boundary
from billing.schedule import terms_rule
from core.clock import today
from core.db import Session
from core.zones import get_zone


@dataclass(frozen=True, slots=True)
class NewBilling:
    """The blocks of a client that was made in this transaction."""

    client_id: int
    reseller_id: int
    currency: str
    timezone: str
    billing: Billing
    low: LowBalance


def create_billings(session: Session, wishes: Sequence[NewBilling]) -> None:
    """Balances, billing rows with their next invoice, low balance values where there are any."""
    if not wishes:
        return
    terms = _read_terms(session, wishes)
    balances, billings, lows = [], [], []
    for one in wishes:
        owner = {"client_id": one.client_id, "reseller_id": one.reseller_id}
        billing = _begun(one)
        balances.append(
            owner
            | {
                "currency": one.currency,
                "postpaid": billing.postpaid,
                "credit": billing.credit,
            }
        )
        billings.append(owner | _billing_row(billing, one, terms))
        if one.low != LowBalance():
            lows.append(owner | asdict(one.low))
    session.execute(insert(ClientBalance), balances)
    session.execute(insert(ClientBilling), billings)
    if lows:
        session.execute(insert(ClientLowBalance), lows)


def _begun(one: NewBilling) -> Billing:
    """Autoinvoicing without Last Invoiced begins with the client's present day."""
    if not one.billing.autoinvoicing or one.billing.last_invoiced_on is not None:
        return one.billing
    yesterday = today(get_zone(one.timezone)) - timedelta(days=1)
    return replace(one.billing, last_invoiced_on=yesterday)


def _billing_row(
    billing: Billing, one: NewBilling, terms: dict[int, PaymentTerms]
) -> dict[str, Any]:
    row = asdict(billing)
    del row["postpaid"], row["credit"]
    row["next_invoice_at"] = None
    chosen = terms.get(billing.payment_terms_id or 0)
    if billing.autoinvoicing and chosen is not None and billing.last_invoiced_on is not None:
        zone = get_zone(one.timezone)
        row["next_invoice_at"] = next_boundary(
            terms_rule(chosen), billing.last_invoiced_on, zone, previous_end_at=None
        ).ends_at
    return row


def _read_terms(session: Session, wishes: Sequence[NewBilling]) -> dict[int, PaymentTerms]:
    ids = {one.billing.payment_terms_id for one in wishes} - {None}
    if not ids:
        return {}
    found = session.scalars(select(PaymentTerms).where(PaymentTerms.id.in_(ids)))
    return {terms.id: terms for terms in found}
