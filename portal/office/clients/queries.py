"""What the Clients list shows, in one query a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, select

from billing.invoice_models import Invoice
from billing.models import ClientBalance, ClientBilling, PaymentTerms, Transaction
from core.db import Session
from core.names import sort_key
from core.tenancy import current_scope
from mail.models import MailMessage
from payments.models import Refill
from portal.keyset import Key, Order, Page, Place, read_page, walk
from portal.office.client_search import Filters, narrow
from tenants.models import Client, ClientTag, Reseller, Tag

# what is walked (a select of any columns), its reseller's column, the keys of the order
Picked = tuple[Any, Any, list[Key]]


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One line of the list; amounts in `currency`."""

    id: int
    name: str
    status: str
    currency: str
    postpaid: bool
    live: Decimal
    fixed: Decimal
    credit: Decimal
    terms: str
    tags: Sequence[str] | None
    reseller: str
    has_transactions: bool
    has_invoices: bool
    has_refills: bool
    has_mails: bool

    @property
    def available(self) -> Decimal:
        return self.live + self.credit


def read_clients(session: Session, filters: Filters, place: Place) -> Page[ClientRow]:
    """One page of the clients of the scope."""
    is_down = filters.sort.startswith("-")
    kind = filters.sort.removeprefix("-")
    pick, owner, keys = _PICKS[kind]()
    walked = walk(
        narrow(pick, filters),
        owner=owner,
        order=Order(keys, descending=is_down),
        place=place,
        reseller_ids=_resellers_of(filters),
    )
    query = walked.decorate(
        Client.id,
        Client.name,
        Client.status,
        ClientBalance.currency,
        ClientBalance.postpaid,
        ClientBalance.live,
        ClientBalance.fixed,
        ClientBalance.credit,
        func.coalesce(PaymentTerms.name, "").label("terms"),
        _tags().label("tags"),
        Reseller.name.label("reseller"),
        _has(Transaction).label("has_transactions"),
        _has(Invoice).label("has_invoices"),
        _has(Refill).label("has_refills"),
        _has(MailMessage).label("has_mails"),
        keep=[
            (Client, Client.id == walked.picked.c.id, False),
            (ClientBalance, ClientBalance.client_id == Client.id, False),
            (Reseller, Reseller.id == Client.reseller_id, False),
            (ClientBilling, ClientBilling.client_id == Client.id, True),
            (PaymentTerms, PaymentTerms.id == ClientBilling.payment_terms_id, True),
        ],
    )
    names = ClientRow.__dataclass_fields__
    return read_page(
        session,
        walked,
        query,
        lambda row: ClientRow(**{name: getattr(row, name) for name in names}),
    )


def count_similar(session: Session, name: str, *, but: int | None = None) -> list[int]:
    """Ids of clients with this very name, for a warning; at most three."""
    wanted = select(Client.id).where(Client.name_key == sort_key(name), Client.status != "deleted")
    if but is not None:
        wanted = wanted.where(Client.id != but)
    return list(session.scalars(wanted.order_by(Client.id).limit(3)))


def list_tag_names(session: Session) -> list[str]:
    """Tags in use, to choose from while typing."""
    return list(session.scalars(select(Tag.name).distinct().order_by(Tag.name).limit(500)))


def _by_name() -> Picked:
    pick = select(Client.id.label("id"), Client.name_key.label("name_key"))
    return pick, Client.reseller_id, [Key("name_key", str), Key("id", int)]


def _by_id() -> Picked:
    return select(Client.id.label("id")), Client.reseller_id, [Key("id", int)]


def _by_available() -> Picked:
    pick = select(
        ClientBalance.postpaid.label("postpaid"),
        ClientBalance.available_micros.label("available_micros"),
        ClientBalance.client_id.label("id"),
    ).join(Client, and_(Client.id == ClientBalance.client_id))
    keys = [Key("postpaid", bool), Key("available_micros", int), Key("id", int)]
    return pick, ClientBalance.reseller_id, keys


_PICKS = {"name": _by_name, "id": _by_id, "available": _by_available}


def _resellers_of(filters: Filters) -> list[int] | None:
    """The resellers to walk; those that are not in the scope have nobody to find."""
    if not filters.resellers:
        return None
    return [one for one in current_scope().reseller_ids if one in filters.resellers]


def _tags() -> Any:  # noqa: ANN401 (an array subquery)
    return (
        select(func.array_agg(Tag.name))
        .select_from(ClientTag)
        .join(Tag, and_(Tag.reseller_id == ClientTag.reseller_id, Tag.id == ClientTag.tag_id))
        .where(ClientTag.reseller_id == Client.reseller_id, ClientTag.client_id == Client.id)
        .correlate(Client)
        .scalar_subquery()
    )


def _has(model: Any) -> ColumnElement[bool]:  # noqa: ANN401 (any table with a client)
    return exists().where(model.reseller_id == Client.reseller_id, model.client_id == Client.id)
