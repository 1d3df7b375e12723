"""Import of payments and opening balances: matched as a clerk would, and booked exactly once."""

from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import select, update

from billing import opening_balances, opening_import, payment_import, statement_matching
from billing.invoices import issue
from billing.ledger_check import check_ledger
from billing.models import Transaction
from billing.periods import period_for_dates
from billing.report_models import BookedBankLine, OpeningBalance
from billing.statement_rows import Plan, read_amount, read_day
from core.clock import now
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from core.platform_uow import platform_unit_of_work
from core.sheet_reader import look_at
from core.tenancy import Actor, Scope, tenant_scope
from core.uow import unit_of_work
from core.zones import get_zone
from tenants import task_bytes, tasks
from tenants.models import ClientCompany
from tenants.task_models import Task, TaskItem
from tests.billing.books import Books, at_once, utc
from worker import task_turns
from worker.task_turns import run_turn

HEADINGS = ("date", "amount", "currency", "text", "payer", "payer_account", "client", "reference")


def statement(*lines: str) -> str:
    return "\n".join([";".join(HEADINGS), *lines]) + "\n"


def bring(books: Books, content: str, **details) -> UUID:
    """A file that was read and checked."""
    task_id, sheet = new_id(), look_at(content.encode())
    kind = details.pop("kind", payment_import.KIND)
    plan = Plan(
        fields=details.pop("fields", tuple(sheet.headings)),
        date_order=details.pop("date_order", "ymd"),
        locale="en",
        timezone="America/New_York",
        payment_account_id=books.account_id,
    )
    with books.work() as session:
        task = tasks.create_task(
            session, task_id=task_id, kind=kind, params={"sheet": asdict(sheet)}, state="draft"
        )
        task_bytes.put_bytes(session, task, "source", content.encode())
        tasks.start_step(session, task, "read", params={"plan": plan.to_params()})
    work(books, task_id)
    return task_id


def work(books: Books, task_id: UUID) -> None:
    with tenant_scope(Scope((books.tenant.id,), actor=Actor("job", label="tasks.run"))):
        run_turn(task_id)


def write(books: Books, task_id: UUID) -> Task:
    start(books, task_id)
    work(books, task_id)
    return stored(books, Task, id=task_id)[0]


def start(books: Books, task_id: UUID) -> None:
    with books.work() as session:
        tasks.start_step(session, tasks.lock_task(session, task_id), "write", params={})


def stored(books: Books, model, **where):
    with books.work() as session:
        return list(session.scalars(select(model).filter_by(**where)))


def items(books: Books, task_id: UUID) -> list[TaskItem]:
    return sorted(stored(books, TaskItem, task_id=task_id), key=lambda item: item.n)


def plans(books: Books, task_id: UUID) -> list[tuple[str, str]]:
    return [
        (one.details.get("will", one.state), one.details.get("by", ""))
        for one in items(books, task_id)
    ]


def owe(books: Books, amount: str, month: int = 1):
    zone = get_zone("America/New_York")
    first = date(2026, month, 1)
    books.charge(amount, dated_at=utc(f"2026-{month:02}-05 12:00"), tax_mode="none")
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    made = books.invoice(period_for_dates(first, last, zone), autoinvoice=False)
    with books.work() as session:
        return issue(session, made.id)


@pytest.mark.parametrize(
    ("text", "order", "day"),
    [
        ("2026-03-01", "ymd", date(2026, 3, 1)),
        ("2026-03-01", "dmy", date(2026, 3, 1)),
        ("01.03.26", "dmy", date(2026, 3, 1)),
        ("1/3/2026", "dmy", date(2026, 3, 1)),
        ("3/1/2026", "mdy", date(2026, 3, 1)),
        ("20260301", "dmy", date(2026, 3, 1)),
        ("2026-03-01 00:00:00", "ymd", date(2026, 3, 1)),
    ],
)
def test_days_as_banks_write_them(text, order, day):
    assert read_day(text, order) == day


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "31.02.2026", "=1+1", "2026"])
def test_what_is_no_day_is_refused(text):
    with pytest.raises(InvalidInputError):
        read_day(text, "ymd")


def test_amounts_with_signs_and_marks():
    assert read_amount("+1,234.50", "en") == Decimal("1234.50")
    assert read_amount("-7", "en") == Decimal(-7)
    assert read_amount("12,5", "de") == Decimal("12.5")
    with pytest.raises(InvalidInputError):
        read_amount("=SUM(A1)", "en")


def test_a_line_finds_its_client_by_invoice_id_name_account_and_tax_id(acme):
    invoice = owe(acme, "100")
    other = acme.with_client("Ärger & Söhne")
    with acme.work() as session:
        session.execute(
            update(ClientCompany)
            .where(ClientCompany.client_id == other.client.id)
            .values(
                company_name="Söhne Holding",
                tax_id="DE 123 456 789",
                account_details="Bank\nIBAN DE02 1203 0000 0000 2020 51",
            )
        )
    task_id = bring(
        acme,
        statement(
            f"2026-03-01;100;USD;Payment for {invoice.number}.;;;;R1",
            f"2026-03-01;5;;;;;#{other.client.id};R2",
            "2026-03-01;5;;thanks;arger & sohne;;;R3",
            "2026-03-01;5;;thanks;SÖHNE HOLDING;;;R4",
            "2026-03-01;5;;;;DE02120300000000202051;;R5",
            "2026-03-01;5;;VAT DE123456789;;;;R6",
            "2026-03-01;5;;house 12;nobody;;;R7",
        ),
    )
    assert plans(acme, task_id) == [
        ("matched", "invoice"),
        ("matched", "client"),
        ("matched", "name"),
        ("matched", "name"),
        ("matched", "account"),
        ("matched", "tax_id"),
        ("unmatched", ""),
    ]


def test_a_payment_goes_to_the_invoice_that_it_names_and_not_to_the_oldest(acme):
    older, newer = owe(acme, "100", 1), owe(acme, "60", 2)
    task_id = bring(acme, statement(f"2026-04-01;80;USD;Invoice {newer.number};;;;R1"))
    task = write(acme, task_id)
    assert (task.state, task.made) == ("done", 1)
    paid = {one.number: one.paid for one in acme.stored_invoices()}
    # what it names first, the rest to the oldest
    assert paid == {older.number: Decimal(20), newer.number: Decimal(60)}
    (booked,) = stored(acme, Transaction, type="payment")
    assert booked.dated_at == utc("2026-04-01 04:00")
    assert booked.description == f"Invoice {newer.number}, R1"
    with acme.work() as session:
        assert check_ledger(session, acme.tenant.id).findings == {}


def test_the_same_file_or_the_same_line_in_another_file_books_once(acme):
    line = f"2026-03-01;5;;;;;{acme.client.id};R1"
    twin = f"2026-03-02;7;;rent;;;{acme.client.id};"
    assert write(acme, bring(acme, statement(line, twin, twin))).made == 3
    again = bring(acme, statement(line, twin, twin))
    assert [one.state for one in items(acme, again)] == ["unchanged"] * 3
    third = write(acme, bring(acme, statement(twin, f"2026-03-03;9;;;;;{acme.client.id};R9")))
    assert (third.made, third.unchanged) == (1, 1)
    assert len(stored(acme, Transaction)) == len(stored(acme, BookedBankLine)) == 4
    assert acme.balances()[0] == Decimal(28)


def test_two_imports_of_one_file_at_once_book_once(acme):
    content = statement(*[f"2026-03-01;{n};;;;;{acme.client.id};R{n}" for n in range(1, 9)])
    first, second = bring(acme, content), bring(acme, content)
    start(acme, first)
    start(acme, second)
    results = at_once(lambda: work(acme, first), lambda: work(acme, second))
    assert results == [None, None]
    both = [stored(acme, Task, id=one)[0] for one in (first, second)]
    assert [one.state for one in both] == ["done", "done"]
    assert sum(one.made for one in both) == 8
    assert acme.balances()[0] == Decimal(36)


def test_a_worker_killed_in_the_middle_books_nothing_twice(acme, monkeypatch):
    content = statement(*[f"2026-03-01;1;;;;;{acme.client.id};R{n}" for n in range(120)])
    task_id = bring(acme, content)
    start(acme, task_id)
    done = []

    def die(session, task, beat):
        going_on = payment_import.do_piece(session, task, beat)
        done.append(1)
        if len(done) == 2:
            raise RuntimeError("killed")
        return going_on

    with monkeypatch.context() as patch:
        patch.setitem(task_turns.STEPS, payment_import.KIND, die)
        with pytest.raises(RuntimeError):
            work(acme, task_id)
    assert stored(acme, Task, id=task_id)[0].made == 50
    with platform_unit_of_work() as session:
        session.execute(update(Task).where(Task.id == task_id).values(lease_until=now()))
    work(acme, task_id)
    (task,) = stored(acme, Task, id=task_id)
    assert (task.state, task.made, task.done) == ("done", 120, 120)
    assert acme.balances()[0] == Decimal(120)


def test_what_fits_several_or_nobody_waits_for_a_person_and_is_booked_by_hand(acme, globex):
    twin = acme.with_client("Client of Acme")
    task_id = bring(
        acme,
        statement(
            "2026-03-01;5;;;client of acme;;;R1",
            "2026-03-01;6;;;nobody;;;R2",
            "2026-03-01;7;;;nobody;;;R3",
        ),
    )
    assert [will for will, _by in plans(acme, task_id)] == ["ambiguous", "unmatched", "unmatched"]

    def choose(n: int, said: str) -> None:
        with acme.work() as session:
            payment_import.choose_client(session, tasks.get_task(session, task_id), n, said)

    choose(1, str(twin.client.id))
    choose(2, f"#{acme.client.id}")
    for wrong in ("Client of Acme", "Nobody", str(globex.client.id)):
        with pytest.raises(InvalidInputError):
            choose(3, wrong)
    with pytest.raises(NotFoundError):
        choose(9, str(acme.client.id))
    task = write(acme, task_id)
    assert (task.made, task.left_out) == (2, 1)
    assert (acme.balances()[0], twin.balances()[0]) == (Decimal(6), Decimal(5))


def test_wrong_rows_are_said_and_never_booked(acme):
    me = acme.client.id
    task_id = bring(
        acme,
        statement(
            f"someday;5;;;;;{me};R1",
            f"2026-03-01;-5;;;;;{me};R2",
            f"2026-03-01;5;EUR;;;;{me};R3",
            f"2026-03-01;0.001;;;;;{me};R4",
            f"2026-03-01;5;;card 4111 1111 1111 1111;;;{me};R5",
            f'2026-03-01;5;;"=HYPERLINK(""http://x"")";;;{me};R6',
        ),
    )
    task = write(acme, task_id)
    assert (task.made, task.left_out) == (1, 5)
    (booked,) = stored(acme, Transaction)
    # kept as it is; only files for spreadsheets make it harmless
    assert booked.description.startswith("=HYPERLINK")
    assert all(one.reason for one in items(acme, task_id)[:5])


def test_a_bank_line_of_another_tenant_is_neither_matched_nor_known(acme, globex):
    line = "2026-03-01;5;;;Client of Acme;;;R1"
    write(acme, bring(acme, statement(line)))
    (item,) = items(globex, bring(globex, statement(line)))
    assert (item.details["will"], item.details["clients"]) == ("unmatched", [])
    with globex.work() as session:
        assert (
            statement_matching.find_client(session, globex.tenant.id, str(acme.client.id)) is None
        )


def opening(books: Books, content: str) -> UUID:
    return bring(
        books, content, kind=opening_import.KIND, fields=("client", "amount", "date", "text")
    )


def test_opening_balances_move_both_books_once_for_each_client(acme):
    other = acme.with_client("Other")
    task_id = opening(
        acme,
        f"client,amount,date,text\n{acme.client.id},-120.50,2026-01-01,Brought over\n"
        "Other,30,2026-01-01,\nOther,31,2026-01-01,\nNobody,1,2026-01-01,\nOther,0,2026-01-01,\n",
    )
    task = write(acme, task_id)
    assert (task.made, task.left_out) == (2, 3)
    assert acme.balances()[:2] == (Decimal("-120.5"), Decimal("-120.5"))
    assert other.balances()[:2] == (Decimal(30), Decimal(30))
    again = opening(acme, "client,amount,date,text\nOther,30,2026-01-01,\n")
    assert [one.reason for one in items(acme, again)] == [opening_import.HAS_ONE]
    with acme.work() as session:
        assert check_ledger(session, acme.tenant.id).findings == {}


def test_a_reversed_opening_balance_makes_room_for_another(acme):
    def book(amount: str, opening_id: UUID | None = None) -> UUID:
        with acme.work() as session:
            return opening_balances.create_opening_balance(
                session,
                opening_id=opening_id or new_id(),
                client_id=acme.client.id,
                amount=Decimal(amount),
                dated_at=utc("2026-01-01 00:00"),
            ).id

    first = book("50")
    assert book("50", first) == first
    with pytest.raises(ConflictError):
        book("60")
    reversal_id = new_id()
    for _twice in range(2):
        with acme.work() as session:
            opening_balances.reverse_opening_balance(
                session, first, reversal_id=reversal_id, reason="Typed wrongly"
            )
    assert acme.balances()[:2] == (0, 0)
    book("60")
    assert acme.balances()[:2] == (Decimal(60), Decimal(60))
    assert len(stored(acme, OpeningBalance)) == 2
    with acme.work() as session:
        assert check_ledger(session, acme.tenant.id).findings == {}


def test_two_opening_balances_at_once_are_one(acme):
    def book(amount: int) -> None:
        with tenant_scope(acme.tenant.scope), unit_of_work() as session:
            opening_balances.create_opening_balance(
                session,
                opening_id=new_id(),
                client_id=acme.client.id,
                amount=Decimal(amount),
                dated_at=None,
            )

    results = at_once(*[lambda n=n: book(n) for n in (5, 6, 7)])
    assert sorted(type(one).__name__ for one in results) == [
        "ConflictError",
        "ConflictError",
        "NoneType",
    ]
    assert len(stored(acme, OpeningBalance)) == 1
