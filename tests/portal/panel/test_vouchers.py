"""The voucher page of the client panel: a PIN is given, a worker looks, a box tells."""

from decimal import Decimal
from uuid import UUID

import pytest

from billing import voucher_redemptions, voucher_task, vouchers
from core.ids import new_id
from core.tenancy import tenant_scope
from core.uow import unit_of_work
from tenants import tasks
from tests.factories import cast
from tests.payments.till import Till
from tests.portal.browser import Browser
from tests.portal.panel.pages import field, words

URL = "/clients/vouchers"


@pytest.fixture
def pins(till: Till) -> list[str]:
    request_id = new_id()
    with tenant_scope(till.tenant.scope), unit_of_work() as session:
        series = vouchers.request_series(
            session,
            request_id=request_id,
            reseller_id=till.tenant.id,
            wish=vouchers.Wish("SUMMER", Decimal(10), "USD", 3, is_active=True),
        )
        task = tasks.claim_task(session, request_id)
        assert task is not None
        voucher_task.do_piece(session, task, lambda _done: None)
        return [pin for _number, pin in vouchers.take_pins(session, series.id)]


def give(me: Browser, pin: str):
    form = field(me.get(URL).text, "redemption_id")
    return me.post(URL, data={"redemption_id": form, "pin": pin})


def work(till: Till, address: str) -> None:
    """What the worker does."""
    with tenant_scope(till.tenant.scope), unit_of_work() as session:
        voucher_redemptions.redeem(session, UUID(address.rsplit("/", 1)[1]))


def test_a_pin_with_dashes_is_looked_at_and_credited(
    me: Browser, till: Till, pins: list[str]
) -> None:
    sent = give(me, f"{pins[0][:4]}-{pins[0][4:8]} {pins[0][8:]}")
    assert sent.status_code == 303
    address = sent.headers["Location"]
    assert "We are looking at your PIN" in words(me.get(address))

    work(till, address)

    page = words(me.get(address))
    assert "10.00 USD are on your balance" in page
    assert "Voucher SUMMER-000001" in page
    assert "SUMMER-000001" in words(me.get(URL))
    assert "Voucher SUMMER-000001" in words(me.get("/clients/transactions"))
    statement = words(me.get("/clients/statement"))
    assert "Voucher SUMMER-000001" in statement
    assert "· voucher" not in statement, "a kind without a word"


def test_an_unknown_and_a_used_pin_get_the_same_page(
    me: Browser, till: Till, pins: list[str]
) -> None:
    other = cast.make_client(till.tenant, "Other").id
    with tenant_scope(till.tenant.scope), unit_of_work() as session:
        voucher_redemptions.redeem_for(
            session, redemption_id=new_id(), client_id=other, pin=pins[0]
        )
    pages = []
    for pin in ("1" * 14, pins[0]):
        address = give(me, pin).headers["Location"]
        work(till, address)
        pages.append(words(me.get(address)))
    assert "This PIN is not valid." in pages[0]
    assert pages[0] == pages[1]


def test_too_many_wrong_pins_are_told_to_wait(me: Browser, till: Till) -> None:
    for _ in range(6):
        work(till, give(me, "1" * 14).headers["Location"])
    page = give(me, "1" * 14)
    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) >= 1
    assert "There were too many wrong PINs." in words(page)


@pytest.mark.parametrize("typed", ["", "hello", "123", "4111 1111 1111 1111"])
def test_what_is_no_pin_stays_in_the_form_with_its_message(me: Browser, typed: str) -> None:
    page = give(me, typed)
    assert page.status_code == 422
    assert 'id="pin-error"' in page.text
    assert ("4111" in page.text) is False


def test_another_clients_redemption_is_not_found(
    me: Browser, stranger: Browser, pins: list[str]
) -> None:
    address = give(me, pins[0]).headers["Location"]
    assert stranger.get(address).status_code == 404
