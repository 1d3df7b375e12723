"""The parts of a reseller's settings: what each shows and saves, and on which page it stands."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from flask import current_app, url_for
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from wtforms import Form

from billing import numbers, payment_terms, reseller_defaults, tax_profiles
from core.clock import now
from core.config import Settings
from core.db import Session
from core.zones import get_zone
from mail import servers
from mail.models import MailServer
from mail.queue import find_sender
from mail.servers import ServerWish
from portal.fields import to_choices
from portal.formatting import number
from portal.office.resellers import forms
from tenants import logos, panel_rules, reseller_settings
from tenants.models import Reseller
from tenants.panel_rules import Rules
from tenants.reseller_settings import Look, Profile, Region, Sender
from tenants.stamps import make_stamp


@dataclass(frozen=True, slots=True)
class Stored:
    """A part as it is stored: `data` fills the form, `more` is what its template says besides."""

    data: Mapping[str, object]
    stamp: str
    more: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """One form of the settings. `offer` gives the form's selects what can be chosen."""

    key: str
    page: str
    title: LazyString
    form: type[Form]
    read: Callable[[Session, Reseller], Stored]
    save: Callable[[Session, int, Any, str], None]
    offer: Callable[[Session, Reseller, Any], None] | None = None


PAGES: dict[str, LazyString] = {
    "company": _l("Company"),
    "region": _l("Currency and time zone"),
    "branding": _l("Branding"),
    "panel": _l("Client panel"),
    "mail": _l("Mail"),
    "invoicing": _l("Invoicing"),
}


def settings() -> Settings:
    found: Settings = current_app.extensions["settings"]
    return found


def platform_host() -> str:
    """The host name of the platform's own address."""
    return urlsplit(settings().base_url).hostname or ""


def _read_company(_session: Session, reseller: Reseller) -> Stored:
    section = reseller_settings.read_section(reseller, Profile)
    return Stored(asdict(section), reseller_settings.stamp_of(section))


def _save_company(session: Session, reseller_id: int, form: forms.CompanyForm, stamp: str) -> None:
    wish = Profile(**{name: one.data or "" for name, one in form._fields.items()})
    reseller_settings.update_profile(session, reseller_id, wish, stamp=stamp)


def _read_region(session: Session, reseller: Reseller) -> Stored:
    section = reseller_settings.read_section(reseller, Region)
    is_fixed = reseller_defaults.has_entries(session, reseller.id)
    return Stored(
        asdict(section), reseller_settings.stamp_of(section), {"is_currency_fixed": is_fixed}
    )


def _offer_region(_session: Session, reseller: Reseller, form: forms.RegionForm) -> None:
    form.offer(**asdict(reseller_settings.read_section(reseller, Region)))


def _save_region(session: Session, reseller_id: int, form: forms.RegionForm, stamp: str) -> None:
    reseller_settings.update_region(
        session,
        reseller_id,
        Region(form.currency.data, form.timezone.data, form.locale.data),
        stamp=stamp,
        has_entries=reseller_defaults.has_entries,
    )


def _read_branding(session: Session, reseller: Reseller) -> Stored:
    section = reseller_settings.read_section(reseller, Look)
    logo = logos.find_logo(session, reseller.id)
    return Stored(
        {"brand_color": section.brand_color, "portal_host": section.portal_host or ""},
        reseller_settings.stamp_of(section),
        {
            "logo": logo,
            "logo_version": "" if logo is None else str(logo.file_id),
            "code": reseller.code,
            "version": reseller.version,
            "platform_url": settings().base_url,
        },
    )


def _save_branding(
    session: Session, reseller_id: int, form: forms.BrandingForm, stamp: str
) -> None:
    reseller_settings.update_look(
        session,
        reseller_id,
        Look(form.brand_color.data or "", form.portal_host.data or None),
        stamp=stamp,
        platform_host=platform_host(),
    )
    if form.logo.picture is not None:
        logos.save_logo(session, reseller_id, form.logo.picture)


def _read_rules(session: Session, reseller: Reseller) -> Stored:
    rules = panel_rules.read_rules(session, reseller.id)
    amounts = " ".join(number(one) for one in rules.refill_amounts)
    return Stored({**asdict(rules), "refill_amounts": amounts}, panel_rules.stamp_of(rules))


def _save_rules(session: Session, reseller_id: int, form: forms.RulesForm, stamp: str) -> None:
    wish = Rules(
        edits_contacts=bool(form.edits_contacts.data),
        edits_company=bool(form.edits_company.data),
        edits_tax_ids=bool(form.edits_tax_ids.data),
        switches_auto_payment=bool(form.switches_auto_payment.data),
        refill_amounts=form.read_amounts(),
    )
    panel_rules.save_rules(session, reseller_id, wish, stamp=stamp)


def _read_sender(session: Session, reseller: Reseller) -> Stored:
    section = reseller_settings.read_section(reseller, Sender)
    return Stored(
        asdict(section),
        reseller_settings.stamp_of(section),
        {
            "used": find_sender(session, reseller.id),
            "name": reseller.mail_from_name or reseller.company_name or reseller.name,
        },
    )


def _save_sender(session: Session, reseller_id: int, form: forms.SenderForm, stamp: str) -> None:
    wish = Sender(form.mail_from_name.data or "", form.mail_from.data or "")
    reseller_settings.update_sender(session, reseller_id, wish, stamp=stamp)


def _read_server(session: Session, reseller: Reseller) -> Stored:
    server = servers.find_server(session, reseller.id)
    return Stored(_server_data(server), servers.stamp_of(server), {"server": server})


def _server_data(server: MailServer | None) -> dict[str, object]:
    if server is None:
        return {"enabled": True, "port": 587, "security": "starttls"}
    return {
        "enabled": server.enabled,
        "host": server.host,
        "port": server.port,
        "security": server.security,
        "user": server.user,
    }


def _save_server(session: Session, reseller_id: int, form: forms.ServerForm, stamp: str) -> None:
    wish = ServerWish(
        enabled=bool(form.enabled.data),
        host=form.host.data or "",
        port=form.port.data or 0,
        security=form.security.data,
        user=form.user.data or "",
        password=form.password.data or "",
    )
    servers.save_server(session, reseller_id, wish, stamp=stamp, settings=settings())


def _read_numbering(session: Session, reseller: Reseller) -> Stored:
    series = numbers.read_series(session, reseller.id)
    data = {"template": series.template, "suretax": series.suretax}
    today = now().astimezone(get_zone(reseller.timezone)).date()
    return Stored(
        data,
        make_stamp(data),
        {
            "next_number": series.next_number,
            "next": numbers.format_number(
                series.template, series.next_number, EXAMPLE_CLIENT_ID, today
            ),
        },
    )


EXAMPLE_CLIENT_ID = 1001
"""Stands for %X where a number is shown before there is a client."""


def _save_numbering(
    session: Session, reseller_id: int, form: forms.NumberingForm, stamp: str
) -> None:
    numbers.update_series(
        session,
        reseller_id=reseller_id,
        template=form.template.data or "",
        suretax=bool(form.suretax.data),
        stamp=stamp,
    )


def _read_defaults(session: Session, reseller: Reseller) -> Stored:
    terms = reseller_defaults.find_default_terms(session, reseller.id)
    profile = reseller_defaults.find_default_profile(session, reseller.id)
    data = {
        "payment_terms_id": None if terms is None else terms.id,
        "tax_profile_id": None if profile is None else profile.id,
    }
    has_templates = "office_client_templates.index" in current_app.view_functions
    return Stored(
        data,
        make_stamp(data),
        {"templates_url": url_for("office_client_templates.index") if has_templates else ""},
    )


def _offer_defaults(session: Session, reseller: Reseller, form: forms.DefaultsForm) -> None:
    terms = payment_terms.list_terms(session, reseller.id)
    profiles = tax_profiles.list_profiles(session, reseller.id)
    form.payment_terms_id.choices = to_choices(
        [("", _l("none")), *((one.id, one.name) for one in terms)]
    )
    form.tax_profile_id.choices = to_choices(
        [("", _l("none: no taxes")), *((one.id, one.name) for one in profiles)]
    )


def _save_defaults(
    session: Session, reseller_id: int, form: forms.DefaultsForm, stamp: str
) -> None:
    reseller_defaults.update_defaults(
        session,
        reseller_id,
        terms_id=form.payment_terms_id.data,
        profile_id=form.tax_profile_id.data,
        stamp=stamp,
    )


PARTS: dict[str, Part] = {
    one.key: one
    for one in (
        Part("company", "company", _l("Company"), forms.CompanyForm, _read_company, _save_company),
        Part(
            "region",
            "region",
            _l("Currency, time zone, language"),
            forms.RegionForm,
            _read_region,
            _save_region,
            _offer_region,
        ),
        Part(
            "branding",
            "branding",
            _l("Branding"),
            forms.BrandingForm,
            _read_branding,
            _save_branding,
        ),
        Part(
            "rules", "panel", _l("What clients may do"), forms.RulesForm, _read_rules, _save_rules
        ),
        Part("sender", "mail", _l("Sender"), forms.SenderForm, _read_sender, _save_sender),
        Part("server", "mail", _l("Mail server"), forms.ServerForm, _read_server, _save_server),
        Part(
            "numbering",
            "invoicing",
            _l("Invoice numbers"),
            forms.NumberingForm,
            _read_numbering,
            _save_numbering,
        ),
        Part(
            "defaults",
            "invoicing",
            _l("Defaults of clients"),
            forms.DefaultsForm,
            _read_defaults,
            _save_defaults,
            _offer_defaults,
        ),
    )
}
