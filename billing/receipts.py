"""The receipt of a payment: who paid whom, how much, when, and for which invoices.

Read from the books, so it is the same as long as they are; drawn by the invoice's own layout.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Select, and_, exists, func, select
from sqlalchemy.orm import aliased

from billing.address_lines import address_lines
from billing.invoice_document import default_colour, paper_for
from billing.invoice_format import InvoiceFormatter, Translate, invoice_labels
from billing.invoice_models import Invoice, PaymentAllocation
from billing.invoice_pdf import (
    AmountDue,
    Fact,
    InvoiceDocument,
    InvoiceLine,
    LineGroup,
    Party,
    SumRow,
    render_invoice_pdf,
)
from billing.models import Transaction
from core.db import Session
from core.errors import ConflictError, NotFoundError
from core.zones import get_zone
from tenants.client_blocks import Company, get_company
from tenants.clients import get_client
from tenants.models import Client, Reseller


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """What of the payment went to an invoice; without one to the balance, or back to the payer."""

    number: str
    amount: Decimal
    is_refund: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """One payment that counts. `paid_on` is a day of the client's own calendar."""

    payment: Transaction
    client: Client
    company: Company
    reseller: Reseller
    lines: Sequence[ReceiptLine]
    paid_on: date

    @property
    def buyer(self) -> str:
        """The client's name on papers."""
        return self.company.company_name or self.client.name

    @property
    def seller(self) -> str:
        """The reseller's name on papers."""
        return self.reseller.company_name or self.reseller.name

    @property
    def number(self) -> str:
        """What the receipt is called: the reference of its payment."""
        return str(self.payment.id)


def get_receipt(session: Session, transaction_id: UUID) -> Receipt:
    """Raises NotFoundError for what is no payment, ConflictError for one that does not count."""
    payment = session.scalar(
        select(Transaction).where(Transaction.id == transaction_id, Transaction.kind == "payment")
    )
    if payment is None:
        raise NotFoundError("Payment not found.")
    if payment.status != "approved" or payment.reverses_id or _is_reversed(session, payment):
        raise ConflictError("There is a receipt only of a payment that counts.")
    client = get_client(session, payment.client_id)
    reseller = session.scalars(select(Reseller).where(Reseller.id == client.reseller_id)).one()
    return Receipt(
        payment,
        client,
        get_company(session, client.id),
        reseller,
        _list_lines(session, payment),
        payment.dated_at.astimezone(get_zone(client.timezone)).date(),
    )


def draw_receipt(
    receipt: Receipt, *, locale: str, translate: Translate, logo: bytes | None
) -> bytes:
    """The receipt as PDF in the reader's language; the same books give the same bytes."""
    _ = translate
    payment = receipt.payment
    formatter = InvoiceFormatter.create(locale, payment.currency)
    amounts = formatter.column([line.amount for line in receipt.lines])
    total = formatter.amount(payment.total)
    lines = tuple(
        InvoiceLine(_tell(line, translate), "", "", amount)
        for line, amount in zip(receipt.lines, amounts, strict=True)
    )
    email = receipt.reseller.email
    return render_invoice_pdf(
        InvoiceDocument(
            title=_("Receipt"),
            number="",
            invoice_on=receipt.paid_on,
            seller=_party(receipt.seller, receipt.reseller, translate),
            buyer=_party(receipt.buyer, receipt.company, translate),
            facts=(
                Fact(_("Paid on"), formatter.day(receipt.paid_on)),
                Fact(_("How"), payment.description or _("Payment")),
                Fact(_("Reference"), _in_two_lines(receipt.number)),
            ),
            due=AmountDue(_("Amount received"), total),
            groups=(LineGroup("", "", lines),),
            sums=(SumRow(_("Total"), total, is_total=True),),
            columns=("net",),
            footer=" · ".join(part for part in (receipt.seller, email) if part),
            logo=logo,
            locale=locale,
            paper=paper_for(locale, receipt.reseller.locale),
            colour=receipt.reseller.brand_color or default_colour(),
            labels=replace(invoice_labels(translate), seller=_("Received by"), buyer=_("Paid by")),
        )
    )


def _tell(line: ReceiptLine, _: Translate) -> str:
    if line.number:
        return _("Invoice %(number)s") % {"number": line.number}
    return _("Paid back to you") if line.is_refund else _("Your balance")


def _party(name: str, source: Reseller | Company, _: Translate) -> Party:
    lines = address_lines(source.address, source.zip_code)
    if source.tax_id:
        lines.append(f"{_('Tax ID')}: {source.tax_id}")
    return Party(name, tuple(lines))


def _in_two_lines(reference: str) -> str:
    # a column of facts is narrower than a UUID
    return f"{reference[:18]}\n{reference[18:]}"


def _is_reversed(session: Session, payment: Transaction) -> bool:
    reversal = aliased(Transaction)
    return bool(
        session.scalar(
            select(
                exists().where(
                    reversal.reseller_id == payment.reseller_id,
                    reversal.reverses_id == payment.id,
                )
            )
        )
    )


def _list_lines(session: Session, payment: Transaction) -> list[ReceiptLine]:
    total = func.sum(PaymentAllocation.amount)
    rows = session.execute(
        select(Invoice.number, total)
        .join(
            Invoice,
            and_(
                Invoice.reseller_id == PaymentAllocation.reseller_id,
                Invoice.id == PaymentAllocation.invoice_id,
            ),
        )
        .where(PaymentAllocation.transaction_id == payment.id)
        .group_by(Invoice.id, Invoice.number, Invoice.due_on)
        .having(total != 0)
        .order_by(Invoice.due_on, Invoice.number)
    )
    lines = [ReceiptLine(*row) for row in rows]
    back = -(session.scalar(_paid_back(payment)) or Decimal())
    rest = payment.total - back - sum((line.amount for line in lines), Decimal())
    more = ReceiptLine("", rest), ReceiptLine("", back, is_refund=True)
    return lines + [line for line in more if line.amount]


def _paid_back(payment: Transaction) -> Select[Decimal]:
    """Refunds and chargebacks of the payment, negative, with what was taken back of them."""
    return select(func.sum(Transaction.total)).where(
        Transaction.reseller_id == payment.reseller_id,
        Transaction.payment_id == payment.id,
        Transaction.status == "approved",
    )
