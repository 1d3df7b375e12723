"""The statement of account on a screen, and as a spreadsheet."""

import io
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from flask import Blueprint, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing.invoice_sheets import statement_rows
from billing.statements import Statement, make_statement
from core.clock import today
from core.errors import InvalidInputError
from core.sheet_writer import CSV_TYPE, XLSX_TYPE, Cell, write_csv, write_xlsx
from core.uow import unit_of_work
from core.zones import get_zone
from portal.access import panel_view
from portal.htmx import render
from portal.panel.me import my_id, read_me
from portal.wording import refusal

bp = Blueprint("panel_statement", __name__, url_prefix="/clients/statement")

SHOWN = 300
"""Entries on the screen; the spreadsheet has all."""
_FORMATS = {"csv": CSV_TYPE, "xlsx": XLSX_TYPE}
_FIRST_DAY = date(2000, 1, 1)
_WORDS: dict[str, LazyString] = {
    "opening": _l("Opening balance"),
    "closing": _l("Closing balance"),
    "opening_balance": _l("Opening balance"),
    "payment": _l("Payment"),
    "refill": _l("Card payment"),
    "invoice": _l("Invoice"),
    "incoming_invoice": _l("Your invoice to your provider"),
    "credit_note": _l("Credit note"),
    "refund": _l("Refund"),
    "chargeback": _l("Chargeback"),
    "chargeback_reversal": _l("Chargeback won"),
    "voucher": _l("Voucher"),
}
_TAKEN_BACK: dict[str, LazyString] = {
    "payment": _l("Payment taken back"),
    "refill": _l("Card payment taken back"),
    "invoice": _l("Cancelled invoice"),
    "incoming_invoice": _l("Your invoice, cancelled"),
    "refund": _l("Refund that did not arrive"),
    "voucher": _l("Voucher taken back"),
}
_ICONS = {
    "payment": "cash",
    "refill": "credit-card",
    "voucher": "qrcode",
    "invoice": "file-invoice",
    "credit_note": "receipt-refund",
    "chargeback_reversal": "credit-card",
}


@bp.get("")
@panel_view
def index() -> ResponseReturnValue:
    """What stood open before the period, what moved in it, and what stands open after it."""
    message, found = "", None
    with unit_of_work() as session:
        me = read_me(session)
        day = today(get_zone(me.timezone))
        first_on, last_on, message = _read_days(day)
        if not message:
            try:
                found = make_statement(session, my_id(), first_on=first_on, last_on=last_on)
            except InvalidInputError as error:
                message = refusal(error)
    kind = request.args.get("format", "")
    if found is not None and kind in _FORMATS:
        return _send(found, kind)
    return render(
        "panel/statement/index.html",
        status=422 if message else 200,
        me=me,
        found=found,
        first_on=first_on,
        last_on=last_on,
        message=message,
        tabs=_tabs(day, first_on, last_on),
        shown=SHOWN,
        tell=tell_movement,
        icons=_ICONS,
    )


def tell_movement(kind: str, reverses: str) -> str:
    """What moved the balance."""
    if kind == "reversal":
        return str(_TAKEN_BACK.get(reverses, _l("Correction")))
    return str(_WORDS.get(kind, _l("Entry")))


def _read_days(day: date) -> tuple[date, date, str]:
    """The days asked for, else this month and the one before; the third says what is wrong."""
    default = _month_before(day), day
    typed = request.args.get("from", ""), request.args.get("to", "")
    try:
        first_on, last_on = (
            date.fromisoformat(text.strip()) if text.strip() else fallback
            for text, fallback in zip(typed, default, strict=True)
        )
    except ValueError:
        return *default, _("Enter days such as 2026-11-30.")
    if first_on < _FIRST_DAY or last_on > day + timedelta(days=366):
        return *default, _("Choose days of this century, up to a year ahead.")
    if last_on < first_on:
        return first_on, last_on, _("The last day is before the first day.")
    return first_on, last_on, ""


def _month_before(day: date) -> date:
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def _tabs(day: date, first_on: date, last_on: date) -> Sequence[dict[str, object]]:
    month, before = day.replace(day=1), _month_before(day)
    spans = (
        (_("This month"), month, day),
        (_("Last month"), before, month - timedelta(days=1)),
        (_("This year"), day.replace(month=1, day=1), day),
        (_("Last 12 months"), day - timedelta(days=365), day),
    )
    return [
        {
            "label": label,
            "href": url_for(".index", **{"from": str(first), "to": str(last)}),  # type: ignore[arg-type]
            "current": (first, last) == (first_on, last_on),
        }
        for label, first, last in spans
    ]


def _send(found: Statement, kind: str) -> ResponseReturnValue:
    headings = [_("Date"), _("Kind"), _("Description"), _("Amount"), _("Balance")]
    headings[-1] = f"{headings[-1]} ({found.currency})"
    rows = statement_rows(found, tell_movement)
    out = io.BytesIO()
    if kind == "xlsx":
        write_xlsx(out, headings, rows, sheet=_("Statement"))
    else:
        for piece in write_csv(_lines(headings, rows), with_bom=True):
            out.write(piece)
    out.seek(0)
    return send_file(
        out,
        mimetype=_FORMATS[kind],
        download_name=f"statement-{found.first_on}-{found.last_on}.{kind}",
        as_attachment=True,
        etag=False,
    )


def _lines(headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterable[Sequence[Cell]]:
    yield headings
    yield from rows
