"""A letter to a client about its money: written in its language, queued once, or not wanted.

The row of the queue stands in the transaction of what it tells of. A client that cannot be written
to stops nothing; the staff hear of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import select

from core.clock import now
from core.db import Session
from core.errors import InvalidInputError
from mail import letter_switches, letters, templates
from mail.queue import MailKind, portal_address, queue_mail
from tenants import client_blocks, clients, events
from tenants.models import Client, ClientLogin, Reseller

_NO_ADDRESS = events.EventText(
    "A client has no e-mail address, so it is not told of its payments and cards."
)
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who is written to, and how; `panel_url` is empty for a client without the panel."""

    client: Client
    reseller: Reseller
    name: str
    address: str
    locale: str
    panel_url: str

    def say(self, text: str) -> str:
        """One of the program's own sentences in the client's language."""
        known = letters.known_locale(self.locale)
        return letters.get_translations(known).gettext(text) if text else ""

    def portal_url(self, path: str) -> str:
        """An address of the portal, on the reseller's own host where it has one."""
        return f"{portal_address(self.reseller.portal_host)}{path}"


Variables = Callable[[Addressee], Mapping[str, object]]


def send_letter(
    session: Session,
    client_id: int,
    letter: str,
    *,
    kind: MailKind,
    dedupe_key: str,
    variables: Variables,
) -> bool:
    """Queue the letter unless its key was queued before or the reseller does not want it sent.

    False when the client has no address that mail can reach.
    """
    to = _find_addressee(session, client_id)
    if not letter_switches.is_sent(session, to.reseller.id, letter):
        return True
    if not to.address:
        _tell_not_queued(session, to, "no address", _NO_ADDRESS)
        return False
    written = templates.write(
        session,
        reseller_id=to.reseller.id,
        name=letter,
        locale=to.locale,
        variables={
            "client_name": to.name,
            "sender_name": to.reseller.company_name or to.reseller.name,
            **variables(to),
        },
    )
    try:
        queue_mail(
            session,
            reseller_id=to.reseller.id,
            client_id=client_id,
            kind=kind,
            dedupe_key=dedupe_key,
            to_address=to.address,
            subject=written.subject,
            body_text=written.text,
            body_html=written.html,
        )
    except InvalidInputError as error:
        # what is told has happened; an address that cannot be written to must not undo it
        text = events.EventText("A client cannot be written to: %(why)s", why=error.message)
        _tell_not_queued(session, to, error.message, text)
        return False
    return True


def _find_addressee(session: Session, client_id: int) -> Addressee:
    client = clients.get_client(session, client_id)
    company = client_blocks.get_company(session, client_id)
    reseller = session.scalars(select(Reseller).where(Reseller.id == client.reseller_id)).one()
    has_panel = session.scalar(
        select(ClientLogin.enabled).where(ClientLogin.client_id == client_id)
    )
    return Addressee(
        client,
        reseller,
        company.company_name or client.name,
        company.billing_email or company.main_email,
        company.locale or reseller.locale,
        f"{portal_address(reseller.portal_host)}/clients/" if has_panel else "",
    )


def _tell_not_queued(session: Session, to: Addressee, why: str, text: events.EventText) -> None:
    """Once a month for each reason."""
    _log.info("payment.mail_not_queued", client=to.client.id, reason=why)
    events.record(
        session,
        reseller_id=to.reseller.id,
        client_id=to.client.id,
        level="warning",
        service="payments",
        code="mail_not_queued",
        text=text,
        object_type="client",
        object_id=to.client.id,
        dedupe_key=f"mail_not_queued:{to.client.id}:{now():%Y-%m}:{why}",
    )
