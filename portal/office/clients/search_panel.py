"""The advanced search: a panel that drops down above the list, and a page where it cannot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select

from billing.models import PaymentTerms, TaxProfile
from core.currencies import list_active_currencies
from core.db import Session
from core.errors import NotFoundError
from core.tenancy import current_scope
from core.uow import unit_of_work
from portal import formatting
from portal.access import office_view
from portal.htmx import render
from portal.office.client_offers import list_tag_names
from portal.office.client_search import Filters, parse_filters
from portal.office.clients.blueprint import bp
from portal.office.period import period_options
from tenants.models import ClientTemplate, Reseller
from tenants.permissions import Permission

OFFERED_AT_MOST = 50
"""With more of them a field is typed in: no list of thousands is ever drawn."""
Pair = tuple[str, str]
_KINDS: dict[str, Any] = {
    "reseller": Reseller,
    "terms": PaymentTerms,
    "tax": TaxProfile,
    "template": ClientTemplate,
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A field that names one of a tenant's things; without `options` one types and is helped."""

    name: str
    value: str
    options: Sequence[Pair] | None


@dataclass(frozen=True, slots=True)
class Panel:
    """All that the form draws beside `filters`: what can be chosen, and what stands in a field."""

    choices: dict[str, Choice]
    tags: Sequence[str]
    currencies: Sequence[Pair]
    periods: Sequence[Pair]
    values: dict[str, str]
    view: str


@bp.get("/search")
@office_view(Permission.CLIENTS_READ)
def search() -> ResponseReturnValue:
    filters = parse_filters(request.args)
    with unit_of_work() as session:
        panel = read_panel(session, filters)
    return render(
        "office/clients/search.html",
        "office/clients/_search.html",
        panel=panel,
        filters=filters,
        back_url=url_for("office_clients.index", **request.args.to_dict(flat=False)),  # type: ignore[arg-type]
    )


@bp.get("/search/<field>")
@office_view(Permission.CLIENTS_READ)
def search_options(field: str) -> ResponseReturnValue:
    """What the field could mean, while one types in it."""
    if field not in _KINDS:
        raise NotFoundError
    typed = request.args.get(field, "").strip()[:100]
    with unit_of_work() as session:
        found = _find(session, field, typed)
    return render("office/clients/_row_option.html", field=field, options=found)


def read_panel(session: Session, filters: Filters) -> Panel:
    """What the panel offers, and the fields as the address fills them."""
    values = _values(filters)
    names = ["terms", "tax", "template"]
    if len(current_scope().reseller_ids) > 1:
        names.insert(0, "reseller")
    return Panel(
        choices={name: _read_choice(session, name, values) for name in names},
        tags=list_tag_names(session),
        currencies=[(one.code, one.name) for one in list_active_currencies()],
        periods=period_options(),
        values=values,
        view=request.args.get("view", ""),
    )


def _values(filters: Filters) -> dict[str, str]:
    """What stands in each field: what was typed where it was wrong, else as the viewer writes."""
    values: dict[str, str] = {}
    for name, value in filters.to_args().items():
        values[name] = value if isinstance(value, str) else ", ".join(value)
    for key in ("available", "live", "fixed", "credit"):
        wanted = getattr(filters, key)
        for end, amount in ((f"{key}_from", wanted.low), (f"{key}_to", wanted.high)):
            if amount is not None:
                values[end] = formatting.number(amount)
    return {"status": filters.status, **values, **filters.typed}


def _read_choice(session: Session, name: str, values: dict[str, str]) -> Choice:
    options = _find(session, name, "", most=OFFERED_AT_MOST + 1)
    value = values.get(name, "")
    is_simple = value in ("", "none") or value in {one for one, _text in options}
    if len(options) > OFFERED_AT_MOST or not is_simple:
        return Choice(name, value, None)
    return Choice(name, value, options)


def _find(session: Session, name: str, typed: str, *, most: int = 20) -> list[Pair]:
    """Ids and names, of the scope, that begin with what is typed."""
    model = _KINDS[name]
    query = select(model.id, model.name).order_by(func.lower(model.name), model.id).limit(most)
    if name == "reseller":
        query = query.where(model.id.in_(current_scope().reseller_ids))
    elif len(current_scope().reseller_ids) > 1:
        query = query.join(Reseller, Reseller.id == model.reseller_id)
        query = query.add_columns(Reseller.name.label("owner"))
    if typed:
        query = query.where(func.lower(model.name).startswith(typed.lower(), autoescape=True))
    return [(f"{row[0]}", " – ".join(row[1:])) for row in session.execute(query)]
