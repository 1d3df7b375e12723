"""The filters that are in force, each as a chip that takes it away."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from flask import url_for
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from billing.models import PaymentTerms, TaxProfile
from core.db import Session
from portal.formatting import day, number
from portal.office.client_search import Filters, Range
from portal.office.period import PeriodFilter, period_options
from portal.office.words import word
from tenants.list_views import SeenView
from tenants.models import ClientTemplate, Reseller

ROLE_WORDS = {"orig": _l("Orig"), "term": _l("Term"), "both": _l("Orig/Term")}
_ANSWERS = {"yes": _l("yes"), "no": _l("no")}


@dataclass(frozen=True, slots=True)
class Chip:
    """`href` is the list without this filter."""

    label: str
    value: str
    href: str


# arguments of one chip, its label, and the attribute of Filters that it shows
_CHIPS: tuple[tuple[tuple[str, ...], LazyString, str], ...] = (
    (("q",), _l("Search"), "q"),
    (("id",), _l("ID"), "ids"),
    (("name",), _l("Name"), "name"),
    (("status",), _l("Status"), "status"),
    (("reseller",), _l("Reseller"), "resellers"),
    (("tag", "tags"), _l("Tags"), "tags"),
    (("currency",), _l("Currency"), "currencies"),
    (("terms",), _l("Pay terms"), "terms"),
    (("tax",), _l("Tax profile"), "taxes"),
    (("template",), _l("Template"), "templates"),
    (("available_from", "available_to"), _l("Available"), "available"),
    (("live_from", "live_to"), _l("Live"), "live"),
    (("fixed_from", "fixed_to"), _l("Fixed"), "fixed"),
    (("credit_from", "credit_to"), _l("Credit"), "credit"),
    (("postpaid",), _l("Postpaid"), "postpaid"),
    (("role",), _l("Role"), "role"),
    (("autoinvoicing",), _l("Autoinvoicing"), "autoinvoicing"),
    (("auto_payment",), _l("Auto payment"), "auto_payment"),
    (("invoiced", "invoiced_from", "invoiced_to"), _l("Last invoiced"), "invoiced"),
    (("created", "created_from", "created_to"), _l("Created"), "created"),
    (("main_email",), _l("Main email"), "main_email"),
    (("billing_email",), _l("Billing email"), "billing_email"),
    (("rates_email",), _l("Rates email"), "rates_email"),
    (("company",), _l("Company"), "company"),
)
_NAMED: dict[str, Any] = {
    "resellers": Reseller,
    "terms": PaymentTerms,
    "taxes": TaxProfile,
    "templates": ClientTemplate,
}


def list_chips(session: Session, filters: Filters, view: SeenView | None) -> list[Chip]:
    """One for each filter in force, in the order of the search panel."""
    args = filters.to_args()
    if not args:
        return []
    beside = {"view": str(view.id)} if view else {}
    here = url_for("office_clients.index")
    chips = []
    for names, label, attribute in _CHIPS:
        if any(name in args for name in names):
            rest = {name: value for name, value in args.items() if name not in names}
            text = _text(session, filters, attribute)
            query = urlencode({**rest, **beside}, doseq=True)
            chips.append(Chip(str(label), text, f"{here}?{query}" if query else here))
    return chips


def _text(session: Session, filters: Filters, attribute: str) -> str:
    value = getattr(filters, attribute)
    if attribute in _NAMED:
        return _listed(_names(session, _NAMED[attribute], value).values())
    if attribute == "tags":
        return _tags(value, all_of=filters.tag_match == "all")
    if attribute == "status":
        return str(_("any")) if value == "any" else word("client", value)
    if attribute == "role":
        return str(ROLE_WORDS[value])
    if attribute == "invoiced" and filters.is_never_invoiced:
        return str(_("never"))
    return _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, Range):
        return _range(value)
    if isinstance(value, PeriodFilter):
        return _period(value)
    if isinstance(value, tuple):
        return _listed(str(one) for one in value)
    text = str(value)
    return str(_ANSWERS.get(text, text))


def _names(session: Session, model: Any, ids: Iterable[int]) -> Mapping[int, str]:  # noqa: ANN401
    """Names by id; an id that is not in the scope keeps its number."""
    wanted = [one for one in ids if one]
    rows = session.execute(select(model.id, model.name).where(model.id.in_(wanted)))
    found: dict[int, str] = {row[0]: row[1] for row in rows}
    return {one: found.get(one, f"#{one}") if one else str(_("none")) for one in ids}


def _listed(texts: Iterable[str]) -> str:
    every = list(texts)
    shown = ", ".join(every[:3])
    more = len(every) - 3
    if more <= 0:
        return shown
    return str(_("%(shown)s and %(count)s more", shown=shown, count=more))


def _tags(names: tuple[str, ...], *, all_of: bool) -> str:
    if len(names) == 1:
        return names[0]
    shown = _listed(names)
    return str(_("all of %(names)s", names=shown) if all_of else _("any of %(names)s", names=shown))


def _range(wanted: Range) -> str:
    low, high = (None if end is None else _figure(end) for end in (wanted.low, wanted.high))
    if low is not None and high is not None:
        return low if low == high else f"{low} – {high}"
    return f"≥ {low}" if low is not None else f"≤ {high}"


def _figure(amount: Decimal) -> str:
    return number(amount)


def _period(period: PeriodFilter) -> str:
    if period.name != "custom":
        return dict(period_options())[period.name]
    first, last = (None if end is None else day(end) for end in (period.first_on, period.last_on))
    if first is None:
        return str(_("until %(day)s", day=last))
    return f"{first} – {last}" if last is not None else str(_("since %(day)s", day=first))
