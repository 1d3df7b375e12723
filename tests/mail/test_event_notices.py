"""Mail about events: to who asked, each event once for each person, at once or in the morning."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from core.tenancy import tenant_scope
from core.uow import unit_of_work
from mail import event_notices
from mail.models import MailMessage
from mail.notice_models import EventNotice
from tenants import events
from tenants.events import EventText
from tenants.models import Event, User
from tests.factories.cast import Tenant, make_tenant

NOON = datetime(2026, 11, 3, 17, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[Any]:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def acme(clean_database: None) -> Tenant:
    return make_tenant("Acme", "acme")


def wish(tenant: Tenant, *wishes: tuple[str, str, str], user_id: int | None = None) -> None:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        event_notices.save_subscriptions(
            session,
            reseller_id=tenant.id,
            user_id=user_id or tenant.owner_id,
            wishes=wishes,
        )


def happen(tenant: Tenant, level="error", service="payments", code="test", **more) -> None:
    with tenant_scope(tenant.scope), unit_of_work() as session:
        events.record(
            session,
            reseller_id=tenant.id,
            level=level,
            service=service,
            code=code,
            **{"text": "It happened", **more},
        )


def work(tenant: Tenant) -> list[MailMessage]:
    """What the worker's job does; all mails there are then."""
    with tenant_scope(tenant.scope):
        with unit_of_work() as session:
            event_notices.note_events(session, tenant.id)
        with unit_of_work() as session:
            event_notices.tell_people(session, tenant.id)
        with unit_of_work() as session:
            return list(session.scalars(select(MailMessage).order_by(MailMessage.created_at)))


def test_nobody_is_mailed_who_did_not_ask(acme: Tenant):
    happen(acme)
    assert work(acme) == []


def test_who_asked_is_mailed_once_however_often_the_job_runs(acme: Tenant):
    wish(acme, ("any", "warning", "at_once"))
    happen(acme)
    for _run in range(3):
        (mail,) = work(acme)
    assert (mail.to_address, mail.kind) == (acme.owner_email, "event")
    assert "It happened" in mail.body_text


def test_several_people_get_a_mail_each(acme: Tenant):
    wish(acme, ("any", "info", "at_once"))
    wish(acme, ("any", "info", "at_once"), user_id=acme.viewer_id)
    happen(acme)
    assert {mail.to_address for mail in work(acme)} == {acme.owner_email, acme.viewer_email}


@pytest.mark.parametrize(
    ("wishes", "level", "service", "mailed"),
    [
        ([("any", "error", "at_once")], "warning", "payments", 0),
        ([("any", "warning", "at_once")], "warning", "payments", 1),
        ([("any", "info", "at_once"), ("payments", "none", "at_once")], "error", "payments", 0),
        ([("any", "info", "at_once"), ("payments", "none", "at_once")], "error", "mail", 1),
        ([("payments", "info", "at_once")], "info", "payments", 1),
        ([("payments", "info", "at_once")], "error", "mail", 0),
    ],
)
def test_the_wish_for_a_service_goes_before_the_one_for_everything(
    acme: Tenant, wishes, level: str, service: str, mailed: int
):
    wish(acme, *wishes)
    happen(acme, level=level, service=service)
    assert len(work(acme)) == mailed


def test_what_happens_soon_after_waits_and_comes_together(acme: Tenant, at_noon):
    wish(acme, ("any", "info", "at_once"))
    happen(acme, text="First")
    assert len(work(acme)) == 1
    happen(acme, text="Second")
    happen(acme, text="Third")
    assert len(work(acme)) == 1
    at_noon.shift(timedelta(minutes=6))
    *_, last = work(acme)
    assert "Second" in last.body_text
    assert "Third" in last.body_text
    assert "First" not in last.body_text
    assert len(work(acme)) == 2


def test_a_daily_summary_comes_in_the_morning_of_the_person(acme: Tenant, at_noon):
    wish(acme, ("any", "info", "daily"))
    with tenant_scope(acme.scope), unit_of_work() as session:
        session.execute(update(User).values(timezone="America/New_York"))
    happen(acme, text="At noon")
    assert work(acme) == []
    at_noon.move_to(datetime(2026, 11, 4, 11, 59, tzinfo=UTC))  # 6:59 in New York
    assert work(acme) == []
    at_noon.move_to(datetime(2026, 11, 4, 12, 1, tzinfo=UTC))
    (mail,) = work(acme)
    assert "At noon" in mail.body_text
    assert mail.subject == "Events of the day at Acme Telecom"
    assert len(work(acme)) == 1


def test_who_may_no_longer_read_events_is_not_mailed(acme: Tenant):
    wish(acme, ("any", "info", "at_once"))
    happen(acme)
    with tenant_scope(acme.scope), unit_of_work() as session:
        event_notices.note_events(session, acme.id)
        session.execute(update(User).values(status="stop"))
    assert work(acme) == []


def test_a_mail_about_events_that_fails_is_mailed_about_to_nobody(acme: Tenant):
    wish(acme, ("any", "info", "at_once"))
    happen(acme, code="notice_failed", service="mail")
    assert work(acme) == []


def test_another_tenants_events_are_not_told(acme: Tenant):
    globex = make_tenant("Globex", "globex")
    wish(acme, ("any", "info", "at_once"))
    happen(globex, text="Secret of Globex")
    work(globex)
    assert work(acme) == []


def test_an_event_that_nobody_was_told_of_then_is_not_told_later(acme: Tenant):
    happen(acme)
    work(acme)
    wish(acme, ("any", "info", "at_once"))
    assert work(acme) == []


def test_days_amounts_and_instants_are_said_in_the_language_of_the_person(acme: Tenant):
    wish(acme, ("any", "info", "at_once"))
    with tenant_scope(acme.scope), unit_of_work() as session:
        session.execute(update(User).values(locale="de", timezone="Europe/Berlin"))
    happen(
        acme,
        text=EventText(
            "Paid %(amount)s on %(day)s at %(moment)s",
            amount=(Decimal("1234.5"), "EUR"),
            day=date(2026, 3, 1),
            moment=NOON,
        ),
    )
    (mail,) = work(acme)
    assert "Paid 1.234,50 EUR on 01.03.2026 at 03.11.2026, 18:00" in mail.body_text
    with tenant_scope(acme.scope), unit_of_work() as session:
        (event,) = session.scalars(select(Event))
    assert event.text == "Paid 1,234.50 EUR on 1 Mar 2026 at 3 Nov 2026, 17:00"


def test_an_event_never_changes_but_for_being_noticed_once(acme: Tenant):
    happen(acme)
    work(acme)
    for statement in (
        "update events set noticed_at = now()",
        "update events set text = 'x'",
        "delete from events",
    ):
        with (
            tenant_scope(acme.scope),
            unit_of_work() as session,
            pytest.raises(DBAPIError, match=r"append-only|permission denied"),
        ):
            session.execute(text(statement))


def test_one_notice_is_kept_for_each_event_and_person(acme: Tenant):
    wish(acme, ("any", "info", "at_once"))
    happen(acme)
    (mail,) = work(acme)
    with tenant_scope(acme.scope), unit_of_work() as session:
        (notice,) = session.scalars(select(EventNotice))
        assert (notice.user_id, notice.mail_id) == (acme.owner_id, mail.id)
