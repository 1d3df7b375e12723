"""The client form as it is drawn: with what is stored, what was sent, and what is offered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from uuid import UUID

from flask import Response, request
from werkzeug.datastructures import MultiDict

from billing import client_billing, low_balance, reseller_defaults
from billing.client_billing import Billing
from billing.low_balance import LowBalance
from core.db import Session
from core.zones import list_zone_names
from payments import auto_payment
from payments.auto_payment import AutoPayment
from portal.access import current_viewer
from portal.htmx import hx, render, wants_partial
from portal.office.client_offers import Choices, list_tag_names, read_choices
from portal.office.client_rights import writable_blocks
from portal.office.clients.filling import Filled
from portal.office.clients.form_values import Shown, show
from portal.office.clients.forms import ClientForms, make_forms
from portal.office.clients.merging import Offer, rows
from tenants import client_blocks
from tenants.client_blocks import Company, PanelLogin
from tenants.models import Client, Reseller


@dataclass(slots=True)
class FormPage:
    """One form of one client, or of a new one (`client` None, `request_id` given)."""

    stored: dict[str, object]
    choices: Choices
    tags: Sequence[str]
    writable: frozenset[str]
    client: Client | None = None
    request_id: UUID | None = None
    version: int = 0
    shown: Shown | None = None
    offer: Offer | None = None
    filled: Filled | None = None
    messages: list[str] = field(default_factory=list)

    def make(self, sent: MultiDict[str, str] | None) -> ClientForms:
        """The blocks filled from what was sent, else from what is stored."""
        return make_forms(sent, self.choices, self.stored, self.writable)

    def draw(
        self, forms: ClientForms, sent: MultiDict[str, str] | None = None, status: int = 200
    ) -> Response:
        """The page, or its partial for htmx; a form asked for by a link opens the dialog."""
        page = render(
            "office/clients/form.html",
            "office/clients/_form.html",
            status=status,
            forms=forms,
            choices=self.choices,
            client=self.client,
            request_id=self.request_id,
            version=self.version,
            zones=list_zone_names(),
            tags=self.tags,
            shown=self.shown or show(self.make(None)),
            offer=self.offer,
            rows=rows(sent or MultiDict(), forms, self.offer, self.make),
            filled=self.filled,
            messages=self.messages,
            # a password is never sent back; htmx leaves the box itself where it is
            is_password_lost=bool(request.form.get("panel-password")) and not wants_partial(),
        )
        return hx(page, trigger={"dialog:open": {}}) if request.method == "GET" else page


def read_new(session: Session, home: Reseller) -> FormPage:
    """The form of a new client with its reseller's own currency, zone and terms."""
    terms = reseller_defaults.find_default_terms(session, home.id)
    billing = Billing(payment_terms_id=None if terms is None else terms.id)
    general = SimpleNamespace(
        reseller_id=home.id,
        currency=home.currency,
        timezone=home.timezone,
        status="active",
        is_originator=True,
        is_terminator=False,
    )
    return FormPage(
        stored={
            "general": general,
            "panel": PanelLogin(),
            "credit": billing,
            "low": LowBalance(),
            "invoicing": billing,
            "auto": AutoPayment(),
            "company": Company(),
        },
        choices=read_choices(session),
        tags=list_tag_names(session),
        writable=writable_blocks(current_viewer()),
    )


def read_client(session: Session, client: Client) -> FormPage:
    """The form of a client as it is stored now."""
    billing = client_billing.get_billing(session, client.id)
    general = SimpleNamespace(
        name=client.name,
        reseller_id=client.reseller_id,
        currency=client.currency,
        timezone=client.timezone,
        status=client.status,
        template_id=client.template_id,
        is_originator=client.is_originator,
        is_terminator=client.is_terminator,
        tags=", ".join(client_blocks.list_tags(session, client.id)),
        tax_profile_id=billing.tax_profile_id,
    )
    return FormPage(
        stored={
            "general": general,
            "panel": client_blocks.get_panel_login(session, client.id),
            "credit": billing,
            "low": low_balance.get_low_balance(session, client.id),
            "invoicing": billing,
            "auto": auto_payment.get_auto_payment(session, client.id),
            "company": client_blocks.get_company(session, client.id),
        },
        choices=read_choices(session, client.reseller_id),
        tags=list_tag_names(session),
        writable=writable_blocks(current_viewer()),
        client=client,
        version=client.version,
    )
