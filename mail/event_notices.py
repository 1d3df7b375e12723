"""Mail about events: who has asked for which, each event once for each person.

Two steps, each repeatable: new events are matched against what people asked for, and a row is
written for each person and event; then the waiting rows of a person become one mail.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import and_, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from core.clock import now
from core.db import Session
from core.errors import InvalidInputError
from mail import templates
from mail.letters import get_translations, known_locale
from mail.notice_models import ANY_SERVICE, EventNotice, EventSubscription
from mail.queue import MailKind, queue_mail
from tenants import resellers
from tenants.event_texts import tell
from tenants.events import LEVELS
from tenants.models import Client, Event, Role, User
from tenants.permissions import Permission

NOT_MAILED = frozenset({"notice_failed"})
"""Codes about these mails themselves: else a full mailbox would fill itself."""
PAUSE = timedelta(minutes=5)
"""Between two mails to one person; what happens meanwhile goes into the next."""
DAILY_AT = time(7, 0)
BATCH = 500
LISTED = 50
_log = structlog.get_logger(__name__)


def list_subscriptions(session: Session, user_id: int) -> dict[str, EventSubscription]:
    """What the person asked for, by service."""
    rows = session.scalars(select(EventSubscription).where(EventSubscription.user_id == user_id))
    return {row.service: row for row in rows}


def save_subscriptions(
    session: Session, *, reseller_id: int, user_id: int, wishes: Sequence[tuple[str, str, str]]
) -> None:
    """Replace what the person asked for: (service, least level or `none`, delivery) each."""
    session.execute(delete(EventSubscription).where(EventSubscription.user_id == user_id))
    for service, level, delivery in wishes:
        session.add(
            EventSubscription(
                reseller_id=reseller_id,
                user_id=user_id,
                service=service,
                level=level,
                delivery=delivery,
            )
        )
    session.flush()


def note_events(session: Session, reseller_id: int) -> int:
    """Decide for new events whom they concern; how many events there were."""
    found = session.scalars(
        select(Event)
        .where(Event.reseller_id == reseller_id, Event.noticed_at.is_(None))
        .order_by(Event.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    if not found:
        return 0
    wishes = _list_wishes(session, reseller_id)
    rows = [
        {
            "reseller_id": reseller_id,
            "event_id": event.id,
            "user_id": user_id,
            "delivery": wish.delivery,
            "created_at": now(),
        }
        for event in found
        if event.code not in NOT_MAILED
        for user_id, of_person in wishes.items()
        if (wish := of_person.get(event.service) or of_person.get(ANY_SERVICE)) is not None
        and _is_wanted(event, wish)
    ]
    if rows:
        session.execute(insert(EventNotice).values(rows).on_conflict_do_nothing())
    session.execute(
        update(Event)
        .where(Event.id.in_([event.id for event in found]))
        .values(noticed_at=now())
        .execution_options(synchronize_session=False)
    )
    return len(found)


def tell_people(session: Session, reseller_id: int) -> int:
    """One mail to each person whose notices wait and whose time has come; how many mails."""
    people = session.scalars(
        select(User)
        .where(
            User.reseller_id == reseller_id,
            User.id.in_(
                select(EventNotice.user_id).where(
                    EventNotice.reseller_id == reseller_id, EventNotice.told_at.is_(None)
                )
            ),
        )
        .order_by(User.id)
    ).all()
    return sum(_tell(session, person, delivery) for person in people for delivery in _DUE)


def _at_once_until(session: Session, person: User) -> datetime | None:
    """Notices written before this instant may go now; None while the last mail is fresh."""
    last = session.scalar(
        select(EventNotice.told_at)
        .where(
            EventNotice.user_id == person.id,
            EventNotice.delivery == "at_once",
            EventNotice.told_at.is_not(None),
        )
        .order_by(EventNotice.told_at.desc())
        .limit(1)
    )
    return None if last is not None and last > now() - PAUSE else now()


def _daily_until(_session: Session, person: User) -> datetime | None:
    """This morning by the person's own clock; None before it."""
    zone = ZoneInfo(person.timezone)
    morning = datetime.combine(now().astimezone(zone).date(), DAILY_AT, zone)
    return morning if morning <= now() else None


_DUE = {"at_once": _at_once_until, "daily": _daily_until}


def _tell(session: Session, person: User, delivery: str) -> int:
    until = _DUE[delivery](session, person)
    if until is None:
        return 0
    rows = session.execute(
        select(EventNotice, Event, Client.name)
        .join(
            Event,
            and_(Event.reseller_id == EventNotice.reseller_id, Event.id == EventNotice.event_id),
        )
        .outerjoin(
            Client,
            and_(Client.reseller_id == Event.reseller_id, Client.id == Event.client_id),
        )
        .where(
            EventNotice.user_id == person.id,
            EventNotice.delivery == delivery,
            EventNotice.told_at.is_(None),
            EventNotice.created_at <= until,
        )
        .order_by(EventNotice.event_id)
        .limit(BATCH)
        .with_for_update(of=EventNotice, skip_locked=True)
    ).all()
    if not rows:
        return 0
    mail_id = None
    if _may_read(session, person):
        mail_id = _queue(session, person, delivery, [(event, name) for _, event, name in rows])
    for notice, _event, _name in rows:
        notice.told_at, notice.mail_id = now(), mail_id
    session.flush()
    return int(mail_id is not None)


def _queue(
    session: Session, person: User, delivery: str, found: Sequence[tuple[Event, str | None]]
) -> UUID | None:
    locale = known_locale(person.locale)
    translate = get_translations(locale).ugettext
    reseller = resellers.get_reseller(session, person.reseller_id)
    letter = templates.write(
        session,
        reseller_id=person.reseller_id,
        name="event_notices",
        locale=locale,
        variables={
            "name": person.name,
            "sender_name": reseller.company_name or reseller.name,
            "timezone": person.timezone,
            "is_daily": delivery == "daily",
            "more": max(0, len(found) - LISTED),
            "events": [
                {
                    "level": translate(event.level),
                    "service": event.service,
                    "text": tell(
                        event.message,
                        event.params,
                        locale=locale,
                        zone=person.timezone,
                        translate=translate,
                    )
                    if event.message
                    else event.text,
                    "client": client or "",
                    "at": event.at,
                }
                for event, client in found[:LISTED]
            ],
        },
    )
    try:
        written = queue_mail(
            session,
            reseller_id=person.reseller_id,
            kind=MailKind.EVENT,
            dedupe_key=f"events:{person.id}:{found[0][0].id}-{found[-1][0].id}",
            to_address=person.email,
            subject=letter.subject,
            body_text=letter.text,
            body_html=letter.html,
        )
    except InvalidInputError as error:
        _log.warning("events.not_mailed", user=person.id, reason=error.message)
        return None
    return None if written is None else written.id


def _list_wishes(session: Session, reseller_id: int) -> dict[int, dict[str, EventSubscription]]:
    rows = session.scalars(
        select(EventSubscription)
        .join(
            User,
            and_(
                User.reseller_id == EventSubscription.reseller_id,
                User.id == EventSubscription.user_id,
            ),
        )
        .where(EventSubscription.reseller_id == reseller_id, User.status == "active")
    )
    found: dict[int, dict[str, EventSubscription]] = {}
    for row in rows:
        found.setdefault(row.user_id, {})[row.service] = row
    return found


def _is_wanted(event: Event, wish: EventSubscription) -> bool:
    if wish.level == "none":
        return False
    order: list[str] = list(LEVELS)
    return order.index(event.level) >= order.index(wish.level)


def _may_read(session: Session, person: User) -> bool:
    """Whether the person, as it is today, may see events at all."""
    permissions = session.scalar(
        select(Role.permissions).where(
            Role.reseller_id == person.reseller_id, Role.id == person.role_id
        )
    )
    return person.status == "active" and Permission.EVENTS_READ in (permissions or ())
