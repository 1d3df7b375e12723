"""Delivery: transaction, SMTP, transaction. A lease says who is at it; a stale one cannot report.

SMTP knows no idempotency: when the answer to the body is lost, nobody can tell whether the mail
arrived. Such a mail is sent once more, marked `possibly_sent_twice`, and never a third time.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import undefer

from core import metrics
from core.addresses import checked_email
from core.clock import now
from core.db import Session
from core.errors import InvalidInputError
from core.ids import new_token
from mail import queue
from mail.compose import Attachment, Content, compose
from mail.models import MailAttachment, MailMessage
from mail.smtp import ANSWER_PATIENCE, Answer, Outcome, SmtpServer, hand_over
from mail.states import check_move
from tenants import events, resellers
from tenants.models import File, Reseller

DELAYS_MIN = (1, 5, 15, 60, 120, 240, 480)
"""Minutes between one try and the next; after the last one the mail has failed."""
MAX_ATTEMPTS = len(DELAYS_MIN) + 1
NOT_CONFIRMED = (
    "The mail server took the mail twice without confirming it. It may have arrived;"
    " it is not sent a third time."
)
WORKERS_DIED = "Every try was cut off before its end."

UnitOfWork = Callable[[], AbstractContextManager[Session]]
_log = structlog.get_logger(__name__)


FindServer = Callable[[Session, int], SmtpServer | None]


@dataclass(frozen=True, slots=True)
class _Claim:
    owner: str
    content: Content
    server: SmtpServer | None


def deliver(
    unit_of_work: UnitOfWork,
    server: SmtpServer,
    mail_id: UUID,
    *,
    find_own: FindServer | None = None,
) -> Outcome | None:
    """Try once to send the mail if it is due; None when it is not, or somebody else is at it.

    `find_own` answers the server of a reseller that has its own; `server` sends for the others.
    """
    owner = new_token()
    with unit_of_work() as session:
        claim = _claim(session, mail_id, owner, _lease(server, steps=5), find_own)
    if claim is None:
        return None
    server = claim.server or server

    def may_send() -> bool:
        with unit_of_work() as session:
            return _begin_data(session, mail_id, owner, _lease(server, steps=ANSWER_PATIENCE + 2))

    answer = _try(server, claim.content, may_send)
    with unit_of_work() as session:
        _record(session, mail_id, owner, answer)
    metrics.MAILS.labels(answer.outcome.value).inc()
    return answer.outcome


def _lease(server: SmtpServer, *, steps: int) -> timedelta:
    return timedelta(seconds=server.timeout_s * steps)


def _try(server: SmtpServer, content: Content, may_send: Callable[[], bool]) -> Answer:
    try:
        raw = compose(content)
    except ValueError as error:
        return Answer(Outcome.REFUSED, f"The mail cannot be built: {error}")
    return hand_over(
        server,
        sender=content.from_address,
        recipient=content.to_address,
        content=raw,
        may_send=may_send,
    )


def _claim(
    session: Session,
    mail_id: UUID,
    owner: str,
    lease: timedelta,
    find_own: FindServer | None = None,
) -> _Claim | None:
    mail = session.scalar(
        select(MailMessage).where(MailMessage.id == mail_id).with_for_update(skip_locked=True)
    )
    if mail is None or not _is_due(mail):
        return None
    if mail.data_begun_at is not None:
        if mail.possibly_sent_twice:
            _fail(session, mail, NOT_CONFIRMED)
            return None
        mail.possibly_sent_twice = True
    if mail.attempts >= MAX_ATTEMPTS:
        # a mail that kills its workers gets no further chance to
        _fail(session, mail, WORKERS_DIED)
        return None
    check_move(mail.state, "sending")
    mail.state = "sending"
    mail.attempts += 1
    mail.lease_owner = owner
    mail.lease_until = now() + lease
    mail.data_begun_at = None
    own = None if find_own is None else find_own(session, mail.reseller_id)
    return _Claim(owner, _content(session, mail), own)


def _is_due(mail: MailMessage) -> bool:
    if mail.state == "queued":
        return mail.next_attempt_at <= now()
    return mail.state == "sending" and mail.lease_until is not None and mail.lease_until <= now()


def _content(session: Session, mail: MailMessage) -> Content:
    reseller = resellers.get_reseller(session, mail.reseller_id)
    files = session.scalars(
        select(File)
        .join(MailAttachment, MailAttachment.file_id == File.id)
        .where(MailAttachment.mail_id == mail.id)
        .order_by(File.name, File.id)
        .options(undefer(File.content))
    )
    return Content(
        message_id=mail.message_id,
        at=mail.created_at,
        from_name=reseller.mail_from_name or reseller.company_name or reseller.name,
        from_address=mail.from_address,
        reply_to=_reply_to(reseller, mail.from_address),
        to_address=mail.to_address,
        subject=mail.subject,
        body_text=mail.body_text,
        body_html=mail.body_html,
        attachments=[Attachment(one.name, one.media_type, one.content) for one in files],
    )


def _reply_to(reseller: Reseller, from_address: str) -> str:
    # whose wish for a sender could not be met gets the answers at least
    wanted = reseller.mail_from if reseller.mail_from != from_address else ""
    try:
        return checked_email(wanted or reseller.email, "email")
    except InvalidInputError:
        return ""


def _lock_own(session: Session, mail_id: UUID, owner: str) -> MailMessage | None:
    return session.scalar(
        select(MailMessage)
        .where(
            MailMessage.id == mail_id,
            MailMessage.state == "sending",
            MailMessage.lease_owner == owner,
        )
        .with_for_update()
    )


def _begin_data(session: Session, mail_id: UUID, owner: str, lease: timedelta) -> bool:
    """Written before the body leaves: whoever finds the row later knows that it may have gone."""
    mail = _lock_own(session, mail_id, owner)
    if mail is None:
        return False
    mail.data_begun_at = now()
    mail.lease_until = now() + lease
    return True


def _record(session: Session, mail_id: UUID, owner: str, answer: Answer) -> None:
    mail = _lock_own(session, mail_id, owner)
    if mail is None or answer.outcome is Outcome.WITHDRAWN:
        _log.warning("mail.lease_lost", mail_id=str(mail_id), outcome=answer.outcome.value)
        return
    mail.last_error = answer.detail
    if answer.outcome is not Outcome.UNKNOWN:
        mail.data_begun_at = None
    if answer.outcome is Outcome.SENT:
        _leave_sending(mail, "sent")
        mail.sent_at = now()
    elif answer.outcome is Outcome.REFUSED:
        _fail(session, mail, answer.detail)
    elif answer.outcome is Outcome.UNKNOWN and mail.possibly_sent_twice:
        _fail(session, mail, NOT_CONFIRMED)
    elif mail.attempts >= MAX_ATTEMPTS:
        _fail(session, mail, answer.detail)
    else:
        _leave_sending(mail, "queued")
        mail.next_attempt_at = now() + timedelta(minutes=DELAYS_MIN[mail.attempts - 1])
    _log.info("mail.tried", mail_id=str(mail.id), outcome=answer.outcome.value, state=mail.state)


def _leave_sending(mail: MailMessage, state: str) -> None:
    check_move(mail.state, state)
    mail.state = state
    mail.lease_owner = None
    mail.lease_until = None
    if state in ("sent", "failed") and mail.kind in queue.SECRET_KINDS:
        # a link that signs somebody in has no business in a table once it cannot be sent any more
        mail.body_text = queue.NOT_KEPT
        mail.body_html = ""


def _fail(session: Session, mail: MailMessage, error: str) -> None:
    _leave_sending(mail, "failed")
    mail.last_error = error
    mail.data_begun_at = None
    events.record(
        session,
        reseller_id=mail.reseller_id,
        client_id=mail.client_id,
        level="warning",
        service="mail",
        code="notice_failed" if mail.kind == queue.MailKind.EVENT else "mail_failed",
        text=events.EventText(
            "“%(subject)s” to %(address)s was not sent: %(error)s",
            subject=mail.subject,
            address=mail.to_address,
            error=error,
        ),
        object_type="mail",
        object_id=mail.id,
    )
