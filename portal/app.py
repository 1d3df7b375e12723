"""The application: made from settings, with every part named here."""

from pathlib import Path

from babel import negotiate_locale
from flask import Blueprint, Flask, request
from flask_babel import Babel
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter, Map

from core.config import Settings
from portal import (
    access,
    assets,
    csrf,
    errors,
    event_wording,
    formatting,
    headers,
    htmx,
    listing,
    locales,
    request_id,
    request_log,
    site,
    wording,
)
from portal.acting_views import bp as acting
from portal.card_numbers import guard_every_form
from portal.fields import shorten_every_select
from portal.health import bp as health
from portal.navigation import menu_for
from portal.office import audit_words, words
from portal.office.audit import bp as office_audit
from portal.office.auto_payment import bp as office_auto_payment
from portal.office.autoinvoicing import bp as office_autoinvoicing
from portal.office.client_templates import bp as office_client_templates
from portal.office.clients import bp as office_clients
from portal.office.currencies import bp as office_currencies
from portal.office.events import bp as office_events
from portal.office.gateways import bp as office_gateways
from portal.office.home import bp as office_home
from portal.office.imports import bp as office_imports
from portal.office.invoice_explain import bp as office_invoice_explain
from portal.office.invoice_templates import bp as office_invoice_templates
from portal.office.invoices import bp as office_invoices
from portal.office.list_views import bp as office_list_views
from portal.office.mail import bp as office_mail
from portal.office.mail_templates import bp as office_mail_templates
from portal.office.mass_edit import bp as office_mass_edit
from portal.office.packages import bp as office_packages
from portal.office.payment_accounts import bp as office_payment_accounts
from portal.office.payment_imports import bp as office_payment_imports
from portal.office.pending_payments import bp as office_pending
from portal.office.reconciliation import bp as office_reconciliation
from portal.office.refills import bp as office_refills
from portal.office.reports import bp as office_reports
from portal.office.resellers import bp as office_resellers
from portal.office.resellers import settings_bp as office_settings
from portal.office.roles import bp as office_roles
from portal.office.sign_in_as import bp as office_sign_in_as
from portal.office.sign_ups import bp as office_sign_ups
from portal.office.suretax import bp as office_suretax
from portal.office.tags import bp as office_tags
from portal.office.tasks import bp as office_tasks
from portal.office.taxes import bp as office_taxes
from portal.office.terms import bp as office_terms
from portal.office.transactions import bp as office_transactions
from portal.office.users import bp as office_users
from portal.office.vouchers import bp as office_vouchers
from portal.office.webhooks import bp as office_webhooks
from portal.panel.auto_payment import bp as panel_auto_payment
from portal.panel.cards import bp as panel_cards
from portal.panel.home import bp as panel_home
from portal.panel.invoices import bp as panel_invoices
from portal.panel.packages import bp as panel_packages
from portal.panel.profile import bp as panel_profile
from portal.panel.refill import bp as panel_refill
from portal.panel.statement import bp as panel_statement
from portal.panel.transactions import bp as panel_transactions
from portal.panel.vouchers import bp as panel_vouchers
from portal.platform import sweep_words
from portal.platform.events.views import bp as platform_events
from portal.platform.health import bp as platform_health
from portal.platform.home.views import bp as platform_home
from portal.platform.jobs.views import bp as platform_jobs
from portal.platform.ledger.views import bp as platform_ledger
from portal.platform.reports import bp as platform_reports
from portal.platform.resellers import bp as platform_resellers
from portal.platform.settings import bp as platform_settings
from portal.platform.sign_in_as import bp as platform_sign_in_as
from portal.platform.users import bp as platform_users
from portal.signin import bp as signin
from portal.viewer import current_viewer
from portal.webhooks.views import bp as webhooks

ROOT = Path(__file__).resolve().parent.parent
MAX_BODY_BYTES = 16 * 1024 * 1024

BLUEPRINTS: tuple[Blueprint, ...] = (
    health,
    assets.bp,
    signin,
    acting,
    webhooks,
    office_home,
    office_clients,
    office_transactions,
    office_invoice_explain,
    office_invoice_templates,
    office_invoices,
    office_pending,
    office_reconciliation,
    office_refills,
    office_mail,
    office_events,
    office_audit,
    office_terms,
    office_taxes,
    office_gateways,
    office_client_templates,
    office_tasks,
    office_imports,
    office_mass_edit,
    office_resellers,
    office_settings,
    office_users,
    office_roles,
    office_sign_in_as,
    office_suretax,
    office_sign_ups,
    office_tags,
    office_mail_templates,
    office_list_views,
    office_vouchers,
    office_webhooks,
    office_reports,
    office_payment_imports,
    office_payment_accounts,
    office_packages,
    office_currencies,
    office_autoinvoicing,
    office_auto_payment,
    platform_home,
    platform_resellers,
    platform_ledger,
    platform_reports,
    platform_events,
    platform_jobs,
    platform_health,
    platform_settings,
    platform_sign_in_as,
    platform_users,
    panel_home,
    panel_refill,
    panel_cards,
    panel_auto_payment,
    panel_transactions,
    panel_vouchers,
    panel_invoices,
    panel_packages,
    panel_profile,
    panel_statement,
)


class IdConverter(IntegerConverter):
    """Ids of addresses; a number that no row can have is an address that does not exist."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**63 - 1)


def create_app(settings: Settings, *extra_blueprints: Blueprint) -> Flask:
    """A new application with every screen, and `extra_blueprints` where a test brings its own."""
    app = Flask(
        "portal", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static")
    )
    _configure(app, settings)
    _prepare_templates(app)
    guard_every_form()
    shorten_every_select()
    app.url_map.converters["int"] = IdConverter
    # who types an address should not have to know whether it ends in a slash
    app.url_map.strict_slashes = False
    for blueprint in (*BLUEPRINTS, *extra_blueprints):
        app.register_blueprint(blueprint)
    # in this order: the id first, so that every later refusal can be told by it
    request_id.init_app(app)
    request_log.init_app(app)
    headers.init_app(app, settings)
    htmx.init_app(app)
    site.check_hosts(app, settings)
    access.init_app(app, settings)
    site.wear_brand(app)
    csrf.init_app(app, settings)
    errors.init_app(app)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    is_https = settings.base_url.startswith("https://")
    app.secret_key = settings.secret_key.get_secret_value()
    app.config.update(
        SESSION_COOKIE_NAME="__Host-form" if is_https else "form",
        SESSION_COOKIE_SECURE=is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        BABEL_TRANSLATION_DIRECTORIES=str(ROOT / "translations"),
    )
    app.extensions["settings"] = settings
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops
        )


def _prepare_templates(app: Flask) -> None:
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    Babel(app, locale_selector=_choose_locale, timezone_selector=lambda: current_viewer().timezone)
    wording.init_app(app)
    assets.init_app(app)
    formatting.init_app(app)
    listing.init_app(app)
    words.init_app(app)
    audit_words.init_app(app)
    event_wording.init_app(app)
    sweep_words.init_app(app)
    app.context_processor(lambda: {"viewer": current_viewer(), "menu": menu_for(current_viewer())})


def _choose_locale() -> str:
    # figures and days follow the person's locale even where its language is not spoken
    return (
        current_viewer().locale
        or negotiate_locale(list(request.accept_languages.values()), locales.LANGUAGES, sep="-")
        or locales.DEFAULT
    )
