"""The mail queue: a mail is a row in the transaction of the event that causes it, or none."""

from collections.abc import Sequence
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from core import jobs
from core.addresses import checked_email
from core.clock import now
from core.config import Settings
from core.db import Session
from core.errors import ConflictError, InvalidInputError, InvariantError, NotFoundError
from core.ids import new_id
from mail import servers
from mail.models import MailAttachment, MailMessage
from mail.states import check_move
from tenants import audit, resellers

JOB = "mail.deliver"
SUBJECT_LENGTH = 300


class MailKind(StrEnum):
    """Why a mail is sent."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    SUBSCRIPTION = "subscription"
    REMINDER_BEFORE = "reminder_before"
    REMINDER_AFTER = "reminder_after"
    LOW_BALANCE = "low_balance"
    RATES = "rates"
    AUTO_PAYMENT = "auto_payment"
    PAYMENT = "payment"
    CARD = "card"
    VOUCHER = "voucher"
    PANEL_ACCESS = "panel_access"
    PASSWORD_RESET = "password_reset"  # noqa: S105 (the name of a kind)
    REPORT = "report"
    SIGN_UP = "sign_up"
    EVENT = "event"
    TEST = "test"
    SECURITY = "security"


# Their text holds a link that signs a person in: staff who may read the mail queue never see it.
SECRET_KINDS = frozenset({MailKind.PASSWORD_RESET.value, MailKind.SIGN_UP.value})
NOT_KEPT = "The text of this mail held a link for its recipient only and is not kept."

_platform_sender: list[str] = []
_portal_address: list[str] = []


def configure(settings: Settings) -> None:
    """Say which address sends for resellers that have none of their own, and where the portal is.

    Once per process.
    """
    _platform_sender[:] = [settings.mail_from]
    _portal_address[:] = [settings.base_url.rstrip("/")]


def portal_address(portal_host: str | None) -> str:
    """Where links in mails lead to: a reseller's own host if it has one; without a slash."""
    return f"https://{portal_host}" if portal_host else next(iter(_portal_address), "")


def queue_mail(
    session: Session,
    *,
    reseller_id: int,
    kind: MailKind,
    dedupe_key: str,
    to_address: str,
    subject: str,
    body_text: str,
    client_id: int | None = None,
    body_html: str = "",
    file_ids: Sequence[UUID] = (),
) -> MailMessage | None:
    """Write a mail to one address and ask for its delivery; None when its key was queued before.

    The key names the event (`invoice:<id>`) and is unique within the reseller. Files go along as
    attachments. Raises InvalidInputError for an address that is missing, malformed or not Latin and
    for a subject that is not one line.
    """
    sender = checked_email(find_sender(session, reseller_id), "from_address")
    recipient = checked_email(to_address, "to_address")
    if not recipient:
        raise InvalidInputError("There is no e-mail address to send to.", "to_address")
    mail_id = new_id()
    written: MailMessage | None = session.scalar(
        insert(MailMessage)
        .values(
            id=mail_id,
            reseller_id=reseller_id,
            client_id=client_id,
            kind=MailKind(kind).value,
            dedupe_key=dedupe_key,
            message_id=f"<{mail_id}@{sender.rpartition('@')[2]}>",
            from_address=sender,
            to_address=recipient,
            subject=_checked_subject(subject),
            body_text=body_text,
            body_html=body_html,
            next_attempt_at=now(),
            created_at=now(),
        )
        .on_conflict_do_nothing(index_elements=["reseller_id", "dedupe_key"])
        .returning(MailMessage)
    )
    if written is None:
        return None
    for file_id in dict.fromkeys(file_ids):
        session.add(MailAttachment(reseller_id=reseller_id, mail_id=mail_id, file_id=file_id))
    session.flush()
    jobs.enqueue(session, JOB, reseller_id=reseller_id, mail_id=str(mail_id))
    return written


def get_mail(session: Session, mail_id: UUID) -> MailMessage:
    """Raises NotFoundError, also for a deleted mail and one of another tenant."""
    mail = session.scalar(
        select(MailMessage).where(MailMessage.id == mail_id, MailMessage.state != "deleted")
    )
    if mail is None:
        raise NotFoundError("Mail not found.")
    return mail


def readable_bodies(mail: MailMessage) -> tuple[str, str]:
    """Text and HTML of a mail as staff may read them: nothing secret, also while it waits."""
    if mail.kind in SECRET_KINDS:
        return NOT_KEPT, ""
    return mail.body_text, mail.body_html


def send_again(session: Session, mail_id: UUID) -> MailMessage:
    """Put a failed mail back into the queue, with its tries counted anew.

    Its Message-ID stays, so a mail program can tell a second copy. Raises NotFoundError, and
    ConflictError for a mail that has not failed or whose text is not kept.
    """
    mail = get_mail(session, mail_id)
    if mail.kind in SECRET_KINDS:
        raise ConflictError("This mail held a secret link: ask for a new one instead.")
    _move(
        session,
        mail,
        before="failed",
        after="queued",
        action="send_again",
        refusal="Only a failed mail can be sent again.",
    )
    jobs.enqueue(session, JOB, reseller_id=mail.reseller_id, mail_id=str(mail.id))
    return mail


def delete_queued(session: Session, mail_id: UUID) -> None:
    """Take a waiting mail out of the queue for good; its event will not mail again.

    Raises NotFoundError, and ConflictError for a mail that does not wait.
    """
    _move(
        session,
        get_mail(session, mail_id),
        before="queued",
        after="deleted",
        action="delete",
        refusal="Only a mail that still waits can be deleted.",
    )


def _move(
    session: Session, mail: MailMessage, *, before: str, after: str, action: str, refusal: str
) -> None:
    check_move(before, after)
    moved = session.execute(
        update(MailMessage)
        .where(MailMessage.id == mail.id, MailMessage.state == before)
        .values(state=after, attempts=0, next_attempt_at=now(), data_begun_at=None)
        .returning(MailMessage.id)
        .execution_options(synchronize_session=False)
    ).first()
    session.refresh(mail)
    if moved is None:
        raise ConflictError(refusal)
    audit.record(
        session,
        reseller_id=mail.reseller_id,
        client_id=mail.client_id,
        action=action,
        object_type="mail",
        object_id=mail.id,
        object_label=mail.subject,
        changes={"state": (before, after)},
    )


def find_sender(session: Session, reseller_id: int) -> str:
    """The address that mails of the reseller come from.

    Its own wish holds where its own mail server sends, or where its domain is the platform's: from
    any other domain the platform's server would be taken for a forger. Else the platform's address
    sends in its name, and answers go to it.
    """
    wanted = resellers.get_reseller(session, reseller_id).mail_from
    default = _default_sender()
    if not wanted:
        return default
    is_ours = _domain(wanted) == _domain(default)
    return wanted if is_ours or servers.uses_own_server(session, reseller_id) else default


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _default_sender() -> str:
    if not _platform_sender:
        raise InvariantError("mail is not configured: there is no address of the platform")
    return _platform_sender[0]


def _checked_subject(text: str) -> str:
    subject = text.strip()
    if not subject or len(subject) > SUBJECT_LENGTH or not subject.isprintable():
        # a line break would begin another header
        raise InvalidInputError(
            "A subject is one line of at most %(count)s characters.",
            "subject",
            count=SUBJECT_LENGTH,
        )
    return subject
