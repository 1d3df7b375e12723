"""Changes of clients in words: each field before and after, as people write it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from billing.invoice_models import InvoiceTemplate
from billing.models import PaymentTerms, TaxProfile
from core.db import Session
from portal import formatting
from portal.office.client_words import field_label, value_word
from tenants.models import ClientTemplate

_NAMED: dict[str, Any] = {
    "payment_terms_id": PaymentTerms,
    "tax_profile_id": TaxProfile,
    "invoice_template_id": InvoiceTemplate,
    "template_id": ClientTemplate,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one client."""

    label: str
    before: str
    after: str


class ChangeTeller:
    """Knows the names of what blocks point to, looked up once."""

    def __init__(self, session: Session) -> None:
        self._names: dict[str, dict[int, str]] = {
            field: {row[0]: row[1] for row in session.execute(select(model.id, model.name))}
            for field, model in _NAMED.items()
        }

    def tell(self, changes: Mapping[str, Any], currency: str = "") -> list[Change]:
        """`changes` maps each field to its values before and after, also as JSON keeps them."""
        return [
            Change(field_label(name), *(self._tell_one(name, one, currency) for one in pair))
            for name, pair in changes.items()
        ]

    def _tell_one(self, name: str, value: object, currency: str) -> str:
        if value is None or value in ("", (), []):
            return str(_("none"))
        if name in self._names and isinstance(value, int):
            return str(self._names[name].get(value, f"#{value}"))
        if isinstance(value, bool):
            return str(_("on") if value else _("off"))
        if isinstance(value, Decimal):
            return f"{formatting.money(value, currency)} {currency}" if currency else f"{value:f}"
        if isinstance(value, date):
            return formatting.day(value)
        if isinstance(value, tuple | list):
            return ", ".join(map(str, value))
        return value_word(name, str(value))
