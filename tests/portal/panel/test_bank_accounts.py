"""Bank accounts in the panel: offered where they are taken, saved, paid from and named as such."""

from decimal import Decimal

from payments import auto_payment
from payments.auto_payment import AutoPayment
from tenants import clients
from tests.payments.till import Till
from tests.portal.browser import Browser
from tests.portal.panel.pages import field, refill_fields, words
from tests.sandbox.authorizenet_server import Browser as GatewayBrowser


def test_where_they_are_not_taken_none_is_offered_nor_added_by_hand(me: Browser) -> None:
    shown = words(me.get("/clients/cards"))
    me.post("/clients/cards/add", data={"kind": "bank_account"})

    assert "Add a bank account" not in shown
    assert "Bank accounts are not taken here." in words(me.get("/clients/cards"))


def test_one_is_saved_on_the_gateways_page_and_its_number_stays_there(
    me: Browser, till: Till
) -> None:
    till.take_bank_accounts()
    answer = me.post("/clients/cards/add", data={"kind": "bank_account"})
    with GatewayBrowser() as gateway:
        sent = gateway.post(
            f"{till.sandbox.hosted_url}/customer/addPayment/submit",
            {
                "token": field(answer.text, "token"),
                "account_type": "checking",
                "routing_number": "021000021",
                "account_number": "123456789",
                "first_name": "Ada",
                "last_name": "Byron",
            },
        )
    me.post("/clients/cards/check")
    page = me.get("/clients/cards")

    assert sent.status_code == 303
    assert "JPMorgan Chase ending 6789 is saved." in words(page)
    assert "123456789" not in page.text


def test_paying_from_it_waits_for_the_bank_in_words_of_its_own(me: Browser, till: Till) -> None:
    till.take_bank_accounts()
    bank = till.save_bank_account()
    form = me.get("/clients/refill")
    sent = me.post(
        "/clients/refill", data=refill_fields(form.text, choice="25", method=str(bank.id))
    )
    refill_id = sent.headers["Location"].rsplit("/", 1)[1].split("?")[0]
    till.charge(refill_id)

    waiting = words(me.get(f"/clients/refill/{refill_id}"))
    till.merchant.let_banks_pay()
    till.look_up(refill_id)
    paid = words(me.get(f"/clients/refill/{refill_id}"))

    assert "It comes to your balance when your bank has paid" in words(form)
    assert "Your bank is paying 25.00 USD" in waiting
    assert "held for review" not in waiting
    assert "25.00 USD is paid" in paid


def test_who_switches_auto_payment_on_agrees_to_debits(me: Browser, till: Till) -> None:
    till.take_bank_accounts()
    till.save_bank_account()
    with till.work() as session:
        client = clients.get_client(session, till.client.id)
        auto_payment.save_auto_payment(session, client, AutoPayment(True, Decimal(20)))

    text = words(me.get("/clients/auto-payment"))

    assert "from your default bank account" in text
    assert "your default card" not in text


def test_switched_off_again_it_is_not_offered_for_paying(me: Browser, till: Till) -> None:
    till.take_bank_accounts()
    till.save_bank_account()
    till.take_bank_accounts(taken=False)

    assert "ending 6789" not in words(me.get("/clients/refill"))
    assert "takes no payments from bank accounts now" in words(me.get("/clients/cards"))
