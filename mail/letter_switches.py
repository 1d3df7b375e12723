"""Which letters a reseller does not want sent: what nobody switched off is sent.

Only letters that the catalogue calls optional can be switched off: a link to sign in is nobody's
choice, and what others switch (reminders, reports) is switched there.
"""

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from core.clock import now
from core.db import Session
from core.errors import InvalidInputError
from core.tenancy import current_actor
from mail.letter_catalogue import get_letter
from mail.template_models import MailLetterOff
from tenants import audit


def is_sent(session: Session, reseller_id: int, name: str) -> bool:
    """Whether the reseller's clients get this letter."""
    found = session.scalar(
        select(MailLetterOff.letter).where(
            MailLetterOff.reseller_id == reseller_id, MailLetterOff.letter == name
        )
    )
    return found is None


def list_off(session: Session, reseller_id: int) -> frozenset[str]:
    """Names of the letters that are switched off."""
    return frozenset(
        session.scalars(
            select(MailLetterOff.letter).where(MailLetterOff.reseller_id == reseller_id)
        )
    )


def switch_letter(session: Session, reseller_id: int, name: str, *, on: bool) -> None:
    """Send the letter from now on, or no more; the same wish again changes nothing.

    Raises NotFoundError for an unknown letter, InvalidInputError for one that is always sent.
    """
    letter = get_letter(name)
    if not letter.is_optional:
        raise InvalidInputError("This mail is always sent.")
    if on:
        changed = session.scalar(
            delete(MailLetterOff)
            .where(MailLetterOff.reseller_id == reseller_id, MailLetterOff.letter == name)
            .returning(MailLetterOff.letter)
        )
    else:
        changed = session.scalar(
            insert(MailLetterOff)
            .values(
                reseller_id=reseller_id, letter=name, author=current_actor().label, created_at=now()
            )
            .on_conflict_do_nothing()
            .returning(MailLetterOff.letter)
        )
    if changed is not None:
        audit.record(
            session,
            reseller_id=reseller_id,
            action="update",
            object_type="mail_template",
            object_id=name,
            object_label=letter.label,
            changes={"is_sent": (not on, on)},
        )
