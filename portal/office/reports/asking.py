"""What an address asks a report for, and the words and choices of the reports' screens."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from babel.dates import format_skeleton
from flask import request
from flask_babel import LazyString, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing import named_periods
from billing.balance_report import BOOKS, GROUPINGS
from billing.reports import ReportSpec, gather_words
from core.clock import today
from core.db import Session
from core.errors import InvalidInputError
from core.zones import get_zone
from portal.access import current_viewer
from portal.formatting import day as day_text
from portal.listing import chosen
from portal.office import client_choice
from portal.office.client_choice import ChosenClient
from portal.office.words import word
from portal.wording import refusal

PERIODS = (*named_periods.NAMES, "custom")
_WORDS: Mapping[str, LazyString] = {
    "currency": _l("Currency"),
    "month": _l("Month"),
    "day": _l("Day"),
    "client": _l("Client"),
    "account": _l("Payment account"),
    "opening": _l("Opening"),
    "closing": _l("Closing"),
    "moved": _l("Movements"),
    "total": _l("Total"),
    "client_id": _l("Client ID"),
    "no_account": _l("Without a payment account"),
    "invoices": _l("Invoices"),
    "not_due": _l("Not due"),
    "to_30": _l("1–30 days late"),
    "to_60": _l("31–60 days late"),
    "to_90": _l("61–90 days late"),
    "over_90": _l("Over 90 days late"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """The spec that could be read, the day it is for, and what was wrong with the rest."""

    spec: ReportSpec
    day: date
    client: ChosenClient | None
    messages: list[str]
    found: list[ChosenClient]
    search: str

    def to_args(self) -> dict[str, str]:
        """As an address holds it; what is as it would be anyway is left out."""
        return spec_args(self.spec)


def spec_args(spec: ReportSpec) -> dict[str, str]:
    """The address of a report, without its path."""
    days = {"from": spec.first_on, "to": spec.last_on} if spec.period == "custom" else {}
    args: dict[str, object] = {
        "period": spec.period,
        **days,
        "zone": spec.timezone,
        "client": spec.client_id,
        "reseller": spec.reseller_id,
    }
    if spec.report == "balance":
        args |= {"book": spec.book, "group": spec.group}
    return {name: f"{value}" for name, value in args.items() if value is not None}


def read_asked(session: Session, report: str) -> Asked:
    """What the address asks for; what cannot be read is said and left as it is by default.

    Raises NotFoundError for a client of another tenant.
    """
    messages: list[str] = []
    zone = _read_zone()
    day = today(get_zone(zone))
    client, found, search = _read_client(session)
    reseller_id = request.args.get("reseller", type=int)
    family = {one for one, _name in client_choice.list_family(session)}
    default = "today" if report == "aging" else "month"
    period, first_on, last_on = _read_period(default, messages)
    if report == "aging" and "on" in request.args:
        last_on = _read_day("on", messages)
        period, first_on = ("custom", last_on) if last_on else (default, None)
    spec = ReportSpec(
        report=report,
        period=period,
        timezone=zone,
        book=chosen("book", BOOKS, "live"),
        group=chosen("group", GROUPINGS, "month"),
        first_on=first_on,
        last_on=last_on,
        client_id=None if client is None else client.id,
        reseller_id=reseller_id if reseller_id in family else None,
    )
    try:
        spec.check(day)
    except InvalidInputError as error:
        messages.append(refusal(error))
        spec = ReportSpec(
            report, default, zone, spec.book, "month", None, None, spec.client_id, spec.reseller_id
        )
    return Asked(spec, day, client, messages, found, search)


def words() -> dict[str, str]:
    """The words of a report's file in the viewer's language."""
    return gather_words(say)


def say(name: str) -> str:
    """A word of a report; kinds of movement have theirs among the entries."""
    found = _WORDS.get(name)
    return str(found) if found is not None else word("movement", name)


def row_name(key: str, name: str, group: str) -> str:
    """What a row of the balance report is called."""
    if group in ("day", "month"):
        first_on = date.fromisoformat(key)
        if group == "day":
            return day_text(first_on)
        return str(format_skeleton("yMMM", first_on, locale=get_locale() or "en"))
    return name or say("no_account" if not key else "client")


def period_options() -> list[tuple[str, str]]:
    """Pairs of value and text."""
    return [
        ("today", _("Today")),
        ("yesterday", _("Yesterday")),
        ("week", _("Last 7 days")),
        ("this_week", _("This week")),
        ("last_week", _("Last week")),
        ("month", _("This month")),
        ("last_month", _("Last month")),
        ("quarter", _("This quarter")),
        ("last_quarter", _("Last quarter")),
        ("year", _("This year")),
        ("last_year", _("Last year")),
        ("custom", _("From … to …")),
    ]


def _read_zone() -> str:
    name = request.args.get("zone", "")
    try:
        return str(get_zone(name))
    except InvalidInputError:
        return current_viewer().timezone


def _read_client(session: Session) -> tuple[ChosenClient | None, list[ChosenClient], str]:
    search = request.args.get("who", "").strip()[:100]
    if search:
        found = client_choice.search_clients(session, search)
        return (found[0], [], "") if len(found) == 1 else (None, found, search)
    return client_choice.find_chosen(session, request.args.get("client", type=int)), [], ""


def _read_period(default: str, messages: list[str]) -> tuple[str, date | None, date | None]:
    name = chosen("period", PERIODS, default)
    if name != "custom":
        return name, None, None
    first_on, last_on = _read_day("from", messages), _read_day("to", messages)
    if first_on is None or last_on is None:
        messages.append(_("Choose both days of the period."))
        return default, None, None
    return name, first_on, last_on


def _read_day(name: str, messages: list[str]) -> date | None:
    text = request.args.get(name, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        messages.append(_("Write the day as 2026-01-31."))
        return None
