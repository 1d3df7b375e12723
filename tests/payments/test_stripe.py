"""Stripe through the whole till: cards, charges, the bank's question, its pages and events."""

import threading
import time
from datetime import timedelta

import pytest
import requests

from core.errors import ConflictError, InvalidInputError
from core.ids import new_id
from payments import gateway_accounts, hosted_pages, saved_cards
from payments.gateways.base import GatewayCredentials
from payments.gateways.stripe import StripeGateway
from payments.patience import DEFAULT_PATIENCE
from sandbox.stripe.webhooks import signature_of
from tests.payments.test_refills import begin_page
from tests.payments.till import RETURN_URL, Till, later
from tests.sandbox.stripe_server import StripeBrowser

ALWAYS_ASKS = "4000002760003184"
ASKS_UNLESS_SET_UP = "4000002500003155"
BACK = "http://127.0.0.1:8080/clients/refill/back"


@pytest.fixture
def till(stripe_till: Till) -> Till:
    return stripe_till


def confirmation(till: Till, refill_id):
    return hosted_pages.open_confirmation(
        till.work, till.open_gateway, refill_id=refill_id, return_url=BACK
    )


class TestCards:
    def test_a_card_saved_on_the_page_is_found_and_charged(self, till: Till):
        page = till.card_page()
        assert (page.method, dict(page.form_fields)) == ("get", {})
        with StripeBrowser() as browser:
            assert "Save a card for Acme" in browser.get(page.url).text
            back = browser.pay(page.url)
        assert back.headers["Location"] == RETURN_URL
        (card,) = till.sync()
        assert (card.brand, card.last_four, card.is_default) == ("Visa", "4242", True)

        refill_id = till.request(card)
        till.charge(refill_id)

        assert till.refill(refill_id).state == "succeeded"
        assert till.taken() == ["10.00"]
        assert (till.live(), till.postings(refill_id)) == (10, 1)

    def test_a_card_whose_bank_asks_once_is_charged_without_asking_later(self, till: Till):
        page = till.card_page()
        with StripeBrowser() as browser:
            asked = browser.pay(page.url, card_number=ASKS_UNLESS_SET_UP)
            assert "/authenticate/" in asked.headers["Location"]
            back = browser.confirm(asked.headers["Location"])
        assert back.headers["Location"] == RETURN_URL
        (card,) = till.sync()
        refill_id = till.request(card)
        till.charge(refill_id)
        assert till.refill(refill_id).state == "succeeded"

    @pytest.mark.parametrize(
        ("number", "words"),
        [("4000000000000002", "declined"), ("4000000000009995", "insufficient funds")],
    )
    def test_a_declined_card_stays_on_the_page(self, till: Till, number, words):
        page = till.card_page()
        with StripeBrowser() as browser:
            answer = browser.pay(page.url, card_number=number)
        assert (answer.status_code, words in answer.text) == (422, True)
        assert number not in answer.text.split("<details>")[0]
        assert till.sync() == []

    def test_a_removed_card_is_gone_there_too(self, till: Till):
        card = till.save_card()
        saved_cards.remove_card(
            till.work, till.open_gateway, client_id=till.client.id, card_id=card.id
        )
        assert till.sync() == []


class TestConfirmation:
    @pytest.fixture
    def waiting(self, till: Till):
        refill_id = till.request(till.save_card(number=ALWAYS_ASKS))
        till.charge(refill_id)
        return refill_id

    def test_nothing_is_charged_and_the_client_gets_one_link(self, till: Till, waiting):
        refill = till.refill(waiting)
        assert refill.state == "held"
        assert refill.reason == "The bank wants the owner of the card to confirm this payment."
        assert (till.taken(), till.live()) == ([], 0)
        till.look_up(waiting)
        (mail,) = till.mails()
        assert f"/clients/refill/{waiting}" in mail.body_text
        assert "Please confirm your payment of" in mail.subject

    def test_the_client_confirms_and_the_same_charge_is_booked_once(self, till: Till, waiting):
        first, second = confirmation(till, waiting), confirmation(till, waiting)
        assert first.url == second.url
        with StripeBrowser() as browser:
            assert browser.confirm(first.url).headers["Location"] == BACK
        till.look_up(waiting)
        till.look_up(waiting)

        assert till.refill(waiting).state == "succeeded"
        assert till.taken() == ["10.00"]
        assert (till.live(), till.postings(waiting)) == (10, 1)
        with pytest.raises(ConflictError):
            confirmation(till, waiting)

    def test_who_refuses_at_the_bank_is_declined(self, till: Till, waiting):
        with StripeBrowser() as browser:
            browser.confirm(confirmation(till, waiting).url, approve=False)
        till.look_up(waiting)
        refill = till.refill(waiting)
        assert refill.state == "declined"
        assert refill.reason == "The payment was not confirmed at the bank."
        assert till.taken() == []

    def test_after_a_day_it_is_cancelled_at_stripe_and_cannot_be_paid(self, till: Till, waiting):
        url = confirmation(till, waiting).url
        with later(hours=25):
            till.look_up(waiting)
        assert till.refill(waiting).state == "declined"
        with StripeBrowser() as browser:
            assert browser.confirm(url).status_code == 410
        assert till.taken() == []

    def test_confirmed_in_the_last_moment_it_is_booked(self, till: Till, waiting):
        with StripeBrowser() as browser:
            browser.confirm(confirmation(till, waiting).url)
        with later(hours=25):
            till.look_up(waiting)
        assert till.refill(waiting).state == "succeeded"
        assert till.live() == 10


class TestPaymentPage:
    def test_declined_first_and_paid_then_is_one_booking(self, till: Till):
        refill_id = new_id()
        page = begin_page(till, refill_id)
        with StripeBrowser() as browser:
            assert browser.pay(page.url, card_number="4000000000000002").status_code == 422
            till.look_up(refill_id)
            assert till.refill(refill_id).state == "processing"
            assert browser.pay(page.url).headers["Location"] == RETURN_URL
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "succeeded"
        assert (till.live(), till.taken()) == (10, ["10.00"])

    def test_the_bank_asks_on_the_page(self, till: Till):
        refill_id = new_id()
        page = begin_page(till, refill_id)
        with StripeBrowser() as browser:
            asked = browser.pay(page.url, card_number=ALWAYS_ASKS)
            assert browser.confirm(asked.headers["Location"]).headers["Location"] == RETURN_URL
        till.look_up(refill_id)
        assert till.refill(refill_id).state == "succeeded"

    def test_an_unused_page_is_not_given_up_while_it_can_be_paid(self, till: Till):
        """Stripe's pages live longer than a quarter of an hour."""
        refill_id = new_id()
        page = begin_page(till, refill_id)
        with later(minutes=28):
            till.look_up(refill_id)
            assert till.refill(refill_id).state == "processing"
        with StripeBrowser() as browser:
            browser.pay(page.url)
        with later(minutes=29):
            till.look_up(refill_id)
        assert till.refill(refill_id).state == "succeeded"

    def test_an_unused_page_lapses(self, till: Till):
        refill_id = new_id()
        begin_page(till, refill_id)
        for minutes in (44, 46):
            with later(minutes=minutes):
                till.look_up(refill_id)
        assert till.refill(refill_id).state == "abandoned"


class TestSecrets:
    BODY = (
        b'{"id": "evt_1", "type": "payment_intent.succeeded", "livemode": %s,'
        b' "data": {"object": {"object": "payment_intent", "id": "pi_1", "metadata": {}}}}'
    )

    def gateway(self, *secrets: str) -> StripeGateway:
        return StripeGateway(
            GatewayCredentials("", "sk_test_x", secrets),
            api_url="http://127.0.0.1:9",
            is_live=False,
        )

    def verify(self, secret: str, *, seconds: int = 0, live: bool = False) -> bool:

        body = self.BODY % (b"true" if live else b"false")
        header = signature_of([secret], body, int(time.time()) + seconds)
        gateway = self.gateway("whsec_new", "whsec_old")
        try:
            return gateway.verify_webhook({"Stripe-Signature": header}, body) is not None
        finally:
            gateway.close()

    def test_both_secrets_are_valid_while_one_is_rolled(self, till: Till):
        assert self.verify("whsec_new")
        assert self.verify("whsec_old")
        assert not self.verify("whsec_of_globex")

    @pytest.mark.parametrize("seconds", [-400, 400])
    def test_what_was_signed_at_another_time_is_refused(self, seconds):
        assert not self.verify("whsec_new", seconds=seconds)

    def test_an_event_of_the_other_mode_is_refused(self):
        assert not self.verify("whsec_new", live=True)

    def test_the_secret_before_stays_when_a_new_one_is_entered(self, till: Till):
        ring = till.settings.credential_key_ring
        with till.work() as session:
            account = gateway_accounts.get_account(session, till.account_id)
            for secret in ("whsec_first", "whsec_second"):
                gateway_accounts.replace_credentials(
                    session, account, {"webhook_secret": secret}, ring
                )
            shown = gateway_accounts.describe_credentials(account)
        assert [one.field for one in shown] == ["secret_key", "webhook_secret"]
        gateway = gateway_accounts.open_gateway(account, till.settings)
        assert gateway._credentials.webhook_secrets == ("whsec_second", "whsec_first")  # type: ignore[attr-defined]
        gateway.close()

    def test_a_live_key_has_no_place_in_a_sandbox_account(self, till: Till):
        with till.work() as session:
            account = gateway_accounts.get_account(session, till.account_id)
            with pytest.raises(InvalidInputError, match="sk_test_"):
                gateway_accounts.replace_credentials(
                    session,
                    account,
                    {"secret_key": "sk_live_51Habc"},
                    till.settings.credential_key_ring,
                )


class TestIdempotency:
    def post(self, till: Till, key: str, amount: str) -> requests.Response:
        return requests.post(
            f"{till.settings.stripe_api_url}/v1/payment_intents",
            data={"amount": amount, "currency": "usd"},
            headers={
                "Authorization": f"Bearer {till.merchant.secret_key}",  # type: ignore[attr-defined]
                "Idempotency-Key": key,
            },
            timeout=20,
        )

    def test_the_stand_in_keeps_keys_as_stripe_does(self, till: Till):
        first, again = (self.post(till, "K1", "1000") for _ in range(2))
        assert again.json() == first.json()
        assert again.headers["Idempotent-Replayed"] == "true"
        other = self.post(till, "K1", "2000")
        assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
        till.sandbox.control("clock", offset_s=25 * 3600)
        assert self.post(till, "K1", "1000").json()["id"] != first.json()["id"]

    def test_a_key_in_use_is_a_conflict(self, till: Till):

        till.sandbox.misbehave("delay_during", delay_s=3, times=2)
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(self.post(till, "K2", "1000")))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answer.status_code for answer in answers) == [200, 409]


def test_the_waiting_times_fit_stripes_pages():
    """The look-ups give a page up only after Stripe has."""
    gateway = TestSecrets().gateway()
    assert timedelta(seconds=gateway.payment_page_valid_for_s) > timedelta(minutes=31)
    assert DEFAULT_PATIENCE.confirmation <= timedelta(hours=24)
    gateway.close()
