"""Cards: added on the gateway's page, listed as the gateway knows them, chosen and removed."""

import pytest

from core.ids import new_id
from core.jobs import Job
from payments import saved_cards
from tests.payments.till import Till, later
from tests.portal.browser import Browser, signed_in
from tests.portal.panel.pages import field, form_action, words
from tests.sandbox.authorizenet_server import Browser as GatewayBrowser


def cards(till: Till):
    with till.work() as session:
        return saved_cards.list_cards(session, till.client.id)


def test_without_a_card_it_says_what_one_is_good_for(me: Browser) -> None:
    text = words(me.get("/clients/cards"))

    assert "No card is saved" in text
    assert "Add a card" in text


def test_adding_leads_to_the_gateways_page_and_the_card_is_asked_for_on_return(
    me: Browser, till: Till
) -> None:
    answer = me.post("/clients/cards/add")
    url = f"{till.sandbox.hosted_url}/customer/addPayment"
    assert f'action="{url}"' in answer.text
    assert form_action(answer) == f"form-action 'self' {till.sandbox.hosted_url}"
    with GatewayBrowser() as gateway:
        sent = gateway.fill_in(url, field(answer.text, "token"))
    back = sent.headers["Location"].removeprefix("http://localhost")
    assert back == "/clients/cards/return"

    page = me.get(back)
    assert page.status_code == 200
    assert 'action="/clients/cards/check"' in page.text
    assert cards(till) == []

    me.post("/clients/cards/check")
    text = words(me.get("/clients/cards"))
    assert "Visa ending 1111 is saved." in text
    assert "Default" in text
    assert "Expires 09/2031" in text
    assert form_action(me.get("/clients/cards")) == "form-action 'self'"


def test_a_return_without_a_card_says_so(me: Browser) -> None:
    me.post("/clients/cards/check")

    assert "Nothing new was saved." in words(me.get("/clients/cards"))


def test_a_silent_gateway_is_asked_again_later(
    me: Browser, till: Till, sent_jobs: list[Job]
) -> None:
    till.save_card()
    sent_jobs.clear()
    till.sandbox.misbehave("http_502", times=3, call="*")

    me.post("/clients/cards/check")

    assert [job.name for job in sent_jobs] == ["payments.sync_cards"]
    assert "What you saved appears here by itself." in words(me.get("/clients/cards"))


def test_another_card_becomes_the_default_and_stays_it_when_clicked_twice(
    me: Browser, till: Till
) -> None:
    first = till.save_card()
    second = till.save_card(number="5424000000000015")
    assert cards(till)[0].id == first.id

    for _ in range(2):
        answer = me.post(f"/clients/cards/{second.id}/default")
        assert answer.status_code == 303

    assert cards(till)[0].id == second.id
    assert "ending 0015 is your default now." in words(me.get("/clients/cards"))


def test_a_removed_card_is_gone_here_and_at_the_gateway_however_often_one_clicks(
    me: Browser, till: Till
) -> None:
    card = till.save_card()

    for _ in range(2):
        assert me.post(f"/clients/cards/{card.id}/remove").status_code == 303
        assert "Visa ending 1111 is removed." in words(me.get("/clients/cards"))

    assert cards(till) == []
    assert till.sync() == []


def test_a_card_with_money_on_its_way_is_not_removed(me: Browser, till: Till) -> None:
    card = till.save_card()
    till.request(card, "10.00")

    me.post(f"/clients/cards/{card.id}/remove")

    assert "A payment with this card is under way." in words(me.get("/clients/cards"))
    assert len(cards(till)) == 1


def test_an_expired_card_is_marked(me: Browser, till: Till) -> None:
    till.save_card()
    with later(days=365 * 8):
        browser = signed_in(me.application, "panel", till.client.id, till.tenant.id)
        text = words(browser.get("/clients/cards"))

    assert "Expired 09/2031. Please add the new one and remove this." in text


@pytest.mark.parametrize("action", ["default", "remove"])
def test_anothers_card_does_not_exist(stranger: Browser, till: Till, action: str) -> None:
    card = till.save_card()

    there = stranger.post(f"/clients/cards/{card.id}/{action}")
    missing = stranger.post(f"/clients/cards/{new_id()}/{action}")

    assert there.status_code == missing.status_code == 404
    assert words(there).split("number:")[0] == words(missing).split("number:")[0]
    assert len(cards(till)) == 1
    assert cards(till)[0].is_default


def test_no_card_page_without_a_gateway(me: Browser, till: Till) -> None:
    from payments import gateway_accounts

    with till.work() as session:
        gateway_accounts.set_enabled(
            session, gateway_accounts.get_account(session, till.account_id), enabled=False
        )

    page = me.get("/clients/cards")
    assert "takes no card payments in USD" in words(page)
    assert "/clients/cards/add" not in page.text
    me.post("/clients/cards/add")
    assert "Card payments in USD are not set up." in words(me.get("/clients/cards"))
