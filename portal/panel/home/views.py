"""The overview, and why each balance is what it is."""

from datetime import datetime
from decimal import Decimal

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing.explain import BALANCE_NAMES, Explanation, explain_balance
from core.clock import now, today
from core.errors import NotFoundError
from core.uow import unit_of_work
from core.zones import get_zone
from payments import auto_payment
from payments.gateways.bank_returns import WORDS as BANK_WORDS
from payments.models import Refill
from portal.access import current_user_timezone, panel_view
from portal.htmx import render
from portal.panel import next_charge
from portal.panel.home import queries
from portal.panel.me import my_id, read_me
from portal.panel.open_invoices import list_open, paid_state

bp = Blueprint("panel_home", __name__, url_prefix="/clients")

ENTRY_WORDS = {
    "payment": _l("Payments"),
    "refill": _l("Card payments"),
    "refund": _l("Refunds"),
    "chargeback": _l("Chargebacks"),
    "chargeback_reversal": _l("Chargebacks won"),
    "voucher": _l("Vouchers"),
    "charge": _l("Charges"),
    "invoice": _l("Invoices"),
    "credit_note": _l("Credit notes"),
    "reversal": _l("Corrections"),
    "opening_balance": _l("Opening balance"),
}
REFILL_WORDS = {
    "requested": _l("On its way"),
    "processing": _l("On its way"),
    "held": _l("Held for review"),
    "unknown": _l("We are asking the gateway"),
}
NAMES = {"available": _l("Available"), "live": _l("Live"), "fixed": _l("Fixed")}
ICONS = {
    "payment": "cash",
    "refill": "credit-card",
    "refund": "arrow-back-up",
    "chargeback": "arrow-back-up",
    "chargeback_reversal": "credit-card",
    "charge": "receipt",
    "invoice": "file-invoice",
}


def _refill_word(refill: Refill) -> str:
    """How a payment stands that is not final yet."""
    if refill.state == "held" and refill.reason == BANK_WORDS.clearing:
        return str(_("Your bank is paying"))
    return str(REFILL_WORDS[refill.state])


@bp.get("/")
@panel_view
def index() -> ResponseReturnValue:
    zone = current_user_timezone()
    with unit_of_work() as session:
        me = read_me(session)
        open_invoices = list_open(session)
        due = auto_payment.preview(session, me.id)
        month = queries.read_month(session, get_zone(me.timezone))
        latest = queries.list_latest(session)
        under_way = queries.list_open_refills(session)
    day = today(zone)
    return render(
        "panel/home/index.html",
        me=me,
        greeting=_greeting(now().astimezone(zone)),
        open_invoices=open_invoices,
        owed=sum((one.open for one in open_invoices), Decimal(0)),
        overdue=[
            one
            for one in open_invoices
            if paid_state(one.total, one.paid, one.due_on, day) == "overdue"
        ],
        day=day,
        next_charge=next_charge.describe(due),
        month=month,
        latest=latest,
        under_way=under_way,
        refill_word=_refill_word,
    )


@bp.get("/balance/<name>")
@panel_view
def balance(name: str) -> ResponseReturnValue:
    """The entries that make a balance, and the sums that prove it."""
    known = {one: one for one in BALANCE_NAMES}
    if name not in known:
        raise NotFoundError
    with unit_of_work() as session:
        me = read_me(session)
        explanation = explain_balance(
            session, my_id(), known[name], before=request.args.get("before", type=int)
        )
    return render(
        "panel/home/balance.html",
        "panel/home/_entries.html",
        me=me,
        explanation=explanation,
        title=str(NAMES[name]),
        parts=_parts(explanation),
        names=[(one, str(NAMES[one])) for one in NAMES],
        words={kind: str(text) for kind, text in ENTRY_WORDS.items()},
        icons=ICONS,
        is_first="before" not in request.args,
    )


def _greeting(at: datetime) -> str:
    if at.hour < 5 or at.hour >= 18:
        return str(_("Good evening"))
    return str(_("Good morning") if at.hour < 12 else _("Good afternoon"))


def _parts(explanation: Explanation) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {
            "label": str(ENTRY_WORDS.get(part.kind, part.kind)),
            "amount": part.amount,
            "note": _("%(num)d entries", num=part.count) if part.count > 1 else "",
        }
        for part in explanation.parts
    ]
    if explanation.name == "available" and not explanation.postpaid and explanation.credit:
        is_given = explanation.credit > 0
        rows.append({
            "label": _("Credit your provider allows") if is_given else _("Must stay untouched"),
            "amount": explanation.credit,
        })  # fmt: skip
    return rows
