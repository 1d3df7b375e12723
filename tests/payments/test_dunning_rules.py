"""The calendar of retries: hours are hours, days are the client's, some declines stop it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from core.clock import now
from core.errors import ConflictError, InvalidInputError, NotFoundError
from payments import auto_payment, dunning_rules
from payments.auto_payment import AutoPayment
from payments.dunning_models import AutoPaymentStep
from payments.dunning_rules import KIND_WORDS, Rules
from payments.gateways.declines import HARD_KINDS, DeclineKind, kind_of
from tenants.clients import get_client
from tenants.models import AuditRecord
from tenants.stamps import make_stamp
from tests.payments.till import Till, later

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
DECLINES = "46282"


def at(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def local(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def save_rules(till: Till, **wish) -> None:
    with till.work() as session:
        held = dunning_rules.rules_of(session, till.tenant.id)
        dunning_rules.save_rules(
            session, till.tenant.id, Rules(**wish), stamp=make_stamp(held.facts())
        )


def decline(till: Till):
    with till.work() as session:
        refill = auto_payment.request_due(session, till.client.id)
    assert refill is not None
    till.charge(refill.id)
    with till.work() as session:
        return auto_payment.find_row(session, till.client.id)


@pytest.fixture
def declining(till: Till) -> Till:
    till.save_card(zip=DECLINES)
    with till.work() as session:
        auto_payment.save_auto_payment(
            session,
            get_client(session, till.client.id),
            AutoPayment(enabled=True, extra_amount=Decimal(5)),
        )
    till.owe("10")
    return till


# The calendar alone


@pytest.mark.parametrize(("tries", "hours"), [(1, 1), (2, 24), (3, 72), (4, 72), (99, 72), (0, 1)])
def test_the_standard_waits_are_an_hour_a_day_and_three_days_and_the_last_repeats(tries, hours):
    moment = at("2026-07-06 09:30", NEW_YORK)
    assert Rules().next_try(tries, moment, NEW_YORK) == moment + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("zone", "declined", "days", "again"),
    [
        # the night with 23 hours, and the one with 25
        (BERLIN, "2027-03-27 10:00", 1, "2027-03-28 10:00"),
        (BERLIN, "2026-10-24 10:00", 1, "2026-10-25 10:00"),
        (NEW_YORK, "2027-03-13 23:30", 1, "2027-03-14 23:30"),
        (NEW_YORK, "2026-10-31 01:30", 3, "2026-11-03 01:30"),
        # an hour that does not exist is the one after it
        (BERLIN, "2027-03-27 02:30", 1, "2027-03-28 03:30"),
        # one that comes twice is the first of them
        (BERLIN, "2026-10-24 02:30", 1, "2026-10-25 02:30"),
    ],
)
def test_days_are_days_of_the_client_s_clock_across_its_changes(zone, declined, days, again):
    rules = Rules(retry_hours=(days * 24,))
    assert local(rules.next_try(1, at(declined, zone), zone), zone) == again


def test_hours_are_hours_also_across_a_change():
    moment = at("2027-03-28 01:30", BERLIN)
    assert Rules().next_try(1, moment, BERLIN) - moment == timedelta(hours=1)


def test_a_chosen_hour_counts_for_whole_days_only():
    rules = Rules(retry_hours=(1, 24, 72), at_hour=9)
    moment = at("2026-10-24 22:15", BERLIN)
    assert local(rules.next_try(1, moment, BERLIN), BERLIN) == "2026-10-24 23:15"
    assert local(rules.next_try(2, moment, BERLIN), BERLIN) == "2026-10-25 09:00"
    assert local(rules.next_try(3, moment, BERLIN), BERLIN) == "2026-10-27 09:00"


def test_just_before_midnight_a_chosen_midnight_is_not_a_minute_later():
    rules = Rules(retry_hours=(24,), at_hour=0)
    moment = at("2026-07-06 23:59", BERLIN)
    assert rules.next_try(1, moment, BERLIN) == moment + timedelta(hours=1)


# Declines


@pytest.mark.parametrize(
    ("gateway", "code", "kind"),
    [
        ("authorizenet", "8", DeclineKind.EXPIRED),
        ("authorizenet", "2", DeclineKind.OTHER),
        ("authorizenet", "27", DeclineKind.ADDRESS),
        ("stripe", "insufficient_funds", DeclineKind.INSUFFICIENT_FUNDS),
        ("stripe", "stolen_card", DeclineKind.LOST_OR_STOLEN),
        ("stripe", "generic_decline", DeclineKind.OTHER),
        ("nobody", "8", DeclineKind.OTHER),
    ],
)
def test_the_gateways_codes_are_a_dozen_kinds(gateway, code, kind):
    assert kind_of(gateway, code) is kind


def test_every_kind_has_words_and_the_hard_ones_always_stop():
    assert set(KIND_WORDS) == set(DeclineKind)
    assert all(Rules().stops(kind, "") for kind in HARD_KINDS)
    assert not Rules().stops(DeclineKind.OTHER, "2")
    assert Rules(stop_kinds=frozenset({"fraud_checks"})).stops(DeclineKind.FRAUD_CHECKS, "")
    assert Rules(stop_codes=("2",)).stops(DeclineKind.OTHER, "2")


# A reseller's own


def test_the_reseller_s_waits_and_number_of_declines_hold(declining: Till):
    save_rules(declining, retry_hours=(2, 5), declines_to_suspend=2)
    row = decline(declining)
    assert timedelta(minutes=119) < row.next_try_at - now() <= timedelta(hours=2)
    with later(hours=3):
        assert decline(declining).suspended_at is not None


def test_a_code_that_the_reseller_never_tries_again_suspends_at_once(declining: Till):
    save_rules(declining, stop_codes=("2",))
    row = decline(declining)
    assert (row.declines_in_row, row.suspended_at is not None) == (1, True)
    with declining.work() as session:
        step = session.scalars(
            select(AutoPaymentStep).order_by(AutoPaymentStep.id.desc()).limit(1)
        ).one()
    assert (step.kind, step.figures["code"], step.figures["decline"]) == ("suspended", "2", "other")


def test_the_retry_comes_at_the_client_s_hour(declining: Till):
    save_rules(declining, retry_hours=(24,), at_hour=7)
    row = decline(declining)
    assert local(row.next_try_at, NEW_YORK).endswith(" 07:00")


def test_the_client_is_told_in_the_reseller_s_own_words(declining: Till):
    save_rules(declining, words={"other": "Ring us: 0800 1234."})
    decline(declining)
    assert "Ring us: 0800 1234." in declining.mails()[-1].body_text


def test_without_own_words_the_client_is_told_what_helps(declining: Till):
    decline(declining)
    assert "Please ask your bank why, or use another card." in declining.mails()[-1].body_text


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"retry_hours": ()}, "retries"),
        ({"retry_hours": (0,)}, "retries"),
        ({"retry_hours": (31 * 24 + 1,)}, "retries"),
        ({"retry_hours": (1,) * 11}, "retries"),
        ({"at_hour": 24}, "at_hour"),
        ({"declines_to_suspend": 0}, "declines_to_suspend"),
        ({"declines_to_suspend": 11}, "declines_to_suspend"),
        ({"expiry_days": 0}, "expiry_days"),
        ({"stop_codes": ("drop table",)}, "codes"),
        ({"stop_kinds": frozenset({"bad mood"})}, "stop_kinds"),
        ({"words": {"other": "x" * 501}}, "words_other"),
    ],
)
def test_rules_that_make_no_sense_are_refused_at_their_field(till: Till, wish, field):
    with pytest.raises(InvalidInputError) as refused:
        save_rules(till, **wish)
    assert refused.value.field == field


def test_who_saves_second_is_told(till: Till):
    with till.work() as session:
        stamp = make_stamp(dunning_rules.rules_of(session, till.tenant.id).facts())
        dunning_rules.save_rules(session, till.tenant.id, Rules(at_hour=8), stamp=stamp)
    with till.work() as session, pytest.raises(ConflictError):
        dunning_rules.save_rules(session, till.tenant.id, Rules(at_hour=9), stamp=stamp)
    with till.work() as session:
        assert dunning_rules.rules_of(session, till.tenant.id).at_hour == 8
        changes = session.scalars(
            select(AuditRecord.changes).where(AuditRecord.object_type == "dunning_rules")
        ).one()
    assert changes["at_hour"] == [None, 8]


def test_another_reseller_s_rules_are_neither_read_nor_written(till: Till, other_till: Till):
    save_rules(till, at_hour=8)
    with other_till.work() as session:
        assert dunning_rules.rules_of(session, till.tenant.id) == Rules()
        with pytest.raises(NotFoundError):
            dunning_rules.save_rules(session, till.tenant.id, Rules(), stamp="")
