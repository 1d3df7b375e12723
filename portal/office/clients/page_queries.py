"""What stands at the head of the page of one client: one query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ScalarSelect, func, select

from billing.models import ClientBalance, ClientBilling, PaymentTerms, TaxProfile
from core.db import Session
from core.errors import NotFoundError
from payments.models import ClientAutoPayment, SavedCard
from tenants.client_record_models import ClientFile, ClientNote
from tenants.models import Client, ClientCompany, ClientLogin, ClientTag, Reseller, Tag


@dataclass(frozen=True, slots=True)
class ClientHead:
    """The client, its balances (in `currency`) and its settings."""

    id: int
    name: str
    status: str
    timezone: str
    version: int
    created_at: datetime
    updated_at: datetime
    updated_by: str
    deleted_at: datetime | None
    erased_at: datetime | None
    is_originator: bool
    is_terminator: bool
    reseller_id: int
    reseller: str
    tags: Sequence[str]
    notes: int
    files: int
    currency: str
    postpaid: bool
    credit: Decimal
    live: Decimal
    fixed: Decimal
    terms: str | None
    tax_profile: str | None
    autoinvoicing: bool
    last_invoiced_on: date | None
    next_invoice_at: datetime | None
    login: str | None
    has_panel: bool
    company: ClientCompany | None
    auto: ClientAutoPayment | None

    @property
    def available(self) -> Decimal:
        return self.live + self.credit

    @property
    def is_kept(self) -> bool:
        """False for one that was removed for good: nothing of it may be changed."""
        return self.erased_at is None


def get_head(session: Session, client_id: int) -> ClientHead:
    """Raises NotFoundError, also for a client of another tenant."""
    tags = (
        select(func.array_agg(Tag.name))
        .join(ClientTag, ClientTag.tag_id == Tag.id)
        .where(ClientTag.client_id == Client.id)
        .correlate(Client)
        .scalar_subquery()
    )
    row = session.execute(
        select(
            Client.id, Client.name, Client.status, Client.timezone, Client.version,
            Client.created_at, Client.updated_at, Client.updated_by, Client.deleted_at,
            Client.erased_at, Client.is_originator, Client.is_terminator, Client.reseller_id,
            Reseller.name.label("reseller"), tags.label("tags"),
            _count(ClientNote).label("notes"), _count(ClientFile).label("files"),
            ClientBalance.currency, ClientBalance.postpaid, ClientBalance.credit,
            ClientBalance.live, ClientBalance.fixed, PaymentTerms.name.label("terms"),
            TaxProfile.name.label("tax_profile"), ClientBilling.autoinvoicing,
            ClientBilling.last_invoiced_on, ClientBilling.next_invoice_at,
            ClientLogin.login, ClientLogin.enabled.label("has_panel"),
            ClientCompany, ClientAutoPayment,
        )
        .join(Reseller, Reseller.id == Client.reseller_id)
        .join(ClientBalance, ClientBalance.client_id == Client.id)
        .outerjoin(ClientBilling, ClientBilling.client_id == Client.id)
        .outerjoin(PaymentTerms, PaymentTerms.id == ClientBilling.payment_terms_id)
        .outerjoin(TaxProfile, TaxProfile.id == ClientBilling.tax_profile_id)
        .outerjoin(ClientLogin, ClientLogin.client_id == Client.id)
        .outerjoin(ClientCompany, ClientCompany.client_id == Client.id)
        .outerjoin(ClientAutoPayment, ClientAutoPayment.client_id == Client.id)
        .where(Client.id == client_id)
    ).one_or_none()  # fmt: skip
    if row is None:
        raise NotFoundError("Client not found.")
    values = dict(row._mapping)
    return ClientHead(
        **{
            **{name: value for name, value in values.items() if name[:1].islower()},
            "company": values["ClientCompany"],
            "auto": values["ClientAutoPayment"],
            "autoinvoicing": bool(row.autoinvoicing),
            "has_panel": bool(row.has_panel),
            "tags": sorted(row.tags or [], key=str.lower),
        }
    )


def _count(model: type[ClientNote] | type[ClientFile]) -> ScalarSelect[int]:
    return (
        select(func.count())
        .select_from(model)
        .where(model.reseller_id == Client.reseller_id, model.client_id == Client.id)
        .correlate(Client)
        .scalar_subquery()
    )


def has_card(session: Session, head: ClientHead) -> bool:
    """Whether the client has a card that staff could charge."""
    found = session.scalar(
        select(SavedCard.id)
        .where(
            SavedCard.reseller_id == head.reseller_id,
            SavedCard.client_id == head.id,
            SavedCard.state == "active",
        )
        .limit(1)
    )
    return found is not None
