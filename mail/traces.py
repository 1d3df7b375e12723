"""Full Delete, the part of `mail`: no word and no address of a client's mails is kept.

The rows stay, hidden and empty: they say that their event has mailed, so that it never mails anew.
"""

from sqlalchemy import ColumnElement, and_, delete, select, update

from core.db import Session
from core.errors import ConflictError
from mail.models import MailAttachment, MailMessage
from mail.notice_models import EventNotice
from tenants.models import Event


def remove_words(session: Session, client_id: int) -> int:
    """Empty every mail of the client and take what waits out of the queue; how many there were.

    Raises ConflictError while one is being handed over to the mail server.
    """
    rows = session.execute(
        select(MailMessage.id, MailMessage.state)
        .where(MailMessage.client_id == client_id)
        .with_for_update()
    ).all()
    if any(row.state == "sending" for row in rows):
        raise ConflictError("A mail to this client is being sent. Try again in a minute.")
    ids = [row.id for row in rows]
    session.execute(delete(MailAttachment).where(MailAttachment.mail_id.in_(ids)))
    _empty(session, MailMessage.client_id == client_id)
    # what staff were told about the client; a mail that still waits tells of others too
    told = (
        select(EventNotice.mail_id)
        .join(Event, Event.id == EventNotice.event_id)
        .where(Event.client_id == client_id, EventNotice.mail_id.is_not(None))
    )
    _empty(session, and_(MailMessage.id.in_(told), MailMessage.state.in_(["sent", "failed"])))
    return len(ids)


def _empty(session: Session, which: ColumnElement[bool]) -> None:
    session.execute(
        update(MailMessage)
        .where(which)
        .values(
            state="deleted", to_address="", subject="", body_text="", body_html="", last_error=""
        )
        .execution_options(synchronize_session=False)
    )
