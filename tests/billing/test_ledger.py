"""The ledger: what the database itself refuses, and the balances against a model of them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from billing import ledger, transactions
from billing.explain import explain_balance
from billing.ledger import Account, EntryKind, Line, Posting
from billing.models import LedgerEntry, LedgerLine
from core.errors import InvariantError
from core.ids import new_id
from sandbox.embedded import Postgres
from tests.billing.books import Books, at_once, open_books

D = Decimal
ROLES = ["portal_owner", "portal_office", "portal_panel", "portal_platform"]


def connect(postgres: Postgres, role: str, books: Books) -> psycopg.Connection:
    """A raw connection of a role, with the scope that the application would set."""
    connection = psycopg.connect(
        host=str(postgres.socket_dir), user=role, dbname="portal", autocommit=True
    )
    connection.execute("select set_config('app.reseller_ids', %s, false)", [str(books.tenant.id)])
    connection.execute("select set_config('app.client_id', %s, false)", [str(books.client.id)])
    return connection


def posting(books: Books, **details) -> Posting:
    made = Posting(
        reseller_id=books.tenant.id,
        client_id=books.client.id,
        kind=EntryKind.CHARGE,
        source_id=new_id(),
        currency="USD",
        effective_at=datetime(2026, 1, 5, tzinfo=UTC),
        description="A test",
        lines=ledger.charge_lines(D(8), D(2)),
    )
    return replace(made, **details)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "statement",
    [
        "update ledger_lines set amount = amount + 1",
        "delete from ledger_lines",
        "truncate ledger_lines",
        "update ledger_entries set description = 'other'",
        "delete from ledger_entries",
        "truncate ledger_entries cascade",
    ],
)
def test_no_role_changes_what_is_posted(acme: Books, postgres: Postgres, role: str, statement: str):
    acme.charge("1", tax_mode="none")
    with connect(postgres, role, acme) as connection:
        if role == "portal_owner":
            # its rows are hidden from the owner; the trigger must hold even where they are not
            connection.execute("alter table ledger_lines no force row level security")
            connection.execute("alter table ledger_entries no force row level security")
        try:
            with pytest.raises(psycopg.Error):
                connection.execute(statement)
        finally:
            if role == "portal_owner":
                connection.execute("alter table ledger_lines force row level security")
                connection.execute("alter table ledger_entries force row level security")
    assert acme.balances()[0] == D(-1)


@pytest.mark.parametrize("role", ["portal_office", "portal_panel", "portal_platform"])
@pytest.mark.parametrize(
    "statement",
    [
        "update client_balances set live = live + 1000",
        "update client_balances set fixed = 0",
        "delete from client_balances",
        "insert into ledger_entries (kind, source_id, currency, effective_at, description,"
        " client_id, reseller_id) values ('charge', gen_random_uuid(), 'USD', now(), '', {c}, {r})",
        "insert into ledger_lines (entry_id, line_no, account, currency, amount, client_id,"
        " reseller_id) values (1, 1, 'revenue', 'USD', 1, {c}, {r})",
    ],
)
def test_the_applications_roles_write_balances_only_by_posting(
    acme: Books, postgres: Postgres, role: str, statement: str
):
    acme.charge("1", tax_mode="none")
    with (
        connect(postgres, role, acme) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.format(c=acme.client.id, r=acme.tenant.id))


@pytest.mark.parametrize("role", ["portal_panel", "portal_platform"])
def test_only_the_office_role_may_post(acme: Books, postgres: Postgres, role: str):
    with (
        connect(postgres, role, acme) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(
            "select * from ledger_post(%s, %s, 'charge', gen_random_uuid(), 'USD', now(), '', null,"
            " array['client_live', 'revenue'], array[null, null]::bigint[],"
            " array[-1, 1]::numeric[])",
            [acme.tenant.id, acme.client.id],
        )


def test_the_database_refuses_lines_that_do_not_sum_to_zero(acme: Books, postgres: Postgres):
    with (
        connect(postgres, "portal_office", acme) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="do not sum to zero"),
    ):
        connection.execute(
            "select * from ledger_post(%s, %s, 'charge', gen_random_uuid(), 'USD', now(), '', null,"
            " array['client_live', 'revenue'], array[null, null]::bigint[],"
            " array[-1, 2]::numeric[])",
            [acme.tenant.id, acme.client.id],
        )
    assert acme.balances()[0] == D(0)


def test_another_tenants_client_cannot_be_posted_to(acme: Books, globex: Books, postgres: Postgres):
    with connect(postgres, "portal_office", acme) as connection, pytest.raises(psycopg.Error):
        connection.execute(
            "select * from ledger_post(%s, %s, 'charge', gen_random_uuid(), 'EUR', now(), '', null,"
            " array['client_live', 'revenue'], array[null, null]::bigint[],"
            " array[-1, 1]::numeric[])",
            [globex.tenant.id, globex.client.id],
        )
    assert globex.balances()[0] == D(0)


def test_a_foreign_currency_is_refused(acme: Books):
    with pytest.raises(Exception, match="keeps no balance in EUR"), acme.work() as session:
        ledger.post(session, posting(acme, currency="EUR"))


def test_unbalanced_or_too_fine_lines_never_reach_the_database(acme: Books):
    uneven = [Line(Account.CLIENT_LIVE, D(-1)), Line(Account.REVENUE, D(2))]
    fine = [Line(Account.CLIENT_LIVE, D("-0.0000001")), Line(Account.REVENUE, D("0.0000001"))]
    for lines in (uneven, fine):
        with pytest.raises(InvariantError), acme.work() as session:
            ledger.post(session, posting(acme, lines=lines))


def test_a_source_posts_once(acme: Books):
    wish = posting(acme)
    with acme.work() as session:
        assert ledger.post(session, wish) is not None
    with acme.work() as session:
        assert ledger.post(session, wish) is None
        # another kind of the same source is another thing
        assert ledger.post(session, replace(wish, kind=EntryKind.REVERSAL)) is not None
    assert acme.balances()[0] == D(-20)


def test_the_same_source_posted_at_the_same_moment_posts_once(acme: Books):
    wish = posting(acme)

    def post():
        with acme.work() as session:
            return ledger.post(session, wish)

    results = at_once(*[post] * 6)
    assert sum(result is not None for result in results) == 1
    assert acme.balances()[0] == D(-10)


def test_the_order_of_ids_is_the_order_of_the_running_balance(acme: Books):
    """Posting takes the balance's lock first, so no entry gets an id before its turn."""

    def post():
        with acme.work() as session:
            return ledger.post(session, posting(acme))

    at_once(*[post] * 8)
    with acme.work() as session:
        rows = session.execute(
            select(LedgerLine.balance_after)
            .where(LedgerLine.client_id == acme.client.id, LedgerLine.account == "client_live")
            .order_by(LedgerLine.entry_id)
        )
        assert [row.balance_after for row in rows] == [D(-10) * n for n in range(1, 9)]


def test_a_reversal_names_what_it_reverses(acme: Books):
    payment = acme.transaction(acme.pay("3.00"))
    reversal = acme.transaction(acme.reverse(payment.id))
    with acme.work() as session:
        entry = session.scalars(
            select(LedgerEntry).where(LedgerEntry.id == reversal.ledger_entry_id)
        ).one()
        assert (entry.kind, entry.reverses_id) == ("reversal", payment.ledger_entry_id)


def test_each_page_of_why_this_amount_adds_up(acme: Books):
    acme.pay("100.00")
    for number in range(7):
        acme.charge(f"{number + 1}.5", tax_mode="none", description=f"Charge {number}")
    with acme.work() as session:
        page = explain_balance(session, acme.client.id, "available", limit=3)
        pages = [page]
        while page.before is not None:
            page = explain_balance(
                session, acme.client.id, "available", before=page.before, limit=3
            )
            pages.append(page)
    assert all(one.is_proven for one in pages)
    assert [len(one.entries) for one in pages] == [3, 3, 2]
    assert pages[0].closing == pages[0].balance == D("68.5")
    assert [one.opening for one in pages[:-1]] == [one.closing for one in pages[1:]]
    assert pages[-1].opening == 0
    assert {part.kind: (part.count, part.amount) for part in pages[0].parts} == {
        "charge": (7, D("-31.5")),
        "payment": (1, D(100)),
    }


def test_a_charge_explains_its_net_and_tax(acme: Books):
    acme.charge("10", tax_mode="none")
    with acme.work() as session:
        entry = explain_balance(session, acme.client.id, "live").entries[0]
    assert (entry.amount, entry.net, entry.tax) == (D(-10), D(10), D(0))


class LedgerMachine(RuleBasedStateMachine):
    """Random payments, charges, approvals and reversals against a model of three numbers."""

    books: Books

    def __init__(self) -> None:
        super().__init__()
        self.account = self.books.with_client("Model")
        self.live = self.fixed = self.credit = D(0)
        self.postpaid = False
        self.pending: dict = {}
        self.approved: dict = {}

    def teardown(self) -> None:
        with self.account.work() as session:
            for name in ("live", "fixed"):
                assert explain_balance(session, self.account.client.id, name).is_proven

    def _moved(self, kind: str, amount: Decimal) -> None:
        self.live += amount if kind == "payment" else -amount
        self.fixed += amount if kind == "payment" else D(0)

    def _made(self, kind: str, amount: Decimal, pending: bool) -> None:
        status = "pending" if pending else "approved"
        make = self.account.pay if kind == "payment" else self.account.charge
        made_id = make(str(amount), status=status)
        (self.pending if pending else self.approved)[made_id] = (kind, amount)
        if not pending:
            self._moved(kind, amount)

    @rule(cents=st.integers(1, 10**9), pending=st.booleans())
    def pay(self, cents: int, pending: bool) -> None:
        self._made("payment", D(cents).scaleb(-2), pending)

    @rule(micros=st.integers(1, 10**12), pending=st.booleans())
    def charge(self, micros: int, pending: bool) -> None:
        self._made("charge", D(micros).scaleb(-6), pending)

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def approve(self, data) -> None:
        chosen = data.draw(st.sampled_from(list(self.pending)))
        with self.account.work() as session:
            transactions.approve(session, chosen)
        self.approved[chosen] = self.pending.pop(chosen)
        self._moved(*self.approved[chosen])

    @precondition(lambda self: self.approved)
    @rule(data=st.data())
    def reverse(self, data) -> None:
        chosen = data.draw(st.sampled_from(list(self.approved)))
        self.account.reverse(chosen)
        kind, amount = self.approved.pop(chosen)
        self._moved(kind, -amount)

    @rule(credit=st.integers(-999_999_999, 999_999_999), postpaid=st.booleans())
    def change_credit(self, credit: int, postpaid: bool) -> None:
        self.account.save_billing(credit=D(credit), postpaid=postpaid)
        self.postpaid = postpaid
        if not postpaid:
            self.credit = D(credit)

    @invariant()
    def balances_are_the_models(self) -> None:
        available = None if self.postpaid else self.live + self.credit
        assert self.account.balances() == (self.live, self.fixed, available)


def test_balances_follow_the_model_whatever_happens(clean_database):
    LedgerMachine.books = open_books("Acme", "acme")
    run_machine(
        LedgerMachine,
        settings=settings(
            max_examples=15,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )


def test_the_database_refuses_an_entry_that_moves_money_from_one_book_to_the_other(acme: Books):
    lines = [Line(Account.CLIENT_LIVE, D(5)), Line(Account.CLIENT_FIXED, D(-5))]
    with pytest.raises(IntegrityError, match="do not sum to zero"), acme.work() as session:
        ledger.post(session, posting(acme, lines=lines))


@pytest.mark.parametrize("lines", [[], [Line(Account.CLIENT_LIVE, D(0))]])
def test_the_database_refuses_an_entry_without_two_sides(acme: Books, lines: list[Line]):
    with pytest.raises(IntegrityError, match="two lines"), acme.work() as session:
        ledger.post(session, posting(acme, lines=lines))
