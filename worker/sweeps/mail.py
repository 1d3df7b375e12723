"""Mail that waits although its time has come: lost jobs, retries, and workers that died."""

from datetime import timedelta

from sqlalchemy import and_, or_, select

from core import jobs
from core.clock import now
from core.db import Session
from mail import queue
from mail.models import MailMessage
from worker.sweeps import in_turn, sweep

# the job that was sent with the row gets this long before it counts as lost
GRACE = timedelta(seconds=20)


@sweep("mail.queued", every_s=30)
def find_waiting_mail(session: Session) -> int:
    """Ask again for the delivery of mail that is due or whose worker left it."""
    waiting = session.execute(
        in_turn(
            select(MailMessage.id, MailMessage.reseller_id).where(
                or_(
                    and_(
                        MailMessage.state == "queued",
                        MailMessage.next_attempt_at <= now() - GRACE,
                    ),
                    and_(MailMessage.state == "sending", MailMessage.lease_until <= now()),
                )
            ),
            owner=MailMessage.reseller_id,
            order=MailMessage.next_attempt_at,
        )
    ).all()
    for mail_id, reseller_id in waiting:
        # a job too many does no harm: whoever comes first claims the row
        jobs.enqueue(session, queue.JOB, reseller_id=reseller_id, mail_id=str(mail_id))
    return len(waiting)
