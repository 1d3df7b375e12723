"""Low balance: told once per crossing, armed again, and the capacity that holds below it."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from billing import client_billing, low_balance
from billing.client_billing import Billing
from billing.client_models import ClientLowBalance
from billing.low_balance import LowBalance, Turn, effective_capacity, next_turn
from billing.low_balance_notices import notify_low_balance
from core.errors import InvalidInputError
from core.platform_uow import platform_unit_of_work
from mail.models import MailMessage
from tenants import client_blocks
from tenants.clients import General, get_client, update_client
from tenants.models import Event
from tests.billing.books import Books
from worker.sweeps import billing as sweeps

amounts = st.decimals("-1000", "1000", places=2)


def as_set(books: Books, **values: object) -> Books:
    with books.work() as session:
        client = get_client(session, books.client.id)
        low_balance.save_low_balance(session, client, LowBalance(**values))  # type: ignore[arg-type]
    return books


def look(books: Books) -> bool:
    with books.work() as session:
        return notify_low_balance(session, books.client.id)


def told(books: Books) -> tuple[list[str], list[str]]:
    """Subjects of mails and texts of events so far."""
    with books.work() as session:
        mails = session.scalars(
            select(MailMessage.subject)
            .where(MailMessage.kind == "low_balance")
            .order_by(MailMessage.created_at)
        )
        texts = session.scalars(
            select(Event.text).where(Event.code == "low_balance").order_by(Event.id)
        )
        return list(mails), list(texts)


def found_by_sweep() -> int:
    with platform_unit_of_work() as session:
        return sweeps.find_crossed_balances(session)


@pytest.fixture
def low(acme: Books) -> Iterator[Books]:
    return as_set(acme, notify_client=Decimal(20), notify_admin=Decimal(10))


class TestTelling:
    def test_the_client_gets_a_mail_and_the_staff_an_event_each_below_its_own_value(
        self, low: Books
    ) -> None:
        low.pay("100")
        assert not look(low)

        low.charge("85")
        assert look(low)
        assert told(low) == (["Your balance is low: 15.00 USD"], [])

        low.charge("6")
        assert look(low)
        mails, events = told(low)
        assert len(mails) == 1, "it was told of this crossing already"
        assert events == [
            f"The available balance of {low.client.name} is 9.00 USD, below 10.00 USD."
        ]

    def test_exactly_the_value_is_not_below_it(self, low: Books) -> None:
        low.pay("20")
        assert not look(low)
        low.charge("0.000001")
        assert look(low)

    def test_it_is_told_again_only_after_the_balance_was_at_the_value(self, low: Books) -> None:
        low.pay("30")
        low.charge("15")
        look(low)
        low.pay("4.99")
        assert not look(low), "19.99 is still below: not armed again"
        low.pay("0.01")
        assert look(low), "armed again"
        low.charge("1")
        look(low)
        assert len(told(low)[0]) == 2

    def test_credit_counts_as_available(self, low: Books) -> None:
        with low.work() as session:
            client = get_client(session, low.client.id)
            client_billing.save_billing(session, client, Billing(credit=Decimal(50)))
        low.charge("30")
        assert not look(low)

    def test_postpaid_and_inactive_clients_are_left_out(self, low: Books) -> None:
        with low.work() as session:
            client = get_client(session, low.client.id)
            client_billing.save_billing(session, client, Billing(postpaid=True))
        assert not look(low)
        assert found_by_sweep() == 0
        with low.work() as session:
            client = get_client(session, low.client.id)
            client_billing.save_billing(session, client, Billing())
            general = General(client.name, client.currency, client.timezone, "stop")
            update_client(session, client.id, version=client.version, general=general)
        assert not look(low)
        assert found_by_sweep() == 0
        assert told(low) == ([], [])

    def test_empty_is_off(self, acme: Books) -> None:
        acme.charge("30")
        assert not look(acme)
        assert found_by_sweep() == 0

    def test_the_sweep_finds_a_crossing_in_either_direction_and_then_rests(
        self, low: Books
    ) -> None:
        low.pay("30")
        assert found_by_sweep() == 0
        low.charge("25")
        assert found_by_sweep() == 1
        look(low)
        assert found_by_sweep() == 0
        low.pay("25")
        assert found_by_sweep() == 1
        look(low)
        assert found_by_sweep() == 0

    def test_a_client_without_an_address_is_an_event_for_the_staff(self, acme: Books) -> None:
        with acme.work() as session:
            from_company = get_client(session, acme.client.id)
            low_balance.save_low_balance(
                session, from_company, LowBalance(notify_client=Decimal(20))
            )
        with acme.work() as session:
            client = get_client(session, acme.client.id)
            client_blocks.save_company(session, client, client_blocks.Company())
        look(acme)
        with acme.work() as session:
            codes = session.scalars(select(Event.code)).all()
        assert "low_balance_not_mailed" in codes
        assert told(acme) == ([], [])

    def test_a_value_taken_out_and_set_again_is_armed(self, low: Books) -> None:
        look(low)
        as_set(low)
        as_set(low, notify_client=Decimal(20))
        look(low)
        assert len(told(low)[0]) == 2


class TestRules:
    @given(value=st.none() | amounts, available=amounts, was_told=st.booleans())
    def test_a_turn_leads_to_rest(
        self, value: Decimal | None, available: Decimal, was_told: bool
    ) -> None:
        turn = next_turn(value, available=available, told=was_told)
        now_told = turn is Turn.TELL or (turn is Turn.STAY and was_told)

        assert now_told == (value is not None and available < value)
        assert next_turn(value, available=available, told=now_told) is Turn.STAY

    @given(
        values=st.lists(amounts, max_size=30),
        value=amounts,
    )
    def test_it_is_told_once_per_crossing(self, values: list[Decimal], value: Decimal) -> None:
        is_told, times = False, 0
        for available in values:
            turn = next_turn(value, available=available, told=is_told)
            times += turn is Turn.TELL
            is_told = is_told if turn is Turn.STAY else turn is Turn.TELL
        below = [available < value for available in values]
        crossings = sum(
            now and not before for before, now in zip([False, *below], below, strict=False)
        )
        assert times == crossings

    @given(
        capacity=st.none() | st.integers(0, 1000),
        low_capacity=st.none() | st.integers(0, 1000),
        threshold=st.none() | amounts,
        available=amounts,
        postpaid=st.booleans(),
    )
    def test_the_smaller_capacity_holds_below_the_threshold_only(
        self,
        capacity: int | None,
        low_capacity: int | None,
        threshold: Decimal | None,
        available: Decimal,
        postpaid: bool,
    ) -> None:
        block = LowBalance(threshold=threshold, low_capacity=low_capacity)
        found = effective_capacity(capacity, block, available=available, postpaid=postpaid)

        is_low = (
            not postpaid
            and threshold is not None
            and low_capacity is not None
            and available < threshold
        )
        if is_low:
            assert found == min(one for one in (capacity, low_capacity) if one is not None)
        else:
            assert found == capacity

    def test_the_stored_balance_decides_which_capacity_holds_now(self, acme: Books) -> None:
        as_set(acme, threshold=Decimal(10), low_capacity=3)
        acme.pay("10")

        def now_is() -> list[int | None]:
            with acme.work() as session:
                return [
                    low_balance.get_effective_capacity(session, acme.client.id, capacity)
                    for capacity in (None, 2, 30)
                ]

        assert now_is() == [None, 2, 30]
        acme.charge("0.01", tax_mode="none")
        assert now_is() == [3, 2, 3]

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"notify_client": Decimal("1e9")}, "notify_client"),
            ({"notify_admin": Decimal("0.0000001")}, "notify_admin"),
            ({"threshold": Decimal(5)}, "low_capacity"),
            ({"low_capacity": 5}, "threshold"),
            ({"threshold": Decimal(5), "low_capacity": -1}, "low_capacity"),
            ({"threshold": Decimal(5), "low_capacity": 1_000_001}, "low_capacity"),
        ],
    )
    def test_what_the_block_does_not_take_is_told_at_its_field(
        self, acme: Books, values: dict[str, object], field: str
    ) -> None:
        with pytest.raises(InvalidInputError) as caught:
            as_set(acme, **values)
        assert caught.value.field == field
        with acme.work() as session:
            assert session.scalar(select(ClientLowBalance)) is None
