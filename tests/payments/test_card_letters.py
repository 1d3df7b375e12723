"""What clients are told of their cards: each thing once, whoever did it, and nothing is missed."""

from calendar import monthrange
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from core.clock import now
from core.platform_uow import platform_unit_of_work
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from mail import letter_switches
from payments import auto_payment, card_letters, saved_cards
from payments.auto_payment import AutoPayment
from payments.models import SavedCard
from tenants.clients import get_client
from tests.payments.till import Till, later
from worker.sweeps.cards import find_expiring_cards, find_untold

DECLINES = "46282"


def tell(till: Till) -> int:
    with till.work() as session:
        return card_letters.tell_client(session, till.client.id)


def untold() -> int:
    with platform_unit_of_work() as session:
        return find_untold(session)


def expiring() -> int:
    with platform_unit_of_work() as session:
        return find_expiring_cards(session)


def subjects(till: Till) -> list[str]:
    return [mail.subject for mail in till.mails()]


def turn_on(till: Till) -> None:
    with till.work() as session:
        auto_payment.save_auto_payment(
            session,
            get_client(session, till.client.id),
            AutoPayment(enabled=True, extra_amount=Decimal(5)),
        )


def change(till: Till, card: SavedCard, **values) -> None:
    """As a gateway's account updater leaves it, seen by us when we ask for the list."""
    with till.work() as session:
        found = saved_cards.get_card(session, till.client.id, card.id)
        for name, value in values.items():
            setattr(found, name, value)


def test_a_saved_card_is_told_once(till: Till):
    till.save_card(number="4007000000027")
    assert untold() == 1
    assert tell(till) == 1
    assert tell(till) == 0
    till.sync()
    assert tell(till) == 0
    assert untold() == 0
    assert subjects(till) == ["A card was saved: Visa …0027"]


def test_the_letter_says_whether_auto_payment_charges_it(till: Till):
    turn_on(till)
    till.save_card()
    tell(till)
    assert "Automatic payment charges this card" in till.mails()[0].body_text


def test_a_card_that_the_client_removed_in_the_panel_is_told_by_the_worker(till: Till):
    card = till.save_card()
    tell(till)
    with tenant_scope(till.client.panel_scope):
        saved_cards.remove_card(
            unit_of_work, till.open_gateway, client_id=till.client.id, card_id=card.id
        )
    assert untold() == 0, "a removal that the gateway refuses comes back within seconds"
    with later(minutes=1):
        assert untold() == 1
        assert tell(till) == 1
    assert subjects(till)[-1].startswith("A card was removed: ")


def test_removing_the_last_card_says_that_auto_payment_lacks_one(till: Till):
    turn_on(till)
    card = till.save_card()
    tell(till)
    saved_cards.remove_card(till.work, till.open_gateway, client_id=till.client.id, card_id=card.id)
    with later(minutes=1):
        tell(till)
    assert "has no card left" in till.mails()[-1].body_text


def test_a_card_that_came_and_went_before_anybody_was_told_tells_nothing(till: Till):
    card = till.save_card()
    saved_cards.remove_card(till.work, till.open_gateway, client_id=till.client.id, card_id=card.id)
    with later(minutes=1):
        assert tell(till) == 0
    assert subjects(till) == []


def test_new_details_of_a_card_are_told_and_begin_a_row_of_declines_anew(till: Till):
    turn_on(till)
    card = till.save_card(zip=DECLINES)
    tell(till)
    till.owe("10")
    for hours in (0, 2, 30):
        with later(hours=hours), till.work() as session:
            refill = auto_payment.request_due(session, till.client.id)
        with later(hours=hours):
            till.charge(refill.id)
    with till.work() as session:
        assert auto_payment.find_row(session, till.client.id).suspended_at is not None
    # what we knew was older than what the gateway has now
    change(till, card, expiry_year=2026, expiry_month=1, told_as=f"{card.brand} x 2026-1")
    till.sync()
    with till.work() as session:
        row = auto_payment.find_row(session, till.client.id)
        assert (row.suspended_at, row.declines_in_row) == (None, 0)
    assert tell(till) == 2
    assert tell(till) == 0
    told = subjects(till)
    assert sum(subject.startswith("Your card was updated: ") for subject in told) == 1
    assert told.count("Auto payment goes on") == 1


def test_a_suspension_that_the_staff_end_is_told_once(till: Till):
    turn_on(till)
    till.save_card()
    tell(till)
    with till.work() as session:
        row = auto_payment.lock_row(session, till.client.id)
        row.suspended_at = now()
    with till.work() as session:
        auto_payment.resume(session, till.client.id)
    assert untold() == 1
    assert tell(till) == 1
    assert tell(till) == 0
    assert subjects(till)[-1] == "Auto payment goes on"


def test_a_letter_that_is_switched_off_is_not_sent_and_not_made_up_for(till: Till):
    with till.work() as session:
        letter_switches.switch_letter(session, till.tenant.id, "card_saved", on=False)
    till.save_card()
    tell(till)
    with till.work() as session:
        letter_switches.switch_letter(session, till.tenant.id, "card_saved", on=True)
    assert tell(till) == 0
    assert untold() == 0
    assert subjects(till) == []


# Cards that expire


@pytest.fixture
def ending(till: Till) -> Till:
    """A card whose last month is this one."""
    card = till.save_card()
    tell(till)
    today = now().date()
    change(till, card, expiry_year=today.year, expiry_month=today.month)
    return till


def card_of(till: Till) -> SavedCard:
    with till.work() as session:
        return saved_cards.list_cards(session, till.client.id)[0]


def tell_expiry(till: Till) -> bool:
    with till.work() as session:
        return card_letters.tell_expiry(session, card_of(till).id)


def on_day(day: int, hour: int = 12) -> datetime:
    return now().astimezone(UTC).replace(day=day, hour=hour, minute=0)


def last_day() -> int:
    return monthrange(now().year, now().month)[1]


def test_the_end_of_a_card_is_told_some_days_before_once(ending: Till):
    before = subjects(ending)
    with later(on_day(last_day() - 15)):
        assert expiring() == 0
        assert tell_expiry(ending) is False
    with later(on_day(last_day() - 13)):
        assert expiring() == 1
        assert tell_expiry(ending) is True
        assert expiring() == 0
        assert tell_expiry(ending) is False
    with later(on_day(last_day())):
        assert expiring() == 0
    assert sorted([*before, "Your card Visa …1111 expires soon"]) == sorted(subjects(ending))


def test_a_clock_that_went_back_and_forth_tells_it_once(ending: Till):
    for day in (last_day(), last_day() - 13, last_day() - 20, last_day()):
        with later(on_day(day)):
            tell_expiry(ending)
    assert sum("expires soon" in subject for subject in subjects(ending)) == 1


def test_a_new_month_on_the_card_is_told_when_its_own_end_comes(ending: Till):
    with later(on_day(last_day() - 1)):
        assert tell_expiry(ending)
    card = card_of(ending)
    change(ending, card, expiry_year=card.expiry_year + 1)
    with later(on_day(last_day() - 1)):
        assert expiring() == 0
        assert not tell_expiry(ending)


def test_the_last_day_is_that_of_the_client_s_calendar(ending: Till):
    """Of New York: when UTC begins a new month, the card still has its last hours there."""
    first_of_next = datetime(now().year + now().month // 12, now().month % 12 + 1, 1, 2, tzinfo=UTC)
    with later(first_of_next):
        assert expiring() == 1
        assert tell_expiry(ending)


def test_what_is_charged_is_told_to_the_staff_too(ending: Till):
    turn_on(ending)
    with later(on_day(last_day() - 1)):
        tell_expiry(ending)
    assert ending.events()[-1] == "card_expiring"
    assert "Automatic payment charges this card" in ending.mails()[-1].body_text


@pytest.mark.parametrize("month", [None, 0, 13])
def test_a_card_without_a_month_that_exists_is_left_alone(ending: Till, month):
    change(ending, card_of(ending), expiry_month=month)
    with later(on_day(last_day() - 1)):
        assert expiring() == 0
        assert not tell_expiry(ending)


def test_another_tenant_s_client_is_not_told(till: Till, other_till: Till):
    till.save_card()
    with other_till.work() as session, pytest.raises(Exception, match="not found"):
        card_letters.tell_client(session, till.client.id)
    assert subjects(till) == []
