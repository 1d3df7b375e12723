"""What a client template says of billing: credit, terms, taxes, autoinvoicing, low balance."""

from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from billing import client_billing, low_balance
from billing.client_billing import Billing
from billing.client_models import ClientTemplateBilling
from billing.low_balance import LowBalance
from core.db import Session
from tenants.models import ClientTemplate


@dataclass(frozen=True, slots=True)
class TemplateBilling:
    """None: the template does not say. Amounts are in the currency of the client that gets them."""

    postpaid: bool | None = None
    credit: Decimal | None = None
    payment_terms_id: int | None = None
    tax_profile_id: int | None = None
    autoinvoicing: bool | None = None
    invoice_template_id: int | None = None
    notify_client: Decimal | None = None
    notify_admin: Decimal | None = None
    threshold: Decimal | None = None
    low_capacity: int | None = None

    def applied_to(self, stored: Billing) -> Billing:
        """The client's block with what the template says put in."""
        return replace(stored, **self._said(Billing))

    def applied_to_low_balance(self, stored: LowBalance) -> LowBalance:
        """The same for its Low Balance block."""
        return replace(stored, **self._said(LowBalance))

    def _said(self, block: type[Billing] | type[LowBalance]) -> dict[str, Any]:
        names = {one.name for one in fields(block)}
        return {
            name: value
            for name, value in asdict(self).items()
            if name in names and value is not None
        }


def save_template_billing(
    session: Session, template: ClientTemplate, wish: TemplateBilling
) -> None:
    """Write it; a postpaid template keeps no credit. Raises InvalidInputError naming the field."""
    if wish.postpaid:
        wish = replace(wish, credit=None)
    if wish.credit is not None:
        client_billing.checked_credit(wish.credit)
    for field, model in client_billing.CHOICES.items():
        chosen: int | None = getattr(wish, field)
        client_billing.check_owner(session, template.reseller_id, model, chosen, field)
    low_balance.check(wish.applied_to_low_balance(LowBalance()))
    row = _find(session, template.id)
    if row is None:
        row = ClientTemplateBilling(template_id=template.id, reseller_id=template.reseller_id)
        session.add(row)
    for name, value in asdict(wish).items():
        setattr(row, name, value)
    session.flush()


def get_template_billing(session: Session, template_id: int) -> TemplateBilling:
    """As saved; it says nothing when it never was."""
    row = _find(session, template_id)
    if row is None:
        return TemplateBilling()
    return TemplateBilling(**{one.name: getattr(row, one.name) for one in fields(TemplateBilling)})


def _find(session: Session, template_id: int) -> ClientTemplateBilling | None:
    return session.scalar(
        select(ClientTemplateBilling).where(ClientTemplateBilling.template_id == template_id)
    )
