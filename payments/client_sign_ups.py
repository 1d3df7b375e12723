"""Making the client of a sign-up, as the office makes one: every block by who owns it."""

from uuid import UUID

import structlog
from babel import Locale
from sqlalchemy import select

from billing import client_billing, low_balance, reseller_defaults
from billing.client_billing import Billing
from billing.low_balance import LowBalance
from core.db import Session
from core.errors import AppError, InvalidInputError
from mail import templates
from mail.queue import MailKind, portal_address, queue_mail
from payments import auto_payment, client_templates
from payments.auto_payment import AutoPayment
from tenants import client_blocks, clients, events, sign_up_rules, sign_ups
from tenants import client_templates as templates_of_clients
from tenants.client_blocks import Company
from tenants.clients import General
from tenants.events import EventText
from tenants.models import Client, Reseller
from tenants.sign_up_models import SignUp

_log = structlog.get_logger(__name__)


def make_client(session: Session, sign_up_id: UUID) -> Client | None:
    """The client of a confirmed sign-up, once; None when it does not wait for one.

    What cannot be made is told to the staff, and waits for them. Raises NotFoundError.
    """
    row = sign_ups.lock_sign_up(session, sign_up_id)
    if row.state != "making":
        return None
    try:
        with session.begin_nested():
            client = _make(session, row)
    except AppError as error:
        _log.warning("sign_up.not_made", sign_up=str(row.id), reason=error.message)
        sign_ups.record_problem(session, row, error.message)
        return None
    sign_ups.record_made(session, row, client.id)
    events.record(
        session,
        reseller_id=row.reseller_id,
        client_id=client.id,
        level="info",
        service="clients",
        code="signed_up",
        text=EventText("%(name)s has signed up and is a client now.", name=client.name),
        object_type="client",
        object_id=client.id,
        dedupe_key=f"signed_up:{row.id}",
    )
    write(session, row, "sign_up_welcome", client_id=client.id)
    return client


def write(
    session: Session, row: SignUp, letter: str, *, client_id: int | None = None, reason: str = ""
) -> None:
    """Mail to who signed up, once per letter; an address that refuses mail stops nothing."""
    reseller = session.scalars(select(Reseller).where(Reseller.id == row.reseller_id)).one()
    written = templates.write(
        session,
        reseller_id=row.reseller_id,
        name=letter,
        locale=row.locale,
        variables={
            "name": row.name,
            "login": row.login,
            "reason": reason,
            "sender_name": reseller.company_name or reseller.name,
            "sign_in_url": sign_in_url(reseller),
        },
    )
    try:
        queue_mail(
            session,
            reseller_id=row.reseller_id,
            client_id=client_id,
            kind=MailKind.PANEL_ACCESS,
            dedupe_key=f"{letter}:{row.id}",
            to_address=row.email,
            subject=written.subject,
            body_text=written.text,
            body_html=written.html,
        )
    except InvalidInputError as error:
        _log.warning("sign_up.not_mailed", sign_up=str(row.id), reason=error.message)


def sign_in_url(reseller: Reseller) -> str:
    """The door of the reseller's clients, at its own host if it has one."""
    own = "" if reseller.portal_host else f"?portal={reseller.code}"
    return f"{portal_address(reseller.portal_host)}/clients/login{own}"


def refuse(session: Session, sign_up_id: UUID, *, reason: str) -> None:
    """Turn somebody away, and say so. Raises NotFoundError, ConflictError."""
    if sign_ups.refuse(session, sign_up_id, reason=reason):
        row = sign_ups.lock_sign_up(session, sign_up_id)
        write(session, row, "sign_up_refused", reason=row.reason)


def _make(session: Session, row: SignUp) -> Client:
    reseller = session.scalars(select(Reseller).where(Reseller.id == row.reseller_id)).one()
    client = clients.create_client(
        session,
        request_id=row.id,
        reseller_id=row.reseller_id,
        general=General(row.company_name or row.name, reseller.currency, row.timezone),
    )
    terms = reseller_defaults.find_default_terms(session, row.reseller_id)
    billing = Billing(payment_terms_id=None if terms is None else terms.id)
    client_billing.save_billing(session, client, billing)
    low_balance.save_low_balance(session, client, LowBalance())
    auto_payment.save_auto_payment(session, client, AutoPayment())
    client_blocks.save_company(session, client, _company(row))
    client_blocks.save_signed_up_login(
        session, client, login=row.login, password_hash=row.password_hash
    )
    template_id = _template_id(session, row.reseller_id)
    if template_id is not None:
        client_templates.apply_template(session, client.id, template_id)
    return client


def _template_id(session: Session, reseller_id: int) -> int | None:
    chosen = sign_up_rules.read_rules(session, reseller_id).template_id
    if chosen is not None:
        return chosen
    default = templates_of_clients.find_default(session, reseller_id)
    return None if default is None else default.id


def _company(row: SignUp) -> Company:
    country = Locale.parse("en").territories.get(row.country, "") if row.country else ""
    return Company(
        company_name=row.company_name or row.name,
        main_email=row.email,
        billing_email=row.email,
        address=country,
        locale=row.locale,
    )
