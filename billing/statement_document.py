"""A statement of account as PDF: drawn anew each time, in the look of the client's invoices."""

import json
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from billing.invoice_brand import logo_data, page_colours
from billing.invoice_document import (
    DEFAULT_COLOUR,
    choose_paper,
    footer_of,
    make_formatter,
    make_party,
    translator,
)
from billing.invoice_figures import kept_precision
from billing.invoice_format import InvoiceFormatter, Translate
from billing.invoice_look import look_from_json
from billing.invoice_models import Invoice
from billing.invoices import OUTGOING
from billing.statements import Statement
from billing.typst_drawing import LAYOUTS, clean, draw_pdf, language_data
from core.db import Session

LAYOUT = LAYOUTS / "statement.typ"


def find_kept_parties(session: Session, client_id: int) -> dict[str, Any] | None:
    """Seller, buyer and look as the client's newest issued invoice keeps them."""
    return session.scalar(
        select(Invoice.parties)
        .where(
            Invoice.client_id == client_id,
            Invoice.direction == OUTGOING,
            Invoice.issued_at.is_not(None),
        )
        .order_by(Invoice.invoiced_at.desc(), Invoice.id.desc())
        .limit(1)
    )


def draw_statement(
    statement: Statement, parties: dict[str, Any], logo: bytes | None = None
) -> bytes:
    """The statement as PDF, byte for byte the same for the same figures.

    `parties` as `invoice_contents.read_parties` gives them, `logo` the one that they name.
    """
    look = look_from_json(parties)
    locale = look.locale or parties["locale"]
    formatter = make_formatter(
        locale, statement.currency, kept_precision(parties, statement.currency)
    )
    translate = translator(locale)
    last_on = statement.last_on
    legal = look.has("legal")
    texts: dict[str, object] = {
        **language_data(locale),
        **_words(translate),
        "paper": choose_paper(look.paper, locale, parties["seller_locale"]),
        "colours": page_colours(look.colour or parties["brand_color"] or DEFAULT_COLOUR),
        "year": last_on.year,
        "month": last_on.month,
        "day": last_on.day,
        "seller": asdict(make_party(parties["seller"], translate, legal=legal)),
        "buyer": asdict(make_party(parties["buyer"], translate, legal=legal)),
        "facts": _facts(statement, formatter, translate),
        "sums": _sums(statement, formatter, translate),
        "rows": _rows(statement, formatter, translate),
        "how_to_pay": _how_to_pay(statement, parties, look.payment_text),
        "footer": look.footer or footer_of(parties["seller"]),
    }
    data = {name: clean(value) for name, value in texts.items()}
    # bytes, not text to be cleaned
    data["logo"] = logo_data(logo) if logo and look.has("logo") else None
    return draw_pdf(LAYOUT, {"statement": json.dumps(data, ensure_ascii=False)})


def _words(_: Translate) -> dict[str, object]:
    return {
        "title": _("Statement of account"),
        "labels": {
            "seller": _("From"),
            "buyer": _("To"),
            "date": _("Date"),
            "what": _("What"),
            "description": _("Description"),
            "amount": _("Amount"),
            "balance": _("Balance"),
            "opening": _("Opening balance"),
            "closing": _("Closing balance"),
            "nothing": _("Nothing moved in this period."),
            "meaning": _("A negative balance is what you owe."),
            "how_to_pay": _("How to pay"),
            "page_of": _("Page {page} of {pages}"),
        },
    }


def _facts(statement: Statement, formatter: InvoiceFormatter, _: Translate) -> list[dict[str, str]]:
    zone = ZoneInfo(statement.client.timezone)
    facts = [
        (_("Account"), f"#{statement.client.id}"),
        (_("Period"), formatter.period(statement.first_on, statement.last_on, zone)),
        (_("Currency"), statement.currency),
    ]
    return [{"label": label, "value": value} for label, value in facts]


def _sums(statement: Statement, formatter: InvoiceFormatter, _: Translate) -> list[dict[str, str]]:
    sums = [
        (_("Opening balance"), statement.opening),
        (_("Invoiced"), statement.invoiced),
        (_("Incoming invoices"), statement.received),
        (_("Paid"), statement.paid),
    ]
    other = statement.closing - sum((amount for _label, amount in sums), Decimal())
    sums += [(_("Other movements"), other), (_("Closing balance"), statement.closing)]
    kept = {_("Opening balance"), _("Closing balance"), _("Invoiced"), _("Paid")}
    return [
        {"label": label, "value": formatter.exact_amount(amount)}
        for label, amount in sums
        if amount or label in kept
    ]


def _rows(statement: Statement, formatter: InvoiceFormatter, _: Translate) -> list[list[str]]:
    tell = _movement_words(_)
    amounts = formatter.column([one.amount for one in statement.movements])
    balances = formatter.column([statement.opening, *(one.balance for one in statement.movements)])
    rows = [[formatter.short_day(statement.first_on), _("Opening balance"), "", "", balances[0]]]
    rows += [
        [
            formatter.short_day(one.on),
            tell(one.kind, one.reverses),
            one.description,
            amount,
            balance,
        ]
        for one, amount, balance in zip(statement.movements, amounts, balances[1:], strict=True)
    ]
    return rows


def _movement_words(_: Translate) -> Callable[[str, str], str]:
    words = {
        "payment": _("Payment"),
        "refill": _("Card payment"),
        "refund": _("Refund"),
        "chargeback": _("Chargeback"),
        "chargeback_reversal": _("Chargeback won"),
        "voucher": _("Voucher"),
        "invoice": _("Invoice"),
        "incoming_invoice": _("Incoming invoice"),
        "credit_note": _("Credit note"),
        "opening_balance": _("Opening balance"),
    }
    reversed_words = {
        "payment": _("Payment taken back"),
        "refill": _("Card payment taken back"),
        "refund": _("Refund that did not arrive"),
        "voucher": _("Voucher taken back"),
        "invoice": _("Void invoice"),
        "incoming_invoice": _("Void incoming invoice"),
    }

    def tell(kind: str, reverses: str) -> str:
        if kind == "reversal":
            return reversed_words.get(reverses, _("Reversal"))
        return words.get(kind, kind)

    return tell


def _how_to_pay(statement: Statement, parties: dict[str, Any], payment_text: str) -> str:
    """Only to one who owes something."""
    if statement.closing >= 0:
        return ""
    return payment_text or str(parties["seller"]["account_details"])
