"""Saved reports: whose they are, when they are due, and that each due time mails once."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from billing import report_mailing, saved_reports
from billing.report_models import ReportRun, SavedReport
from billing.reports import ReportSpec
from billing.saved_reports import Saving, Schedule, next_due
from core.clock import now
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from core.tenancy import Actor, Scope, tenant_scope
from core.uow import unit_of_work
from core.zones import get_zone
from mail.models import MailAttachment, MailMessage
from tenants.files import get_file
from tenants.models import Event, User
from tests.billing.books import Books, at_once, utc
from worker.actors.billing import mail_report
from worker.sweeps.billing import find_due_reports

ZONES = ("UTC", "America/Sao_Paulo", "Asia/Beirut", "Australia/Lord_Howe", "America/New_York")


def saving(**details) -> Saving:
    asked = Saving(
        name="Balances",
        spec=ReportSpec("balance", "last_month", "America/New_York", group="client"),
        is_shared=False,
        format="csv",
        schedule=Schedule("day", hour=6, recipients=("boss@acme.example", "cfo@acme.example")),
        words={"total": "Total"},
        locale="en",
    )
    return replace(asked, **details)


def save(books: Books, **details):
    report_id = details.pop("report_id", None) or new_id()
    with books.work() as session:
        saved_reports.create_report(session, report_id=report_id, saving=saving(**details))
    return report_id


def make_due(report_id, at: datetime | None = None) -> datetime:
    due_at = at or now() - timedelta(minutes=5)
    with platform_unit_of_work() as session:
        # the platform only reads saved reports: this is the clock that the test turns
        reseller_id = session.scalar(
            select(SavedReport.reseller_id).where(SavedReport.id == report_id)
        )
    with tenant_scope(Scope((reseller_id,))), unit_of_work() as session:
        session.execute(
            update(SavedReport).where(SavedReport.id == report_id).values(next_run_at=due_at)
        )
    return due_at


@contextmanager
def as_job(books: Books):
    with tenant_scope(Scope((books.tenant.id,), actor=Actor("job", label="billing.mail_report"))):
        yield


def run(books: Books, report_id) -> None:
    with as_job(books):
        mail_report(str(report_id))


def stored(books: Books, model):
    with books.work() as session:
        return list(session.scalars(select(model)))


@given(
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    every=st.sampled_from(("day", "week", "month")),
    weekday=st.integers(0, 6),
    day=st.integers(1, 28),
    start=st.datetimes(
        min_value=utc("2025-01-01").replace(tzinfo=None),
        max_value=utc("2027-01-01").replace(tzinfo=None),
        timezones=st.just(UTC),
    ),
)
def test_due_times_follow_the_clock_of_the_zone_and_leave_no_day_out(
    zone, hour, every, weekday, day, start
):
    schedule = Schedule(every, weekday, day, hour)
    zone = get_zone(zone)
    due, days = start, []
    for _ in range(40):
        due = next_due(schedule, zone, due)
        days.append(due.astimezone(zone).date())
    assert days == sorted(set(days))
    steps = {(after - before).days for before, after in pairwise(days)}
    assert steps <= {"day": {1}, "week": {7}, "month": {28, 29, 30, 31}}[every]
    if every == "week":
        assert {one.weekday() for one in days} == {weekday}
    if every == "month":
        assert {one.day for one in days} == {day}


def test_a_due_report_is_mailed_once_with_its_file_whoever_asks(acme):
    acme.pay("12.5", dated_at=now() - timedelta(days=35))
    report_id = save(acme)
    due_at = make_due(report_id)
    with platform_unit_of_work() as session:
        assert find_due_reports(session) == 1
    at_once(*[lambda: run(acme, report_id)] * 3)
    run(acme, report_id)
    mails = stored(acme, MailMessage)
    assert sorted(one.to_address for one in mails) == ["boss@acme.example", "cfo@acme.example"]
    assert {one.subject for one in mails} == {"Report Balances"}
    (one,) = stored(acme, ReportRun)
    assert (one.state, one.mails, one.due_at) == ("mailed", 2, due_at)
    with acme.work() as session:
        (file_id,) = set(session.scalars(select(MailAttachment.file_id)))
        content = get_file(session, file_id).content.decode()
    assert f"{acme.client.id},{acme.client.name}" in content
    assert "12.5" in content
    (report,) = stored(acme, SavedReport)
    assert report.next_run_at > now()
    with platform_unit_of_work() as session:
        assert find_due_reports(session) == 0


def test_a_worker_that_dies_before_the_commit_has_mailed_nothing(acme):
    report_id = save(acme)
    make_due(report_id)

    def die_late() -> None:
        with as_job(acme), unit_of_work() as session:
            assert report_mailing.mail_due(session, report_id)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        die_late()
    assert stored(acme, MailMessage) == []
    run(acme, report_id)
    assert len(stored(acme, MailMessage)) == 2


def test_missed_times_are_caught_up_but_old_ones_are_passed_over(acme):
    report_id = save(acme)
    make_due(report_id, now().replace(microsecond=0) - timedelta(days=4))
    run(acme, report_id)
    runs = sorted(stored(acme, ReportRun), key=lambda one: one.due_at)
    assert [one.state for one in runs][:2] == ["skipped", "skipped"]
    assert runs[-1].state == "mailed"
    assert len({one.due_at for one in runs}) == len(runs)


def test_nothing_is_mailed_for_a_person_who_may_not_see_it_any_more(acme):
    report_id = save(acme)
    make_due(report_id)
    with acme.work() as session:
        session.execute(update(User).where(User.id == acme.tenant.owner_id).values(status="stop"))
    run(acme, report_id)
    assert stored(acme, MailMessage) == []
    assert [one.state for one in stored(acme, ReportRun)] == ["skipped"]
    assert [one.code for one in stored(acme, Event)] == ["report_not_mailed"]


def test_a_report_is_its_owners_unless_shared_and_only_the_owner_changes_it(acme, globex):
    mine, shared = save(acme), save(acme, name="Shared", is_shared=True)
    viewer = Scope(acme.tenant.family, actor=Actor("user", acme.tenant.viewer_id, "viewer"))
    with tenant_scope(viewer), unit_of_work() as session:
        assert [one.id for one in saved_reports.list_reports(session)] == [shared]
        with pytest.raises(NotFoundError):
            saved_reports.get_report(session, mine)
        with pytest.raises(ConflictError):
            saved_reports.delete_report(session, shared)
    with globex.work() as session:
        assert saved_reports.list_reports(session) == []
        with pytest.raises(NotFoundError):
            saved_reports.get_report(session, shared)


def test_the_same_form_saves_once_and_a_stale_one_not_at_all(acme):
    report_id = new_id()
    save(acme, report_id=report_id)
    save(acme, report_id=report_id)
    assert len(stored(acme, SavedReport)) == 1
    with acme.work() as session:
        saved_reports.update_report(session, report_id, version=1, saving=saving(name="New"))
    with acme.work() as session, pytest.raises(ConflictError):
        saved_reports.update_report(session, report_id, version=1, saving=saving(name="Old"))
    (report,) = stored(acme, SavedReport)
    assert report.name == "New"


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"name": " "}, "name"),
        ({"format": "pdf"}, "format"),
        ({"schedule": Schedule("day")}, "recipients"),
        ({"schedule": Schedule("day", recipients=("nobody",))}, "recipients"),
        ({"schedule": Schedule("day", hour=24, recipients=("a@b.example",))}, "hour"),
        ({"schedule": Schedule("hour", recipients=("a@b.example",))}, "every"),
        ({"spec": ReportSpec("balance", "custom", "UTC")}, "from"),
        ({"spec": ReportSpec("revenue", "month", "UTC")}, "report"),
    ],
)
def test_what_cannot_be_saved_is_said_at_its_field(acme, details, field):
    with pytest.raises(InvalidInputError) as refused:
        save(acme, **details)
    assert refused.value.field == field


def test_names_are_each_used_once_by_a_person(acme):
    save(acme)
    with pytest.raises(InvalidInputError):
        save(acme, name="BALANCES")


def test_the_period_of_a_saved_report_is_of_the_day_it_is_due():
    spec = ReportSpec("balance", "last_month", "UTC")
    assert spec.days(date(2026, 3, 1)) == (date(2026, 2, 1), date(2026, 2, 28))
    assert ReportSpec("balance", "yesterday", "UTC").days(date(2026, 3, 1)) == (
        date(2026, 2, 28),
        date(2026, 2, 28),
    )
