"""Periods of subscriptions and proration: nothing is charged twice, nothing is left out."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.periods import local_midnight
from billing.subscription_periods import (
    Cycle,
    calendar_anchor,
    cut,
    find_span,
    list_spans,
    part_of,
    share_of,
)
from tests.billing.test_autoinvoicing import ZONES

D = Decimal
UNITS = st.sampled_from(["day", "week", "month", "year"])
DAYS = st.dates(date(2008, 1, 1), date(2031, 12, 31))
FEES = st.decimals("0", "99999999", places=6)


@given(unit=UNITS, count=st.integers(1, 13), anchor=DAYS, day=DAYS)
def test_every_day_is_in_exactly_one_whole_period(unit, count, anchor, day):
    cycle = Cycle(unit, count, anchor)
    n = cycle.index_of(day)
    assert cycle.boundary(n) <= day < cycle.boundary(n + 1)


@settings(max_examples=200, deadline=None)
@given(
    unit=UNITS,
    count=st.integers(1, 5),
    anchor=DAYS,
    start=DAYS,
    zone=st.sampled_from(ZONES).map(ZoneInfo),
)
def test_every_instant_of_a_subscription_is_in_exactly_one_period(unit, count, anchor, start, zone):
    spans = list(islice(list_spans(Cycle(unit, count, anchor), start, zone), 12))
    assert spans[0].starts_at == local_midnight(start, zone)
    assert spans[0].first_on == start
    for one, two in pairwise(spans):
        assert one.ends_at == two.starts_at
        assert one.number + 1 == two.number
    for span in spans:
        assert span.starts_at < span.ends_at
        assert 1 <= span.held_days <= span.days
        assert span.ends_at == local_midnight(span.last_on + timedelta(1), zone)


@given(fee=FEES, days=st.integers(1, 366), cuts=st.lists(st.integers(0, 366), max_size=6))
def test_the_parts_of_a_period_add_up_to_its_fee(fee, days, cuts):
    places = [0, *sorted(min(one, days) for one in cuts), days]
    parts = [part_of(fee, days, one, two) for one, two in pairwise(places)]
    assert sum(parts, D(0)) == fee
    assert all(part >= 0 for part in parts)
    assert parts[-1] == share_of(fee, days - places[-2], days)


@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    start=DAYS,
    day_in=st.integers(0, 400),
    unit=UNITS,
)
def test_what_is_cut_off_a_period_and_what_stays_meet(zone, start, day_in, unit):
    span = find_span(Cycle(unit, 1, start), start, zone, 0)
    last_on = start + timedelta(day_in)
    short = cut(span, last_on, zone)
    assert span.starts_at <= short.ends_at <= span.ends_at
    assert short.held_days + span.days_after(last_on) == span.held_days


@pytest.mark.parametrize(
    ("cycle", "boundaries"),
    [
        (
            Cycle("month", 1, date(2027, 1, 31)),
            ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"],
        ),
        (
            Cycle("month", 1, date(2028, 1, 30)),
            ["2028-01-30", "2028-02-29", "2028-03-30", "2028-04-30"],
        ),
        (
            Cycle("year", 1, date(2028, 2, 29)),
            ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"],
        ),
        (Cycle("week", 2, date(2026, 3, 23)), ["2026-03-23", "2026-04-06", "2026-04-20"]),
    ],
)
def test_boundaries_are_counted_from_the_anchor(cycle, boundaries):
    assert [str(cycle.boundary(n)) for n in range(len(boundaries))] == boundaries


@pytest.mark.parametrize(
    ("unit", "count", "anchor"),
    [
        ("day", 3, "2026-11-18"),
        ("week", 1, "2026-11-16"),
        ("month", 1, "2026-11-01"),
        ("month", 3, "2026-10-01"),
        ("year", 1, "2026-01-01"),
    ],
)
def test_the_calendar_has_its_own_periods(unit, count, anchor):
    assert str(calendar_anchor(unit, count, date(2026, 11, 18))) == anchor


def test_the_day_that_apia_left_out_is_not_charged():
    zone = ZoneInfo("Pacific/Apia")
    start = date(2011, 12, 29)
    spans = list(islice(list_spans(Cycle("day", 1, start), start, zone), 3))
    assert [str(span.last_on) for span in spans] == ["2011-12-29", "2011-12-31", "2012-01-01"]
    assert spans[0].ends_at == spans[1].starts_at


def test_a_part_is_the_fee_times_days_left_by_days():
    assert share_of(D(30), 12, 31) == D("11.612903")
    assert share_of(D(1), 2, 3) == D("0.666667")
