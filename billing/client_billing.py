"""The client's billing block: credit and payment mode, terms, taxes, autoinvoicing."""

from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from billing import ledger, schedule
from billing.invoice_models import Invoice, InvoiceTemplate
from billing.models import ClientBalance, ClientBilling, PaymentTerms, TaxProfile
from core.clock import today
from core.db import Session
from core.errors import InvalidInputError
from core.zones import get_zone
from tenants import audit
from tenants.models import Client

CREDIT_LIMIT = Decimal(10) ** 9
# no calendar arithmetic at its edges: beyond these days somebody has mistyped
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2100, 12, 31)
CREDIT_PLACES = Decimal("0.000001")

Choice = PaymentTerms | TaxProfile | InvoiceTemplate
CHOICES: dict[str, type[Choice]] = {
    "payment_terms_id": PaymentTerms,
    "tax_profile_id": TaxProfile,
    "invoice_template_id": InvoiceTemplate,
}
"""What the block chooses from, by its field."""


@dataclass(frozen=True, slots=True)
class Billing:
    """The block as the form shows it; `credit` is in the client's currency, negative allowed.

    `last_invoiced_on` is the last day already billed.
    """

    postpaid: bool = False
    credit: Decimal = Decimal(0)
    payment_terms_id: int | None = None
    tax_profile_id: int | None = None
    autoinvoicing: bool = False
    last_invoiced_on: date | None = None
    invoice_template_id: int | None = None


@dataclass(frozen=True, slots=True)
class LockedClient:
    """A client with its balance and its billing row, both locked until the transaction ends.

    `terms` are those of the row, read once: whoever computes a boundary finds them in the session.
    """

    client: Client
    balance: ClientBalance
    billing: ClientBilling
    terms: PaymentTerms | None

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.client.timezone)


def save_billing(session: Session, client: Client, billing: Billing) -> None:
    """Write the block and compute when the next invoice is due; makes the balances at first.

    Postpaid leaves the stored credit as it was: the field is inactive then. Autoinvoicing without
    Last Invoiced begins with the client's present day. Raises InvalidInputError naming the field.
    """
    balance, row = _lock_rows(session, client)
    before = _as_billing(balance, row)
    wish = _checked(session, client, billing, before)
    _save_balance(session, client, balance, wish)
    changes = audit.differences(asdict(before), asdict(wish))
    row.payment_terms_id = wish.payment_terms_id
    row.tax_profile_id = wish.tax_profile_id
    row.invoice_template_id = wish.invoice_template_id
    row.autoinvoicing = wish.autoinvoicing
    row.last_invoiced_on = wish.last_invoiced_on
    zone = get_zone(client.timezone)
    if "last_invoiced_on" in changes:
        schedule.set_last_invoiced(session, row, zone)
    schedule.refresh(session, row, zone)
    if changes:
        audit.record(
            session,
            reseller_id=client.reseller_id,
            client_id=client.id,
            action="update",
            object_type="client",
            object_id=client.id,
            object_label=client.name,
            changes=changes,
        )


def get_billing(session: Session, client_id: int) -> Billing:
    """The block as saved; raises NotFoundError for a client without one."""
    balance = ledger.get_balance(session, client_id)
    row = session.scalar(select(ClientBilling).where(ClientBilling.client_id == client_id))
    return _as_billing(balance, row)


def _lock_rows(session: Session, client: Client) -> tuple[ClientBalance, ClientBilling]:
    """Both rows of the client, locked in the fixed order: the balance first."""
    known = session.scalar(
        select(ClientBalance.client_id).where(ClientBalance.client_id == client.id)
    )
    if known is None:
        session.execute(
            insert(ClientBalance).values(
                client_id=client.id, reseller_id=client.reseller_id, currency=client.currency
            )
        )
        session.execute(
            insert(ClientBilling).values(client_id=client.id, reseller_id=client.reseller_id)
        )
    return ledger.lock_balance(session, client.id), lock_billing(session, client.id)


def lock_client(session: Session, client_id: int) -> LockedClient:
    """Everything that making an invoice begins with, as it is under the locks.

    Raises NotFoundError, also for a client of another tenant.
    """
    balance = ledger.lock_balance(session, client_id)
    # after the balance is ours: what was saved while we waited for it is seen
    client, billing = session.execute(
        select(Client, ClientBilling)
        .join(ClientBilling, ClientBilling.client_id == Client.id)
        .where(Client.id == client_id)
        .with_for_update(of=ClientBilling)
        .execution_options(populate_existing=True)
    ).one()
    terms_id = billing.payment_terms_id
    # and after the billing row is: a change of terms locks these rows and commits with them
    terms = None if terms_id is None else session.get(PaymentTerms, terms_id)
    return LockedClient(client, balance, billing, terms)


def lock_billing(session: Session, client_id: int) -> ClientBilling:
    """The client's billing row, locked; the caller holds the balance row already."""
    return session.scalars(
        select(ClientBilling)
        .where(ClientBilling.client_id == client_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _as_billing(balance: ClientBalance, row: ClientBilling | None) -> Billing:
    if row is None:
        return Billing(balance.postpaid, balance.credit)
    return Billing(
        postpaid=balance.postpaid,
        credit=balance.credit,
        payment_terms_id=row.payment_terms_id,
        tax_profile_id=row.tax_profile_id,
        autoinvoicing=row.autoinvoicing,
        last_invoiced_on=row.last_invoiced_on,
        invoice_template_id=row.invoice_template_id,
    )


def _save_balance(session: Session, client: Client, balance: ClientBalance, wish: Billing) -> None:
    if client.currency != balance.currency:
        _change_currency(session, client)
    session.execute(
        update(ClientBalance)
        .where(ClientBalance.client_id == client.id)
        .values(postpaid=wish.postpaid, credit=wish.credit)
        .execution_options(synchronize_session=False)
    )
    session.refresh(balance)


def _change_currency(session: Session, client: Client) -> None:
    """The database knows whatever holds the currency, money on its way through a gateway too."""
    try:
        with session.begin_nested():
            session.execute(
                update(ClientBalance)
                .where(ClientBalance.client_id == client.id)
                .values(currency=client.currency)
                .execution_options(synchronize_session=False)
            )
    except IntegrityError as error:
        raise InvalidInputError(
            "Money has moved or is on its way for this client: its currency can no longer change.",
            "currency",
        ) from error


def _checked(session: Session, client: Client, billing: Billing, before: Billing) -> Billing:
    credit = before.credit if billing.postpaid else checked_credit(billing.credit)
    for field, model in CHOICES.items():
        check_owner(session, client.reseller_id, model, getattr(billing, field), field)
    if billing.autoinvoicing and billing.payment_terms_id is None:
        raise InvalidInputError("Autoinvoicing needs payment terms.", "payment_terms_id")
    last_on = billing.last_invoiced_on
    if billing.autoinvoicing and last_on is None:
        last_on = today(get_zone(client.timezone)) - timedelta(days=1)
    if last_on != before.last_invoiced_on:
        if last_on is not None and not FIRST_DAY <= last_on <= LAST_DAY:
            raise InvalidInputError("Enter a day from 2000 to 2100.", "last_invoiced_on")
        _check_last_invoiced(session, client, last_on)
    return replace(billing, credit=credit, last_invoiced_on=last_on)


def checked_credit(credit: Decimal) -> Decimal:
    """`credit` when the form takes it; raises InvalidInputError."""
    if not credit.is_finite() or abs(credit) >= CREDIT_LIMIT:
        raise InvalidInputError("The credit has at most 9 digits.", "credit")
    if credit != credit.quantize(CREDIT_PLACES):
        raise InvalidInputError("The credit has at most 6 decimals.", "credit")
    return credit


def check_owner(
    session: Session, reseller_id: int, model: type[Choice], row_id: int | None, field: str
) -> None:
    """The chosen row belongs to this very reseller, not to another one of the scope."""
    if row_id is None:
        return
    found = session.scalar(
        select(model.id).where(model.id == row_id, model.reseller_id == reseller_id)
    )
    if found is None:
        raise InvalidInputError("Choose one from the list.", field)


def _check_last_invoiced(session: Session, client: Client, last_on: date | None) -> None:
    """Days that stand on an invoice stay billed."""
    invoiced_on = session.scalar(
        select(func.max(Invoice.last_on)).where(
            Invoice.client_id == client.id,
            Invoice.direction == "outgoing",
            Invoice.state != "void",
        )
    )
    if invoiced_on is not None and (last_on is None or last_on < invoiced_on):
        raise InvalidInputError(
            "An invoice covers the days up to %(day)s.", "last_invoiced_on", day=invoiced_on
        )
