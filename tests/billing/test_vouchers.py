"""Vouchers: made in pieces, PINs nobody can read in the database, redeemed once and ever."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
import time_machine
from sqlalchemy import func, select, text, update

from billing import (
    ledger_check,
    transactions,
    voucher_moves,
    voucher_pins,
    voucher_redemptions,
    voucher_task,
    vouchers,
)
from billing.models import LedgerEntry, Transaction
from billing.voucher_models import Voucher, VoucherRedemption, VoucherSheet
from core.clock import now
from core.errors import ConflictError, InvalidInputError, NotFoundError
from core.ids import new_id
from core.logs import contains_card_number
from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from mail.models import MailMessage
from payments import voucher_redeeming
from tenants import client_blocks, tasks
from tenants.client_blocks import Company
from tenants.clients import get_client
from tenants.models import AuditRecord, Role
from tests.billing.books import Books, at_once
from tests.factories import cast
from worker.task_turns import run_turn

D = Decimal


def make_series(books: Books, name: str = "A", quantity: int = 3, **more: object) -> int:
    """A series whose vouchers are made."""
    request_id = new_id()
    wish = {"amount": D(10), "currency": "USD", "pin_length": 16, "is_active": True, **more}
    with books.work() as session:
        series_id = vouchers.request_series(
            session,
            request_id=request_id,
            reseller_id=books.tenant.id,
            wish=vouchers.Wish(name=name, quantity=quantity, **wish),  # type: ignore[arg-type]
        ).id
    with tenant_scope(books.tenant.scope):
        run_turn(request_id)
    return series_id


def take(books: Books, series_id: int) -> list[str]:
    with books.work() as session:
        return [pin for _number, pin in vouchers.take_pins(session, series_id)]


def give(
    client: cast.Client, pin: str, *, redemption_id: UUID | None = None, ip: str = "192.0.2.1"
) -> UUID:
    """What the client's panel does, in the panel's own role."""
    with tenant_scope(client.panel_scope), unit_of_work() as session:
        return voucher_redemptions.request_redemption(
            session,
            redemption_id=redemption_id or new_id(),
            client_id=client.id,
            reseller_id=client.reseller_id,
            pin=pin,
            ip=ip,
        )


def look(books: Books, redemption_id: UUID) -> VoucherRedemption:
    with books.work() as session:
        return voucher_redemptions.redeem(session, redemption_id)[0]


def redeem(books: Books, client: cast.Client, pin: str, **more: str) -> VoucherRedemption:
    return look(books, give(client, pin, **more))


def states(books: Books) -> list[str]:
    with books.work() as session:
        return list(session.scalars(select(Voucher.state).order_by(Voucher.number)))


def test_a_voucher_is_redeemed_as_a_payment_that_explains_itself(acme: Books):
    pins = take(acme, make_series(acme, "summer"))

    found = redeem(acme, acme.client, voucher_pins.grouped(pins[1]).replace(" ", " - "))

    assert (found.state, found.serial, found.amount) == ("succeeded", "SUMMER-000002", D(10))
    assert found.pin_hashes == []
    assert acme.balances()[:2] == (D(10), D(10))
    assert states(acme) == ["active", "redeemed", "active"]
    with acme.work() as session:
        payment = session.scalars(select(Transaction)).one()
        assert payment.id == found.voucher_id
        assert (payment.kind, payment.description) == ("payment", "Voucher SUMMER-000002")
        assert session.scalars(select(LedgerEntry.kind)).all() == ["voucher"]
        assert ledger_check.check_ledger(session, acme.tenant.id).ok
        actions = session.scalars(
            select(AuditRecord.action).where(AuditRecord.object_type == "voucher")
        ).all()
        assert actions == ["redeem"]


def test_the_database_holds_no_pin_before_or_after_it_was_taken_out(acme: Books):
    series_id = make_series(acme)
    with platform_unit_of_work() as session:
        kept = str(session.execute(text("select * from voucher_sheets")).all())
    pins = take(acme, series_id)
    give(acme.client, pins[0])
    with acme.work() as session:
        for table in ("vouchers", "voucher_series", "voucher_redemptions", "audit_log"):
            kept += str(session.execute(text(f"select * from {table}")).all())
        assert session.scalars(select(VoucherSheet)).all() == []
    assert not [pin for pin in pins if pin in kept]
    assert len(set(pins)) == 3
    assert not [pin for pin in pins if contains_card_number(pin)]


def test_pins_are_taken_out_once(acme: Books):
    series_id = make_series(acme)
    take(acme, series_id)
    with pytest.raises(ConflictError, match="took these PINs out already"):
        take(acme, series_id)


def test_two_who_take_the_pins_at_once_do_not_both_get_them(acme: Books):
    series_id = make_series(acme)

    def attempt() -> bool:
        try:
            return bool(take(acme, series_id))
        except ConflictError:
            return False

    assert sorted(at_once(attempt, attempt)) == [False, True]


def test_pins_that_nobody_takes_out_are_forgotten(acme: Books):
    series_id = make_series(acme)
    with (
        time_machine.travel(now() + vouchers.PINS_KEPT + timedelta(hours=1), tick=False),
        platform_unit_of_work() as session,
    ):
        assert vouchers.forget_old_pins(session) == 1
    with pytest.raises(ConflictError, match="no longer kept"):
        take(acme, series_id)


def test_the_receipt_names_the_voucher_and_never_its_pin(acme: Books):
    with acme.work() as session:
        client = get_client(session, acme.client.id)
        client_blocks.save_company(session, client, Company(billing_email="pay@orbit.example"))
    pin = take(acme, make_series(acme, "summer"))[0]
    wish = give(acme.client, pin)
    for _time in range(2):
        with acme.work() as session:
            voucher_redeeming.redeem(session, wish)
    with acme.work() as session:
        mail = session.scalars(select(MailMessage)).one()
        assert mail.to_address == "pay@orbit.example"
        assert "SUMMER-000001" in mail.body_text
        assert pin not in mail.body_text


def test_two_clients_at_once_redeem_a_voucher_once(acme: Books):
    other = cast.make_client(acme.tenant, "Other")
    pin = take(acme, make_series(acme))[0]
    wishes = [give(acme.client, pin), give(other, pin)]

    found = at_once(*[lambda one=one: look(acme, one) for one in wishes])

    assert sorted(one.state for one in found) == ["refused", "succeeded"]
    with acme.work() as session:
        assert session.scalar(select(func.count()).select_from(Transaction)) == 1
        assert ledger_check.check_ledger(session, acme.tenant.id).ok


def test_the_same_redemption_looked_at_by_many_workers_posts_once(acme: Books):
    pin = take(acme, make_series(acme))[0]
    wish = give(acme.client, pin)

    found = at_once(*[lambda: look(acme, wish) for _ in range(4)])

    assert {one.state for one in found} == {"succeeded"}
    assert acme.balances()[0] == D(10)


def test_a_worker_that_dies_before_its_commit_has_redeemed_nothing(acme: Books):
    pin = take(acme, make_series(acme))[0]
    wish = give(acme.client, pin)
    with acme.work() as session:
        assert voucher_redemptions.redeem(session, wish)[0].state == "succeeded"
        session.rollback()
    assert acme.balances()[0] == 0

    later = now() + timedelta(minutes=1)
    with platform_unit_of_work() as session:
        assert voucher_redemptions.list_waiting(session, before=later, limit=9) == [
            (wish, acme.tenant.id)
        ]
    assert look(acme, wish).state == "succeeded"
    assert acme.balances()[0] == D(10)


def test_a_reversed_payment_does_not_bring_the_voucher_back(acme: Books):
    pin = take(acme, make_series(acme))[0]
    found = redeem(acme, acme.client, pin)
    with acme.work() as session:
        transactions.reverse(session, found.voucher_id, reversal_id=new_id(), reason="a mistake")
    assert redeem(acme, acme.client, pin).reason == "own"
    assert acme.balances()[0] == 0


def test_unknown_blocked_new_and_used_pins_get_the_same_answer(acme: Books):
    other = cast.make_client(acme.tenant, "Other")
    series_id = make_series(acme, quantity=2)
    used, blocked = take(acme, series_id)
    (sleeping,) = take(acme, make_series(acme, "B", 1, is_active=False))
    redeem(acme, other, used)
    with acme.work() as session:
        voucher = session.scalars(select(Voucher).where(Voucher.number == 2)).one()
        voucher_moves.move_voucher(session, voucher.id, "block", reason="stolen")

    answers = [redeem(acme, acme.client, pin) for pin in ("1" * 16, used, blocked, sleeping)]

    told = {(one.state, one.reason, one.serial, one.voucher_id) for one in answers}
    assert told == {("refused", "not_valid", "", None)}
    assert acme.balances()[0] == 0


def test_a_voucher_of_another_reseller_does_not_exist(acme: Books, globex: Books):
    pin = take(globex, make_series(globex, currency="EUR"))[0]
    assert redeem(acme, acme.client, pin).reason == "not_valid"
    assert states(globex) == ["active"] * 3


def test_who_holds_a_card_learns_that_it_is_too_old_or_in_other_money(acme: Books):
    (euros,) = take(acme, make_series(acme, quantity=1, currency="EUR"))
    assert redeem(acme, acme.client, euros).reason == "currency"

    (old,) = take(acme, make_series(acme, "OLD", 1, expires_on=now().date()))
    with time_machine.travel(now() + timedelta(days=3), tick=False):
        # its day alone refuses it, the sweep only says so in the list
        assert redeem(acme, acme.client, old).reason == "expired"
        with platform_unit_of_work() as session:
            assert voucher_moves.expire_due(session, limit=100) == 1
        assert redeem(acme, acme.client, old).reason == "expired"


def test_wrong_pins_wait_longer_and_longer_and_a_right_one_ends_it(acme: Books):
    pin = take(acme, make_series(acme))[0]
    with time_machine.travel(now(), tick=False) as clock:
        for _ in range(6):
            last = redeem(acme, acme.client, "1" * 16)
        assert last.retry_at is not None
        # a right PIN is not even looked at while one waits
        refused = redeem(acme, acme.client, pin)
        assert (refused.reason, refused.retry_at) == ("wait", last.retry_at)
        with tenant_scope(acme.client.panel_scope), unit_of_work() as session:
            assert voucher_redemptions.find_wait(session, acme.client.id) == last.retry_at

        clock.shift(timedelta(seconds=3))
        waits = []
        for _ in range(4):
            one = redeem(acme, acme.client, "1" * 16)
            waits.append((one.retry_at - now()).total_seconds())
            clock.move_to(one.retry_at + timedelta(seconds=1))
        assert waits == sorted(waits)
        assert waits[-1] >= 8 * waits[0]

        assert redeem(acme, acme.client, pin).state == "succeeded"
        assert redeem(acme, acme.client, "1" * 16).retry_at is None


def test_many_clients_at_one_address_are_slowed_too(acme: Books):
    with time_machine.travel(now(), tick=False):
        others = [cast.make_client(acme.tenant, f"C{n}") for n in range(6)]
        for client in others:
            for _ in range(4):
                last = redeem(acme, client, "1" * 16, ip="192.0.2.77")
        assert last.reason == "wait"
        assert redeem(acme, others[0], "1" * 16, ip="198.51.100.1").reason == "not_valid"


def test_a_pin_sent_twice_by_the_same_form_is_one_redemption(acme: Books):
    pin, form = take(acme, make_series(acme))[0], new_id()
    assert give(acme.client, pin, redemption_id=form) == form
    assert give(acme.client, pin, redemption_id=form) == form
    # and another form meanwhile leads to the one that is open
    assert give(acme.client, pin) == form
    look(acme, form)
    assert acme.balances()[0] == D(10)


def test_staff_redeem_for_a_client_and_learn_why_not(acme: Books):
    (pin,) = take(acme, make_series(acme, quantity=1))
    with acme.work() as session:
        found, verdict = voucher_redemptions.redeem_for(
            session, redemption_id=new_id(), client_id=acme.client.id, pin=pin
        )
        assert (found.state, found.source) == ("succeeded", "staff")
    other = cast.make_client(acme.tenant, "Other")
    with acme.work() as session:
        found, verdict = voucher_redemptions.redeem_for(
            session, redemption_id=new_id(), client_id=other.id, pin=pin
        )
        assert verdict is not None
        assert (found.reason, verdict.why) == ("not_valid", "used")
        assert verdict.voucher is not None
        assert verdict.voucher.client_id == acme.client.id


@pytest.mark.parametrize("typed", ["", "12 34", "ABCD-1234-5678-90", "1" * 21])
def test_what_is_no_pin_is_refused_at_its_field(acme: Books, typed: str):
    with pytest.raises(InvalidInputError) as refused:
        give(acme.client, typed)
    assert refused.value.field == "pin"


def test_every_move_of_a_voucher_is_in_the_table_or_refused(acme: Books):
    make_series(acme, quantity=1)
    with acme.work() as session:
        voucher_id = session.scalars(select(Voucher.id)).one()
    after = {"activate": "active", "block": "blocked", "expire": "expired", "unblock": "active"}
    for move, froms in voucher_moves.MOVES.items():
        for state in ("new", "active", "blocked", "expired"):
            with platform_unit_of_work() as session:
                session.execute(
                    update(Voucher).values(
                        state=state, restores="active" if state == "blocked" else None
                    )
                )
            with acme.work() as session:
                if state in froms or state == after[move]:
                    moved = voucher_moves.move_voucher(session, voucher_id, move)
                    assert moved.state == after[move]
                else:
                    with pytest.raises(ConflictError):
                        voucher_moves.move_voucher(session, voucher_id, move)


def test_a_series_moves_as_a_whole_or_in_part_and_leaves_redeemed_ones(acme: Books):
    series_id = make_series(acme, quantity=5, is_active=False)
    pins = take(acme, series_id)
    with acme.work() as session:
        assert (
            voucher_moves.move_series(
                session, series_id, "activate", first=2, last=4, reason="handed out"
            )
            == 3
        )
    redeemed = redeem(acme, acme.client, pins[1])
    with acme.work() as session:
        # the reason was that of the move before, and of somebody else
        assert session.get_one(Voucher, redeemed.voucher_id).reason == ""
    assert states(acme) == ["new", "redeemed", "active", "active", "new"]
    with acme.work() as session:
        assert voucher_moves.move_series(session, series_id, "block", reason="lost parcel") == 4
        assert voucher_moves.move_series(session, series_id, "unblock") == 4
    assert states(acme) == ["new", "redeemed", "active", "active", "new"]
    with acme.work() as session:
        assert voucher_moves.move_series(session, series_id, "expire") == 4


def test_a_series_is_made_in_pieces_and_goes_on_where_it_stopped(acme: Books, monkeypatch):
    monkeypatch.setattr("billing.voucher_task.PIECE", 40)
    request_id = new_id()
    with acme.work() as session:
        series_id = vouchers.request_series(
            session,
            request_id=request_id,
            reseller_id=acme.tenant.id,
            wish=vouchers.Wish("LONG", D(5), "USD", 100),
        ).id
        task = tasks.claim_task(session, request_id)
        token = task.lease_token
    with acme.work() as session:
        task = tasks.resume_task(session, request_id, token)
        assert voucher_task.do_piece(session, task, lambda _done: None)
    with pytest.raises(ConflictError, match="still being made"):
        take(acme, series_id)
    # its worker is gone; the next one has the task when the lease is over
    with (
        time_machine.travel(now() + tasks.LEASE + timedelta(seconds=1), tick=True),
        tenant_scope(acme.tenant.scope),
    ):
        run_turn(request_id)
    pins = take(acme, series_id)
    assert len(set(pins)) == 100
    with acme.work() as session:
        task = tasks.get_task(session, request_id)
        assert (task.state, task.done, task.made) == ("done", 100, 100)
        numbers = session.scalars(select(Voucher.number).order_by(Voucher.number)).all()
        assert numbers == list(range(1, 101))
        # each printed number has the hash of its own PIN
        hashes = session.scalars(select(Voucher.pin_hash).order_by(Voucher.number)).all()
        assert hashes == [voucher_pins.hash_pin(acme.tenant.id, pin, key_id="k1") for pin in pins]


def test_pins_so_short_that_they_could_be_guessed_are_refused(acme: Books):
    with pytest.raises(InvalidInputError) as refused:
        make_series(acme, quantity=101, pin_length=10)
    assert refused.value.field == "pin_length"


def test_many_small_series_are_as_easy_to_guess_as_a_large_one(acme: Books):
    make_series(acme, "A", quantity=60, pin_length=10)
    with pytest.raises(InvalidInputError) as refused:
        make_series(acme, "B", quantity=41, pin_length=10)
    assert (refused.value.field, refused.value.values["count"]) == ("pin_length", 40)
    make_series(acme, "B", quantity=40, pin_length=10)


def test_a_pin_is_found_under_an_older_key_too(acme: Books, settings):
    pin = take(acme, make_series(acme))[0]
    ring = {"k2": b"\1" * 32, **settings.credential_key_ring}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(voucher_pins, "_rings", [ring])
        assert redeem(acme, acme.client, pin).state == "succeeded"


def test_keys_that_vouchers_need_are_counted(acme: Books):
    pins = take(acme, make_series(acme))
    redeem(acme, acme.client, pins[0])
    with platform_unit_of_work() as session:
        assert vouchers.count_by_key(session) == {"k1": 2}


def test_the_panel_can_write_no_outcome_and_see_no_voucher(acme: Books):
    pin = take(acme, make_series(acme))[0]
    wish = give(acme.client, pin)
    other = cast.make_client(acme.tenant, "Other")
    with tenant_scope(other.panel_scope), unit_of_work() as session:
        with pytest.raises(NotFoundError):
            voucher_redemptions.get_known(session, other.id, wish)
        for statement in (
            "select * from vouchers",
            "select * from voucher_series",
            "select * from voucher_throttles",
            "update voucher_redemptions set state = 'refused'",
        ):
            with pytest.raises(Exception, match="permission denied"), session.begin_nested():
                session.execute(text(statement))


def test_removing_a_client_for_good_removes_what_it_tried(acme: Books):
    redeem(acme, acme.client, "1" * 16)
    with acme.work() as session:
        voucher_redemptions.delete_of_client(session, acme.client.id)
        assert session.scalars(select(VoucherRedemption)).all() == []


def test_a_task_stops_when_its_asker_may_no_longer_make_vouchers(acme: Books):
    request_id = new_id()
    with acme.work() as session:
        vouchers.request_series(
            session,
            request_id=request_id,
            reseller_id=acme.tenant.id,
            wish=vouchers.Wish("LONG", D(5), "USD", 10),
        )
        session.execute(update(Role).values(permissions=["clients:read"]))
    with tenant_scope(acme.tenant.scope):
        run_turn(request_id)
    assert states(acme) == []


def test_a_postpaid_client_may_redeem_too(acme: Books):
    acme.save_billing(postpaid=True)
    pin = take(acme, make_series(acme))[0]
    assert redeem(acme, acme.client, pin).state == "succeeded"
