"""Invoices that came from a client that sells to us: entered by hand, accepted, settled, void.

They carry their sender's own number and file; nothing of them is numbered, drawn or sent by us.
Accepted, one moves Fixed in the client's favour, as the usage that it bills moved Live.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import delete, func, insert, select

from billing import ledger
from billing.client_billing import FIRST_DAY, LAST_DAY
from billing.invoice_contents import read_parties
from billing.invoice_models import Invoice, InvoiceLine, InvoiceTax
from billing.invoices import INCOMING, find_invoice, issue, lock_invoice, record
from billing.models import ClientBalance, ClientBilling, PaymentTerms
from billing.periods import due_date, local_midnight, period_for_dates
from core.db import Session
from core.errors import ConflictError, InvalidInputError
from core.money import LEDGER_PLACES, allocate, ledger_amount, minor_amount, round_amount
from core.names import clean_line
from core.zones import get_zone
from tenants import audit
from tenants.client_files import checked_kind, clean_name
from tenants.clients import get_client, refuse_erased
from tenants.files import create_file
from tenants.models import Client
from tenants.stamps import check_stamp

NUMBER_LENGTH = 200
TEXT_LENGTH = 500
MOST_LINES = 100
GROUP = "incoming"
RATE_PLACES = 10
_PERCENT_LIMIT = Decimal(1000)


@dataclass(frozen=True, slots=True)
class IncomingLine:
    """What one line of it says; `net` is without tax, in the client's currency."""

    description: str
    net: Decimal
    quantity: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Incoming:
    """An invoice as its sender wrote it. Without lines, what is not tax is one line.

    `due_on` None: by the client's payment terms. `total` counts: what lines and tax do not come
    to is its rounding, at most one minor unit a line.
    """

    number: str
    first_on: date
    last_on: date
    invoice_on: date
    due_on: date | None
    total: Decimal
    tax: Decimal = Decimal(0)
    tax_name: str = ""
    lines: Sequence[IncomingLine] = ()


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent, with the id that its form was drawn with."""

    id: UUID
    name: str
    content: bytes


def create_incoming(
    session: Session,
    *,
    invoice_id: UUID,
    client_id: int,
    incoming: Incoming,
    upload: Upload | None = None,
    accept: bool = False,
) -> Invoice:
    """Enter it to be verified, or with `accept` as verified; the same id gives the one made before.

    Raises NotFoundError, InvalidInputError naming the field, ConflictError.
    """
    client = get_client(session, client_id)
    refuse_erased(client)
    balance = ledger.lock_balance(session, client_id)
    checked = _checked(session, client, incoming, balance.currency)
    known = find_invoice(session, invoice_id)
    if known is not None:
        if (known.client_id, known.direction, known.number) != (
            client_id,
            INCOMING,
            checked.number,
        ):
            raise ConflictError("This form was sent before with other content.")
        return known
    _check_number(session, client_id, checked.number)
    invoice = Invoice(
        id=invoice_id,
        reseller_id=client.reseller_id,
        client_id=client.id,
        direction=INCOMING,
        running_number=None,
        state="to_verify",
        currency=balance.currency,
        parties=_parties(session, client),
        file_id=None if upload is None else _keep(session, client, upload),
        **_columns(client, balance, checked),
    )
    session.add(invoice)
    session.flush()
    _write_lines(session, invoice, checked)
    record(session, invoice, "create", {"total": (None, invoice.total)})
    if accept:
        issue(session, invoice_id)
    return invoice


def update_incoming(
    session: Session,
    invoice_id: UUID,
    *,
    incoming: Incoming,
    stamp: str,
    upload: Upload | None = None,
) -> Invoice:
    """Correct one that waits to be verified; a new file takes the place of the one before.

    `stamp` is that of `facts` as they were shown. Raises NotFoundError, InvalidInputError naming
    the field, ConflictError for one that is accepted or void, or was changed meanwhile.
    """
    invoice = lock_invoice(session, invoice_id)
    if invoice.direction != INCOMING or invoice.state != "to_verify":
        raise ConflictError("Only an incoming invoice that waits to be verified can be changed.")
    before = facts(session, invoice)
    check_stamp(stamp, before)
    client = get_client(session, invoice.client_id)
    checked = _checked(session, client, incoming, invoice.currency)
    if checked.number.lower() != invoice.number.lower():
        _check_number(session, invoice.client_id, checked.number)
    balance = ledger.get_balance(session, client.id)
    for name, value in _columns(client, balance, checked).items():
        setattr(invoice, name, value)
    if upload is not None and upload.id != invoice.file_id:
        invoice.file_id = _keep(session, client, upload)
    for part in (InvoiceLine, InvoiceTax):
        session.execute(
            delete(part)
            .where(part.invoice_id == invoice.id)
            .execution_options(synchronize_session=False)
        )
    session.flush()
    _write_lines(session, invoice, checked)
    changes = audit.differences(before, facts(session, invoice))
    if changes:
        record(session, invoice, "update", changes)
    return invoice


def set_settled(session: Session, invoice_id: UUID, *, is_settled: bool) -> Invoice:
    """Say that an accepted one is paid, or that it is open again; balances do not move.

    What was paid out is booked for itself. Raises NotFoundError, ConflictError for one that is not
    accepted or is void.
    """
    invoice = lock_invoice(session, invoice_id)
    if invoice.direction != INCOMING or invoice.state != "normal":
        raise ConflictError("Only an accepted incoming invoice can be marked as paid.")
    paid = invoice.total if is_settled else Decimal(0)
    if paid != invoice.paid:
        before, invoice.paid = invoice.paid, paid
        session.flush()
        record(session, invoice, "settle", {"paid": (before, paid)})
    return invoice


def facts(session: Session, invoice: Invoice) -> dict[str, object]:
    """What the form shows of it, for its stamp and for the audit log."""
    lines = read_lines(session, invoice.id)
    tax_name = session.scalar(
        select(InvoiceTax.name).where(InvoiceTax.invoice_id == invoice.id).limit(1)
    )
    return {
        "number": invoice.number,
        "first_on": invoice.first_on.isoformat(),
        "last_on": invoice.last_on.isoformat(),
        "invoice_on": invoice.invoice_on.isoformat(),
        "due_on": invoice.due_on.isoformat(),
        "total": f"{invoice.total:f}",
        "tax": f"{invoice.tax:f}",
        "tax_name": tax_name or "",
        "lines": "; ".join(f"{one.description} {one.quantity:f} {one.net:f}" for one in lines),
        "file": "" if invoice.file_id is None else str(invoice.file_id),
    }


def read_lines(session: Session, invoice_id: UUID) -> list[IncomingLine]:
    """Its lines, in their order."""
    rows = session.execute(
        select(InvoiceLine.description, InvoiceLine.net, InvoiceLine.quantity)
        .where(InvoiceLine.invoice_id == invoice_id)
        .order_by(InvoiceLine.line_no)
    )
    return [IncomingLine(*row) for row in rows]


def _checked(session: Session, client: Client, one: Incoming, currency: str) -> Incoming:
    number = clean_line(one.number)
    if not number:
        raise InvalidInputError("Enter the number that stands on the invoice.", "number")
    if len(number) > NUMBER_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "number", count=NUMBER_LENGTH)
    due_on = one.due_on or due_date(one.invoice_on, _grace_days(session, client.id))
    _check_days(one, due_on)
    _check_amount(one.total, currency, "total")
    if one.total <= 0:
        raise InvalidInputError("The amount must be more than zero.", "total")
    if not one.tax.is_finite() or not 0 <= one.tax < one.total:
        raise InvalidInputError("The tax is from zero to less than the total.", "tax_amount")
    _check_amount(one.tax, currency, "tax_amount")
    tax_name = clean_line(one.tax_name)
    if len(tax_name) > TEXT_LENGTH:
        raise InvalidInputError("Use at most %(count)s characters.", "tax_name", count=TEXT_LENGTH)
    lines = _checked_lines(one, currency)
    return Incoming(
        number=number,
        first_on=one.first_on,
        last_on=one.last_on,
        invoice_on=one.invoice_on,
        due_on=due_on,
        total=one.total,
        tax=ledger_amount(one.tax),
        tax_name=tax_name or "Tax",
        lines=lines,
    )


def _check_days(one: Incoming, due_on: date) -> None:
    days = {
        "first_on": one.first_on,
        "last_on": one.last_on,
        "invoice_on": one.invoice_on,
        "due_on": due_on,
    }
    for field, day in days.items():
        if not FIRST_DAY <= day <= LAST_DAY:
            raise InvalidInputError(
                "Choose a date from %(first)s to %(last)s.",
                field,
                first=FIRST_DAY.isoformat(),
                last=LAST_DAY.isoformat(),
            )
    if due_on < one.invoice_on:
        raise InvalidInputError("It is due before its own date.", "due_on")


def _checked_lines(one: Incoming, currency: str) -> Sequence[IncomingLine]:
    """At least one line; they and the tax must come to the total, but for its rounding."""
    if not one.lines:
        return [IncomingLine(one.number, one.total - one.tax)]
    if len(one.lines) > MOST_LINES:
        raise InvalidInputError("At most %(most)s lines are taken.", "lines", most=MOST_LINES)
    lines = []
    for line in one.lines:
        text = clean_line(line.description)
        if not text:
            raise InvalidInputError("Say what each line is for.", "lines")
        if len(text) > TEXT_LENGTH:
            raise InvalidInputError("Use at most %(count)s characters.", "lines", count=TEXT_LENGTH)
        if not line.quantity.is_finite() or line.quantity <= 0:
            raise InvalidInputError("The quantity must be more than zero.", "lines")
        quantity = round_amount(ledger_amount(line.quantity), LEDGER_PLACES)
        if not quantity or not line.net.is_finite() or ledger_amount(line.net) != line.net:
            raise InvalidInputError("The amount has at most 6 decimals.", "lines")
        lines.append(IncomingLine(text, line.net, quantity))
    comes_to = sum((line.net for line in lines), Decimal()) + one.tax
    unit = Decimal(1).scaleb(-_digits(currency))
    if abs(one.total - comes_to) > unit * len(lines):
        raise InvalidInputError(
            "The lines and the tax come to %(sum)s, not to this total.",
            "total",
            sum=minor_amount(comes_to, currency),
        )
    return lines


def _digits(currency: str) -> int:
    return -int(minor_amount(Decimal(0), currency).as_tuple().exponent)


def _check_amount(amount: Decimal, currency: str, field: str) -> None:
    if not amount.is_finite() or ledger_amount(amount) != minor_amount(amount, currency):
        raise InvalidInputError("%(currency)s has no such small unit.", field, currency=currency)


def _check_number(session: Session, client_id: int, number: str) -> None:
    taken = session.scalar(
        select(Invoice.id).where(
            Invoice.client_id == client_id,
            Invoice.direction == INCOMING,
            Invoice.state != "void",
            func.lower(Invoice.number) == number.lower(),
        )
    )
    if taken is not None:
        raise InvalidInputError(
            "This client's invoice %(number)s is entered already.", "number", number=number
        )


def _columns(client: Client, balance: ClientBalance, one: Incoming) -> dict[str, object]:
    zone = get_zone(client.timezone)
    period = period_for_dates(one.first_on, one.last_on, zone)
    net = sum((line.net for line in one.lines), Decimal())
    return {
        "number": one.number,
        "starts_at": period.starts_at,
        "ends_at": period.ends_at,
        "first_on": one.first_on,
        "last_on": one.last_on,
        "timezone": client.timezone,
        "invoiced_at": local_midnight(one.invoice_on, zone),
        "invoice_on": one.invoice_on,
        "due_on": one.due_on,
        "net": net,
        "tax": one.tax,
        "rounding": one.total - net - one.tax,
        "total": one.total,
        "balance_before": balance.fixed,
        "balance_after": balance.fixed + one.total,
    }


def _write_lines(session: Session, invoice: Invoice, one: Incoming) -> None:
    owner = {
        "reseller_id": invoice.reseller_id,
        "client_id": invoice.client_id,
        "invoice_id": invoice.id,
    }
    weights = [abs(line.net) for line in one.lines]
    if not any(weights):
        weights = [Decimal(1)] * len(weights)
    taxes = allocate(one.tax, weights, LEDGER_PLACES)
    session.execute(
        insert(InvoiceLine),
        [
            {
                **owner,
                "line_no": number,
                "group": GROUP,
                "description": line.description,
                "quantity": line.quantity,
                "unit_price": round_amount(line.net / line.quantity, RATE_PLACES),
                "net": line.net,
                "tax": tax,
            }
            for number, (line, tax) in enumerate(zip(one.lines, taxes, strict=True), 1)
        ],
    )
    if one.tax:
        net = invoice.net
        percent = round_amount(one.tax * 100 / net, 2) if net > 0 else Decimal(0)
        session.execute(
            insert(InvoiceTax),
            [
                {
                    **owner,
                    "line_no": 1,
                    "name": one.tax_name,
                    "percent": percent if percent < _PERCENT_LIMIT else Decimal(0),
                    "base": net,
                    "amount": one.tax,
                }
            ],
        )


def _parties(session: Session, client: Client) -> dict[str, object]:
    """The same two as on our own invoices, the other way round: the client sells."""
    ours = read_parties(session, client)
    return ours | {"seller": ours["buyer"], "buyer": ours["seller"]}


def _keep(session: Session, client: Client, upload: Upload) -> UUID:
    name = clean_name(upload.name)
    kind = checked_kind(name, upload.content)
    file = create_file(
        session,
        reseller_id=client.reseller_id,
        client_id=client.id,
        name=name,
        media_type=kind.media_type,
        content=upload.content,
        file_id=upload.id,
    )
    return file.id


def _grace_days(session: Session, client_id: int) -> int:
    found = session.scalar(
        select(PaymentTerms.grace_days)
        .join(ClientBilling, ClientBilling.payment_terms_id == PaymentTerms.id)
        .where(ClientBilling.client_id == client_id)
    )
    return found or 0
