"""Full Delete, the part of `mail`: no word and no address of a client's mails is kept.

The rows stay, hidden and empty: they say that their event has mailed, so that it never mails anew.
"""

from sqlalchemy import delete, select, update

from core.db import Session
from core.errors import ConflictError
from mail.models import MailAttachment, MailMessage


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
    session.execute(
        update(MailMessage)
        .where(MailMessage.client_id == client_id)
        .values(
            state="deleted", to_address="", subject="", body_text="", body_html="", last_error=""
        )
        .execution_options(synchronize_session=False)
    )
    return len(ids)
