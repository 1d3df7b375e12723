"""Names of what the audit log has as an id: payment terms, tax profiles, roles and the like."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from billing.invoice_models import InvoiceTemplate
from billing.models import PaymentAccount, PaymentTerms, TaxProfile
from core.db import Session
from tenants.models import Reseller, Role

_TABLES: Mapping[str, Any] = {
    "invoice_template_id": InvoiceTemplate,
    "parent_id": Reseller,
    "payment_account_id": PaymentAccount,
    "payment_terms_id": PaymentTerms,
    "reseller_id": Reseller,
    "role_id": Role,
    "tax_profile_id": TaxProfile,
}


def read_names(
    session: Session, changes: Iterable[Mapping[str, Any]]
) -> dict[tuple[str, int], str]:
    """(field, id) to today's name, for the ids in these changes that still have one."""
    wanted: dict[str, set[int]] = {}
    for one in changes:
        for field, pair in one.items():
            if field in _TABLES:
                wanted.setdefault(field, set()).update(v for v in pair if type(v) is int)
    found: dict[tuple[str, int], str] = {}
    for field, ids in wanted.items():
        table = _TABLES[field]
        rows = session.execute(select(table.id, table.name).where(table.id.in_(ids)))
        found |= {(field, row.id): row.name for row in rows}
    return found
