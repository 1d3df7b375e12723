"""The balance report: opening + movements = closing, held against the ledger itself."""

from datetime import UTC, date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from billing import balance_report, payment_accounts
from billing.balance_report import BOOKS, GROUPINGS, BalanceWish
from billing.models import LedgerEntry, LedgerLine
from billing.periods import local_midnight, period_for_dates
from core.errors import InvalidInputError
from core.zones import get_zone
from tests.billing.books import Books, utc

ZONES = (
    "UTC",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/New_York",
    "Europe/Berlin",
)
FIRST, LAST = date(2026, 2, 20), date(2026, 4, 10)


def wish(**details) -> BalanceWish:
    asked = {
        "book": "live",
        "first_on": FIRST,
        "last_on": LAST,
        "timezone": "UTC",
        "group": "month",
    }
    return BalanceWish(**(asked | details))


def report(books: Books, asked: BalanceWish):
    with books.work() as session:
        return balance_report.read_report(session, asked)


def by_hand(books: Books, asked: BalanceWish) -> tuple[Decimal, Decimal]:
    """Opening and closing by adding up every line in Python."""
    zone = get_zone(asked.timezone)
    starts_at = local_midnight(asked.first_on, zone)
    ends_at = local_midnight(asked.last_on + timedelta(days=1), zone)
    with books.work() as session:
        lines = session.execute(
            select(LedgerEntry.effective_at, LedgerLine.amount, LedgerLine.client_id)
            .join(LedgerEntry, LedgerEntry.id == LedgerLine.entry_id)
            .where(LedgerLine.account == f"client_{asked.book}")
        ).all()
    mine = [one for one in lines if asked.client_id in (None, one.client_id)]
    return (
        sum((one.amount for one in mine if one.effective_at < starts_at), Decimal()),
        sum((one.amount for one in mine if one.effective_at < ends_at), Decimal()),
    )


@pytest.fixture
def busy(acme: Books) -> Books:
    """Two clients, two payment accounts, every kind of posting, some at the edges of days."""
    with acme.work() as session:
        bank = payment_accounts.create_account(session, reseller_id=acme.tenant.id, name="Bank").id
    other = acme.with_client("Other")
    for n, at in enumerate(
        (
            "2026-01-03 12:00",
            "2026-02-19 23:30",
            "2026-02-20 00:00",
            "2026-03-01 02:30",
            "2026-03-29 01:30",
            "2026-04-11 05:00",
        )
    ):
        who = (acme, other)[n % 2]
        who.pay(f"{n + 1}00.25", dated_at=utc(at))
        who.charge(f"{n + 3}.123456", dated_at=utc(at), kind="services_charge")
        who.charge("7.5", dated_at=utc(at), kind="package_fee", tax_mode="none")
    acme.reverse(acme.pay("40", dated_at=utc("2026-03-02 00:00")))
    Books(acme.tenant, acme.client, bank).pay("11", dated_at=utc("2026-03-03 00:00"))
    acme.invoice(period_for_dates(date(2026, 1, 1), date(2026, 3, 1), get_zone("UTC")))
    return acme


instants = st.datetimes(
    min_value=utc("2026-02-15").replace(tzinfo=None),
    max_value=utc("2026-04-15").replace(tzinfo=None),
    timezones=st.just(UTC),
)
movements = st.lists(
    st.tuples(
        st.sampled_from(("pay", "charge", "reverse")),
        st.booleans(),
        st.integers(1, 99_999),
        instants,
    ),
    max_size=6,
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    moves=movements,
    zone=st.sampled_from(ZONES),
    group=st.sampled_from(GROUPINGS),
    book=st.sampled_from(BOOKS),
    first=st.integers(0, 40),
    days=st.integers(0, 60),
)
def test_opening_and_movements_make_the_closing_whatever_is_posted(
    busy, moves, zone, group, book, first, days
):
    for kind, on_client, cents, at in moves:
        who = busy if on_client else busy.with_client(f"Made {cents} {at}")
        amount = f"{cents / 100:.2f}"
        if kind == "charge":
            who.charge(amount, dated_at=at)
        else:
            paid = who.pay(amount, dated_at=at)
            if kind == "reverse":
                who.reverse(paid)
    first_on = FIRST + timedelta(days=first)
    asked = wish(
        book=book,
        timezone=zone,
        group=group,
        first_on=first_on,
        last_on=first_on + timedelta(days=days),
    )
    parts = report(busy, asked)
    opening, closing = by_hand(busy, asked)
    for part in parts:
        assert part.is_proven
        for kind in part.kinds:
            rows = sum((row.movements.get(kind, Decimal()) for row in part.rows), Decimal())
            assert rows == part.total.movements[kind]
        if group in ("day", "month"):
            assert part.rows[0].opening == part.total.opening
            assert part.rows[-1].closing == part.total.closing
            for before, after in zip(part.rows, part.rows[1:], strict=False):
                assert before.closing == after.opening
        else:
            assert sum((row.closing for row in part.rows), Decimal()) == part.total.closing
    assert sum((part.total.opening for part in parts), Decimal()) == opening
    assert sum((part.total.closing for part in parts), Decimal()) == closing


@pytest.mark.parametrize("group", GROUPINGS)
def test_the_entries_behind_every_figure_make_it(busy, group):
    asked = wish(group=group, timezone="America/New_York")
    (part,) = report(busy, asked)
    with busy.work() as session:
        for row in part.rows:
            for kind, amount in row.movements.items():
                page = balance_report.read_entries(
                    session, asked, currency="USD", key=row.key, kind=kind
                )
                assert page.total == amount
                assert sum((one.amount for one in page.entries), Decimal()) == amount
        whole = balance_report.read_entries(session, asked, currency="USD")
        assert whole.total == part.total.moved
        assert whole.count == part.total.entries


def test_entries_are_paged_without_gap_or_twin(busy):
    asked = wish()
    with busy.work() as session:
        whole = balance_report.read_entries(session, asked, currency="USD").entries
        found, after = [], ""
        while True:
            page = balance_report.read_entries(session, asked, currency="USD", after=after, limit=2)
            found += page.entries
            after = page.next
            if not after:
                break
    assert found == list(whole)
    assert len(found) > 4


def test_a_report_of_one_client_to_the_end_is_its_stored_balance(busy):
    for book in BOOKS:
        asked = wish(
            book=book, client_id=busy.client.id, first_on=date(2025, 1, 1), last_on=date(2027, 1, 1)
        )
        (part,) = report(busy, asked)
        live, fixed, _available = busy.balances()
        assert part.total.closing == (live if book == "live" else fixed)


def test_a_day_is_the_day_of_the_reports_zone(acme):
    acme.pay("10", dated_at=utc("2026-03-01 03:00"))
    (here,) = report(acme, wish(timezone="America/New_York", group="day"))
    (there,) = report(acme, wish(timezone="Asia/Tokyo", group="day"))
    moved = [[row.key for row in part.rows if row.entries] for part in (here, there)]
    assert moved == [["2026-02-28"], ["2026-03-01"]]


def test_each_currency_stands_alone_and_a_refill_counts_as_a_payment(acme):
    euro = acme.with_client("Euro", currency="EUR")
    acme.pay("10", dated_at=utc("2026-03-01 03:00"))
    euro.pay("20", dated_at=utc("2026-03-01 03:00"))
    parts = report(acme, wish(group="client"))
    assert [(one.currency, one.total.closing) for one in parts] == [
        ("EUR", Decimal(20)),
        ("USD", Decimal(10)),
    ]


def test_another_tenants_money_is_in_no_report(acme, globex):
    globex.pay("99", dated_at=utc("2026-03-01 03:00"))
    assert report(acme, wish()) == []
    assert report(acme, wish(client_id=globex.client.id, group="client")) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"book": "other"},
        {"group": "hour"},
        {"timezone": "Mars/Olympus"},
        {"first_on": LAST, "last_on": FIRST},
        {"group": "day", "last_on": date(2028, 1, 1)},
    ],
)
def test_a_wish_that_cannot_be_is_refused(acme, wrong):
    with pytest.raises(InvalidInputError):
        report(acme, wish(**wrong))
