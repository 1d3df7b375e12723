"""Reads of the templates' list."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from billing.client_models import ClientTemplateBilling
from billing.models import PaymentTerms, TaxProfile
from core.db import Session
from payments.models import ClientTemplateAutoPayment
from tenants.models import Client, ClientTemplate, ClientTemplateTag, Reseller, Tag

LIMIT = 500


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """One line of the list; None: the template does not say."""

    id: int
    name: str
    is_default: bool
    reseller: str
    currency: str | None
    postpaid: bool | None
    credit: Decimal | None
    tags: list[str]
    terms: str | None
    tax_profile: str | None
    autoinvoicing: bool | None
    auto_payment: bool | None
    clients: int
    updated_at: datetime
    updated_by: str


def list_rows(session: Session, search: str) -> list[TemplateRow]:
    """By reseller and name; `search` is part of the name."""
    template, billing, auto = ClientTemplate, ClientTemplateBilling, ClientTemplateAutoPayment
    tags = (
        select(func.array_agg(aggregate_order_by(Tag.name, Tag.name)))
        .join(ClientTemplateTag, ClientTemplateTag.tag_id == Tag.id)
        .where(
            ClientTemplateTag.reseller_id == template.reseller_id,
            ClientTemplateTag.template_id == template.id,
        )
        .correlate(template)
        .scalar_subquery()
    )
    clients = (
        select(func.count())
        .select_from(Client)
        .where(
            Client.reseller_id == template.reseller_id,
            Client.template_id == template.id,
            Client.status != "deleted",
        )
        .correlate(template)
        .scalar_subquery()
    )
    wanted = (
        select(
            template.id,
            template.name,
            template.is_default,
            Reseller.name.label("reseller"),
            template.currency,
            billing.postpaid,
            billing.credit,
            tags.label("tags"),
            PaymentTerms.name.label("terms"),
            TaxProfile.name.label("tax_profile"),
            billing.autoinvoicing,
            auto.enabled.label("auto_payment"),
            clients.label("clients"),
            template.updated_at,
            template.updated_by,
        )
        .join(Reseller, Reseller.id == template.reseller_id)
        .outerjoin(billing, _of_template(billing))
        .outerjoin(auto, _of_template(auto))
        .outerjoin(
            PaymentTerms,
            and_(
                PaymentTerms.reseller_id == template.reseller_id,
                PaymentTerms.id == billing.payment_terms_id,
            ),
        )
        .outerjoin(
            TaxProfile,
            and_(
                TaxProfile.reseller_id == template.reseller_id,
                TaxProfile.id == billing.tax_profile_id,
            ),
        )
        .order_by(Reseller.name, func.lower(template.name))
        .limit(LIMIT)
    )
    if search:
        wanted = wanted.where(template.name.icontains(search, autoescape=True))
    return [
        TemplateRow(**{**row._mapping, "tags": row.tags or []}) for row in session.execute(wanted)
    ]


def _of_template(
    model: type[ClientTemplateBilling] | type[ClientTemplateAutoPayment],
) -> ColumnElement[bool]:
    return and_(
        model.reseller_id == ClientTemplate.reseller_id, model.template_id == ClientTemplate.id
    )
