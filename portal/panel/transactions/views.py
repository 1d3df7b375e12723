"""Transactions: the list, and why each of them is what it is."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from core.uow import unit_of_work
from portal.access import current_user_timezone, panel_view
from portal.formatting import number
from portal.htmx import render
from portal.keyset import read_place
from portal.listing import chosen, render_list, url_with
from portal.panel.card_words import card_name
from portal.panel.transactions import queries
from portal.panel.transactions.blueprint import bp
from portal.panel.transactions.queries import PERIODS, TYPES, Filters

PERIOD_WORDS = {
    "any": _l("Any time"),
    "month": _l("This month"),
    "last_month": _l("Last month"),
    "90_days": _l("Last 90 days"),
    "year": _l("This year"),
}
# what each side of a posting means to the person whose account it is
ACCOUNT_WORDS = {
    "client_live": _l("Your Live balance"),
    "client_fixed": _l("Your Fixed balance"),
    "cash": _l("Money that your provider received"),
    "clearing": _l("Money that the payment gateway took for your provider"),
    "revenue": _l("Price of what you were sold"),
    "tax": _l("Tax that your provider passes on"),
    "invoiced": _l("What was invoiced to you"),
    "received": _l("What was received from you"),
}


@bp.get("")
@panel_view
def index() -> ResponseReturnValue:
    filters = Filters(chosen("type", TYPES, "all"), chosen("period", PERIODS, "any"))
    with unit_of_work() as session:
        page = queries.read_transactions(session, filters, read_place(), current_user_timezone())
    return render_list(
        "panel/transactions/index.html",
        "panel/transactions/_list.html",
        page=page,
        filters=filters,
        tabs=_tabs(filters),
        periods=[(name, str(text)) for name, text in PERIOD_WORDS.items()],
    )


@bp.get("/<uuid:transaction_id>")
@panel_view
def show(transaction_id: UUID) -> ResponseReturnValue:
    """The transaction, how its amount came about and what it did to the balances."""
    with unit_of_work() as session:
        detail = queries.get_detail(session, transaction_id)
    return render(
        "panel/transactions/show.html",
        detail=detail,
        card_label=card_name(detail.card) if detail.card else "",
        account_words={name: str(text) for name, text in ACCOUNT_WORDS.items()},
        taxes=[_tax(one) for one in detail.transaction.tax_details.get("taxes", [])],
        steps=[_step(one) for one in detail.transaction.tax_details.get("steps", [])],
    )


def _tax(stored: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: Decimal(stored[name]) for name in ("percent", "base", "amount")}
    return {"name": stored["name"], **numbers}


def _step(stored: Mapping[str, Any]) -> dict[str, str]:
    """A step of the computation with its figures put into the formula."""
    formula = str(stored["formula"])
    # the longest name first: "percent" is a part of "percent of this priority"
    for name in sorted(stored["inputs"], key=len, reverse=True):
        formula = formula.replace(name, number(Decimal(stored["inputs"][name])))
    return {
        "label": stored["label"],
        "formula": formula,
        "result": number(Decimal(stored["result"])),
    }


def _tabs(filters: Filters) -> Sequence[dict[str, object]]:
    words = {"all": _("All"), "payment": _("Payments"), "charge": _("Charges")}
    here = {"all": None, "payment": "payment", "charge": "charge"}
    return [
        {"label": words[name], "href": url_with(type=here[name]), "current": filters.type == name}
        for name in TYPES
    ]
