"""Saved cards: kept at the gateway, and our list equal to its."""

import threading
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, text

from core.errors import NotFoundError, TemporaryError
from payments import auto_payment, saved_cards
from payments.auto_payment import AutoPayment
from payments.errors import CardBusyError
from payments.models import GatewayCustomer, SavedCard
from tenants.clients import get_client
from tests.payments.till import Till, later
from tests.sandbox.authorizenet_server import Browser

MASTERCARD = "5424000000000015"


def remove(till: Till, card: SavedCard) -> None:
    saved_cards.remove_card(till.work, till.open_gateway, client_id=till.client.id, card_id=card.id)


def test_a_card_added_on_the_gateway_s_page_is_found_after_the_return(till: Till):
    page = till.card_page()
    assert urlsplit(page.url).netloc == urlsplit(till.sandbox.hosted_url).netloc
    with Browser() as browser:
        browser.fill_in(page.url, page.form_fields["token"])
    (card,) = till.sync()
    assert (card.brand, card.last_four) == ("Visa", "1111")
    assert (card.expiry_year, card.expiry_month) == (2031, 9)
    assert card.is_default


def test_coming_back_without_a_card_saves_nothing(till: Till):
    till.card_page()
    assert till.sync() == []


def test_no_card_number_is_stored(till: Till):
    till.save_card()
    with till.work() as session:
        rows = session.scalars(
            select(text("saved_cards::text")).select_from(SavedCard.__table__)
        ).all()
    assert rows
    assert all("4111111111" not in row for row in rows)


def test_asking_for_the_page_twice_makes_one_record_at_the_gateway(till: Till):
    till.card_page()
    till.card_page()
    with till.work() as session:
        assert len(session.scalars(select(GatewayCustomer)).all()) == 1


def test_a_record_whose_answer_was_lost_is_adopted(till: Till):
    till.sandbox.misbehave("drop_after", call="createCustomerProfileRequest", times=2)
    with pytest.raises(TemporaryError):
        till.card_page()
    assert till.card_page().form_fields["token"]


def test_the_second_card_does_not_push_the_default_aside(till: Till):
    first = till.save_card()
    second = till.save_card(number=MASTERCARD)
    cards = till.sync()
    assert [(card.id, card.is_default) for card in cards] == [(first.id, True), (second.id, False)]


def test_another_card_can_be_made_the_default(till: Till):
    till.save_card()
    second = till.save_card(number=MASTERCARD)
    with till.work() as session:
        saved_cards.set_default(session, till.client.id, second.id)
        cards = saved_cards.list_cards(session, till.client.id)
    assert [(card.last_four, card.is_default) for card in cards] == [
        ("0015", True),
        ("1111", False),
    ]


def test_a_removed_card_is_gone_at_the_gateway_too(till: Till):
    first, second = till.save_card(), till.save_card(number=MASTERCARD)
    remove(till, first)
    cards = till.sync()
    assert [card.id for card in cards] == [second.id]
    assert cards[0].is_default


def test_a_card_with_money_on_its_way_cannot_be_removed(till: Till):
    card = till.save_card()
    till.request(card)
    with pytest.raises(CardBusyError):
        remove(till, card)


def test_a_card_that_the_gateway_could_not_forget_stays_visible(till: Till):
    card = till.save_card()
    till.sandbox.misbehave("http_502", call="deleteCustomerPaymentProfileRequest")
    with pytest.raises(TemporaryError):
        remove(till, card)
    with till.work() as session:
        assert [one.id for one in saved_cards.list_cards(session, till.client.id)] == [card.id]


def test_a_card_deleted_at_the_gateway_disappears_here(till: Till):
    card = till.save_card()
    gateway = till.merchant.gateway()
    gateway.delete_method(customer_ref=card.customer_ref, payment_profile_ref=card.method_ref)
    gateway.close()
    assert till.sync() == []


def test_a_silent_gateway_changes_no_list(till: Till):
    card = till.save_card()
    till.sandbox.misbehave("http_502", call="getCustomerProfileRequest", times=2)
    with pytest.raises(TemporaryError):
        till.sync()
    with till.work() as session:
        assert [one.id for one in saved_cards.list_cards(session, till.client.id)] == [card.id]


def test_a_new_card_ends_a_suspension_and_becomes_the_default(till: Till):
    till.save_card()
    with till.work() as session:
        client = get_client(session, till.client.id)
        auto_payment.save_auto_payment(session, client, AutoPayment(enabled=True))
        row = auto_payment.lock_row(session, client.id)
        row.declines_in_row, row.suspended_at = 3, client.created_at
    second = till.save_card(number=MASTERCARD)
    with till.work() as session:
        assert saved_cards.list_cards(session, till.client.id)[0].id == second.id
        row = auto_payment.find_row(session, till.client.id)
        assert (row.suspended_at, row.declines_in_row) == (None, 0)


def test_two_tabs_choose_the_default_at_once(till: Till):
    till.save_card()
    others = [till.save_card(number=number) for number in (MASTERCARD, "6011000000000012")]
    gate, errors = threading.Barrier(2), []

    def choose(card):
        for _ in range(15):
            gate.wait(20)
            try:
                with till.work() as session:
                    saved_cards.set_default(session, till.client.id, card.id)
            except Exception as error:  # noqa: BLE001 (told below)
                errors.append(error)

    threads = [threading.Thread(target=choose, args=(card,)) for card in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with till.work() as session:
        cards = saved_cards.list_cards(session, till.client.id)
    assert [card.is_default for card in cards] == [True, False, False]


def test_a_card_removed_while_the_list_was_read_does_not_come_back(till: Till):
    """The gateway's answer was on its way when the card was taken off it."""
    card = till.save_card()
    gateway = till.open_gateway

    def remove_behind_its_back(account):
        opened = gateway(account)
        ask = opened.list_methods

        def list_methods(customer_ref):
            reply = ask(customer_ref)
            saved_cards.remove_card(till.work, gateway, client_id=till.client.id, card_id=card.id)
            return reply

        opened.list_methods = list_methods
        return opened

    assert saved_cards.sync_cards(till.work, remove_behind_its_back, till.client.id) == []
    assert till.sync() == []


def test_a_card_whose_removal_died_before_the_gateway_was_told_comes_back(till: Till):
    """The gateway still has it, so it must be seen here: but not while it may be going."""
    card = till.save_card()
    with till.work() as session:
        saved_cards._mark_removed(session, session.get(type(card), card.id))
    assert till.sync() == []
    with later(minutes=3):
        assert [one.id for one in till.sync()] == [card.id]


def test_another_tenant_s_card_does_not_exist(till: Till, other_till: Till):
    card = till.save_card()
    with other_till.work() as session, pytest.raises(NotFoundError):
        saved_cards.set_default(session, till.client.id, card.id)
    with other_till.work() as session:
        assert saved_cards.list_cards(session, till.client.id) == []


def test_clients_of_two_tenants_have_their_own_records(till: Till, other_till: Till):
    till.save_card()
    other_till.save_card()
    assert len(till.sync()) == len(other_till.sync()) == 1
