"""What the system will do with a client by itself, in words: invoices and automatic charges."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from flask_babel import gettext as _
from sqlalchemy import select

from billing.invoice_models import Invoice
from core.clock import now, today
from core.db import Session
from core.zones import get_zone
from payments.dues import Due, Why
from payments.models import SavedCard
from portal.formatting import day, instant, money
from portal.office.clients.page_queries import ClientHead


@dataclass(frozen=True, slots=True)
class NextAction:
    """One line; `tone` is a colour that only helps to find it."""

    icon: str
    text: str
    tone: str = "off"


@dataclass(frozen=True, slots=True)
class Coming:
    """What of the client's rows decides: its default card, and the oldest invoice not paid yet."""

    card: str = ""
    invoice_number: str = ""
    invoice_open: Decimal = Decimal(0)
    due_on: date | None = None


def read_coming(session: Session, head: ClientHead, due: Due) -> Coming:
    """Asked only where auto payment waits for something."""
    if due.why not in (Why.NOT_DUE, Why.TOO_LITTLE):
        return Coming()
    card = session.execute(
        select(SavedCard.brand, SavedCard.last_four).where(
            SavedCard.client_id == head.id, SavedCard.state == "active", SavedCard.is_default
        )
    ).one_or_none()
    invoice = session.execute(
        select(Invoice.number, Invoice.total - Invoice.paid, Invoice.due_on)
        .where(
            Invoice.reseller_id == head.reseller_id,
            Invoice.client_id == head.id,
            Invoice.direction == "outgoing",
            Invoice.issued_at.is_not(None),
            Invoice.paid < Invoice.total,
        )
        .order_by(Invoice.due_on, Invoice.number)
        .limit(1)
    ).one_or_none()
    shown = f"{card.brand} ···· {card.last_four}" if card else ""
    return Coming(shown) if invoice is None else Coming(shown, *invoice)


def list_next(head: ClientHead, due: Due, coming: Coming) -> list[NextAction]:
    """The lines of the page's head."""
    if head.status == "deleted":
        text = _("Nothing is invoiced, charged or mailed by itself while the client is deleted.")
        return [NextAction("player-pause", text)]
    return [_next_invoice(head), _next_charge(head, due, coming)]


def _next_invoice(head: ClientHead) -> NextAction:
    if not head.autoinvoicing or head.next_invoice_at is None:
        return NextAction("file-invoice", _("Invoices are made by hand."))
    on = day(head.next_invoice_at.astimezone(get_zone(head.timezone)).date())
    if head.next_invoice_at <= now():
        return NextAction(
            "file-invoice", _("The invoice of %(day)s is being made.", day=on), "info"
        )
    return NextAction("file-invoice", _("Will be invoiced on %(day)s.", day=on), "info")


def _next_charge(head: ClientHead, due: Due, coming: Coming) -> NextAction:
    if due.is_due:
        amount, currency = money(due.amount, due.currency), due.currency
        text = {
            Why.BALANCE_USED_UP: _(
                "%(amount)s %(currency)s would be charged to the card now, because Available is"
                " zero or less.",
                amount=amount,
                currency=currency,
            ),
            Why.INVOICE_DUE: _(
                "%(amount)s %(currency)s would be charged to the card now, because an invoice is"
                " due and not paid in full.",
                amount=amount,
                currency=currency,
            ),
        }[due.why]
        return NextAction("credit-card", text, "warn")
    if due.why is Why.OFF:
        return NextAction("credit-card", _("Auto payment is off."))
    if due.why is Why.WAITING and due.next_try_at is not None:
        text = _(
            "The last charge was declined; the card is tried again on %(when)s.",
            when=instant(due.next_try_at),
        )
        return NextAction("credit-card", text, "warn")
    if due.why in (Why.NOT_DUE, Why.TOO_LITTLE):
        return NextAction("credit-card", _when_charged(head, coming), "info")
    tone = "info" if due.why is Why.UNDER_WAY else "warn"
    return NextAction("credit-card", _no_charge(due.why), tone)


def _when_charged(head: ClientHead, coming: Coming) -> str:
    if not head.postpaid:
        text: str = _(
            "%(card)s will be charged when Available falls to %(amount)s %(currency)s.",
            card=coming.card or _("The card"),
            amount=money(Decimal(0), head.currency),
            currency=head.currency,
        )
    elif coming.due_on is None or coming.due_on <= today(get_zone(head.timezone)):
        text = _(
            "%(card)s will be charged when an invoice falls due.",
            card=coming.card or _("The card"),
        )
    else:
        text = _(
            "%(card)s will be charged on %(day)s, when %(amount)s %(currency)s of invoice"
            " %(number)s fall due.",
            card=coming.card or _("The card"),
            day=day(coming.due_on),
            amount=money(coming.invoice_open, head.currency),
            currency=head.currency,
            number=coming.invoice_number,
        )
    return text


def _no_charge(why: Why) -> str:
    words: dict[Why, str] = {
        Why.INACTIVE: _("No card is charged by itself while the client is stopped."),
        Why.NO_GATEWAY: _("Auto payment is on, but no gateway takes the client’s currency."),
        Why.NO_CARD: _("Auto payment is on, but the client has saved no card."),
        Why.BANK_OFF: _("Auto payment is on, but payments from bank accounts are switched off."),
        Why.SUSPENDED: _("Auto payment is suspended."),
        Why.DISPUTED: _("Auto payment is suspended: the client’s bank took back a payment."),
        Why.UNDER_WAY: _("An automatic charge is under way."),
        Why.CAP_REACHED: _("Auto payment waits: the cap of this day or month is reached."),
    }
    return words.get(why) or str(_("Nothing is due."))
