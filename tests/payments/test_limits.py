"""A refill's limits are about the same worth in every currency, and no storm of charges follows."""

from datetime import timedelta
from decimal import Decimal

import pytest

from core.clock import now
from core.currencies import get_currency, list_active_currencies
from core.errors import InvalidInputError
from core.platform_uow import platform_unit_of_work
from payments import auto_payment, limits, refills
from payments.auto_payment import AutoPayment
from payments.dues import Why
from payments.limits import Limits, limits_of
from portal.panel.refill.forms import offered_amounts
from tenants.clients import get_client
from tenants.panel_rules import Rules
from tests.payments.till import Till, later, open_till
from worker.sweeps.payments import find_due_clients


@pytest.fixture
def nippon(till: Till, settings) -> Till:
    """A tenant and a client in yen, with a good card and the box ticked."""
    made = open_till(till.sandbox, settings, "Nippon", currency="JPY")
    made.save_card()
    with made.work() as session:
        auto_payment.save_auto_payment(
            session, get_client(session, made.client.id), AutoPayment(enabled=True)
        )
    return made


def charge_all_that_is_due(till: Till) -> int:
    for count in range(10):
        with till.work() as session:
            refill = auto_payment.request_due(session, till.client.id)
        if refill is None:
            return count
        till.charge(refill.id)
    return 10


def preview(till: Till):
    with till.work() as session:
        return auto_payment.preview(session, till.client.id)


def found_by_the_sweep() -> int:
    with platform_unit_of_work() as session:
        return find_due_clients(session)


@pytest.mark.parametrize(
    ("currency", "least", "most"),
    [
        ("USD", 1, 50_000),
        ("EUR", 1, 50_000),
        ("KWD", 1, 50_000),
        ("SEK", 10, 500_000),
        ("JPY", 100, 5_000_000),
        ("KRW", 1000, 50_000_000),
        ("VND", 10_000, 500_000_000),
    ],
)
def test_the_limits_follow_the_worth_of_the_unit(currency, least, most):
    assert limits_of(currency) == Limits(Decimal(least), Decimal(most))


@pytest.mark.parametrize("currency", ["USD", "JPY", "KRW", "KWD"])
def test_the_limits_themselves_are_taken_and_nothing_beyond(currency):
    bounds = limits_of(currency)
    step = Decimal(1).scaleb(-get_currency(currency).minor_digits)
    for amount in (bounds.least, bounds.most):
        assert refills.check_amount(amount, currency) == amount
    for amount in (bounds.least - step, bounds.most + step):
        with pytest.raises(InvalidInputError) as refused:
            refills.check_amount(amount, currency)
        assert refused.value.text == "Enter an amount from %(low)s to %(high)s."
        assert refused.value.values == {"low": int(bounds.least), "high": int(bounds.most)}


def test_every_scaled_currency_exists_and_has_one_scale():
    codes = [code for group in limits._UNITS.values() for code in group.split()]
    assert len(codes) == len(set(codes))
    assert all(get_currency(code) for code in codes)


def test_what_the_panel_offers_is_within_the_limits_of_every_currency():
    for one in list_active_currencies():
        bounds = limits_of(one.code)
        offered = offered_amounts(Rules(), one.code)
        assert all(bounds.least <= amount <= bounds.most for amount in offered), one.code


def test_a_debt_in_yen_is_one_charge(nippon: Till):
    nippon.owe("180000")
    assert found_by_the_sweep() == 1
    assert charge_all_that_is_due(nippon) == 1
    assert nippon.taken() == ["180000.00"]
    assert nippon.live() == 0


def test_a_few_yen_wait_until_they_have_grown(nippon: Till):
    nippon.owe("99")
    assert preview(nippon).why is Why.TOO_LITTLE
    assert found_by_the_sweep() == 0
    nippon.owe("1")
    assert found_by_the_sweep() == 1


def test_more_than_one_charge_may_take_is_taken_a_day_later(nippon: Till):
    nippon.owe("12000000")
    assert charge_all_that_is_due(nippon) == 1
    assert nippon.live() == -7_000_000
    assert preview(nippon).why is Why.WAITING
    assert found_by_the_sweep() == 0
    with nippon.work() as session:
        row = auto_payment.find_row(session, nippon.client.id)
    assert timedelta(hours=23) < row.next_try_at - now() <= timedelta(days=1)
    with later(hours=25):
        assert charge_all_that_is_due(nippon) == 1
    with later(hours=50):
        assert charge_all_that_is_due(nippon) == 1
    assert nippon.live() == 0


def test_a_charge_of_exactly_the_most_is_no_cut(nippon: Till):
    nippon.owe("5000000")
    charge_all_that_is_due(nippon)
    nippon.owe("100")
    assert preview(nippon).is_due
