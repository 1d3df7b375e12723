"""The menu of each area as data; only what exists and what the viewer may open is shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app, request, url_for
from flask_babel import LazyString, get_locale
from flask_babel import lazy_gettext as _l

from portal.viewer import Area, Viewer
from tenants.permissions import Permission, PlatformPermission


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu; `permission` None means everybody of the area."""

    label: LazyString
    endpoint: str
    icon: str
    permission: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A titled group of entries; the first group of an area has no title."""

    label: LazyString | None
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as the layout draws it."""

    label: str
    href: str
    icon: str
    is_current: bool


# a group's label, and for each link its label, address, icon and endpoint
_Menu = tuple[str, list[tuple[str, str, str, str]]]
_MOST_KNOWN = 500


@dataclass(frozen=True, slots=True)
class LinkGroup:
    label: str
    links: Sequence[Link]


OFFICE = (
    Section(None, (Entry(_l("Dashboard"), "office_home.index", "home"),)),
    Section(
        _l("Customers"),
        (
            Entry(_l("Clients"), "office_clients.index", "users", Permission.CLIENTS_READ),
            Entry(_l("Sign-ups"), "office_sign_ups.index", "user-plus", Permission.CLIENTS_READ),
            Entry(
                _l("Clients templates"),
                "office_client_templates.index",
                "template",
                Permission.TEMPLATES_READ,
            ),
            Entry(_l("Packages"), "office_packages.index", "package", Permission.PACKAGES_READ),
            Entry(_l("Tags"), "office_tags.index", "tags", Permission.TAGS_READ),
        ),
    ),
    Section(
        _l("Money"),
        (
            Entry(
                _l("Transactions"),
                "office_transactions.index",
                "arrows-exchange",
                Permission.TRANSACTIONS_READ,
            ),
            Entry(
                _l("Invoices"), "office_invoices.index", "file-invoice", Permission.INVOICES_READ
            ),
            Entry(
                _l("Autoinvoicing"),
                "office_autoinvoicing.index",
                "repeat",
                Permission.INVOICES_READ,
            ),
            Entry(_l("Refills"), "office_refills.index", "credit-card", Permission.PAYMENTS_READ),
            Entry(_l("Vouchers"), "office_vouchers.index", "qrcode", Permission.VOUCHERS_READ),
            Entry(
                _l("Auto payment"), "office_auto_payment.index", "bolt", Permission.PAYMENTS_READ
            ),
            Entry(
                _l("Pending payments"),
                "office_pending.index",
                "hourglass",
                Permission.PAYMENTS_READ,
            ),
            Entry(
                _l("Reconciliation"),
                "office_reconciliation.index",
                "checks",
                Permission.PAYMENTS_READ,
            ),
            Entry(
                _l("Import payments"),
                "office_payment_imports.index",
                "file-import",
                Permission.TRANSACTIONS_WRITE,
            ),
        ),
    ),
    Section(
        _l("Reports"),
        (
            Entry(_l("Balance report"), "office_reports.balance", "scale", Permission.REPORTS_READ),
            Entry(_l("Aging"), "office_reports.aging", "calendar", Permission.REPORTS_READ),
            Entry(_l("Revenue"), "office_reports.revenue", "chart-bar", Permission.REPORTS_READ),
        ),
    ),
    Section(
        _l("Setup"),
        (
            Entry(
                _l("Payment terms"),
                "office_terms.index",
                "calendar-event",
                Permission.TERMS_READ,
            ),
            Entry(_l("Tax profiles"), "office_taxes.index", "percentage", Permission.TAXES_READ),
            Entry(_l("SureTax"), "office_suretax.index", "flag", Permission.TAXES_READ),
            Entry(_l("Currencies"), "office_currencies.index", "coins", Permission.CURRENCIES_READ),
            Entry(
                _l("Payment accounts"),
                "office_payment_accounts.index",
                "building-bank",
                Permission.PAYMENT_ACCOUNTS_READ,
            ),
            Entry(
                _l("Payment gateways"),
                "office_gateways.index",
                "wallet",
                Permission.GATEWAYS_READ,
            ),
            Entry(
                _l("Invoice templates"),
                "office_invoice_templates.index",
                "file-text",
                Permission.TEMPLATES_READ,
            ),
            Entry(
                _l("Mail templates"),
                "office_mail_templates.index",
                "mail-cog",
                Permission.TEMPLATES_READ,
            ),
        ),
    ),
    Section(
        _l("Company"),
        (
            Entry(
                _l("Resellers"), "office_resellers.index", "hierarchy", Permission.RESELLERS_READ
            ),
            Entry(_l("Users"), "office_users.index", "user-cog", Permission.USERS_READ),
            Entry(_l("Roles"), "office_roles.index", "shield-check", Permission.ROLES_READ),
            Entry(_l("Settings"), "office_settings.index", "settings", Permission.SETTINGS_READ),
            Entry(_l("Webhooks"), "office_webhooks.index", "world-www", Permission.SETTINGS_READ),
        ),
    ),
    Section(
        _l("Records"),
        (
            Entry(_l("Mail queue"), "office_mail.index", "mail", Permission.MAIL_READ),
            Entry(_l("Events log"), "office_events.index", "bell", Permission.EVENTS_READ),
            Entry(_l("Audit log"), "office_audit.index", "history", Permission.AUDIT_READ),
            Entry(_l("Tasks"), "office_tasks.index", "list-check", Permission.CLIENTS_READ),
        ),
    ),
)
PLATFORM = (
    Section(
        None,
        (
            Entry(_l("Overview"), "platform_home.index", "home", PlatformPermission.TENANTS_READ),
            Entry(
                _l("Resellers"),
                "platform_resellers.index",
                "building",
                PlatformPermission.TENANTS_READ,
            ),
            Entry(
                _l("Ledger check"),
                "platform_ledger.index",
                "scale",
                PlatformPermission.LEDGER_READ,
            ),
            Entry(
                _l("Revenue"),
                "platform_reports.revenue",
                "chart-bar",
                PlatformPermission.LEDGER_READ,
            ),
            Entry(
                _l("Events log"), "platform_events.index", "bell", PlatformPermission.EVENTS_READ
            ),
            Entry(_l("Queues"), "platform_jobs.index", "activity", PlatformPermission.QUEUES_READ),
            Entry(
                _l("Health"), "platform_health.index", "heartbeat", PlatformPermission.HEALTH_READ
            ),
            Entry(
                _l("Platform staff"),
                "platform_users.index",
                "user-shield",
                PlatformPermission.USERS_READ,
            ),
            Entry(
                _l("Settings"),
                "platform_settings.index",
                "settings",
                PlatformPermission.SETTINGS_READ,
            ),
        ),
    ),
)
PANEL = (
    Section(
        None,
        (
            Entry(_l("Overview"), "panel_home.index", "home"),
            Entry(_l("Refill"), "panel_refill.index", "plus"),
            Entry(_l("Transactions"), "panel_transactions.index", "list"),
            Entry(_l("Invoices"), "panel_invoices.index", "file-invoice"),
        ),
    ),
    # what is not asked for every day; the panel's layout puts it behind "More"
    Section(
        _l("More"),
        (
            Entry(_l("Statement of account"), "panel_statement.index", "scale"),
            Entry(_l("Packages"), "panel_packages.index", "package"),
            Entry(_l("Cards"), "panel_cards.index", "credit-card"),
            Entry(_l("Voucher"), "panel_vouchers.index", "qrcode"),
            Entry(_l("Automatic payment"), "panel_auto_payment.index", "repeat"),
            Entry(_l("Company and contacts"), "panel_profile.index", "building"),
            Entry(_l("Sign-in and security"), "signin.panel_account", "shield-check"),
        ),
    ),
)
AREAS: dict[Area, tuple[Section, ...]] = {
    "office": OFFICE,
    "platform": PLATFORM,
    "panel": PANEL,
    "public": (),
}


def menu_for(viewer: Viewer) -> list[LinkGroup]:
    """The viewer's menu; groups without a link are left out."""
    menu = _known_menu(viewer)
    here = _current_endpoint([endpoint for _, links in menu for *_, endpoint in links])
    return [
        LinkGroup(label, [Link(name, to, icon, one == here) for name, to, icon, one in links])
        for label, links in menu
    ]


def _current_endpoint(endpoints: Sequence[str]) -> str | None:
    """Whose page is open. A section is one blueprint: its form and detail pages keep it marked.

    Where a blueprint has several entries, a page is of the one whose endpoint its own begins with
    (`aging_invoices` of `aging`), else of the first.
    """
    here, endpoint = request.blueprint, request.endpoint or ""
    found = [one for one in endpoints if one.partition(".")[0] == here]
    return next((one for one in found if one == endpoint), None) or next(
        (one for one in found if endpoint.startswith(f"{one}_")), found[0] if found else None
    )


def _known_menu(viewer: Viewer) -> list[_Menu]:
    """What is the same in every page of everybody with these rights and this language."""
    known = current_app.extensions.setdefault("menus", {})
    key = (viewer.area, viewer.permissions, str(get_locale()), request.script_root)
    if key not in known:
        if len(known) >= _MOST_KNOWN:
            known.clear()
        known[key] = [
            (str(section.label or ""), links)
            for section in AREAS[viewer.area]
            if (links := [_link(one) for one in section.entries if _is_shown(one, viewer)])
        ]
    menu: list[_Menu] = known[key]
    return menu


def _is_shown(entry: Entry, viewer: Viewer) -> bool:
    return entry.endpoint in current_app.view_functions and viewer.may(entry.permission)


def _link(entry: Entry) -> tuple[str, str, str, str]:
    return str(entry.label), url_for(entry.endpoint), entry.icon, entry.endpoint
