"""The charge that carries what SureTax said: all tax and no net, so that Live and Fixed agree."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from billing import ledger
from billing.ledger import EntryKind
from billing.models import Transaction
from billing.taxes import TaxAmount
from core.db import Session
from core.errors import InvariantError
from core.money import ledger_amount
from tenants.models import Client

DESCRIPTION = "Taxes computed by SureTax"


def post_tax_charge(
    session: Session,
    *,
    charge_id: UUID,
    client: Client,
    currency: str,
    taxes: Sequence[TaxAmount],
    dated_at: datetime,
    profile: str,
    trans_id: str,
) -> Transaction | None:
    """Charge the taxes as they are; None when they come to nothing.

    The caller holds the client's balance and puts the charge on its invoice.
    """
    amount = ledger_amount(sum((tax.amount for tax in taxes), Decimal(0)))
    if not amount:
        return None
    charge = Transaction(
        id=charge_id,
        reseller_id=client.reseller_id,
        client_id=client.id,
        type="charge",
        kind="extra_charge",
        status="approved",
        amount=amount,
        tax_mode="excluding",
        net=Decimal(0),
        tax=amount,
        total=amount,
        currency=currency,
        tax_details={
            "profile": profile,
            "suretax": trans_id,
            "taxes": [
                {
                    "name": tax.name,
                    "percent": f"{tax.percent:f}",
                    "priority": tax.priority,
                    "base": f"{tax.base:f}",
                    "amount": f"{tax.amount:f}",
                }
                for tax in taxes
            ],
        },
        dated_at=dated_at,
        description=DESCRIPTION,
    )
    session.add(charge)
    session.flush()
    posted = ledger.post(
        session,
        ledger.Posting(
            reseller_id=client.reseller_id,
            client_id=client.id,
            kind=EntryKind.CHARGE,
            source_id=charge.id,
            currency=currency,
            effective_at=dated_at,
            description=DESCRIPTION,
            lines=ledger.charge_lines(charge.net, charge.tax),
        ),
    )
    if posted is None:
        raise InvariantError("the taxes of an invoice were posted before")
    charge.ledger_entry_id = posted.entry_id
    session.flush()
    return charge
